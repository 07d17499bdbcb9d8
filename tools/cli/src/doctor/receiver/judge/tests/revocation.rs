//! Lists and statuses, judged as `mtls::revocation::decide` does.

use mtls::examine::{ListFacts, RevocationFacts, RevocationOf, StatusFacts};

use super::*;
use Verdict::{MayFail, Ok, WillFail};

fn minutes(minutes: i64) -> SignedDuration {
    SignedDuration::from_mins(minutes)
}

#[expect(clippy::unnecessary_wraps, reason = "a certificate has it as an option")]
fn status(status: &str, asked: i64, next: Option<i64>) -> Option<StatusFacts> {
    let fetched_at = now() - minutes(asked);
    let next_update = next.map(|next| now() + minutes(next));
    Some(StatusFacts { status: status.to_owned(), fetched_at, this_update: fetched_at, next_update })
}

#[expect(clippy::unnecessary_wraps, reason = "a certificate has it as an option")]
fn list(next: i64) -> Option<ListFacts> {
    let at = now() - minutes(60);
    Some(ListFacts { fetched_at: at, this_update: at, next_update: now() + minutes(next) })
}

/// The verdicts on a receiver's own certificate with this status, and on its authority's with this.
fn verdicts(own: Option<StatusFacts>, above: RevocationOf) -> [Verdict; 2] {
    let lists = vec!["http://lists.example/1.crl".to_owned()];
    let responders = vec!["http://ocsp.example/".to_owned()];
    let own = RevocationOf { lists: lists.clone(), responders, status: own, ..RevocationOf::default() };
    let revocation = Some(RevocationFacts { verdict: None, certificates: vec![own, above] });
    let visit = answered(202);
    let chain = Some(Chain { revocation, ..visit.chain.clone().unwrap() });
    let main = Visit { chain, ..visit };
    let findings = super::super::revocation::judge(&main, now());
    [findings[0].verdict, findings[1].verdict]
}

#[test]
fn a_current_good_status_of_the_receivers_own_certificate_suffices() {
    let none = RevocationOf::default;
    let stale = || RevocationOf { list: list(-1), lists: vec!["x".to_owned()], ..none() };
    let missed = || RevocationOf { list_error: Some("timeout".to_owned()), ..stale() };
    let unasked = || RevocationOf { lists: vec!["x".to_owned()], ..none() };
    for above in [none(), stale(), missed(), unasked()] {
        assert_eq!(verdicts(status("good", 1, Some(60)), above.clone()), [Ok, Ok], "{above:?}");
    }
    assert_eq!(verdicts(status("good", 1, Some(-1)), stale()), [MayFail, MayFail]);
    assert_eq!(verdicts(status("revoked", 1, Some(60)), stale())[1], MayFail);
    let revoked = RevocationOf { revoked: true, ..stale() };
    assert_eq!(verdicts(status("good", 1, Some(60)), revoked), [Ok, WillFail]);
}

#[test]
fn a_status_without_an_end_is_current_for_fifteen_minutes() {
    let current = RevocationOf { list: list(60), lists: vec!["x".to_owned()], ..RevocationOf::default() };
    for (asked, verdict) in [(0, Ok), (14, Ok), (15, MayFail), (60, MayFail)] {
        assert_eq!(verdicts(status("good", asked, None), current.clone()), [verdict, Ok], "{asked}");
    }
}

#[test]
fn a_status_of_an_authority_stands_in_for_nothing() {
    let above = RevocationOf {
        list: list(-1),
        lists: vec!["x".to_owned()],
        status: status("good", 1, Some(60)),
        ..RevocationOf::default()
    };
    assert_eq!(verdicts(status("good", 1, Some(-1)), above)[1], MayFail);
}
