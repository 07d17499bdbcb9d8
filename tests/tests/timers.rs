//! Timers: a change that follows by time alone is notified at its time, once, and not if another state came first.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

use std::fs::read_to_string;

use arauto::explain::Explainer;
use convention::address::AddressPolicy;
use convention::notification::{
    AuthorisationServers, Choices, ENDPOINTS, Ecosystem, Endpoint, StateChange, Trigger, WebhookVersion,
    trigger,
};
use devkit::local::{change, expiring};
use devkit::receiver::MockReceiver;
use jiff::{SignedDuration, Timestamp};
use serde_json::{Value, json};
use tests::aws::{
    Call, Fault, Functions, INTAKE_ARN, LEDGER, NOTIFICATIONS, PKI, RECEIVERS, REJECTED, REJECTED_ARN,
    TIMERS_ARN, TIMERS_GROUP, TIMERS_ROLE_ARN, UNDELIVERED, from_queue, post, verdicts,
};

use tests::contract::file;

use crate::sources::{kinesis, taken_in};

const CLIENT: &str = "itp-1";

/// With timers, an identity, and a receiver that accepts.
async fn functions() -> (Functions, MockReceiver) {
    let functions = Functions { timers: true, ..Functions::default() };
    functions.put_identity(&PKI.sender);
    let mock = functions.receiver(CLIENT, "202").await;
    (functions, mock)
}

/// A consent that reached a state at this time.
fn consent(to: &str, at: Timestamp) -> Value {
    let mut consent = change(Endpoint::PaymentConsent, CLIENT, "C1", at);
    (consent["from"], consent["to"]) = (Value::Null, json!(to));
    if to == "AUTHORISED" {
        consent["from"] = json!("AWAITING_AUTHORISATION");
    }
    consent
}

/// The same with what follows by time alone.
fn until(to: &str, at: Timestamp, expires: SignedDuration) -> Value {
    expiring(consent(to, at), at + expires, "REJECTED")
}

const FIVE_MINUTES: SignedDuration = SignedDuration::from_mins(5);

/// What the schedules send, by the order of their times.
fn inputs(functions: &Functions) -> Vec<String> {
    let mut schedules: Vec<_> = functions.aws.schedules().into_values().collect();
    schedules.sort_by_key(|schedule| schedule["ScheduleExpression"].to_string());
    schedules.iter().map(|schedule| schedule["Target"]["Input"].as_str().unwrap().to_owned()).collect()
}

/// Fires a schedule now, and returns whether its message returns to the queue.
async fn fire(functions: &Functions, input: &str) -> bool {
    let dispatch = functions.dispatch(&functions.test_clock);
    !from_queue(&dispatch, TIMERS_ARN, &[input.to_owned()], &[]).await.is_empty()
}

async fn posted(functions: &Functions, change: &Value) -> (u16, String) {
    let (status, verdicts) = verdicts(&functions.intake(), change).await;
    (status, verdicts.first().cloned().unwrap_or_default())
}

#[tokio::test]
async fn a_state_that_expires_is_notified_at_its_time_and_once() {
    let (functions, mock) = functions().await;
    let now = functions.test_clock.now();
    let awaiting = until("AWAITING_AUTHORISATION", now, FIVE_MINUTES);
    // Posting it again sets the same timer.
    for _ in 0..2 {
        assert_eq!(posted(&functions, &awaiting).await, (202, "not_notifiable".to_owned()));
    }
    let schedules = functions.aws.schedules();
    assert_eq!(schedules.len(), 1);
    let schedule = schedules.values().next().unwrap();
    assert_eq!(schedule["GroupName"], TIMERS_GROUP);
    assert_eq!(schedule["ActionAfterCompletion"], "DELETE");
    assert_eq!(schedule["FlexibleTimeWindow"]["Mode"], "OFF");
    let target = &schedule["Target"];
    assert_eq!((&target["Arn"], &target["RoleArn"]), (&json!(TIMERS_ARN), &json!(TIMERS_ROLE_ARN)));
    assert_eq!(target["DeadLetterConfig"]["Arn"], REJECTED_ARN);
    let input = target["Input"].as_str().unwrap();
    assert!(!input.contains("bancoex") && !input.contains(CLIENT), "{input}");

    // The scheduler fires within a minute, so a minute early: the message waits for the rest.
    functions.test_clock.advance(SignedDuration::from_mins(4));
    assert!(fire(&functions, input).await);
    assert_eq!(functions.aws.hidden().last().unwrap().1, 60);
    assert_eq!(mock.count(), 0);
    functions.test_clock.advance(SignedDuration::from_mins(1));
    assert!(!fire(&functions, input).await);
    assert_eq!(mock.count(), 1);
    assert!(functions.metrics.values("OwnFaults").is_empty(), "waiting is no fault");
    // At least once.
    assert!(!fire(&functions, input).await);
    assert_eq!(mock.count(), 1);
}

