//! What dispatch measures of its work.

use serde_json::{Value, json};
use tests::aws::{Fault, requeued};

use super::play::{CLIENT, Play, SECOND};

/// The most that metrics may add to the log for a notification, in bytes: alone in its batch, and in a full one.
const ALONE: usize = 445;
const IN_A_BATCH: usize = 59;

fn bytes(lines: &[Value]) -> usize {
    // The name of the longest function there may be, as its length is paid for with each line; one more for its end.
    let longest = "f".repeat(64);
    lines
        .iter()
        .map(|line| line.to_string().replace("\"dispatch\"", &format!("\"{longest}\"")).len() + 1)
        .sum()
}

#[tokio::test]
async fn a_batch_is_measured_in_one_line_however_many_receivers_it_has() {
    let play = Play::new("202").await;
    let _second = play.functions.receiver("itp-2", "202").await;
    let client = |number| if number % 2 == 0 { CLIENT } else { "itp-2" };
    let messages: Vec<_> =
        (0..10).map(|number| play.payment(client(number), &format!("p-{number}"))).collect();
    play.functions.test_clock.advance(SECOND);
    assert_eq!(play.dispatch(&messages).await, 0);
    let measured = play.lines_with("Delivered");
    assert_eq!(measured.len(), 1);
    assert_eq!(measured, play.lines_with("FirstAttemptDelay"));
    assert_eq!(measured[0]["Delivered"], json!(vec![1; 10]));
    assert_eq!(measured[0]["FirstAttemptDelay"], json!(vec![1_000; 10]));
    assert_eq!(
        measured[0]["_aws"]["CloudWatchMetrics"][0]["Dimensions"],
        json!([["FunctionName"], ["FunctionName", "Version"]])
    );
    assert!(bytes(&measured) / 10 <= IN_A_BATCH, "{} bytes", bytes(&measured));

    assert_eq!(play.dispatch(&[play.payment(CLIENT, "p-11")]).await, 0);
    let alone = play.lines_with("Delivered").split_off(1);
    assert!(bytes(&alone) <= ALONE, "{} bytes: {alone:?}", bytes(&alone));
}

#[tokio::test]
async fn three_failures_are_counted_by_whose_doing_they_are_and_the_notification_as_undelivered() {
    let play = Play::new("503").await;
    let metrics = &play.functions.metrics;
    assert_eq!(play.dispatch(&[play.payment(CLIENT, "p-1")]).await, 0);
    assert_eq!(metrics.values("Undelivered"), [0.0; 0]);
    play.next_attempt(10 * SECOND).await;
    play.next_attempt(60 * SECOND).await;
    assert_eq!(play.mock.count(), 3);
    assert_eq!(metrics.values("Delivered"), [0.0; 3]);
    assert_eq!(metrics.values("FailedAttempts"), [1.0; 3]);
    assert!(play.lines_with("FailedAttempts").iter().all(|line| line["Class"] == "receiver"));
    assert_eq!(metrics.values("Undelivered"), [1.0]);
    assert_eq!(metrics.values("UndeliveredAge"), [0.0, 10.0, 70.0]);
    // Of the first attempt alone.
    assert_eq!(metrics.values("FirstAttemptDelay"), [0.0]);
}

#[tokio::test]
async fn what_a_fault_of_ours_keeps_grows_old_although_the_queue_says_otherwise() {
    let play = Play::new("202").await;
    let message = play.payment(CLIENT, "p-1");
    play.functions.aws.fails("UpdateItem", Fault::THROTTLED);
    let batch = [message.clone(), play.payment(CLIENT, "p-2")];
    assert_eq!(play.dispatch(&batch).await, 2);
    play.functions.test_clock.advance(900 * SECOND);
    assert_eq!(play.dispatch(&batch).await, 2);
    let metrics = &play.functions.metrics;
    assert_eq!(metrics.values("UndeliveredAge"), [0.0, 900.0]);
    // One line for each code of a batch.
    assert_eq!(metrics.values("OwnFaults"), [2.0, 2.0]);
    assert_eq!(metrics.values("Delivered"), [0.0; 0]);
}

#[tokio::test]
async fn a_replay_is_no_late_first_attempt_and_says_nothing_of_what_waits() {
    let play = Play::new("503").await;
    let message = play.payment(CLIENT, "p-1");
    play.functions.test_clock.advance(3_000 * SECOND);
    assert_eq!(play.dispatch(&[message.replay()]).await, 0);
    let metrics = &play.functions.metrics;
    assert_eq!(metrics.values("Delivered"), [0.0]);
    assert_eq!(metrics.values("FirstAttemptDelay"), [0.0; 0]);
    assert_eq!(metrics.values("UndeliveredAge"), [0.0; 0]);
}

#[tokio::test]
async fn a_message_that_cannot_be_read_is_counted() {
    let play = Play::new("202").await;
    assert_eq!(requeued(&play.dispatch, &["no message".to_owned()]).await, [0; 0]);
    assert_eq!(play.functions.metrics.values("UnreadableMessages"), [1.0]);
}
