//! What a stack chooses where the convention leaves a choice: which version a URL names after its end, and whether edits that
//! the initiator made are notified.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

use std::collections::BTreeSet;

use arauto::explain::Explainer;
use convention::address::AddressPolicy;
use convention::notification::{
    ApiVersionOverrides, AuthorisationServers, Choices, ENDPOINTS, Ecosystem, Endpoint,
};
use devkit::local::change;
use devkit::receiver::MockReceiver;
use platform::config::Settings;
use regex_lite::Regex;
use serde_json::{Value, json};
use tests::aws::{Functions, INTAKE_ARN, NOTIFICATIONS, PKI, from_queue, post, requeued, verdicts};
use tests::log::listen;
use tests::template::Template;

const CLIENT: &str = "itp-1";
const OVERRIDE: &str = "payments=v4:v5@2026-08-20";

fn choices(overrides: &str) -> Choices {
    Choices { api_versions: overrides.parse().unwrap(), ..Choices::default() }
}

async fn functions(choices: Choices, answers: &str) -> (Functions, MockReceiver) {
    let functions = Functions { choices, ..Functions::default() };
    functions.put_identity(&PKI.sender);
    let mock = functions.receiver(CLIENT, answers).await;
    (functions, mock)
}

/// A payment that was created through v4.
fn old_payment(functions: &Functions, id: &str) -> Value {
    let mut change = change(Endpoint::PixPayment, CLIENT, id, functions.test_clock.now());
    change["api_version"] = json!("v4");
    change
}

fn named(mock: &MockReceiver) -> Vec<String> {
    mock.received().into_iter().map(|received| received.api_version.unwrap()).collect()
}

#[tokio::test]
async fn every_attempt_and_replay_names_the_version_that_an_override_says_and_the_ledger_tells() {
    let (functions, mock) = functions(choices(OVERRIDE), "503,202,202").await;
    let dispatch = functions.dispatch(&functions.test_clock);
    let (written, _listening) = listen();
    assert_eq!(verdicts(&functions.intake(), &old_payment(&functions, "p-1")).await.1, ["accepted"]);
    let first = functions.aws.take_messages(NOTIFICATIONS).remove(0).body;
    assert_eq!(requeued(&dispatch, std::slice::from_ref(&first)).await, [0; 0]);
    let second = functions.aws.take_messages(NOTIFICATIONS).remove(0).body;
    functions.test_clock.advance(jiff::SignedDuration::from_secs(11));
    assert_eq!(requeued(&dispatch, &[second]).await, [0; 0]);
    let message = convention::delivery::AttemptMessage::from_json(&first).unwrap();
    let replay = message.replay();
    assert_eq!(requeued(&dispatch, &[replay.to_json()]).await, [0; 0]);
    assert_eq!(named(&mock), ["v5", "v5", "v5"]);

    let row = functions.aws.ledger_row(message.notification.as_str()).unwrap();
    assert_eq!(row.text("api_version"), "v4", "the resource stays what it is");
    assert_eq!([1, 2].map(|number| row.attempt(number, "url_api_version")), ["v5", "v5"]);
    let shown = functions.intake().ledger.notification(&message.notification).await.unwrap().unwrap();
    let shown = serde_json::to_value(&shown).unwrap();
    assert_eq!(
        (&shown["api_version"], &shown["attempts"][0]["url_api_version"]),
        (&json!("v4"), &json!("v5"))
    );
    let lines = written.take().into_iter().map(|line| serde_json::from_str::<Value>(&line).unwrap());
    let told: Vec<_> = lines.filter(|line| !line["url_api_version"].is_null()).collect();
    assert_eq!(told.len(), 3);
    assert!(told.iter().all(|line| line["url_api_version"] == "v5"), "{told:?}");
}

#[tokio::test]
async fn without_an_override_the_version_of_birth_is_named_and_nothing_else_is_written() {
    for overrides in ["", "payments=v4:v5@2999-01-01", "automatic-payments=v4:v5@2026-08-20"] {
        let (functions, mock) = functions(choices(overrides), "202").await;
        let dispatch = functions.dispatch(&functions.test_clock);
        let message = functions.message_of(&old_payment(&functions, "p-1"));
        assert_eq!(requeued(&dispatch, &[message.to_json()]).await, [0; 0]);
        assert_eq!(named(&mock), ["v4"], "{overrides}");
        let row = functions.aws.ledger_row(message.notification.as_str()).unwrap();
        assert_eq!((row.text("api_version"), row.attempt(1, "url_api_version")), ("v4", ""));
    }
}

