//! The adapters to AWS against the model of it and against MiniStack, by the same suite: so the model cannot lie alone.
//!
//! Where MiniStack is known to differ from AWS the suite asks for what both do: order among messages, fair groups and the limit
//! in flight are the model's alone.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

mod rows;

use std::time::Duration;

use aws_config::SdkConfig;
use aws_sdk_sqs::types::Message;
use convention::delivery::{AttemptMessage, AttemptNumber, EXCHANGE_DEADLINE, Status};
use convention::notification::{InteractionId, StateChange};
use jiff::{SignedDuration, Timestamp};
use platform::aws::{AttemptRecord, Begin, Cancel, Ledger, Queues, dynamodb, secrets_manager, sqs};
use platform::rng::Rng;
use serde_json::json;
use tests::aws::{Aws, DIRECTORY, LEDGER, NOTIFICATIONS, QueueSettings, RECEIVERS, UNDELIVERED};
use tests::idle_stack::IdleStack;
use tests::world::{now, tag};
use tokio::time::sleep;

/// Two queues, the first with a redrive after two receives, and a secret.
const QUEUES: &str = "
  Undelivered: { Type: AWS::SQS::Queue }
  Notifications:
    Type: AWS::SQS::Queue
    Properties:
      VisibilityTimeout: 270
      RedrivePolicy: { deadLetterTargetArn: !GetAtt Undelivered.Arn, maxReceiveCount: 2 }
  Secret: { Type: AWS::SecretsManager::Secret }
Outputs:
  Notifications: { Value: !Ref Notifications }
  Undelivered: { Value: !Ref Undelivered }
  Ledger: { Value: !Ref LedgerTable }
  Receivers: { Value: !Ref ReceiversTable }
  Directory: { Value: !Ref DirectoryTable }
  Secret: { Value: !Ref Secret }
";

/// An AWS, with the names of what the suite uses.
struct Backend {
    sdk: SdkConfig,
    notifications: String,
    undelivered: String,
    ledger: String,
    receivers: String,
    directory: String,
    /// Holds [`SECRET`].
    secret: String,
}

/// What the secret holds.
const SECRET: &str = "an identity, and what else there is";

#[tokio::test]
async fn the_model_does_what_the_adapters_expect() {
    let aws = Aws::default();
    let redrive = Some((UNDELIVERED.to_owned(), 2));
    aws.set_up(NOTIFICATIONS, QueueSettings { redrive, ..QueueSettings::default() });
    aws.put_secret("secret", SECRET);
    let backend = Backend {
        sdk: aws.sdk_config(),
        notifications: NOTIFICATIONS.to_owned(),
        undelivered: UNDELIVERED.to_owned(),
        ledger: LEDGER.to_owned(),
        receivers: RECEIVERS.to_owned(),
        directory: DIRECTORY.to_owned(),
        secret: "secret".to_owned(),
    };
    suite(&backend).await;
}

#[tokio::test]
async fn ministack_does_what_the_adapters_expect() {
    let stack = IdleStack::start(QUEUES).await.unwrap();
    let name = |output| stack.output(output).unwrap().to_owned();
    let backend = Backend {
        sdk: stack.sdk_config(),
        notifications: name("Notifications"),
        undelivered: name("Undelivered"),
        ledger: name("Ledger"),
        receivers: name("Receivers"),
        directory: name("Directory"),
        secret: name("Secret"),
    };
    let put =
        secrets_manager(&backend.sdk).put_secret_value().secret_id(&backend.secret).secret_string(SECRET);
    put.send().await.unwrap();
    suite(&backend).await;
    stack.stop().await.unwrap();
}

async fn suite(backend: &Backend) {
    an_attempt_begins_once_and_its_end_is_kept(backend).await;
    a_failed_attempt_is_followed_by_the_next_alone(backend).await;
    what_was_never_begun_is_cancelled_and_begins_no_more(backend).await;
    messages_are_sent_hidden_let_go_and_deleted(backend).await;
    a_delayed_message_comes_later(backend).await;
    a_message_received_too_often_is_moved(backend).await;
    rows::suite(backend).await;
}

fn message() -> AttemptMessage {
    let change = json!({
        "client_id": "itp-1", "api": "payments", "resource": "pix_payment", "resource_id": tag("p"), "api_version": "v5",
        "from": "ACPD", "to": "ACSC", "event_instant": now().to_string(),
    });
    AttemptMessage::first(StateChange::from_json(&change, "").unwrap(), now()).unwrap()
}

fn record(message: &AttemptMessage, attempt: AttemptNumber, started: Timestamp) -> AttemptRecord {
    AttemptRecord {
        attempt,
        interaction_id: InteractionId::new(message.notification.partition(), Rng::system().bits()),
        started,
        within: EXCHANGE_DEADLINE,
        ended: None,
        base_uri: "https://itp.example".to_owned(),
        url_api_version: None,
        outcome: None,
        status: None,
        address: None,
        tls: None,
    }
}

fn ledger(backend: &Backend) -> Ledger {
    Ledger::new(dynamodb(&backend.sdk), backend.ledger.clone(), SignedDuration::from_hours(24))
}

