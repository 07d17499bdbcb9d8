//! What is given up is listed, replayed once, and leaves the dead-letter queue; also when a step fails in between. Dispatch and
//! the command run in this process, on the stand-in for AWS.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

use std::collections::BTreeSet;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use arauto::replay::{Plan, Replayer, Round, Sent, Swept, move_back, sweep};
use arauto::shutdown::Shutdown;
use arauto::stack_ref::StackRef;
use arauto::undelivered::{DeadLetterQueue, Filter, Listed, Listing, Window};
use aws_config::SdkConfig;
use aws_smithy_runtime_api::client::http::{HttpConnector, HttpConnectorFuture};
use aws_smithy_runtime_api::client::orchestrator::HttpRequest;
use convention::delivery::AttemptMessage;
use convention::notification::Endpoint;
use devkit::receiver::MockReceiver;
use dispatch::Dispatch;
use jiff::SignedDuration;
use platform::aws::{LedgerReader, dynamodb};
use serde_json::Value;
use tests::aws::{
    Aws, Call, Fault, Functions, LEDGER, Message, NOTIFICATIONS, PKI, UNDELIVERED, requeued, shown as asked,
};
use tests::contract::Contract;

const CLIENT: &str = "itp-1";
/// Fast enough that no test waits.
const RATE: u32 = 1_000;
/// Who confirms replays.
const BY: &str = "arn:aws:iam::123456789012:user/ana";

struct Fixture {
    functions: Functions,
    mock: MockReceiver,
    dispatch: Arc<Dispatch>,
    target: StackRef,
    stop: Shutdown,
    /// Keeps `stop` from being asked for by nobody.
    asked: tokio::sync::watch::Sender<bool>,
}

impl Fixture {
    async fn new(answers: &str) -> Self {
        let functions = Functions::default();
        functions.put_identity(&PKI.sender);
        let mock = functions.receiver(CLIENT, answers).await;
        let dispatch = functions.dispatch(&functions.test_clock);
        dispatch.identities.prepare().await.ok();
        let target = target(&functions.aws.sdk_config());
        let (asked, stop) = Shutdown::channel();
        Self { functions, mock, dispatch, target, stop, asked }
    }

    fn payment(&self, resource: &str) -> AttemptMessage {
        self.functions.payment(CLIENT, resource)
    }

    /// Lets every message that waits have its attempt, until none waits; one that is kept comes again.
    async fn settle(&self) {
        loop {
            let messages = self.functions.aws.take_messages(NOTIFICATIONS);
            let Some(longest) = messages.iter().map(|message| message.delay_s).max() else { return };
            self.functions.test_clock.advance(SignedDuration::from_secs(longest.try_into().unwrap()));
            let bodies: Vec<_> = messages.iter().map(|message| message.body.clone()).collect();
            for index in requeued(&self.dispatch, &bodies).await {
                self.functions.aws.put_message(NOTIFICATIONS, messages[index].clone());
            }
        }
    }

    /// Has notifications fail three times.
    async fn exhaust(&self, resources: &[&str]) -> Vec<AttemptMessage> {
        let messages: Vec<_> = resources.iter().map(|resource| self.payment(resource)).collect();
        let bodies: Vec<_> = messages.iter().map(AttemptMessage::to_json).collect();
        assert_eq!(requeued(&self.dispatch, &bodies).await, [0_usize; 0]);
        self.settle().await;
        messages
    }

    fn filter(&self) -> Filter {
        let until = self.functions.test_clock.now();
        let window = Window { since: until - SignedDuration::from_hours(24), until };
        Filter { clients: vec![], endpoints: vec![], outcomes: vec![], window }
    }

    async fn listing(&self) -> Listing {
        Listing::read(&self.target.rows(), &self.filter()).await.unwrap()
    }

    /// Runs the command's work, and says whether it is complete.
    async fn round(&mut self) -> (bool, Round) {
        let (filter, plan) = (self.filter(), Plan::new(self.listing().await, None, RATE));
        let work = (self.functions.test_clock.clock(), &filter, &plan);
        let round = Round::run(&self.target, work, BY, &mut self.stop, |_| ()).await;
        (round.is_complete(&plan), round)
    }

