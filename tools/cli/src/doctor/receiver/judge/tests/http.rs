//! Answers to HEAD, and what is said of the notification.

use terminal::Language;

use super::*;
use Verdict::{MayFail, NotChecked, Ok, WillFail};

#[test]
fn a_path_that_is_not_there_may_fail() {
    for (status, verdict, code) in [
        (200, Ok, ""),
        (202, Ok, ""),
        (405, Ok, ""),
        (404, MayFail, "client_error"),
        (410, MayFail, "client_error"),
        (429, MayFail, "client_error"),
        (501, MayFail, "server_error"),
    ] {
        let found = found(&facts([(V4, answered(status))]), Check::Answer);
        assert_eq!(found, [(verdict, code.to_owned())], "{status}");
    }
}

#[test]
fn a_notification_counts_as_sent_only_if_its_request_was() {
    let of = |posted: Option<Visit>| Facts { posts: true, posted, ..facts([(V4, answered(202))]) };
    let told = |facts: Facts| {
        let found = found(&facts, Check::Notification);
        (found[0].0, found[0].1.clone(), report(facts).summary(Language::En))
    };
    let (verdict, code, summary) = told(of(None));
    assert_eq!((verdict, code.as_str()), (NotChecked, ""));
    assert!(summary.ends_with("no notification was sent"), "{summary}");
    for stage in [Stage::Connecting, Stage::Handshake, Stage::Waiting] {
        let (verdict, _, summary) = told(of(Some(broken(stage, "connection_reset"))));
        assert_eq!(verdict, WillFail);
        assert!(summary.ends_with("no notification was sent"), "{stage:?}: {summary}");
    }
    let silent = of(Some(broken(Stage::Request, "timeout")));
    let what = report(silent.clone()).findings.into_iter().find(|one| one.check == Check::Notification);
    assert!(what.unwrap().what.en.contains("was sent, and not answered in time"));
    let (verdict, code, summary) = told(silent);
    assert_eq!((verdict, code.as_str()), (WillFail, "timeout"));
    assert!(summary.contains("one notification was sent, and not answered in time"), "{summary}");
    // As a dispatch of before tells one that was cut.
    let (verdict, _, summary) = told(of(Some(Visit { stage: Stage::Request, ..waiting() })));
    assert_eq!(verdict, NotChecked);
    assert!(summary.contains("one notification was sent, and not answered in time"), "{summary}");
    let delivered = Answered { outcome: Some("delivered".to_owned()), ..answered(202).answer.unwrap() };
    let (verdict, _, summary) = told(of(Some(Visit { answer: Some(delivered), ..answered(202) })));
    assert_eq!(verdict, Ok);
    assert!(summary.contains("one notification was sent, of a resource"), "{summary}");
}
