//! Nothing stops in silence: what CloudWatch shows when something has stopped, and the alarms that go on then and off again.

use dispatch::Batch;
use jiff::{SignedDuration, Timestamp};
use serde_json::{Value, json};
use tests::aws::{Functions, PKI};
use tests::log::listen;
use tests::template::Template;

use super::alarms::{alarms, text, trouble, value};
use super::evaluate::{MISSING, is_on, statistic};
use super::play::{CLIENT, Play, SECOND};

/// Whether an alarm is on after periods with these values.
fn on(name: &str, periods: &[f64]) -> bool {
    is_on(&alarms()[name], periods)
}

#[test]
fn an_event_source_that_is_disabled_is_told_within_fifteen_minutes() {
    // One message comes at the beginning, and nobody takes it: what SQS says each minute, and in each five minutes.
    let ages: Vec<_> = (1..=15).map(|minute| 60.0 * f64::from(minute)).collect();
    let age_on = (1..=ages.len()).find(|minutes| on("QueueAgeAlarm", &ages[..*minutes]));
    assert!(age_on.is_some_and(|minutes| minutes <= 8), "{age_on:?}");
    let waits = value("DispatchNotInvokedAlarm", &[("waiting", 1.0)]);
    assert!(on("DispatchNotInvokedAlarm", &[MISSING, waits, waits]));
    // It is enabled again.
    let taken = value("DispatchNotInvokedAlarm", &[("waiting", 1.0), ("invocations", 1.0)]);
    assert!(!on("DispatchNotInvokedAlarm", &[waits, taken]));
    assert!(!on("QueueAgeAlarm", &[900.0, 960.0, 0.0]));
}

#[test]
fn a_queue_that_dispatch_empties_and_one_that_is_idle_alarm_nobody() {
    // Messages pass through, so that their least number in five minutes is none.
    let busy = value("DispatchNotInvokedAlarm", &[("waiting", 0.0), ("invocations", 3_000.0)]);
    // After six hours without messages SQS and Lambda measure nothing.
    let idle = value("DispatchNotInvokedAlarm", &[]);
    for quiet in [busy, idle] {
        assert!(!on("DispatchNotInvokedAlarm", &[quiet; 3]), "{quiet}");
    }
    // A retry waits 60 s in the queue.
    assert!(!on("QueueAgeAlarm", &[75.0; 5]) && !on("QuietReceiversWaitAlarm", &[75.0; 5]));
}

#[test]
fn a_flood_to_one_receiver_is_a_notice_and_pages_once_it_delays_the_others() {
    let flooded = [12_000.0, 20_000.0, 30_000.0, 30_000.0, 20_000.0];
    assert!(on("QueueDepthAlarm", &flooded) && !on("QuietReceiversWaitAlarm", &[2.0; 5]));
    assert!(on("QuietReceiversWaitAlarm", &[130.0, 140.0, 150.0]));
    assert!(!on("QuietReceiversWaitAlarm", &[130.0, 140.0, 5.0]));
    let severity = |name: &str| alarms()[name]["Tags"][0]["Value"].clone();
    assert_eq!(
        (severity("QueueDepthAlarm"), severity("QuietReceiversWaitAlarm")),
        ("notice".into(), "page".into())
    );
}

/// Whether Lambda hands a line on at this `ApplicationLogLevel`.
///
/// Source: "Log-level filtering", AWS Lambda Developer Guide: a line without a valid level, or without a timestamp of RFC 3339, is
/// one of INFO.
fn hands_on(line: &Value, level: &str) -> bool {
    let levels = ["TRACE", "DEBUG", "INFO", "WARN", "ERROR", "FATAL"];
    let rank = |level: &str| levels.iter().position(|known| level.eq_ignore_ascii_case(known));
    let timed = text(&line["timestamp"]).parse::<Timestamp>().is_ok();
    let own = rank(text(&line["level"])).filter(|_| timed).or_else(|| rank("INFO"));
    own >= rank(level)
}