    async fn replay(&mut self) -> (Sent, Result<(), String>) {
        let plan = Plan::new(self.listing().await, None, RATE);
        let replayer = Replayer::new(&self.target, self.functions.test_clock.clock(), RATE, BY);
        let (sent, result) = replayer.send(&plan.to_send, &mut self.stop, |_| ()).await;
        (sent, result.map_err(|error| format!("{error:#}")))
    }

    async fn sweep(&self) -> Swept {
        let listing = self.listing().await;
        let replayed = listing.notifications.iter().filter(|listed| listed.is_replayed());
        let replayed: BTreeSet<_> = replayed.map(|listed| listed.id().as_str()).collect();
        let queue = DeadLetterQueue::new(&self.target.sdk, UNDELIVERED.to_owned());
        sweep(&queue, &replayed, &self.stop).await.unwrap()
    }
}

fn target(sdk: &SdkConfig) -> StackRef {
    StackRef::new(sdk, LEDGER.to_owned(), NOTIFICATIONS.to_owned(), UNDELIVERED.to_owned())
}

fn sent(sent: usize, already: usize) -> Sent {
    Sent { sent, already, ..Sent::default() }
}

fn marks(input: &Value) -> bool {
    input["UpdateExpression"].as_str().is_some_and(|expression| expression.contains("replayed_at"))
}

#[tokio::test]
async fn a_replay_is_a_notification_of_its_own_with_the_same_body_and_is_sent_once() {
    let mut fixture = Fixture::new("503,503,503,202").await;
    let original = fixture.exhaust(&["p-1"]).await.remove(0);
    assert_eq!(fixture.replay().await, (sent(1, 0), Ok(())));
    fixture.settle().await;

    let received = fixture.mock.received();
    assert_eq!(received.len(), 4);
    assert_eq!((&received[3].path, &received[3].body), (&received[0].path, &received[0].body));
    let headers =
        |at: usize| received[at].headers.iter().map(|header| header.name.clone()).collect::<Vec<_>>();
    assert_eq!(headers(3), headers(0));
    let replay = original.notification.replay();
    let reader = LedgerReader::new(dynamodb(&fixture.target.sdk), LEDGER.to_owned());
    let shown = reader.notification(&replay).await.unwrap().unwrap();
    assert_eq!(shown.status, "delivered");
    assert_eq!(shown.replay_of.as_deref(), Some(original.notification.as_str()));
    let answer = asked(&fixture.functions.intake(), replay.as_str()).await;
    Contract::read().unwrap().check("get", "/v1/notifications/{notificationId}", &answer).unwrap();
    assert_eq!(serde_json::from_slice::<Value>(&answer.body).unwrap(), serde_json::to_value(&shown).unwrap());
    let same = reader.attempt(shown.attempts[0].interaction_id.parse().unwrap()).await.unwrap();
    assert_eq!(same.as_ref(), Some(&shown));
    let of_resource = reader.resource(Endpoint::PixPayment, "p-1").await.unwrap();
    let ids: Vec<_> = of_resource.iter().map(|shown| shown.notification_id.as_str()).collect();
    assert_eq!(ids, [original.notification.as_str(), replay.as_str()]);
    assert_eq!(of_resource[0].attempts.len(), 3);

    assert_eq!(fixture.replay().await, (sent(0, 0), Ok(())));
    fixture.settle().await;
    assert_eq!(fixture.mock.count(), 4);
    assert_eq!(fixture.sweep().await, Swept { deleted: 1, ..Swept::default() });
    assert_eq!(fixture.functions.aws.take_messages(UNDELIVERED), []);
}

#[tokio::test]
async fn a_mark_that_was_lost_sends_the_same_name_again_and_the_receiver_hears_it_once() {
    let mut fixture = Fixture::new("503,503,503,202").await;
    fixture.exhaust(&["p-1"]).await;
    fixture.functions.aws.fails_where("UpdateItem", marks, Fault::DENIED);
    let (first, result) = fixture.replay().await;
    assert_eq!(first, sent(1, 0));
    assert!(result.unwrap_err().contains("could not be marked"));
    fixture.functions.aws.recovers();
    // Before dispatch had its turn, so that the ledger does not know the replay yet.
    assert_eq!(fixture.replay().await, (sent(1, 0), Ok(())));
    let names: Vec<_> =
        fixture.functions.aws.visible_messages(NOTIFICATIONS).into_iter().map(|m| m.body).collect();
    assert_eq!(names.len(), 2);
    assert_eq!(names[0], names[1]);
    fixture.settle().await;
    assert_eq!(fixture.mock.count(), 4);
}