#[tokio::test]
async fn what_comes_from_a_source_names_the_version_that_an_override_says() {
    let (functions, mock) = functions(choices(OVERRIDE), "202").await;
    let dispatch = functions.dispatch(&functions.test_clock);
    let body = old_payment(&functions, "p-1").to_string();
    assert_eq!(from_queue(&dispatch, INTAKE_ARN, &[body], &[]).await, [0; 0]);
    assert_eq!(named(&mock), ["v5"]);
}

/// An edit of a recurring consent by this actor.
fn edit(functions: &Functions, actor: &str, id: &str) -> Value {
    let mut change = change(Endpoint::RecurringConsent, CLIENT, id, functions.test_clock.now());
    (change["to"], change["actor"]) = (json!("AUTHORISED"), json!(actor));
    change["changed_fields"] = json!(["maximumVariableAmount"]);
    change
}

#[tokio::test]
async fn an_edit_by_the_initiator_is_notified_unless_the_stack_chooses_otherwise() {
    let off = Choices { notify_initiator_edits: false, ..Choices::default() };
    for (choices, is_notified) in [(Choices::default(), true), (off, false)] {
        let (functions, mock) = functions(choices, "202").await;
        let (by_initiator, by_holder) =
            (edit(&functions, "INICIADORA", "1"), edit(&functions, "DETENTORA", "2"));
        let body = json!({ "changes": [by_initiator, by_holder] }).to_string();
        let answer = post(&functions.intake(), "application/json", &body).await;
        let said: Value = serde_json::from_slice(&answer.body).unwrap();
        let rules: Vec<_> = [0, 1].map(|at| said["verdicts"][at]["rule"].as_str().map(str::to_owned)).into();
        let expected = (!is_notified).then(|| "edited_by_initiator".to_owned());
        assert_eq!(rules, [expected, None]);
        assert_eq!(functions.aws.take_messages(NOTIFICATIONS).len(), 1 + usize::from(is_notified));
        // By a source, where dispatch decides.
        let dispatch = functions.dispatch(&functions.test_clock);
        let body = edit(&functions, "INICIADORA", "3").to_string();
        assert_eq!(from_queue(&dispatch, INTAKE_ARN, &[body], &[]).await, [0; 0]);
        assert_eq!(mock.count(), usize::from(is_notified));
    }
}

#[test]
fn explain_says_that_a_version_was_overridden_and_why() {
    let functions = Functions::default();
    let explainer = |choices| Explainer {
        ecosystem: Ecosystem::default(),
        receiver: Some(json!({ "webhook_uris": ["https://itp.example"] })),
        servers: AuthorisationServers::default(),
        choices,
        policy: AddressPolicy::Public,
        now: functions.test_clock.now(),
    };
    let told = |choices, change: &Value| serde_json::to_value(explainer(choices).explain(1, change)).unwrap();
    let payment = old_payment(&functions, "p-1");
    let overridden = told(choices(OVERRIDE), &payment);
    assert_eq!(overridden["url"], "https://itp.example/open-banking/webhook/v1/payments/v5/pix/payments/p-1");
    assert_eq!(
        overridden["detail"],
        "The URL names v5, although the resource was created through v4 of payments: ApiVersionOverrides has \
         payments=v4:v5@2026-08-20T03:00:00Z, and the event is not before 2026-08-20T03:00:00Z."
    );
    let plain = told(Choices::default(), &payment);
    assert_eq!(plain["url"], "https://itp.example/open-banking/webhook/v1/payments/v4/pix/payments/p-1");
    assert!(plain["detail"].is_null());

    let off = Choices { notify_initiator_edits: false, ..Choices::default() };
    let by_initiator = edit(&functions, "INICIADORA", "1");
    assert_eq!(told(Choices::default(), &by_initiator)["decision"], "notify");
    assert_eq!(told(off, &by_initiator)["rule"], "edited_by_initiator");

    let mut unknown = payment;
    unknown["api"] = json!("payroll-credit-portability");
    let unknown = told(Choices::default(), &unknown);
    assert_eq!((&unknown["decision"], &unknown["rule"]), (&json!("not_notifiable"), &json!("unknown_api")));
    assert_eq!(unknown["warnings"], json!(["unknown_api"]));
}

