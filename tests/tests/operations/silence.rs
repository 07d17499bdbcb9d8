//! Nothing stops in silence: what CloudWatch shows when something has stopped, and the alarms that go on then and off again.

use jiff::Timestamp;
use serde_json::Value;
use tests::log::Written;
use tests::template::Template;

use super::alarms::{alarms, text, trouble, value};
use super::evaluate::{MISSING, is_on};

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
    let (written, _log) = Written::here();
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