#[tokio::test]
async fn a_mark_that_was_lost_is_made_good_by_what_the_ledger_knows() {
    let mut fixture = Fixture::new("503,503,503,202").await;
    fixture.exhaust(&["p-1"]).await;
    fixture.functions.aws.fails_where("UpdateItem", marks, Fault::DENIED);
    fixture.replay().await.1.unwrap_err();
    fixture.functions.aws.recovers();
    fixture.settle().await;
    assert_eq!(fixture.replay().await, (sent(0, 1), Ok(())));
    assert!(fixture.listing().await.notifications[0].is_replayed());
    assert_eq!(fixture.functions.aws.take_messages(NOTIFICATIONS), []);
    assert_eq!(fixture.mock.count(), 4);
}

#[tokio::test]
async fn what_the_queue_refuses_is_told_and_goes_the_next_time() {
    let mut fixture = Fixture::new("503").await;
    let [refused, taken] = <[_; 2]>::try_from(fixture.exhaust(&["p-1", "p-2"]).await).unwrap();
    fixture.functions.aws.refuses_messages_with(refused.notification.replay().as_str());
    let (first, result) = fixture.replay().await;
    assert_eq!(first, Sent { sent: 1, refused: 1, ..Sent::default() });
    assert!(result.unwrap_err().contains("refused some messages"));
    let listing = fixture.listing().await;
    let replayed = listing.notifications.iter().filter(|listed| listed.is_replayed());
    assert_eq!(replayed.map(Listed::id).collect::<Vec<_>>(), [&taken.notification]);
    fixture.functions.aws.recovers();
    assert_eq!(fixture.replay().await, (sent(1, 0), Ok(())));
}

#[tokio::test]
async fn a_replay_that_fails_three_times_is_listed_and_can_itself_be_replayed() {
    let mut fixture = Fixture::new("503").await;
    let original = fixture.exhaust(&["p-1"]).await.remove(0);
    fixture.replay().await.1.unwrap();
    fixture.settle().await;
    let listing = fixture.listing().await;
    let [first, second] = listing.notifications.as_slice() else { panic!("two are listed") };
    assert_eq!(second.undelivered.message.replay_of.as_ref(), Some(&original.notification));
    assert_eq!((first.is_replayed(), second.is_replayed()), (true, false));
    assert_eq!(fixture.replay().await, (sent(1, 0), Ok(())));
    fixture.settle().await;
    assert_eq!(fixture.mock.count(), 9);
    // The queue has all three; only what was replayed leaves it.
    assert_eq!(fixture.sweep().await, Swept { deleted: 2, left: 1, cut: false });
    let left = fixture.functions.aws.visible_messages(UNDELIVERED);
    assert_eq!(left.len(), 1);
    let left = AttemptMessage::from_json(&left[0].body).unwrap();
    assert_eq!(left.notification, original.notification.replay().replay());
}

#[tokio::test]
async fn a_receiver_that_is_gone_gets_no_replay() {
    let mut fixture = Fixture::new("503").await;
    let original = fixture.exhaust(&["p-1"]).await.remove(0);
    fixture.functions.remove(CLIENT).await;
    fixture.functions.test_clock.advance(SignedDuration::from_mins(1));
    assert_eq!(fixture.replay().await, (sent(1, 0), Ok(())));
    fixture.settle().await;
    let row = fixture.functions.aws.ledger_row(original.notification.replay().as_str()).unwrap();
    assert_eq!((row.text("status"), row.text("reason")), ("cancelled", "no_receiver"));
    assert_eq!(row.text("replay_of"), original.notification.as_str());
    assert_eq!(fixture.mock.count(), 3);
}

