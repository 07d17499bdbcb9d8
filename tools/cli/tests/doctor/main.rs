//! `arauto doctor stack` as an operator runs it: what it asks of AWS, what it says, and its exit codes.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

mod cbor;
mod fake;
mod http;
mod receiver;

use std::process::{Command, Output};

use devkit::pki::{Authority, ClientSubject};
use fake::Account;
use platform::clock::Clock;
use serde_json::{Value, json};

fn anchors() -> String {
    Authority::new("Raiz", Clock::system().now()).unwrap().root_pem().to_owned()
}

/// Runs the command against an account.
fn doctor(account: Account, options: &[&str]) -> (Output, Vec<String>) {
    let (url, asked) = account.serve();
    let mut command = Command::new(env!("CARGO_BIN_EXE_arauto"));
    command.args(["doctor", "stack", "--stack-name", "arauto", "--region", "sa-east-1"]).args(options);
    command.env_clear().envs([
        ("AWS_ENDPOINT_URL", url.as_str()),
        ("AWS_ACCESS_KEY_ID", "test"),
        ("AWS_SECRET_ACCESS_KEY", "test"),
        ("AWS_MAX_ATTEMPTS", "1"),
    ]);
    let output = command.output().unwrap();
    let mut asked = asked.lock().unwrap().clone();
    asked.sort_unstable();
    asked.dedup();
    (output, asked)
}

fn json_of(account: Account, options: &[&str]) -> (Option<i32>, Value) {
    let (output, _) = doctor(account, &[options, &["--json"]].concat());
    let error = String::from_utf8_lossy(&output.stderr).into_owned();
    let report = serde_json::from_slice(&output.stdout).unwrap_or_else(|_| panic!("{error}"));
    (output.status.code(), report)
}

/// What is found but for what is right, as severity and sentence.
fn wrong(report: &Value) -> Vec<(String, String)> {
    let found = report["findings"].as_array().unwrap().iter().filter(|one| one["severity"] != "ok");
    let text = |value: &Value| value.as_str().unwrap().to_owned();
    found.map(|one| (text(&one["severity"]), text(&one["what"]))).collect()
}

#[test]
fn a_stack_that_is_right_is_said_to_be_so_area_by_area() {
    let account = Account::right(&anchors());
    let expected = account.actions();
    let (output, asked) = doctor(account, &[]);
    let text = String::from_utf8(output.stdout).unwrap();
    assert_eq!(output.status.code(), Some(0), "{text}{}", String::from_utf8_lossy(&output.stderr));
    assert!(
        text.starts_with("arauto in sa-east-1 at ") && !text.contains("ERROR") && !text.contains("WARN"),
        "{text}"
    );
    for area in [
        "stack",
        "outputs",
        "identity",
        "trust",
        "sources",
        "concurrency",
        "schedules",
        "queues",
        "directory",
        "alarms",
        "topic",
        "budget",
        "keys",
        "tables",
        "settings",
    ] {
        assert!(text.contains(&format!("ok  {area} ")), "{area}: {text}");
    }
    // Each action that it may ask for is asked for, so that the denials below are tried.
    let missing: Vec<_> = expected.iter().filter(|action| !asked.contains(&(**action).to_owned())).collect();
    assert!(missing.is_empty(), "nobody asked for {missing:?}");
}

#[test]
fn each_action_that_is_denied_is_named_and_hides_nothing_else() {
    let anchors = anchors();
    for action in Account::right(&anchors).actions() {
        let mut account = Account::right(&anchors);
        account.denied = Some(action);
        let (code, report) = json_of(account, &[]);
        let found = wrong(&report);
        assert_eq!(code, Some(1), "{action}: {found:?}");
        assert!(!found.is_empty(), "{action}");
        for (severity, what) in found {
            assert!(
                severity == "unknown" && what.contains("AccessDenied") && what.contains(action),
                "{action}: {severity} {what}"
            );
        }
    }
}

#[test]
fn a_wrong_stack_is_told_with_exit_code_3() {
    let mut account = Account::right(&anchors());
    account.set(
        "lambda:ListEventSourceMappings",
        json!({ "EventSourceMappings": [{ "UUID": "5a5a", "State": "Disabled", "StateTransitionReason": "USER_INITIATED" }] }),
    );
    account.set("kms:DescribeKey", json!({ "KeyMetadata": { "KeyId": "1", "KeyState": "PendingDeletion" } }));
    account.set("lambda:GetFunctionConcurrency", json!({ "ReservedConcurrentExecutions": 0 }));
    let (output, _) = doctor(account, &[]);
    let text = String::from_utf8(output.stdout).unwrap();
    assert_eq!(output.status.code(), Some(3), "{text}");
    for line in [
        "the event source of dispatch is Disabled (USER_INITIATED): it invokes nothing",
        "-> aws lambda update-event-source-mapping --uuid 5a5a --enabled",
        "docs/operations.md#notifications-wait-in-the-queue",
        "the key of the topic is PendingDeletion: alarms notify nobody",
        "the data key will be deleted",
        "intake is stopped: its reserved concurrency is 0",
    ] {
        assert!(text.contains(line), "{line}: {text}");
    }
}

#[test]
fn the_custodian_alone_opens_the_identities() {
    let authority = Authority::new("Raiz", Clock::system().now()).unwrap();
    let identity = authority.client(&ClientSubject::default()).unwrap();
    let secret =
        json!({ "certificate_chain": identity.chain_pem, "private_key": identity.key_pem }).to_string();
    let account = || {
        let mut account = Account::right(authority.root_pem());
        account.secrets.insert("IdentitySecret", secret.clone());
        account
    };
    let (_, report) = json_of(account(), &[]);
    let identities = |report: &Value| {
        let all = report["findings"].as_array().unwrap().clone();
        all.into_iter()
            .filter(|one| one["area"] == "identity")
            .map(|one| one["what"].to_string())
            .collect::<Vec<_>>()
    };
    assert!(
        identities(&report)[0].contains("200 days left (the first to expire, as dispatch measured"),
        "{report}"
    );
    let (_, report) = json_of(account(), &["--identities"]);
    let opened = identities(&report).join("\n");
    assert!(opened.contains("the key is that of the certificate"), "{opened}");
    assert!(!report.to_string().contains("PRIVATE KEY"), "{report}");
}

#[test]
fn a_stack_that_cannot_be_read_is_exit_code_1() {
    let mut account = Account::right("");
    account.denied = Some("cloudformation:DescribeStacks");
    let (output, _) = doctor(account, &[]);
    let error = String::from_utf8(output.stderr).unwrap();
    assert_eq!((output.status.code(), output.stdout.len()), (Some(1), 0), "{error}");
    assert!(error.contains("AccessDenied on cloudformation:DescribeStacks of arauto"), "{error}");
}