#[tokio::test]
async fn lambda_drops_no_line_and_no_metric_at_the_level_of_any_function() {
    let (written, _log) = listen();
    let mut lines = Box::pin(trouble()).await;
    assert!(lines.len() > 30, "{}", lines.len());
    lines.extend(written.take().iter().map(|line| serde_json::from_str(line).unwrap()));
    let template = Template::stack().unwrap();
    let logging = &template.section("Globals")["Function"]["LoggingConfig"];
    assert_eq!(logging["LogFormat"], "JSON");
    let level = text(&logging["ApplicationLogLevel"]);
    for line in &lines {
        assert!(hands_on(line, level), "{line}");
    }
    // The rule bites: one level higher, metrics would be gone.
    assert!(lines.iter().any(|line| !hands_on(line, "WARN")));
    for (name, resource) in template.resources() {
        let own = &resource["Properties"]["LoggingConfig"]["ApplicationLogLevel"];
        assert!(own.is_null(), "{name} has a level of its own");
    }
}

#[tokio::test]
async fn each_notification_that_is_given_up_alarms_anew() {
    let play = Play::new("503").await;
    let mut minutes = Vec::new();
    for id in ["p-1", "p-2"] {
        assert_eq!(play.dispatch(&[play.payment(CLIENT, id)]).await, 0);
        play.next_attempt(10 * SECOND).await;
        play.next_attempt(60 * SECOND).await;
        let given_up = play.functions.metrics.values("Undelivered");
        minutes.push(statistic("Sum", &given_up[minutes.len() / 2..]));
        // The next minute nothing is given up, although the message still lies in the dead-letter queue.
        minutes.push(MISSING);
    }
    let states: Vec<_> = (1..=minutes.len()).map(|seen| on("UndeliveredAlarm", &minutes[..seen])).collect();
    assert_eq!(states, [true, false, true, false]);
}

#[test]
fn what_sqs_dead_letters_itself_alarms_and_what_dispatch_does_is_told_once() {
    let name = "DeadLetteredBySqsAlarm";
    let state = |metrics: &[(&str, f64)]| on(name, &[value(name, metrics)]);
    assert!(state(&[("DIFF(dead)", 3.0)]));
    assert!(state(&[("DIFF(dead)", 3.0), ("undelivered", 1.0), ("unreadable", 1.0)]));
    assert!(!state(&[("DIFF(dead)", 3.0), ("undelivered", 2.0), ("unreadable", 1.0)]));
    // It lies there; it is taken out; the queue measures nothing.
    assert!(!state(&[("DIFF(dead)", 0.0)]) && !state(&[("DIFF(dead)", -3.0)]) && !state(&[]));
}

#[test]
fn a_day_of_cost_is_a_day_of_the_calendar() {
    let alarm = &alarms()["DailyCostAlarm"];
    assert_eq!(alarm["EvaluationWindow"], json!({ "WallClockWindow": { "Timezone": "UTC" } }));
    // What CloudWatch takes for such a window.
    for query in alarm["Metrics"].as_array().unwrap().iter().skip(1) {
        assert!(
            [60, 300, 3_600, 86_400, 604_800].contains(&query["MetricStat"]["Period"].as_u64().unwrap()),
            "{query}"
        );
    }
}

/// Has dispatch do what the schedule asks for.
async fn check_identities(functions: &Functions) {
    let template = Template::read("template.yaml").unwrap();
    let schedule = &template.property("DispatchFunction", "Events")["CheckIdentities"]["Properties"];
    let event: Batch = serde_json::from_str(text(&schedule["Input"])).unwrap();
    let answer = functions.dispatch(&functions.test_clock).handle(event).await;
    assert!(answer.batch_item_failures.is_empty());
}

