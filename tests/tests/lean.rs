//! `LedgerWrites` is `lean`: what is delivered at the first attempt is written once, and what that gives up is this and no more.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

use std::sync::Arc;

use convention::delivery::{AttemptMessage, LedgerWrites};
use devkit::receiver::MockReceiver;
use dispatch::Dispatch;
use jiff::SignedDuration;
use serde_json::Value;
use tests::aws::{Fault, Functions, NOTIFICATIONS, Row, requeued, requeued_with};

const CLIENT: &str = "itp-1";
const NOTHING: [usize; 0] = [];

struct Fixture {
    functions: Functions,
    mock: MockReceiver,
    dispatch: Arc<Dispatch>,
}

impl Fixture {
    async fn new(ledger_writes: LedgerWrites, answers: &str) -> Self {
        let functions = Functions { ledger_writes, ..Functions::default() };
        let (mock, dispatch) = functions.with_receiver(CLIENT, answers).await;
        // The first notification notes the receiver's certificate and the first delivery of its registration.
        let first = functions.payment(CLIENT, "before").to_json();
        assert_eq!(requeued(&dispatch, &[first]).await, NOTHING);
        functions.aws.forget_calls();
        Self { functions, mock, dispatch }
    }

    async fn lean(answers: &str) -> Self {
        Self::new(LedgerWrites::Lean, answers).await
    }

    fn payment(&self, resource: &str) -> AttemptMessage {
        self.functions.payment(CLIENT, resource)
    }

    /// Hands a message over that the queue has handed out so often.
    async fn handed_out(&self, message: &AttemptMessage, times: u8) -> Vec<usize> {
        let receives = [("ApproximateReceiveCount", times.to_string())];
        requeued_with(&self.dispatch, &[message.to_json()], &receives).await
    }

    /// Goes on in another environment, which knows nothing of what this one could not write down.
    fn elsewhere(self) -> Self {
        let dispatch = self.functions.dispatch(&self.functions.test_clock);
        Self { dispatch, ..self }
    }

    fn row(&self, message: &AttemptMessage) -> Row {
        self.functions.aws.ledger_row(message.notification.as_str()).unwrap()
    }

    /// How many requests came for a resource, and what the last of them was called.
    fn requests(&self, resource: &str) -> (usize, String) {
        let received = self.mock.received();
        let of_it: Vec<_> =
            received.iter().filter(|request| request.resource_id.as_deref() == Some(resource)).collect();
        let last = of_it.last().and_then(|request| request.interaction_id.clone());
        (of_it.len(), last.unwrap_or_default())
    }
}

fn delivers(input: &Value) -> bool {
    input["ExpressionAttributeValues"][":status"]["S"] == "delivered"
}

#[tokio::test]
async fn a_batch_delivered_at_once_costs_one_write_and_one_read_a_notification() {
    for (writes, expected) in [
        (LedgerWrites::Lean, &["GetItem 10", "UpdateItem 10"][..]),
        (LedgerWrites::Full, &["UpdateItem 20"][..]),
    ] {
        let fixture = Fixture::new(writes, "202").await;
        let batch: Vec<_> = (0..10).map(|number| fixture.payment(&format!("p-{number}")).to_json()).collect();
        assert_eq!(requeued(&fixture.dispatch, &batch).await, NOTHING);
        assert_eq!(fixture.functions.aws.counted(), expected, "{writes:?}");
        assert_eq!(fixture.mock.count(), 11);
    }
}

#[tokio::test]
async fn the_one_write_says_all_that_the_two_say() {
    let (lean, full) = (Fixture::lean("202").await, Fixture::new(LedgerWrites::Full, "202").await);
    let [row, other] = [&lean, &full].map(|fixture| fixture.row(&fixture.payment("before")));
    assert_eq!(row.names(), other.names());
    assert_eq!((row.text("status"), row.text("attempt")), ("delivered", "1"));
    assert_eq!((row.attempt(1, "outcome"), row.attempt(1, "status")), ("delivered", "202"));
    assert_eq!(row.attempt(1, "interaction_id"), lean.requests("before").1);
}