/// The instant of the event is the end of the state: an override that began while the timer ran holds for it.
#[tokio::test]
async fn the_end_of_a_state_names_the_version_that_holds_at_its_time() {
    for (begins_after, named) in [(SignedDuration::from_mins(4), "v5"), (SignedDuration::from_mins(6), "v4")]
    {
        let (mut functions, mock) = functions().await;
        let now = functions.test_clock.now();
        let overrides = format!("payments=v4:v5@{}", now + begins_after);
        functions.choices = Choices { api_versions: overrides.parse().unwrap(), ..Choices::default() };
        let mut awaiting = until("AWAITING_AUTHORISATION", now, FIVE_MINUTES);
        awaiting["api_version"] = json!("v4");
        posted(&functions, &awaiting).await;
        let input = inputs(&functions).remove(0);
        functions.test_clock.advance(FIVE_MINUTES);
        assert!(!fire(&functions, &input).await);
        assert_eq!(mock.received()[0].api_version.as_deref(), Some(named));
    }
}

#[tokio::test]
async fn another_state_that_came_first_is_the_end_of_a_timer_by_whatever_door_it_came() {
    for by_queue in [false, true] {
        let (functions, mock) = functions().await;
        let now = functions.test_clock.now();
        posted(&functions, &until("AWAITING_AUTHORISATION", now, FIVE_MINUTES)).await;
        let input = inputs(&functions).remove(0);
        // Optional, and not wanted: nobody is notified of it, and it ends the timer all the same.
        let authorised = consent("AUTHORISED", now + SignedDuration::from_secs(5));
        if by_queue {
            let dispatch = functions.dispatch(&functions.test_clock);
            assert!(from_queue(&dispatch, INTAKE_ARN, &[authorised.to_string()], &[]).await.is_empty());
        } else {
            assert_eq!(posted(&functions, &authorised).await, (202, "not_notifiable".to_owned()));
            assert!(functions.aws.schedules().is_empty(), "it would fire in vain");
        }
        // It fires while its end is on the way, or because nobody could delete it.
        functions.test_clock.advance(FIVE_MINUTES);
        assert!(!fire(&functions, &input).await);
        assert_eq!(mock.count(), 0);
    }
}

#[tokio::test]
async fn a_later_state_stays_the_latest_whatever_comes_after_it() {
    let (functions, mock) = functions().await;
    let now = functions.test_clock.now();
    let second = SignedDuration::from_secs(1);
    assert_eq!(posted(&functions, &consent("AUTHORISED", now + second)).await.0, 202);
    // Repeated by a caller that had no answer, or of a system whose clock counts seconds.
    for at in [now, now + second] {
        posted(&functions, &until("AWAITING_AUTHORISATION", at, FIVE_MINUTES)).await;
        assert!(functions.aws.schedules().is_empty());
    }
    // The other way round.
    let other = |mut change: Value| {
        change["resource_id"] = json!("urn:bancoex:C2");
        change
    };
    posted(&functions, &other(until("AWAITING_AUTHORISATION", now, FIVE_MINUTES))).await;
    let input = inputs(&functions).remove(0);
    posted(&functions, &other(consent("AUTHORISED", now))).await;
    functions.test_clock.advance(FIVE_MINUTES);
    assert!(!fire(&functions, &input).await);
    assert_eq!(mock.count(), 0);
}

#[tokio::test]
async fn the_timer_of_the_next_state_takes_the_place_of_the_one_before() {
    let (functions, mock) = functions().await;
    let now = functions.test_clock.now();
    posted(&functions, &until("AWAITING_AUTHORISATION", now, FIVE_MINUTES)).await;
    let before = inputs(&functions).remove(0);
    let authorised = until("AUTHORISED", now + SignedDuration::from_secs(9), SignedDuration::from_mins(60));
    posted(&functions, &authorised).await;
    let after = inputs(&functions);
    assert_eq!(after.len(), 1);
    assert_ne!(after[0], before);
    functions.test_clock.advance(SignedDuration::from_mins(61));
    assert!(!fire(&functions, &before).await);
    assert_eq!(mock.count(), 0);
    assert!(!fire(&functions, &after[0]).await);
    assert_eq!(mock.count(), 1);
}

