//! A version that is wrong is stopped by its deployment: what it measures while it is new, and the alarms that `CodeDeploy` looks at.

use std::collections::BTreeMap;

use convention::directory::Environment;
use serde_json::{Value, json};
use tests::aws::{Fault, requeued};
use tests::directory_fixture::Fixture;
use tests::template::Template;

use super::alarms::{alarms, text, value, values, watched};
use super::evaluate::{is_on, statistic};
use super::play::{CLIENT, Play};

/// Whether an alarm on one metric is on after a period in which functions wrote these lines.
fn on_after(name: &str, lines: &[Value]) -> bool {
    let alarm = alarms().remove(name).unwrap();
    let [of] = watched(&alarm).try_into().unwrap();
    is_on(&alarm, &[statistic(text(&alarm["Statistic"]), &values(lines, &of))])
}

/// What a version of dispatch measures of attempts at a receiver that answers so.
async fn measured(answer: &str, attempts: usize) -> Vec<Value> {
    let play = Play::new(answer).await;
    for batch in 0..attempts.div_ceil(10) {
        let messages: Vec<_> =
            (0..10).map(|message| play.payment(CLIENT, &format!("p-{batch}-{message}"))).collect();
        assert_eq!(play.dispatch(&messages).await, 0);
    }
    play.lines_with("Delivered")
}

/// Whether `CodeDeploy` stops a version that measured this, beside one before it that measured that.
fn is_stopped(new: &[Value], before: &[Value]) -> bool {
    let name = "NewVersionDeliversLessAlarm";
    let alarm = alarms().remove(name).unwrap();
    let of = |id: &str| {
        let query = alarm["Metrics"].as_array().unwrap().iter().find(|query| query["Id"] == id).unwrap();
        let stat = &query["MetricStat"];
        let all: Vec<_> = if id.starts_with("all") { [new, before].concat() } else { new.to_vec() };
        let watched = watched(&json!({ "Metrics": [{}, query] })).remove(0);
        statistic(text(&stat["Stat"]), &values(&all, &watched))
    };
    let ids = ["delivered", "attempts", "allDelivered", "allAttempts"];
    let metrics: Vec<_> = ids.iter().map(|id| (*id, of(id))).collect();
    is_on(&alarm, &[value(name, &metrics)])
}

#[tokio::test]
async fn a_version_that_delivers_less_than_the_one_before_is_stopped() {
    // One that breaks TLS, or what it sends, delivers nothing.
    let (broken, well) = (measured("400", 10).await, measured("202", 90).await);
    assert!(is_stopped(&broken, &well));
    assert!(!is_stopped(&measured("202", 10).await, &well));
    // Where the receivers are down, both fail.
    assert!(!is_stopped(&broken, &measured("503", 90).await));
    // What is mended is not kept out by what was wrong.
    assert!(!is_stopped(&measured("202", 10).await, &broken));
    // All attempts are of the new version: there is nothing to compare.
    assert!(!is_stopped(&broken, &[]));
}

#[test]
fn few_attempts_are_no_reason_to_stop_and_many_are_told_apart_more_finely() {
    let difference = |attempts: f64, delivered: f64| {
        let all = [("allAttempts", attempts + 900.0), ("allDelivered", delivered + 810.0)];
        let metrics = [all.as_slice(), &[("attempts", attempts), ("delivered", delivered)]].concat();
        is_on(&alarms()["NewVersionDeliversLessAlarm"], &[value("NewVersionDeliversLessAlarm", &metrics)])
    };
    assert!(!difference(9.0, 0.0));
    assert!(difference(10.0, 4.0) && !difference(10.0, 6.0));
    assert!(difference(100.0, 75.0) && !difference(100.0, 85.0));
}

#[tokio::test]
async fn a_version_that_cannot_read_messages_or_has_faults_of_its_own_is_stopped() {
    let play = Play::new("202").await;
    let message = play.payment(CLIENT, "p-1");
    assert_eq!(play.dispatch(&[message]).await, 0);
    let well = play.functions.metrics.lines();
    assert!(!on_after("UnreadableMessagesAlarm", &well) && !on_after("NewVersionOwnFaultsAlarm", &well));
    assert_eq!(requeued(&play.dispatch, &["no message".to_owned()]).await, [0; 0]);
    assert!(on_after("UnreadableMessagesAlarm", &play.functions.metrics.lines()));
    play.functions.aws.fails("UpdateItem", Fault::THROTTLED);
    let message = play.payment(CLIENT, "p-2");
    assert_eq!(play.dispatch(&[message]).await, 1);
    assert!(on_after("NewVersionOwnFaultsAlarm", &play.functions.metrics.lines()));
}