#[tokio::test]
async fn a_first_attempt_that_fails_is_written_twice_and_followed_as_ever() {
    // Each notification of its own is failed once.
    let fixture = Fixture::lean("503,202").await;
    fixture.functions.aws.take_messages(NOTIFICATIONS);
    let first = fixture.payment("p-1");
    assert_eq!(fixture.handed_out(&first, 1).await, NOTHING);
    assert_eq!(fixture.functions.aws.counted(), ["GetItem 1", "SendMessage 1", "UpdateItem 2"]);
    let row = fixture.row(&first);
    assert_eq!((row.text("status"), row.attempt(1, "outcome")), ("waiting", "server_error"));

    let queued = fixture.functions.aws.take_messages(NOTIFICATIONS).remove(0);
    assert_eq!(queued.delay_s, 10);
    let second = AttemptMessage::from_json(&queued.body).unwrap();
    fixture.functions.test_clock.advance(SignedDuration::from_secs(10));
    fixture.functions.aws.forget_calls();
    assert_eq!(fixture.handed_out(&second, 1).await, NOTHING);
    // A later attempt reads the receiver anew, and is written before and after its request.
    assert_eq!(fixture.functions.aws.counted(), ["GetItem 1", "UpdateItem 2"]);
    let row = fixture.row(&first);
    assert_eq!((row.text("status"), row.attempt(2, "outcome")), ("delivered", "delivered"));
}

#[tokio::test]
async fn a_copy_that_comes_after_the_write_is_dropped() {
    let fixture = Fixture::lean("202").await;
    let message = fixture.payment("p-1");
    for times in [1, 1, 2] {
        assert_eq!(fixture.handed_out(&message, times).await, NOTHING);
    }
    assert_eq!(fixture.requests("p-1").0, 1);
}

#[tokio::test]
async fn a_message_that_comes_a_second_time_is_written_before_its_request() {
    let fixture = Fixture::lean("202").await;
    assert_eq!(fixture.handed_out(&fixture.payment("p-1"), 2).await, NOTHING);
    assert_eq!(fixture.functions.aws.counted(), ["UpdateItem 2"]);
}

/// What is given up, first: a request whose write failed is made again, once, and the ledger has the second alone.
#[tokio::test]
async fn a_request_whose_write_failed_is_made_once_more_and_then_counted() {
    let fixture = Fixture::lean("202").await;
    let message = fixture.payment("p-1");
    fixture.functions.aws.fails_where("UpdateItem", delivers, Fault::DENIED);
    assert_eq!(fixture.handed_out(&message, 1).await, [0]);
    assert_eq!(fixture.functions.aws.ledger_row(message.notification.as_str()), None);
    let fixture = fixture.elsewhere();
    // From the second time on it is written down before, so that it is not made a third time.
    assert_eq!(fixture.handed_out(&message, 2).await, [0]);
    assert_eq!(fixture.handed_out(&message, 3).await, [0]);
    fixture.functions.aws.recovers();
    let (requests, last) = fixture.requests("p-1");
    assert_eq!(requests, 2);
    let row = fixture.row(&message);
    assert_eq!((row.text("status"), row.attempt(1, "interaction_id")), ("attempting", last.as_str()));
}

/// What is given up, second: two processes with the message at one moment both make the request.
#[tokio::test]
async fn two_copies_at_one_moment_are_two_requests_of_which_the_ledger_keeps_the_last() {
    // The answer takes long enough for the second copy to be sent before the first is written.
    let fixture = Fixture::lean("delay:1s:202").await;
    let copies = |of: &Fixture| [of.payment("p-1").to_json(), of.payment("p-1").to_json()];
    let message = fixture.payment("p-1");
    assert_eq!(requeued(&fixture.dispatch, &copies(&fixture)).await, NOTHING);
    assert_eq!(fixture.requests("p-1").0, 2);
    assert_eq!(fixture.row(&message).text("status"), "delivered");
    // Where both are written before, one of them waits for as long as the other is under way.
    let full = Fixture::new(LedgerWrites::Full, "delay:1s:202").await;
    assert_eq!(requeued(&full.dispatch, &copies(&full)).await.len(), 1);
    assert_eq!(full.requests("p-1").0, 1);
}

#[tokio::test]
async fn an_attempt_that_the_ledger_cannot_be_asked_about_is_not_made() {
    let fixture = Fixture::lean("202").await;
    let message = fixture.payment("p-1");
    let asks = |input: &Value| input["Key"].get("notification").is_some();
    fixture.functions.aws.fails_where("GetItem", asks, Fault::DENIED);
    assert_eq!(fixture.handed_out(&message, 1).await, [0]);
    assert_eq!(fixture.requests("p-1").0, 0);
}