#[tokio::test]
async fn a_timer_that_could_not_be_set_is_told_and_set_when_the_change_comes_again() {
    for (operation, table) in [("CreateSchedule", None), ("UpdateItem", Some(LEDGER))] {
        let (functions, mock) = functions().await;
        let now = functions.test_clock.now();
        let fits = move |input: &Value| table.is_none_or(|table| input["TableName"] == table);
        functions.aws.fails_where(operation, fits, Fault::DENIED);
        // One that is notified itself is not queued either: the caller knows one state of it, not two.
        let consumed = until("CONSUMED", now, FIVE_MINUTES);
        assert_eq!(posted(&functions, &consumed).await, (503, "unavailable".to_owned()));
        assert!(functions.aws.schedules().is_empty());
        functions.aws.recovers();
        assert_eq!(posted(&functions, &consumed).await, (202, "accepted".to_owned()));
        assert_eq!(functions.aws.schedules().len(), 1);
        assert_eq!(mock.count(), 0);
    }
}

#[tokio::test]
async fn a_schedule_that_cannot_be_deleted_holds_nobody_up() {
    let (functions, _mock) = functions().await;
    let now = functions.test_clock.now();
    posted(&functions, &until("AWAITING_AUTHORISATION", now, FIVE_MINUTES)).await;
    functions.aws.fails("DeleteSchedule", Fault::DENIED);
    let authorised = consent("AUTHORISED", now + SignedDuration::from_secs(5));
    assert_eq!(posted(&functions, &authorised).await.0, 202);
}

#[tokio::test]
async fn a_timer_whose_state_cannot_be_read_returns_to_its_queue() {
    let (functions, mock) = functions().await;
    let now = functions.test_clock.now();
    posted(&functions, &until("AWAITING_AUTHORISATION", now, FIVE_MINUTES)).await;
    let input = inputs(&functions).remove(0);
    functions.test_clock.advance(FIVE_MINUTES);
    functions.aws.fails_where("GetItem", |input| input["TableName"] == LEDGER, Fault::DENIED);
    assert!(fire(&functions, &input).await);
    assert_eq!(functions.metrics.codes("OwnFaults"), ["ledger_unavailable"]);
    functions.aws.recovers();
    assert!(!fire(&functions, &input).await);
    assert_eq!(mock.count(), 1);
}

/// The message of the only schedule, and how long after now that fires.
fn only_schedule(functions: &Functions) -> (String, SignedDuration) {
    let schedule = functions.aws.schedules().into_values().next().unwrap();
    let at = schedule["ScheduleExpression"].as_str().unwrap();
    let at: Timestamp = format!("{}Z", at.trim_start_matches("at(").trim_end_matches(')')).parse().unwrap();
    (schedule["Target"]["Input"].as_str().unwrap().to_owned(), at.duration_since(functions.test_clock.now()))
}

#[tokio::test]
async fn an_end_that_is_over_when_its_state_comes_waits_for_the_states_behind_it() {
    for authorised in [true, false] {
        let (functions, mock) = functions().await;
        let before = functions.test_clock.now();
        functions.test_clock.advance(SignedDuration::from_mins(10));
        let awaiting = until("AWAITING_AUTHORISATION", before, FIVE_MINUTES);
        assert_eq!(posted(&functions, &awaiting).await.0, 202);
        let (input, wait) = only_schedule(&functions);
        assert!(wait > SignedDuration::from_mins(13) && wait < SignedDuration::from_mins(15), "{wait}");
        assert!(fire(&functions, &input).await, "its time has not come");
        functions.test_clock.advance(SignedDuration::from_mins(14));
        // A copy puts nothing off.
        assert_eq!(posted(&functions, &awaiting).await.0, 202);
        if authorised {
            posted(&functions, &consent("AUTHORISED", before + SignedDuration::from_secs(5))).await;
        }
        functions.test_clock.advance(SignedDuration::from_mins(1));
        assert!(!fire(&functions, &input).await);
        assert_eq!(mock.count(), usize::from(!authorised));
    }
}

#[tokio::test]
async fn an_end_that_was_over_a_day_ago_sets_no_timer() {
    let (functions, _mock) = functions().await;
    let before = functions.test_clock.now();
    functions.test_clock.advance(SignedDuration::from_hours(25));
    let (status, _) = posted(&functions, &until("AWAITING_AUTHORISATION", before, FIVE_MINUTES)).await;
    assert_eq!((status, functions.aws.schedules().len()), (202, 0));
}

