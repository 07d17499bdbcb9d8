//! The numbers of `template.yaml` against each other, against the code's constants and against the limits of AWS.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

use std::time::Duration;

use convention::delivery::{
    AttemptMessage, AttemptNumber, EXCHANGE_DEADLINE, LEASE, MAX_BACKOFF, REDUCED_TIMEOUT, ReceiveMetadata,
    VISIBILITY,
};
use convention::notification::StateChange;
use devkit::local::changes_of_all_kinds;
use directory::{REGISTER_MANY_BUDGET, fetch};
use dispatch::{ANSWER_MARGIN, CHANGE_VISIBILITY_TIMEOUT, PREPARE, START};
use intake::{DELETE_TIMEOUT, LEDGER_BUDGET, LOG_BUDGET};
use jiff::Timestamp;
use platform::aws::{CALL_TIMEOUT, LOGS_TIMEOUT, SEND_TIMEOUT};
use serde_json::{Value, json};
use tests::template::Template;

const SECOND: Duration = Duration::from_secs(1);

/// The queues that trigger dispatch.
const QUEUES_OF_DISPATCH: [&str; 4] =
    ["NotificationsQueue", "IntakeQueue", "IntakeEventsQueue", "TimersQueue"];

fn template() -> Template {
    Template::stack().unwrap()
}

fn seconds(resource: &str, property: &str) -> Duration {
    template().seconds(resource, property).unwrap()
}

/// What makes the queue call dispatch.
fn trigger() -> Value {
    template().property("DispatchFunction", "Events")["Notifications"]["Properties"].clone()
}

/// "Diretrizes para validação de certificados digitais" 1.0.0, section 8: a controlled soft failure lasts an hour at least.
#[test]
fn the_window_of_revocation_is_never_shorter_than_an_hour() {
    for bound in ["MinValue", "Default"] {
        assert!(template().bound("RevocationWindowMinutes", bound).unwrap() >= 60, "{bound}");
    }
    let variables = template().property("DispatchFunction", "Environment")["Variables"].clone();
    assert_eq!(variables["ARAUTO_REVOCATION_WINDOW_MINUTES"], "RevocationWindowMinutes");
}

#[test]
fn dispatch_has_time_for_all_that_one_message_may_have_to_wait_for() {
    // The environment's start, an early message, receiver and identity, three ledger writes, the exchange, the rest of
    // its body, queue and ledger; then when a requeued message is delivered again.
    let exchange = EXCHANGE_DEADLINE + SECOND;
    let whole = START
        + 2 * SECOND
        + PREPARE
        + 3 * CALL_TIMEOUT
        + exchange
        + 2 * CALL_TIMEOUT
        + CHANGE_VISIBILITY_TIMEOUT;
    let timeout = seconds("DispatchFunction", "Timeout");
    assert!(whole + ANSWER_MARGIN <= timeout, "{whole:?}");
    // Lambda begins a start anew that takes longer than ten seconds.
    assert!(START < 10 * SECOND);
    // A lease that is over proves its process dead.
    assert!(LEASE.unsigned_abs() >= timeout);
}

#[test]
fn a_message_is_hidden_six_times_as_long_as_the_function_may_run() {
    // "Set the source queue's visibility timeout to at least six times the timeout of the function" (Lambda's guide, SQS).
    for queue in QUEUES_OF_DISPATCH {
        let visibility = seconds(queue, "VisibilityTimeout");
        assert_eq!(visibility, 6 * seconds("DispatchFunction", "Timeout"), "{queue}");
        assert_eq!(visibility, VISIBILITY.unsigned_abs(), "{queue}");
    }
}

#[test]
fn who_calls_the_api_hears_from_the_function_before_the_api_gives_up() {
    // The longest that an HTTP API waits for an integration, and the default.
    let api = Duration::from_secs(30);
    for integration in ["IntakeIntegration", "DirectoryIntegration"] {
        assert_eq!(template().property(integration, "TimeoutInMillis"), &Value::Null, "{integration}");
    }
    // Reading the receivers, reading some again (meanwhile a state's row, then its schedule), queueing, deleting schedules.
    let intake = seconds("IntakeFunction", "Timeout");
    assert!(2 * CALL_TIMEOUT + SEND_TIMEOUT + DELETE_TIMEOUT < intake && intake < api, "{intake:?}");
    // The client, the log and one more part of it, the ledger.
    let listing = CALL_TIMEOUT + LOG_BUDGET + LOGS_TIMEOUT + LEDGER_BUDGET;
    assert!(listing < intake, "{listing:?}");
    assert!(REGISTER_MANY_BUDGET < api);
    // The keys known, the claim to fetch them, the fetch, keeping them; then the registration before, a removal, the write.
    let registration = 3 * CALL_TIMEOUT + fetch::BUDGET + 3 * CALL_TIMEOUT;
    assert!(registration < api && registration < seconds("DirectoryFunction", "Timeout"), "{registration:?}");
}