#[tokio::test]
async fn who_asks_a_replay_to_stop_can_go_on_later() {
    let mut fixture = Fixture::new("503").await;
    let resources: Vec<_> = (0..12).map(|number| format!("p-{number}")).collect();
    fixture.exhaust(&resources.iter().map(String::as_str).collect::<Vec<_>>()).await;
    let plan = Plan::new(fixture.listing().await, None, RATE);
    let replayer = Replayer::new(&fixture.target, fixture.functions.test_clock.clock(), RATE, BY);
    let asked = &fixture.asked;
    let (first, result) =
        replayer.send(&plan.to_send, &mut fixture.stop, |_| asked.send_modify(|asked| *asked = true)).await;
    result.unwrap();
    assert_eq!(first, Sent { sent: 10, stopped: true, ..Sent::default() });
    fixture.asked.send_replace(false);
    assert_eq!(fixture.replay().await, (sent(2, 0), Ok(())));
}

#[tokio::test(start_paused = true)]
async fn a_replay_keeps_its_rate() {
    let fixture = Fixture::new("503").await;
    let listed = |number: usize| {
        let message = fixture.payment(&format!("p-{number}"));
        let undelivered = convention::delivery::Undelivered {
            message,
            outcome: "timeout".to_owned(),
            interaction_id: "7f1c2b1e-5a0e-4a9e-9d6b-0c8f5a3e1d22".parse().unwrap(),
            gave_up_at: fixture.functions.test_clock.now(),
            replayed_at: None,
            replayed_by: None,
        };
        Listed { undelivered, copies: Vec::new() }
    };
    let all: Vec<_> = (0..25).map(listed).collect();
    let replayer = Replayer::new(&fixture.target, fixture.functions.test_clock.clock(), 2, BY);
    let started = tokio::time::Instant::now();
    let (sent, result) = replayer.send(&all, &mut fixture.stop.clone(), |_| ()).await;
    result.unwrap();
    assert_eq!(sent.sent, 25);
    // Two a second: the last of them goes after twelve seconds.
    assert_eq!(started.elapsed().as_secs(), 12);
}

#[tokio::test]
async fn what_sqs_dead_lettered_goes_back_unchanged_and_nothing_else_does() {
    let mut fixture = Fixture::new("202").await;
    let message = |body: &str, reason: Option<&str>| Message {
        body: body.to_owned(),
        delay_s: 0,
        group: Some(CLIENT.to_owned()),
        reason: reason.map(str::to_owned),
        trace: None,
    };
    let payment = fixture.payment("p-1").to_json();
    let aws = fixture.functions.aws.clone();
    for message in [
        message("given up", Some("timeout")),
        message(&payment, None),
        message("{", Some("unreadable_message")),
    ] {
        aws.put_message(UNDELIVERED, message);
    }
    // One of a newer version, which lies in no group.
    let newer = fixture.payment("p-2").to_json();
    let unread = Message { group: None, ..message(&newer, Some("unreadable_message")) };
    aws.put_message(UNDELIVERED, unread);
    let queue = DeadLetterQueue::new(&fixture.target.sdk, UNDELIVERED.to_owned());
    let resting = queue.count(1_000, &fixture.stop).await.unwrap();
    assert_eq!((resting.given_up, resting.unreadable, resting.unlisted), (1, 1, 2));
    assert!(!resting.at_least);
    assert_eq!(aws.visible_messages(UNDELIVERED).len(), 4);

    let moved = move_back(&fixture.target, RATE, None, &mut fixture.stop, |_| ()).await.unwrap();
    assert_eq!((moved.moved, moved.left), (2, 0));
    assert_eq!(aws.visible_messages(NOTIFICATIONS), [message(&payment, None), message(&newer, None)]);
    let left: Vec<_> = aws.visible_messages(UNDELIVERED).into_iter().map(|left| left.body).collect();
    assert_eq!(left, ["given up", "{"]);
    fixture.settle().await;
    assert_eq!(fixture.mock.count(), 2);
}