#[tokio::test]
async fn a_stack_without_timers_says_so_and_records_no_state() {
    let functions = Functions::default();
    let now = functions.test_clock.now();
    let awaiting = until("AWAITING_AUTHORISATION", now, FIVE_MINUTES);
    let document = json!({ "changes": [awaiting] });
    let answer = post(&functions.intake(), "application/json", &document.to_string()).await;
    assert_eq!(answer.status, 400);
    let answer: Value = serde_json::from_slice(&answer.body).unwrap();
    let error = &answer["verdicts"][0]["errors"][0];
    assert_eq!((&error["pointer"], &error["code"]), (&json!("/changes/0/expires_at"), &json!("timers_off")));
    assert!(error["detail"].as_str().unwrap().contains("Timers"), "{error}");
    posted(&functions, &consent("AUTHORISED", now)).await;
    assert!(functions.aws.writes(LEDGER).is_empty());
}

#[tokio::test]
async fn a_queue_and_a_bus_set_no_timer_and_reject_what_asks_for_one() {
    let (functions, mock) = functions().await;
    let dispatch = functions.dispatch(&functions.test_clock);
    let consumed = until("CONSUMED", functions.test_clock.now(), FIVE_MINUTES);
    let event = json!({
        "detail-type": "StateChange", "source": "bank", "account": "123456789012", "detail": consumed,
    });
    let bodies = [consumed.to_string(), event.to_string()];
    assert!(from_queue(&dispatch, INTAKE_ARN, &bodies, &[]).await.is_empty());
    let mut pointers: Vec<_> = functions
        .aws
        .take_messages(REJECTED)
        .into_iter()
        .map(|message| {
            let rejected: Value = serde_json::from_str(&message.body).unwrap();
            let error = &rejected["errors"][0];
            assert_eq!(error["code"], "sets_no_timers");
            error["pointer"].as_str().unwrap().to_owned()
        })
        .collect();
    pointers.sort_unstable();
    assert_eq!(pointers, ["/detail/expires_at", "/expires_at"]);
    assert_eq!(mock.count(), 0);
}

/// The rows of the page: resource, the state before, the state after, and whether it is notified.
fn rows_of_the_page() -> Vec<[String; 4]> {
    let page = read_to_string(file("docs/timers.md").unwrap()).unwrap();
    let rows = page.lines().filter_map(|line| line.strip_prefix("| `")).map(|row| {
        let cells: Vec<_> = row.split('|').map(|cell| cell.trim().trim_matches('`').to_owned()).collect();
        [0, 1, 2, 5].map(|at| cells[at].clone())
    });
    rows.collect()
}

#[test]
fn each_change_that_no_call_makes_is_notified_as_the_page_says() {
    let rows = rows_of_the_page();
    assert_eq!(rows.len(), 9);
    for [resource, from, to, notified] in rows {
        let of = ENDPOINTS.iter().find(|row| row.resource == resource).unwrap();
        let mut change = change(of.endpoint, CLIENT, "C1", Functions::default().test_clock.now());
        if resource == "consent" {
            change["api_version"] = json!("v5");
        }
        (change["from"], change["to"]) = (json!(from), json!(to));
        let change = StateChange::from_json(&change, "").unwrap();
        let trigger = trigger(&change, WebhookVersion::V1_3_0);
        assert_eq!(matches!(trigger, Trigger::Required(_)), notified == "yes", "{resource} {from} {to}");
    }
}

#[test]
fn what_would_be_sent_at_the_end_of_a_state_is_explained_with_it() {
    let now = Functions::default().test_clock.now();
    let explainer = Explainer {
        receiver: Some(json!({ "webhook_uris": ["https://itp.example/a"] })),
        servers: AuthorisationServers::default(),
        choices: Choices::default(),
        ecosystem: Ecosystem::default(),
        policy: AddressPolicy::Public,
        now,
    };
    let told = explainer.explain(1, &until("AWAITING_AUTHORISATION", now, FIVE_MINUTES));
    let told = serde_json::to_value(&told).unwrap();
    assert_eq!(told["decision"], "not_notifiable");
    let then = &told["then"];
    assert_eq!(then["decision"], "notify");
    assert_eq!(then["expires_at"], (now + FIVE_MINUTES).to_string());
    let second = |instant: &Value| instant.as_str().unwrap().get(..19).unwrap().to_owned();
    assert_eq!(second(&then["body"]["data"]["timestamp"]), second(&then["expires_at"]));
    let without = serde_json::to_value(explainer.explain(1, &consent("CONSUMED", now))).unwrap();
    assert!(without["then"].is_null());
}