#[test]
fn a_message_in_the_dead_letter_queue_is_kept_longer_than_in_the_first() {
    assert!(
        seconds("DeadLetterQueue", "MessageRetentionPeriod")
            > seconds("NotificationsQueue", "MessageRetentionPeriod")
    );
}

#[test]
fn a_fault_of_ours_has_a_day_to_be_mended_before_a_message_is_given_up() {
    let template = template();
    let redrive = template.property("NotificationsQueue", "RedrivePolicy");
    assert_eq!(redrive["deadLetterTargetArn"], "DeadLetterQueue.Arn");
    // Of one text, dispatch is told what the queue is.
    let told = &template.property("DispatchFunction", "Environment")["Variables"]["ARAUTO_NOTIFICATIONS_MAX_RECEIVES"];
    assert_eq!((told, &redrive["maxReceiveCount"]), (&json!(["Notifications", "Receives", "Most"]), told));
    let most = &template.section("Mappings")["Notifications"]["Receives"]["Most"];
    let receives: u32 = most.as_str().unwrap().parse().unwrap();
    // Dispatch counts the receives of every queue against the same number. A nested template writes it out.
    for queue in &QUEUES_OF_DISPATCH[1..] {
        let redrive = template.property(queue, "RedrivePolicy");
        assert_eq!(redrive["maxReceiveCount"], receives, "{queue}");
        assert_eq!(redrive["deadLetterTargetArn"], "DeadLetterQueue.Arn", "{queue}");
    }
    let waits = |receives| {
        let metadata = ReceiveMetadata { sent: None, first_received: None, receives };
        (0..=MAX_BACKOFF.as_secs()).map(move |rng| u64::from(metadata.redelivery_backoff(rng)))
    };
    let shortest = (1..=receives).map(|receives| waits(receives).min().unwrap()).sum();
    let longest = (1..=receives).map(|receives| waits(receives).max().unwrap()).sum();
    let (shortest, longest) = (Duration::from_secs(shortest), Duration::from_secs(longest));
    assert!(Duration::from_hours(24) < shortest, "{shortest:?}");
    assert!(longest < seconds("NotificationsQueue", "MessageRetentionPeriod"), "{longest:?}");
    // What docs/operations.md and the template promise.
    assert_eq!((shortest.as_secs() / 3600, longest.as_secs().div_ceil(3600)), (26, 36));
    let untold = receives * seconds("NotificationsQueue", "VisibilityTimeout");
    assert_eq!(untold.as_secs() / 3600, 11);
}

#[test]
fn a_full_batch_of_the_largest_messages_fits_into_one_invocation() {
    // What Lambda takes in one invocation, and what a record holds beside the body: receipt handle, ids, attributes, ARN. A
    // resource id of 256 characters is in it too.
    const PAYLOAD: usize = 6 * 1024 * 1024;
    const RECORD: usize = 4 * 1024;
    let batch = usize::try_from(trigger()["BatchSize"].as_u64().unwrap()).unwrap();
    for change in changes_of_all_kinds(&"c".repeat(128), "r-1", now()) {
        let body = largest(change).to_json();
        assert!(body.len() < 1024 * 1024, "SQS takes a message of 1 MiB, this one has {}", body.len());
        // The event holds the body as text of JSON, in which quotes and backslashes take twice their place.
        let event = batch * (RECORD + Value::from(body).to_string().len());
        assert!(event < PAYLOAD, "{event}");
    }
}

/// The largest message of a kind: each text as long as it may be, and of a character that takes the most place in an event.
fn largest(mut change: Value) -> AttemptMessage {
    change["brand"] = "\"".repeat(128).into();
    change["event_id"] = "\"".repeat(128).into();
    change["changed_fields"] = vec!["\"".repeat(128); 50].into();
    change["cause"] = "\"".repeat(256).into();
    change["product"] = "\"".repeat(256).into();
    for (field, longer) in [("brand", 129), ("event_id", 129), ("cause", 257), ("product", 257)] {
        let mut refused = change.clone();
        refused[field] = "\"".repeat(longer).into();
        assert!(StateChange::from_json(&refused, "").is_err(), "{field} may be longer than this test thinks");
    }
    let mut refused = change.clone();
    refused["changed_fields"] = json!(vec!["a"; 51]);
    assert!(StateChange::from_json(&refused, "").is_err(), "there may be more changed_fields");
    let change = StateChange::from_json(&change, "").unwrap();
    let first = AttemptMessage::first(change, now()).unwrap();
    first.replay().again(AttemptNumber::try_from(3).unwrap(), now())
}

