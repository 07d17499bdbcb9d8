//! `arauto polling`: files with a file of notifications ask nobody; a stack tells its own notifications and log groups.

use convention::notification::{Endpoint, Partition};
use serde_json::{Value, json};

use crate::server::STACK;
use crate::{Machine, said};

/// 2026-09-21T14:13:20Z.
const AT: i64 = 1_790_000_000_000;

fn line(seconds: i64) -> String {
    json!({
        "requestTimeEpoch": AT + seconds * 1_000, "httpMethod": "GET", "clientId": "itp-1", "status": "200",
        "path": "/open-banking/payments/v5/pix/payments/p-1",
    })
    .to_string()
}

fn attempt(seconds: i64, outcome: &str) -> Value {
    let id = format!("{}{:017x}", Partition::of_id(Endpoint::PixPayment, "p-1"), 1);
    let line = json!({
        "message": "An attempt ended.", "notification_id": id, "client_id": "itp-1", "endpoint": "E2", "attempt": 1,
        "outcome": outcome, "duration_ms": 40,
    });
    json!({ "timestamp": AT + seconds * 1_000, "message": line.to_string(), "eventId": format!("{seconds}") })
}

fn json_of(machine: &Machine, arguments: &[&str], code: i32) -> Value {
    let arguments = [&["polling", "--format", "api-gateway-http", "--json"], arguments].concat();
    let output = machine.run(&arguments, &[]);
    assert_eq!(output.status.code(), Some(code), "{}", said(&output));
    serde_json::from_slice(&output.stdout).unwrap()
}

#[test]
fn files_and_a_file_of_notifications_ask_nobody_and_broken_lines_have_an_exit_code() {
    let machine = Machine::new();
    let log: Vec<_> = (0..40).map(|minute| line(minute * 60)).collect();
    machine.write("access.log", &log.join("\n"));
    let told =
        r#"{"client_id":"itp-1","resource":"E2","resource_id":"p-1","delivered_at":"2026-09-21T14:14:50Z"}"#;
    machine.write("told.jsonl", told);
    let files = ["access.log", "--notifications", "told.jsonl"];
    let report = json_of(&machine, &files, 0);
    let one = &report["initiators"][0];
    assert_eq!(
        (&one["used"], &one["no_change"], &one["ignored_resources"]),
        (&json!(1), &json!(38), &json!(0))
    );
    assert_eq!((&report["usd_per_million"], &one["no_change_usd"]), (&json!("1.00"), &json!("0.000038")));
    assert!(one["message"]["pt-BR"].as_str().unwrap().contains("38 delas"), "{one}");
    let arguments =
        [&["polling", "--format", "api-gateway-http", "--lang", "pt-BR", "--svg", "p.svg"], &files[..]]
            .concat();
    let output = machine.run(&arguments, &[]);
    assert!(said(&output).contains("To itp-1:\n  Entre 21/09/2026"), "{}", said(&output));
    assert!(machine.home.path().join("p.svg").exists());
    let rows =
        machine.run(&[&["polling", "--format", "api-gateway-http", "--csv"], &files[..]].concat(), &[]);
    assert!(said(&rows).contains("itp-1,2026-09-21,40,1,1,38,0.000038\r\n"), "{}", said(&rows));
    machine.write("access.log", &format!("{}\nnothing\n", line(0)));
    assert_eq!(json_of(&machine, &files, 3)["log"]["broken"], 1);
    let output = machine.run(
        &["polling", "access.log", "--format", "api-gateway-http", "--notifications", "told.jsonl"],
        &[],
    );
    assert!(said(&output).contains("access.log:2: it is no JSON object"), "{}", said(&output));
    assert!(machine.aws.asked().is_empty(), "{:?}", machine.aws.asked());
    for (arguments, code) in [
        (&["polling", "access.log"][..], 2),
        (&["polling", "--format", "alb"], 2),
        (&["polling", "-", "--format", "alb", "--stack-name", STACK], 2),
        (&["polling", "none.log", "--format", "alb", "--notifications", "told.jsonl"], 1),
        (&["polling", "access.log", "--mapping", "told.jsonl", "--notifications", "told.jsonl"], 1),
    ] {
        let output = machine.run(arguments, &[]);
        assert_eq!(output.status.code(), Some(code), "{arguments:?}: {}", said(&output));
    }
}

#[test]
fn a_stack_tells_what_was_delivered_and_the_lines_of_a_log_group() {
    let access = |seconds: i64| {
        json!({
            "timestamp": AT + seconds * 1_000, "message": line(seconds), "eventId": format!("a{seconds}"), "group": "bank-access",
        })
    };
    let machine = Machine::with_logs(vec![
        json!([attempt(30, "timeout"), access(0), access(1)]),
        json!([attempt(60, "delivered"), access(61), access(4_000), access(8_000)]),
    ]);
    let stack = ["--profile", "process", "--stack-name", STACK, "--until", "2026-09-21T18:00:00Z"];
    machine.write("access.log", &[0, 1, 61, 4_000, 8_000].map(line).join("\n"));
    let group = ["--log-group", "bank-access", "--since", "2026-09-21T14:00:00Z"];
    for source in [&["access.log"][..], &group] {
        let report = json_of(&machine, &[source, &stack].concat(), 0);
        let one = &report["initiators"][0];
        let figures = ["gets", "notifications", "used", "no_change_inferred"].map(|name| one[name].as_u64());
        assert_eq!(figures, [Some(5), Some(1), Some(1), Some(3)], "{report}");
    }
    let none = ["polling", "--format", "alb", "--log-group", "none"];
    let output = machine.run(&[&none[..], &stack].concat(), &[]);
    assert!(said(&output).contains("no such log group"), "{}", said(&output));
}
