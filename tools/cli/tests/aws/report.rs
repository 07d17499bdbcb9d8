//! `arauto report` as an auditor runs it, on a copy of the evidence and without an account.

use std::fs;

use convention::delivery::Hour;
use evidence::{Attempt, Hasher, Kind, Record, Seal, Sealed, prefix};
use jiff::{SignedDuration, Timestamp};
use serde_json::Value;

use crate::{Machine, said};

const FOLDER: &str = "copy";
/// In the middle of a month that is long over.
const AT: &str = "2026-03-10T15:00:00Z";

/// The two records of a delivery.
fn delivery(name: u128, client: &str, at: Timestamp) -> String {
    let id = format!("{name:032x}");
    let began = Record {
        id: format!("{id}.1.attempt_began"),
        kind: Kind::AttemptBegan,
        notification_id: id.clone(),
        sequence: (at.as_millisecond() * 10).to_string(),
        recorded_at: at,
        notification_status: Some("attempting".to_owned()),
        reason: None,
        client_id: Some(client.to_owned()),
        authorisation_server: None,
        endpoint: Some("E2".to_owned()),
        resource_id: Some("a-resource".to_owned()),
        api_version: Some("v5".to_owned()),
        event_instant: Some(AT.to_owned()),
        accepted_at: Some(at),
        replay_of: None,
        expires_at: None,
        attempt: Some(Attempt {
            number: 1,
            interaction_id: format!("interaction-{name}"),
            host: "itp.example".to_owned(),
            url_api_version: None,
            started_at: at,
            ended_at: None,
            outcome: None,
            status: None,
            address: None,
            tls: None,
        }),
    };
    let mut ended = began.clone();
    ended.id = format!("{id}.1.attempt_ended");
    ended.kind = Kind::AttemptEnded;
    ended.sequence = (at.as_millisecond() * 10 + 1).to_string();
    ended.notification_status = Some("delivered".to_owned());
    let attempt = ended.attempt.as_mut().unwrap();
    (attempt.ended_at, attempt.outcome) = (Some(at), Some("delivered".to_owned()));
    format!("{}\n{}\n", began.to_line(), ended.to_line())
}

/// Writes a copy of a bucket with one sealed hour, and returns the head and the path of its object.
fn copy(machine: &Machine, clients: &[&str]) -> (String, String) {
    let at: Timestamp = AT.parse().unwrap();
    let hour = Hour::of(at);
    let lines = (1_i64..).zip(clients).map(|(number, client)| {
        delivery(number.unsigned_abs().into(), client, at + SignedDuration::from_millis(number))
    });
    let content: String = lines.collect();
    let mut hasher = Hasher::default();
    hasher.update(content.as_bytes());
    let (size, sha256) = hasher.finish();
    let key = format!("{}stream-1", prefix(hour));
    let object = Sealed { key: key.clone(), version_id: "v-1".to_owned(), size, sha256 };
    let seal =
        Seal::new(hour, hour.plus(1).start() + SignedDuration::from_mins(25), None, (vec![object], vec![]));
    machine.write(&format!("{FOLDER}/{key}"), &content);
    machine.write(&format!("{FOLDER}/{}", Seal::key(hour)), std::str::from_utf8(&seal.to_json()).unwrap());
    (seal.head.to_string(), format!("{FOLDER}/{key}"))
}

fn arguments<'a>(more: &[&'a str]) -> Vec<&'a str> {
    [&["report", "--month", "2026-03", "--folder", FOLDER], more].concat()
}

#[test]
fn a_copy_of_the_evidence_is_reported_and_checked_without_an_account() {
    let machine = Machine::new();
    let odd = "=cmd|'/c-calc'!A1";
    let (head, object) = copy(&machine, &["itp-1", "itp-1", odd, "<script>"]);
    let output = machine.run(&arguments(&["--json", "--expect-head", &head]), &[]);
    assert_eq!(output.status.code(), Some(0), "{}", said(&output));
    let json: Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!((&json["all"]["notifications"], &json["all"]["delivered"]), (&4.into(), &4.into()));
    assert_eq!(
        (&json["basis"]["check"], &json["basis"]["chain"]["head"]),
        (&"agrees".into(), &head.clone().into())
    );
    // The month is not sealed to its end, and its beginning is not known.
    assert_eq!((&json["provisional"], &json["receivers_known"]), (&true.into(), &false.into()));
    assert_eq!(json["basis"]["known_from"], "2026-03-10T15:00:00Z");

    let files = ["--html", "r.html", "--csv", "r.csv", "--lang", "pt-BR"];
    let output = machine.run(&arguments(&files), &[]);
    assert_eq!((output.status.code(), output.stdout.len()), (Some(0), 0), "{}", said(&output));
    let read = |name: &str| fs::read_to_string(machine.home.path().join(name)).unwrap();
    assert!(
        read("r.html").contains("Conferido.")
            && read("r.html").contains(&head)
            && !read("r.html").contains("<script")
    );
    assert!(read("r.csv").contains(&format!("'{odd}")), "{}", read("r.csv"));
    assert!(!read("r.html").contains("a-resource") && !read("r.csv").contains("a-resource"));

    let output = machine.run(&arguments(&["--client", "itp-1"]), &[("LC_ALL", "pt_BR.UTF-8")]);
    let text = String::from_utf8(output.stdout.clone()).unwrap();
    assert!(text.starts_with("Relatório de notificações – março de 2026\n"), "{text}");
    assert!(!text.contains("script") && !text.contains("calc"), "{text}");

    // A byte of a record that somebody changed.
    let path = machine.home.path().join(object);
    let content = fs::read_to_string(&path).unwrap().replace("itp-1", "itp-2");
    fs::write(&path, content).unwrap();
    let output = machine.run(&arguments(&[]), &[]);
    assert_eq!(output.status.code(), Some(3), "{}", said(&output));
    assert!(said(&output).contains("the object differs from the sealed one"), "{}", said(&output));
    assert!(machine.aws.asked().is_empty());
}

#[test]
fn what_cannot_be_reported_is_said_and_has_an_exit_code() {
    let machine = Machine::new();
    let (_, object) = copy(&machine, &["itp-1"]);
    let kept = || fs::read_to_string(machine.home.path().join(&object)).unwrap();
    let before = kept();
    for (arguments, code, sentence) in [
        (&["report", "--month", "2999-01", "--folder", FOLDER][..], 2, "2999-01 has not begun"),
        (&["report", "--month", "2026-13", "--folder", FOLDER], 2, "not a month"),
        (&["report", "--month", "2025-01", "--folder", FOLDER], 1, "no hour of 2025-01 is sealed"),
        (&["report", "--month", "2026-03", "--folder", "nowhere"], 1, "nowhere is not a folder"),
        (
            &["report", "--authorisation-server", "11111111-aaaa-4000-8000-000000000001", "--folder", FOLDER],
            2,
            "--client",
        ),
        (&["report", "--client", "a", "--authorisation-server", "x", "--folder", FOLDER], 2, "UUID"),
        (&["report", "--folder", FOLDER, "--lang", "fr"], 2, "pt-BR"),
    ] {
        let output = machine.run(arguments, &[]);
        assert_eq!(output.status.code(), Some(code), "{arguments:?} {}", said(&output));
        assert!(said(&output).contains(sentence), "{arguments:?} {}", said(&output));
    }
    assert_eq!(kept(), before);
    assert!(machine.aws.asked().is_empty());
}