#[tokio::test]
async fn an_edit_ends_no_timer() {
    let (functions, mock) = functions().await;
    let now = functions.test_clock.now();
    posted(&functions, &until("AUTHORISED", now, FIVE_MINUTES)).await;
    let input = inputs(&functions).remove(0);
    let mut edit = consent("AUTHORISED", now + SignedDuration::from_secs(9));
    (edit["from"], edit["changed_fields"]) = (json!("AUTHORISED"), json!(["useOverdraftLimit"]));
    posted(&functions, &edit).await;
    functions.test_clock.advance(FIVE_MINUTES);
    assert!(!fire(&functions, &input).await);
    assert_eq!(mock.count(), 1);
}

/// Hands intake a state change by a stream, and returns how many records are repeated.
async fn serve(functions: &Functions, change: &Value) -> usize {
    let stream = kinesis(functions, &[change.to_string()]);
    let answer = taken_in(functions, &stream).await.unwrap();
    answer["batchItemFailures"].as_array().unwrap().len()
}

#[tokio::test]
async fn a_stream_sets_timers_as_the_api_does() {
    for timers in [true, false] {
        let functions = Functions { timers, ..Functions::default() };
        let now = functions.test_clock.now();
        let awaiting = until("AWAITING_AUTHORISATION", now, FIVE_MINUTES);
        if timers {
            functions.aws.fails("CreateSchedule", Fault::DENIED);
            assert_eq!(serve(&functions, &awaiting).await, 1, "the record is repeated");
            functions.aws.recovers();
        }
        assert_eq!(serve(&functions, &awaiting).await, 0);
        assert_eq!(functions.aws.schedules().len(), usize::from(timers));
        assert_eq!(functions.aws.take_messages(REJECTED).len(), usize::from(!timers));
    }
}

#[tokio::test]
async fn edited_fields_of_another_state_end_a_timer() {
    for (to, ends) in [("AUTHORISED", false), ("REVOKED", true)] {
        let (functions, mock) = functions().await;
        let now = functions.test_clock.now();
        let mut state = change(Endpoint::RecurringConsent, CLIENT, "C1", now);
        (state["from"], state["to"]) = (json!("AWAITING_AUTHORISATION"), json!("AUTHORISED"));
        state["changed_fields"] = json!([]);
        state["passed_through_partially_accepted"] = json!(false);
        let mut edit = state.clone();
        state["expires_at"] = json!((now + FIVE_MINUTES).to_string());
        state["expires_to"] = json!("CONSUMED");
        assert_eq!(posted(&functions, &state).await.0, 202);
        let input = inputs(&functions).remove(0);
        // Without the state before: an edit, or a state that came with one.
        edit["event_instant"] = json!((now + SignedDuration::from_secs(9)).to_string());
        (edit["from"], edit["to"]) = (Value::Null, json!(to));
        edit["changed_fields"] = json!(["useOverdraftLimit"]);
        assert_eq!(posted(&functions, &edit).await.0, 202);
        functions.test_clock.advance(FIVE_MINUTES);
        assert!(!fire(&functions, &input).await);
        assert_eq!(mock.count(), usize::from(!ends), "{to}");
    }
}

#[tokio::test]
async fn a_timer_that_the_scheduler_never_takes_blocks_no_stream() {
    let (functions, _mock) = functions().await;
    functions.aws.fails("CreateSchedule", Fault::Refused(400, "ValidationException"));
    let consumed = until("CONSUMED", functions.test_clock.now(), FIVE_MINUTES);
    assert_eq!(posted(&functions, &consumed).await, (503, "unavailable".to_owned()));
    assert_eq!(serve(&functions, &consumed).await, 0);
    assert_eq!(functions.aws.take_messages(REJECTED).len(), 1);
    assert_eq!(functions.metrics.values("TimersNotSet"), [1.0, 1.0]);
}

