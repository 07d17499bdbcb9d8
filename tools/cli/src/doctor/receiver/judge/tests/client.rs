//! Whether somebody without a certificate is refused, which only the comparison with our own visit tells.

use super::*;
use Verdict::{MayFail, NotChecked, Ok};

const CHECK: Check = Check::WithoutCertificate;

/// The verdict, with our certificate and without one, of a receiver that asks for one or does not.
fn verdict(ours: Visit, without: Visit, asks: bool) -> Verdict {
    let asking = |visit| Visit { certificate_requested: asks, ..visit };
    let without = Visit { presents_certificate: false, ..asking(without) };
    let facts = Facts { without_certificate: Some(without), ..facts([(V4, asking(ours))]) };
    found(&facts, CHECK)[0].0
}

#[test]
fn a_close_is_a_refusal_only_of_who_was_asked_for_a_certificate_and_did_worse_than_we() {
    for code in ["connection_reset", "handshake_closed", "tls_handshake", "client_certificate_refused"] {
        let closes = || broken(Stage::Request, code);
        assert_eq!(verdict(answered(202), closes(), true), Ok, "{code}");
        assert_eq!(verdict(answered(202), closes(), false), NotChecked, "{code}");
        assert_eq!(verdict(broken(Stage::Request, "timeout"), closes(), true), Ok, "{code}");
        // A server that closes on each HEAD.
        let same = if code == "client_certificate_refused" { Ok } else { NotChecked };
        assert_eq!(verdict(closes(), closes(), true), same, "{code}");
        assert_eq!(verdict(closes(), closes(), false), NotChecked, "{code}");
    }
    let (early, late) =
        (broken(Stage::Waiting, "connection_reset"), broken(Stage::Request, "connection_reset"));
    assert_eq!(verdict(late.clone(), early.clone(), true), Ok);
    assert_eq!(verdict(early, late, true), NotChecked);
}

#[test]
fn a_status_is_a_refusal_only_of_who_was_asked_for_a_certificate() {
    for status in [400, 401, 403, 495, 496] {
        assert_eq!(verdict(answered(202), answered(status), true), Ok);
        assert_eq!(verdict(answered(202), answered(status), false), NotChecked);
        assert_eq!(verdict(answered(status), answered(status), true), NotChecked);
    }
    assert_eq!(verdict(answered(202), answered(202), true), MayFail);
    // Without a certificate of ours the first visit is the one.
    let only = |asks| {
        facts([(V4, Visit { presents_certificate: false, certificate_requested: asks, ..answered(401) })])
    };
    assert_eq!(found(&only(true), CHECK)[0].0, Ok);
    assert_eq!(found(&only(false), CHECK)[0].0, NotChecked);
}