#[tokio::test]
async fn the_end_of_a_certificate_is_measured_without_any_traffic() {
    let functions = Functions::default();
    functions.put_identity(&PKI.sender);
    check_identities(&functions).await;
    let days = functions.metrics.values("CertificateDaysLeft");
    assert!(days.len() == 1 && days[0] > 30.0, "{days:?}");
    assert!(!on("CertificateExpiringAlarm", &[days[0]]));
    functions.test_clock.advance(SignedDuration::from_hours(24 * 340));
    check_identities(&functions).await;
    let days = functions.metrics.values("CertificateDaysLeft")[1];
    assert!(on("CertificateExpiringAlarm", &[days]), "{days}");
    // Nothing measures it: that is told too.
    assert!(on("CertificateExpiringAlarm", &[MISSING]));
}

#[tokio::test]
async fn an_identity_that_cannot_be_used_is_told_before_the_first_notification_and_one_not_stored_yet_is_not()
{
    let functions = Functions::default();
    check_identities(&functions).await;
    assert_eq!(functions.metrics.values("IdentityNotReloaded"), [0.0; 0]);
    functions.put_identity_text("no JSON");
    check_identities(&functions).await;
    let refused = functions.metrics.values("IdentityNotReloaded");
    assert_eq!(refused, [1.0]);
    assert!(on("IdentityNotReloadedAlarm", &[statistic("Sum", &refused)]));
}

#[test]
fn a_schedule_that_stops_is_told_within_fifteen_minutes_by_one_alarm() {
    // Two runs in each ten minutes; then none.
    assert!(!on("ReviewStoppedAlarm", &[1.0, MISSING, 1.0]));
    assert!(on("ReviewStoppedAlarm", &[1.0, MISSING, MISSING, MISSING]));
    for silent in ["DirectoryKeysAgeAlarm", "DirectoryListAgeAlarm"] {
        assert!(!on(silent, &[MISSING; 5]), "{silent}");
    }
}

#[test]
fn an_event_source_of_evidence_that_is_disabled_is_told_although_the_sealing_goes_on() {
    let name = "EvidenceNotInvokedAlarm";
    let silent = value(name, &[("writes", 40.0)]);
    let sealing = value(name, &[("writes", 40.0), ("invocations", 1.0)]);
    assert!(on(name, &[silent, sealing, silent, silent]));
    assert!(!on(name, &[silent, sealing, sealing]) && !on(name, &[value(name, &[]); 2]));
}

#[test]
fn an_event_source_of_outcomes_that_is_disabled_is_told_and_one_whose_filters_drop_all_is_not() {
    let name = "OutcomesNotInvokedAlarm";
    let silent = value(name, &[("writes", 40.0)]);
    let filtered = value(name, &[("writes", 40.0), ("polled", 40.0)]);
    assert!(on(name, &[silent, silent]));
    assert!(!on(name, &[filtered; 2]) && !on(name, &[value(name, &[]); 2]));
    // Ten minutes behind is told within fifteen.
    assert!(on("OutcomesBehindAlarm", &[601_000.0]) && !on("OutcomesBehindAlarm", &[599_000.0]));
}

#[test]
fn a_record_that_is_rejected_is_told_whatever_its_source_is_called() {
    let name = "IntakeRecordsRejectedAlarm";
    // One record, whose shape no alarm of a source may know; then none; an idle queue measures nothing.
    assert!(on(name, &[MISSING, statistic("Sum", &[1.0])]));
    assert!(!on(name, &[1.0, 0.0]) && !on(name, &[1.0, MISSING]));
    assert_eq!(alarms()[name]["Tags"][0]["Value"], "notice");
    // It is there as soon as there is any source.
    let template = Template::read("template.yaml").unwrap();
    let any = template.section("Conditions")["HasSource"].to_string();
    for source in ["HasIntakeQueue", "HasIntakeEvents", "HasIntakeStream", "HasIntakeKafka", "HasTimers"] {
        assert!(any.contains(source), "{source}");
    }
}