/// What the template takes is what dispatch can read at its start, but for what a pattern cannot tell: that the second version
/// is later, that the month has the day, and that no item stands twice.
#[test]
fn the_template_takes_overrides_that_dispatch_reads_and_refuses_other_forms() {
    let template = Template::read("template.yaml").unwrap();
    let pattern = &template.section("Parameters")["ApiVersionOverrides"]["AllowedPattern"];
    let pattern = pattern.as_str().unwrap();
    // The pattern lists the APIs with a webhook.
    let (before, _) = pattern.split_once(")=").unwrap();
    let named: BTreeSet<_> = before.rsplit_once('(').unwrap().1.split('|').collect();
    assert_eq!(named, ENDPOINTS.iter().map(|row| row.api).collect());
    let pattern = Regex::new(pattern).unwrap();
    for good in [
        "",
        OVERRIDE,
        "payments=v4:v5@2026-08-20T00:00:00-03:00,automatic-payments=v2:v3@2027-01-01T00:00:00.5Z",
        "enrollments=v2:v10@2026-12-31T23:59:59+00:00,payments=v4:v5@2026-08-20,payments=v5:v6@2027-08-20",
    ] {
        assert!(pattern.is_match(good) && good.parse::<ApiVersionOverrides>().is_ok(), "{good}");
    }
    for bad in [
        "payments",
        "payments=v4:v5",
        "payments=v4@2026-08-20",
        "payments=v0:v5@2026-08-20",
        "payments=4:5@2026-08-20",
        "payments=v4:v5@soon",
        "payments=v4:v5@2026-08-20;payments=v5:v6@2027-08-20",
        "Payments=v4:v5@2026-08-20",
        "payment=v4:v5@2026-08-20",
        "accounts=v4:v5@2026-08-20",
        "payments=v4:v5@2026-08-20T00:00:00",
        "payments=v4:v5@2026-08-20T00:00Z",
        "payments=v4:v5@2026-08-20T24:00:00Z",
        "payments=v4:v5@20-08-2026",
        "payments=v4:v5@2026-13-01",
        "payments=v4:v5@2026-08-20payments=v5:v6@2027-08-20",
    ] {
        assert!(!pattern.is_match(bad), "{bad}");
        assert!(bad.parse::<ApiVersionOverrides>().is_err(), "{bad}");
    }
    for untold in [
        "payments=v5:v4@2026-08-20",
        "payments=v4:v5@2026-02-30",
        "payments=v4:v5@2026-08-20,payments=v4:v6@2026-08-20",
    ] {
        assert!(pattern.is_match(untold) && untold.parse::<ApiVersionOverrides>().is_err(), "{untold}");
    }
}

/// A setting that cannot be used stops the function at its start, with the reason.
#[test]
fn a_setting_that_cannot_be_used_is_refused_with_the_reason() {
    let of = |name: &'static str, value: &'static str| {
        let lookup = move |asked: &str| (asked == name).then(|| value.to_owned());
        Settings::new(&lookup).choices().map_err(|error| error.to_string())
    };
    assert_eq!(of("OTHER", ""), Ok(Choices::default()));
    assert_eq!(of("ARAUTO_API_VERSION_OVERRIDES", OVERRIDE), Ok(choices(OVERRIDE)));
    assert!(!of("ARAUTO_NOTIFY_INITIATOR_EDITS", "false").unwrap().notify_initiator_edits);
    assert_eq!(
        of("ARAUTO_API_VERSION_OVERRIDES", "payment=v4:v5@2026-08-20").unwrap_err(),
        "the environment variable ARAUTO_API_VERSION_OVERRIDES cannot be used: \"payment=v4:v5@2026-08-20\" overrides no API \
         version: \"payment\" is no API with a webhook; those are payments, enrollments, automatic-payments"
    );
}