async fn status_after(ledger: &Ledger, message: &AttemptMessage, record: &AttemptRecord) -> Status {
    match ledger.begin(message, record).await.unwrap() {
        Begin::Conflict(progress) => progress.status,
        other => panic!("{other:?}"),
    }
}

async fn an_attempt_begins_once_and_its_end_is_kept(backend: &Backend) {
    let (ledger, message) = (ledger(backend), message());
    let [ours, theirs] = [(), ()].map(|()| record(&message, AttemptNumber::FIRST, now()));
    assert!(matches!(ledger.begin(&message, &ours).await.unwrap(), Begin::Begun));
    // What the SDK repeats is its own.
    assert!(matches!(ledger.begin(&message, &ours).await.unwrap(), Begin::Begun));
    assert_eq!(status_after(&ledger, &message, &theirs).await, Status::Attempting);
    ledger.delivered(&message, &ours).await.unwrap();
    assert_eq!(status_after(&ledger, &message, &theirs).await, Status::Delivered);
}

async fn a_failed_attempt_is_followed_by_the_next_alone(backend: &Backend) {
    let (ledger, message) = (ledger(backend), message());
    let first = record(&message, AttemptNumber::FIRST, now());
    let second = AttemptNumber::FIRST.next().unwrap();
    let [second, third] = [second, second.next().unwrap()].map(|number| record(&message, number, now()));
    let first_again = record(&message, AttemptNumber::FIRST, now());
    assert!(matches!(ledger.begin(&message, &second).await.unwrap(), Begin::Forgotten));
    assert!(matches!(ledger.begin(&message, &first).await.unwrap(), Begin::Begun));
    ledger.failed(&message, &first, Status::Waiting).await.unwrap();
    assert!(matches!(ledger.begin(&message, &second).await.unwrap(), Begin::Begun));
    // A copy of the first one's message, and one of an attempt that cannot be due yet.
    for early in [&first_again, &third] {
        assert_eq!(status_after(&ledger, &message, early).await, Status::Attempting);
    }
}

async fn what_was_never_begun_is_cancelled_and_begins_no_more(backend: &Backend) {
    let (ledger, message) = (ledger(backend), message());
    assert_eq!(ledger.cancelled(&message, "no_receiver", now()).await.unwrap(), Cancel::Cancelled);
    let first = record(&message, AttemptNumber::FIRST, now());
    assert_eq!(status_after(&ledger, &message, &first).await, Status::Cancelled);
}

fn queues(backend: &Backend) -> Queues {
    Queues::new(sqs(&backend.sdk), backend.notifications.clone(), Some(backend.undelivered.clone()))
}

async fn receive(backend: &Backend, queue: &str) -> Vec<Message> {
    let request = sqs(&backend.sdk).receive_message().queue_url(queue).max_number_of_messages(10);
    request.message_attribute_names("All").send().await.unwrap().messages.unwrap_or_default()
}

async fn delete(backend: &Backend, message: &Message) {
    let request = sqs(&backend.sdk).delete_message().queue_url(&backend.notifications);
    request.receipt_handle(message.receipt_handle().unwrap()).send().await.unwrap();
}

async fn messages_are_sent_hidden_let_go_and_deleted(backend: &Backend) {
    let (queues, messages) = (queues(backend), (0..12).map(|_| message()).collect::<Vec<_>>());
    assert!(queues.send_all(&messages).await.iter().all(Result::is_ok));
    let mut received = receive(backend, &backend.notifications).await;
    while received.len() < 12 {
        received.extend(receive(backend, &backend.notifications).await);
    }
    assert!(receive(backend, &backend.notifications).await.is_empty(), "what is in flight is hidden");
    for message in received.iter().skip(1) {
        delete(backend, message).await;
    }
    queues.change_visibility(received[0].receipt_handle().unwrap(), 0).await.unwrap();
    let again = receive(backend, &backend.notifications).await;
    assert_eq!((again.len(), again[0].body()), (1, received[0].body()));
    delete(backend, &again[0]).await;
}

async fn a_delayed_message_comes_later(backend: &Backend) {
    queues(backend).send_later(&message(), 1).await.unwrap();
    assert!(receive(backend, &backend.notifications).await.is_empty());
    sleep(Duration::from_millis(1_300)).await;
    let received = receive(backend, &backend.notifications).await;
    assert_eq!(received.len(), 1);
    delete(backend, &received[0]).await;
}

async fn a_message_received_too_often_is_moved(backend: &Backend) {
    let (queues, message) = (queues(backend), message());
    queues.send_later(&message, 0).await.unwrap();
    for _ in 0..2 {
        let received = receive(backend, &backend.notifications).await;
        queues.change_visibility(received[0].receipt_handle().unwrap(), 0).await.unwrap();
    }
    assert!(receive(backend, &backend.notifications).await.is_empty());
    let moved = receive(backend, &backend.undelivered).await;
    assert_eq!(moved[0].body(), Some(message.to_json().as_str()));
}