fn now() -> Timestamp {
    "2026-11-23T13:15:30.123456789Z".parse().unwrap()
}

#[test]
fn one_receiver_that_hangs_leaves_the_others_invocations_of_dispatch() {
    // The load that docs/configuration.md names: events a second to one receiver, all of whose attempts hang.
    const EVENTS: u64 = 300;
    let batch = trigger()["BatchSize"].as_u64().unwrap();
    let least = template().bound("DispatchMaximumConcurrency", "Default").unwrap();
    let until_found_out = EVENTS * EXCHANGE_DEADLINE.as_secs() / batch;
    let once_found_out = EVENTS * u64::from(AttemptNumber::MAX) * REDUCED_TIMEOUT.as_secs() / batch;
    // Others: as many events, 0.2 s each.
    let others = EVENTS / 5 / batch;
    assert_eq!(
        (until_found_out, once_found_out, others),
        (450, 270, 6),
        "docs/configuration.md says otherwise"
    );
    assert!(until_found_out + others <= least);
    assert!(once_found_out + others <= least);
}

#[test]
fn the_concurrency_of_dispatch_is_one_that_lambda_takes() {
    // Bounds of an SQS trigger's maximum concurrency.
    for bound in ["MinValue", "Default", "MaxValue"] {
        let number = template().bound("DispatchMaximumConcurrency", bound).unwrap();
        assert!((2..=1000).contains(&number), "{bound}: {number}");
    }
    let concurrency = json!({ "MaximumConcurrency": ["IsLocalStack", 20, "DispatchMaximumConcurrency"] });
    assert_eq!(trigger()["ScalingConfig"], json!(["HasPollers", "AWS::NoValue", concurrency]));
}

#[test]
fn pollers_are_as_many_as_lambda_takes_and_never_beside_a_maximum_concurrency() {
    let most = |parameter| template().bound(parameter, "MaxValue").unwrap();
    assert_eq!((most("DispatchMinimumPollers"), most("DispatchMaximumPollers")), (200, 2_000));
    let pollers =
        json!({ "MinimumPollers": "DispatchMinimumPollers", "MaximumPollers": "DispatchMaximumPollers" });
    assert_eq!(trigger()["ProvisionedPollerConfig"], json!(["HasPollers", pollers, "AWS::NoValue"]));
    // A rule cannot read a default: it names the number.
    let template = template();
    let default = template.bound("DispatchMaximumConcurrency", "Default").unwrap();
    let rule = &template.section("Rules")["PollersTakeThePlaceOfConcurrency"]["Assertions"][0]["Assert"];
    assert_eq!(rule, &json!(["DispatchMaximumConcurrency", default.to_string()]));
}

#[test]
fn a_full_batch_is_taken_without_a_window_in_which_it_would_wait_unless_one_is_asked_for() {
    // Beyond ten, Lambda asks for a batching window, and a first attempt is due 1.5 s after its event.
    // Beside an intake queue, which has the window, this one carries retries, which would wait for each other.
    let window = json!(["IsLocalStack", 0, ["HasIntakeQueue", 0, "DispatchBatchingWindow"]]);
    assert_eq!(trigger()["MaximumBatchingWindowInSeconds"], window);
    let bound = |bound| template().bound("DispatchBatchingWindow", bound).unwrap();
    assert_eq!((bound("Default"), bound("MaxValue")), (0, 1));
    assert!(trigger()["BatchSize"].as_u64().unwrap() <= 10);
    assert_eq!(trigger()["FunctionResponseTypes"], json!(["ReportBatchItemFailures"]));
}

#[test]
fn a_review_that_is_asked_for_late_is_dropped_before_the_next_one() {
    let template = template();
    let every = Duration::from_mins(5);
    let review = &template.property("DirectoryFunction", "Events")["Review"]["Properties"];
    assert_eq!(review["ScheduleExpression"], "rate(5 minutes)");
    let age = &template.property("DirectoryFunction", "EventInvokeConfig")["MaximumEventAgeInSeconds"];
    for age in [age, &review["RetryPolicy"]["MaximumEventAgeInSeconds"]] {
        assert!(Duration::from_secs(age.as_u64().unwrap()) < every, "{age}");
    }
}

#[test]
fn the_ledger_outlives_every_message_that_may_still_ask_for_an_attempt() {
    let days = template().bound("LedgerRetentionDays", "MinValue").unwrap();
    let undelivered = seconds("DeadLetterQueue", "MessageRetentionPeriod");
    let notifications = seconds("NotificationsQueue", "MessageRetentionPeriod");
    // One that was moved back from the dead-letter queue starts anew in the first.
    assert!(undelivered + notifications < Duration::from_hours(24 * days));
}
