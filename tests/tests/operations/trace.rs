//! One state change can be followed from the request that posted it to its last attempt.

use http::Method;
use lambda_http::{Body, Context, Request, RequestExt};
use serde_json::json;
use tests::aws::{NOTIFICATIONS, requeued_with};

use super::play::{CLIENT, Play, SECOND};

const OF_THE_REQUEST: &str =
    "Root=1-5759e988-bd862e3fe1be46a994272793;Parent=53995c3f42cd8ad8;Sampled=1;Lineage=1:a87bd80c:0";
const PASSED_ON: &str = "Root=1-5759e988-bd862e3fe1be46a994272793;Parent=53995c3f42cd8ad8;Sampled=1";

/// Posts a change as an invocation that has this trace.
async fn post(play: &Play, trace: Option<&str>) {
    let change = devkit::local::change(
        convention::notification::Endpoint::PixPayment,
        CLIENT,
        "p-1",
        play.functions.test_clock.now(),
    );
    let mut context = Context::default();
    context.xray_trace_id = trace.map(str::to_owned);
    let request: Request = http::Request::builder()
        .method(Method::POST)
        .uri("/v1/state-changes")
        .header("content-type", "application/json")
        .body(Body::from(json!({ "changes": [change] }).to_string()))
        .unwrap();
    let answer = play.functions.intake().handle(request.with_lambda_context(context)).await;
    assert_eq!(answer.status(), 202);
}

#[tokio::test]
async fn the_trace_of_the_request_goes_with_each_message_up_to_the_third_attempt_and_to_no_receiver() {
    let play = Play::new("503").await;
    post(&play, Some(OF_THE_REQUEST)).await;
    let mut traces = Vec::new();
    for message in play.functions.aws.take_messages(NOTIFICATIONS) {
        traces.push(message.trace.clone().unwrap());
        let attributes = [("AWSTraceHeader", message.trace.unwrap())];
        assert_eq!(requeued_with(&play.dispatch, &[message.body], &attributes).await, [0; 0]);
    }
    for seconds in [10, 60] {
        traces.extend(
            play.next_attempt(seconds * SECOND).await.into_iter().filter_map(|message| message.trace),
        );
    }
    assert_eq!(traces, [PASSED_ON; 3]);
    let received = play.mock.received();
    assert_eq!(received.len(), 3);
    for request in received {
        let told = format!("{request:?}").to_lowercase();
        assert!(!told.contains("x-amzn-trace-id") && !told.contains("1-5759e988"), "{told}");
    }
}

#[tokio::test]
async fn a_request_without_a_trace_is_notified_all_the_same() {
    for trace in [None, Some("Root=of all evil")] {
        let play = Play::new("202").await;
        post(&play, trace).await;
        let queued = play.functions.aws.take_messages(NOTIFICATIONS);
        assert_eq!(queued.iter().map(|message| &message.trace).collect::<Vec<_>>(), [&None]);
    }
}