#[tokio::test]
async fn only_the_queue_of_timers_brings_them_and_it_brings_nothing_else() {
    let (functions, mock) = functions().await;
    let now = functions.test_clock.now();
    posted(&functions, &until("AWAITING_AUTHORISATION", now, FIVE_MINUTES)).await;
    let input = inputs(&functions).remove(0);
    functions.test_clock.advance(FIVE_MINUTES);
    let dispatch = functions.dispatch(&functions.test_clock);
    let consumed = consent("CONSUMED", now).to_string();
    for (arn, body) in [(INTAKE_ARN, &input), (TIMERS_ARN, &consumed)] {
        assert!(from_queue(&dispatch, arn, std::slice::from_ref(body), &[]).await.is_empty());
        assert_eq!(functions.aws.take_messages(REJECTED).len(), 1, "{arn}");
    }
    assert_eq!(mock.count(), 0);
}

#[tokio::test]
async fn a_timer_returns_while_timers_are_turned_off() {
    let (mut functions, mock) = functions().await;
    let now = functions.test_clock.now();
    posted(&functions, &until("AWAITING_AUTHORISATION", now, FIVE_MINUTES)).await;
    let input = inputs(&functions).remove(0);
    functions.test_clock.advance(FIVE_MINUTES);
    functions.timers = false;
    assert!(fire(&functions, &input).await);
    functions.timers = true;
    assert!(!fire(&functions, &input).await);
    assert_eq!(mock.count(), 1);
}

/// Fires a schedule whose message was received so often.
async fn fire_again(functions: &Functions, input: &str, receives: u32) -> bool {
    let dispatch = functions.dispatch(&functions.test_clock);
    let attributes = [("ApproximateReceiveCount", receives.to_string())];
    !from_queue(&dispatch, TIMERS_ARN, &[input.to_owned()], &attributes).await.is_empty()
}

/// How many writes to the ledger were of a notification.
fn notification_writes(functions: &Functions) -> usize {
    let of_state =
        |call: &&Call| call.input["Key"]["partition"]["S"].as_str().unwrap_or("").starts_with("state#");
    let writes = functions.aws.writes(LEDGER);
    writes.len() - writes.iter().filter(of_state).count()
}

#[tokio::test]
async fn a_timer_that_a_fault_of_ours_delays_too_long_is_given_up_in_the_ledger() {
    let (functions, mock) = functions().await;
    let now = functions.test_clock.now();
    posted(&functions, &until("AWAITING_AUTHORISATION", now, FIVE_MINUTES)).await;
    let input = inputs(&functions).remove(0);
    functions.test_clock.advance(FIVE_MINUTES);
    functions.aws.fails_where("GetItem", |input| input["TableName"] == RECEIVERS, Fault::DENIED);
    assert!(fire_again(&functions, &input, 147).await);
    assert!(!fire_again(&functions, &input, 148).await);
    assert_eq!(mock.count(), 0);
    assert!(notification_writes(&functions) > 0);
    assert_eq!(functions.aws.take_messages(UNDELIVERED).len(), 1);
}

#[tokio::test]
async fn a_timer_that_notifies_nobody_leaves_nothing_in_the_ledger() {
    let functions = Functions { timers: true, ..Functions::default() };
    functions.put_identity(&PKI.sender);
    let now = functions.test_clock.now();
    posted(&functions, &until("AWAITING_AUTHORISATION", now, FIVE_MINUTES)).await;
    let input = inputs(&functions).remove(0);
    functions.test_clock.advance(FIVE_MINUTES);
    assert!(!fire_again(&functions, &input, 2).await);
    assert_eq!(notification_writes(&functions), 0);
}

#[tokio::test]
async fn an_attempt_that_a_dead_process_left_is_settled_though_another_state_came() {
    let (functions, mock) = functions().await;
    let now = functions.test_clock.now();
    posted(&functions, &until("AWAITING_AUTHORISATION", now, FIVE_MINUTES)).await;
    let input = inputs(&functions).remove(0);
    functions.test_clock.advance(FIVE_MINUTES);
    let is_outcome = |input: &Value| input["ExpressionAttributeValues"].to_string().contains("delivered");
    functions.aws.fails_where("UpdateItem", is_outcome, Fault::DENIED);
    assert!(fire(&functions, &input).await);
    assert_eq!(mock.count(), 1);
    functions.aws.recovers();
    posted(&functions, &consent("AUTHORISED", now + FIVE_MINUTES)).await;
    functions.test_clock.advance(SignedDuration::from_mins(1));
    assert!(!fire(&functions, &input).await);
    // Whether it arrived nobody knows, so the next attempt follows.
    assert_eq!(functions.aws.messages(NOTIFICATIONS).len(), 1);
}
