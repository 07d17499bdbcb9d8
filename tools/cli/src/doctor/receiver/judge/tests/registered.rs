//! A registered client, as its row says.

use convention::directory::Registration;
use serde_json::json;

use super::super::super::here::Receiver;
use super::super::judge_registered;
use super::*;

fn registered(base_uri: Option<&str>, suspension: Option<&str>) -> Option<Receiver> {
    let registration: Registration = serde_json::from_value(json!({
        "client_id": "itp-1", "base_uri": base_uri, "webhook_uris": [], "registered_at": now(), "suspension": suspension,
    }))
    .unwrap();
    Receiver::of(registration)
}

#[test]
fn a_suspended_client_is_notified_of_nothing_whatever_its_receiver_does() {
    for code in ["organisation_not_active", "software_not_active"] {
        let receiver = registered(Some("https://itp.example/base"), Some(code)).unwrap();
        let facts = facts([(V4, answered(202))]);
        let findings = judge_registered(&facts, receiver.suspension, now());
        assert_eq!(of(&findings[..1], Check::Registration), [(Verdict::WillFail, code)]);
        assert!(findings[0].what_to_do.en.contains("Ask the Directory"), "{findings:?}");
        assert_eq!(Report { facts, from: String::new(), findings }.outcome(), Outcome::Fails);
    }
}

#[test]
fn a_client_that_is_not_suspended_is_judged_by_its_receiver_and_one_without_a_webhook_not_at_all() {
    let receiver = registered(Some("https://itp.example/base"), None).unwrap();
    let facts = facts([(V4, answered(202))]);
    assert_eq!(judge_registered(&facts, receiver.suspension, now()), judge(&facts, now()));
    assert!(registered(None, None).is_none());
}