#[tokio::test]
async fn a_timer_is_left_with_a_word_of_where_it_belongs() {
    let mut fixture = Fixture::new("202").await;
    let aws = fixture.functions.aws.clone();
    let payment = fixture.payment("p-1").to_json();
    let timer = r#"{"state":"0a","timer":"0b","due":"2026-03-10T12:00:00Z"}"#;
    aws.put_message(UNDELIVERED, unlisted(timer.to_owned()));
    aws.put_message(UNDELIVERED, unlisted(payment));
    let told = move_back(&fixture.target, RATE, None, &mut fixture.stop, |_| ()).await.unwrap_err();
    assert!(format!("{told:#}").contains("TimersQueueUrl"), "{told:#}");
    assert_eq!(aws.visible_messages(UNDELIVERED), [unlisted(timer.to_owned())]);
    assert_eq!(aws.visible_messages(NOTIFICATIONS).len(), 1);
}

#[tokio::test]
async fn what_could_not_be_moved_back_stays_where_it_was() {
    let mut fixture = Fixture::new("202").await;
    let aws = fixture.functions.aws.clone();
    let payment = fixture.payment("p-1").to_json();
    let message = unlisted(payment);
    aws.put_message(UNDELIVERED, message.clone());
    aws.fails("SendMessageBatch", Fault::DENIED);
    move_back(&fixture.target, RATE, None, &mut fixture.stop, |_| ()).await.unwrap_err();
    assert_eq!(aws.visible_messages(UNDELIVERED), [message]);
}

/// AWS as it is from far away: a receive that finds nothing takes as long as it may wait, and the way there and back.
#[derive(Debug)]
struct LongPolling(Aws);

impl HttpConnector for LongPolling {
    fn call(&self, request: HttpRequest) -> HttpConnectorFuture {
        let call = Call::read(&request);
        let finds_nothing = call.operation == "ReceiveMessage" && self.0.counts(UNDELIVERED).visible == 0;
        let answer = self.0.call(request);
        HttpConnectorFuture::new(async move {
            if finds_nothing {
                let wait = Duration::from_secs(call.input["WaitTimeSeconds"].as_u64().unwrap_or_default());
                tokio::time::sleep(wait + Duration::from_millis(200)).await;
            }
            answer.await
        })
    }
}

fn unlisted(body: String) -> Message {
    Message { body, delay_s: 0, group: None, reason: None, trace: None }
}

#[tokio::test(start_paused = true)]
async fn a_receive_that_waits_on_an_empty_queue_is_no_failure() {
    let fixture = Fixture::new("202").await;
    fixture.functions.aws.put_message(UNDELIVERED, unlisted(fixture.payment("p-1").to_json()));
    let target = target(&Aws::sdk_config_over(LongPolling(fixture.functions.aws.clone())));
    let queue = DeadLetterQueue::new(&target.sdk, target.undelivered.clone());
    assert_eq!(queue.count(1_000, &fixture.stop).await.unwrap().unlisted, 1);
}

#[tokio::test]
async fn what_was_held_is_let_go_where_the_queue_fails_in_between() {
    let fixture = Fixture::new("202").await;
    let aws = &fixture.functions.aws;
    for number in 0..25 {
        aws.put_message(UNDELIVERED, unlisted(fixture.payment(&format!("p-{number}")).to_json()));
    }
    let queue = DeadLetterQueue::new(&fixture.target.sdk, UNDELIVERED.to_owned());
    let receives = AtomicUsize::new(0);
    aws.fails_where("GetQueueAttributes", |_| true, Fault::DENIED);
    queue.count(1_000, &fixture.stop).await.unwrap_err();
    assert_eq!(aws.visible_messages(UNDELIVERED).len(), 25);
    aws.recovers();
    aws.fails_where("ReceiveMessage", move |_| receives.fetch_add(1, Ordering::Relaxed) == 2, Fault::DENIED);
    queue.hold(1_000, 300, &fixture.stop).await.unwrap_err();
    assert_eq!(aws.visible_messages(UNDELIVERED).len(), 25);
}

#[tokio::test]
async fn a_queue_that_was_not_swept_is_swept_by_repeating_though_nothing_is_to_be_sent() {
    let mut fixture = Fixture::new("503").await;
    fixture.exhaust(&["p-1"]).await;
    for operation in ["ReceiveMessage", "DeleteMessageBatch"] {
        fixture.functions.aws.fails(operation, Fault::DENIED);
        let (complete, round) = fixture.round().await;
        assert!(!complete && round.sending.is_ok() && round.sweeping.is_err(), "{operation}: {round:?}");
        fixture.functions.aws.recovers();
        assert_eq!(fixture.functions.aws.visible_messages(UNDELIVERED).len(), 1, "{operation}");
    }
    let (complete, round) = fixture.round().await;
    assert_eq!((complete, round.sent, round.sweeping.unwrap().deleted), (true, sent(0, 0), 1));
    assert_eq!(fixture.functions.aws.messages(UNDELIVERED), []);
}