#[tokio::test]
async fn a_version_whose_run_of_the_schedule_fails_in_a_part_is_stopped() {
    let mut fixture = Fixture::new().await;
    let body = fixture.with_uris(CLIENT, &["https://localhost:1"]);
    assert_eq!(fixture.put(CLIENT, &body).await.status, 200);
    fixture.review().await;
    assert_eq!(fixture.functions.metrics.values("ReviewFailures"), [0.0]);
    assert!(!on_after("NewVersionReviewFailsAlarm", &fixture.functions.metrics.lines()));
    // It reaches the Directory no more once keys and list are due.
    fixture.functions.environment = Environment::local("http://127.0.0.1:9");
    fixture.functions.test_clock.advance(jiff::SignedDuration::from_hours(27));
    tests::aws::review(&fixture.functions.directory()).await;
    assert_eq!(fixture.functions.metrics.values("ReviewFailures"), [0.0, 2.0]);
    assert!(on_after("NewVersionReviewFailsAlarm", &fixture.functions.metrics.lines()));
    // One that cannot read the registrations fails whole, and says so too.
    fixture.functions.aws.fails("Scan", Fault::DENIED);
    assert!(!tests::aws::reviewed(&fixture.functions.directory()).await);
    assert!(fixture.functions.metrics.values("ReviewFailures")[2] >= 1.0);
}

#[test]
fn one_answer_of_5xx_stops_a_deployment() {
    let alarm = &alarms()["NewVersionApiFailsAlarm"];
    assert!(is_on(alarm, &[1.0]) && !is_on(alarm, &[1.0, 0.0]));
}

#[test]
fn each_deployment_looks_at_what_can_go_wrong_with_its_function_and_lasts_as_long_as_that_needs() {
    let root = Template::read("template.yaml").unwrap();
    let watches: BTreeMap<_, _> = ["IntakeFunction", "DispatchFunction", "DirectoryFunction"]
        .map(|function| {
            let preference = root.property(function, "DeploymentPreference");
            let alarms: Vec<_> = preference["Alarms"].as_array().unwrap().iter().map(text).collect();
            let alarms: Vec<_> =
                alarms.iter().map(|alarm| alarm.rsplit_once('.').unwrap().1.to_owned()).collect();
            // The most that a deployment group has.
            assert!(alarms.len() <= 10, "{function}");
            (function, alarms)
        })
        .into();
    assert_eq!(watches["IntakeFunction"], ["IntakeErrorsAlarm", "ApiFails"]);
    assert_eq!(
        watches["DispatchFunction"],
        ["DispatchErrorsAlarm", "UnreadableMessagesAlarm", "OwnFaults", "DeliversLess"]
    );
    assert_eq!(watches["DirectoryFunction"], ["DirectoryErrorsAlarm", "ApiFails", "ReviewFails"]);

    // The new version gets one run of the schedule at least, but for one deployment in a thousand.
    let steps = Template::read("infra/deployment.yaml").unwrap();
    let canary = &steps.property("DirectoryDeployment", "TrafficRoutingConfig")["TimeBasedCanary"];
    let number = |name: &str| canary[name].as_f64().unwrap();
    let every =
        text(&root.property("DirectoryFunction", "Events")["Review"]["Properties"]["ScheduleExpression"])
            .to_owned();
    assert_eq!(every, "rate(5 minutes)");
    let none = (1.0 - number("CanaryPercentage") / 100.0).powf((number("CanaryInterval") / 5.0).floor());
    assert!(none <= 0.001_1, "{none}");
    assert_eq!(
        root.property("DirectoryFunction", "DeploymentPreference")["Type"],
        "DeploymentStack.Outputs.DirectoryDeployment"
    );

    // They are of the version that comes.
    let given = root.property("DeploymentStack", "Parameters");
    assert_eq!(given["DispatchVersion"], "DispatchFunction.Version.Version");
    assert_eq!(given["DirectoryVersion"], "DirectoryFunction.Version.Version");
}