#[tokio::test(start_paused = true)]
async fn what_the_time_does_not_suffice_to_move_back_is_let_go_and_told() {
    let mut fixture = Fixture::new("202").await;
    let (aws, payment) = (fixture.functions.aws.clone(), fixture.payment("p-1").to_json());
    for _ in 0..900 {
        aws.put_message(UNDELIVERED, unlisted(payment.clone()));
    }
    let moved = move_back(&fixture.target, 1, None, &mut fixture.stop, |_| ()).await.unwrap();
    assert_eq!(moved.moved + moved.left, 900, "{moved:?}");
    assert!(!moved.is_complete() && (600..900).contains(&moved.moved), "{moved:?}");
    assert_eq!(aws.visible_messages(NOTIFICATIONS).len(), moved.moved);
    assert_eq!(aws.visible_messages(UNDELIVERED).len(), moved.left);
}

#[tokio::test]
async fn an_entry_that_the_queue_fails_is_sent_again_and_one_that_it_goes_on_failing_stays() {
    for (failures, moved, left) in [(2, 3, 0), (3, 0, 1)] {
        let mut fixture = Fixture::new("202").await;
        let aws = fixture.functions.aws.clone();
        for resource in ["p-1", "bad-1", "p-2"] {
            aws.put_message(UNDELIVERED, unlisted(fixture.payment(resource).to_json()));
        }
        aws.fails_messages_with("bad-1", "InternalError", failures);
        let result = move_back(&fixture.target, RATE, None, &mut fixture.stop, |_| ()).await;
        assert_eq!(result.ok().map(|moved| moved.moved), (moved > 0).then_some(moved), "{failures}");
        assert_eq!(aws.messages(NOTIFICATIONS).len(), 3 - left);
        assert_eq!(aws.visible_messages(UNDELIVERED).len(), left);
    }
}

#[tokio::test]
async fn who_asks_to_stop_finds_the_queue_as_it_was() {
    let mut fixture = Fixture::new("503").await;
    fixture.exhaust(&["p-1"]).await;
    fixture.replay().await.1.unwrap();
    fixture.functions.aws.take_messages(NOTIFICATIONS);
    let aws = fixture.functions.aws.clone();
    aws.put_message(UNDELIVERED, unlisted(fixture.payment("p-2").to_json()));
    fixture.asked.send_replace(true);
    let moved = move_back(&fixture.target, RATE, None, &mut fixture.stop, |_| ()).await.unwrap();
    assert!(moved.moved == 0 && !moved.is_complete(), "{moved:?}");
    let (complete, round) = fixture.round().await;
    assert!(!complete && round.sweeping.unwrap().cut);
    assert_eq!(aws.visible_messages(UNDELIVERED).len(), 2);
    assert_eq!(aws.messages(NOTIFICATIONS), []);
}

#[tokio::test]
async fn who_asks_for_a_notification_that_is_not_there_is_told_why() {
    let fixture = Fixture::new("202").await;
    let (intake, contract) = (fixture.functions.intake(), Contract::read().unwrap());
    let unknown = fixture.payment("p-1").notification.to_string();
    let (short, capital) = (unknown.replacen(char::is_alphanumeric, "", 1), unknown.to_uppercase());
    for (id, status) in [(unknown.as_str(), 404), (&*short, 400), (&capital, 400), ("", 400), ("a/b", 400)] {
        let answer = asked(&intake, id).await;
        contract.check("get", "/v1/notifications/{notificationId}", &answer).unwrap();
        assert_eq!(answer.status, status, "{id}: {}", answer.text());
    }
    fixture.functions.aws.fails("GetItem", Fault::DENIED);
    let answer = asked(&intake, &unknown).await;
    contract.check("get", "/v1/notifications/{notificationId}", &answer).unwrap();
    assert_eq!(answer.status, 503);
}
