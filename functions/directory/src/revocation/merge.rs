//! Merges fetched lists into an authority's row. Pure.

use std::collections::BTreeMap;

use jiff::{SignedDuration, Timestamp};
use mtls::revocation::{AuthorityRow, GoodList, ListEntry, Serials, Source};

use super::crl_reader::{Crl, Kind, Scope};

/// Maximum lead of an authority's clock over ours.
pub(super) const SKEW: SignedDuration = SignedDuration::from_mins(5);

/// A list with a valid signature, from one of the addresses of its source.
#[derive(Clone, Debug)]
pub(super) struct Fetched {
    pub(super) url: String,
    pub(super) etag: Option<String>,
    pub(super) digest: String,
    pub(super) at: Timestamp,
    pub(super) list: Crl,
}

/// The answer to a request for a list.
#[derive(Clone, Debug)]
pub(super) enum Answer {
    /// The known list is still current.
    Same(GoodList),
    /// A list with a valid signature, and whether it is good for the certificates of its source.
    New(Box<Fetched>, Result<(), NotGood>),
}

/// Why a correctly signed list proves nothing good. The serials that it names are revoked nevertheless.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
pub(super) enum NotGood {
    #[error("it is for other certificates than those that name it")]
    OtherScope,
    #[error("it is not valid yet")]
    NotYetValid,
    #[error("its successor is due")]
    Expired,
    #[error("it is older than the one that is kept")]
    Older,
}

impl NotGood {
    pub(super) fn code(self) -> &'static str {
        match self {
            Self::OtherScope => "crl_other_scope",
            Self::NotYetValid => "crl_not_yet_valid",
            Self::Expired => "crl_expired",
            Self::Older => "crl_older",
        }
    }
}

/// Says whether a list covers every certificate of a source (RFC 5280, section 6.3.3, steps b and d).
pub(super) fn covers(list: &Crl, source: &Source) -> bool {
    let Scope { kind, names, some_reasons, indirect } = &list.scope;
    let of_kind = match kind {
        Kind::All => true,
        Kind::User => !source.is_authority,
        Kind::Ca => source.is_authority,
        Kind::Attribute => false,
    };
    // A scope without a name covers all certificates of the authority.
    let named = names.as_ref().is_none_or(|names| names.iter().any(|name| source.names.contains(name)));
    of_kind && named && !some_reasons && !indirect && !list.is_delta
}

/// Merges fetched lists into an authority's row and serials. Serials named by its lists are permanently revoked;
/// those on hold stay so while the list of their source names them.
pub(super) fn merge(
    before: &AuthorityRow,
    mut serials: Serials,
    sources: &BTreeMap<String, Source>,
    mut answers: BTreeMap<String, Answer>,
    revoked_by_ocsp: &[u64],
) -> (AuthorityRow, Serials) {
    let mut held: BTreeMap<_, _> =
        before.lists.iter().map(|list| list.source.clone()).zip(serials.held).collect();
    let known: BTreeMap<_, _> = before.lists.iter().map(|list| (list.source.as_str(), list)).collect();
    serials.held = Vec::new();
    let mut named = revoked_by_ocsp.to_vec();
    let mut lists = Vec::new();
    // Sources that no certificate names any more are dropped, but permanent revocations stay.
    for source in sources.keys() {
        let mut good = known.get(source.as_str()).and_then(|list| list.good.clone());
        let mut on_hold = held.remove(source).unwrap_or_default();
        match answers.remove(source) {
            None => {}
            Some(Answer::Same(same)) => good = Some(same),
            Some(Answer::New(fetched, is_good)) => {
                let Fetched { url, etag, digest, at, list } = *fetched;
                // An indirect list also names certificates of other authorities, by the same numbers.
                if !list.scope.indirect {
                    named.extend_from_slice(&list.revoked);
                    match is_good {
                        Ok(()) => on_hold = list.held,
                        // It is on hold now, even if the good list does not name it. The next good list lifts the
                        // hold.
                        Err(NotGood::OtherScope) => {
                            on_hold.extend_from_slice(&list.held);
                            on_hold.sort_unstable();
                            on_hold.dedup();
                            if let Some(good) = &mut good {
                                (good.etag, good.digest) = (None, String::new());
                            }
                        }
                        // A hold in an old list may have been lifted since.
                        Err(NotGood::NotYetValid | NotGood::Expired | NotGood::Older) => {}
                    }
                }
                if is_good.is_ok() {
                    let (this_update, next_update) = (list.this_update, list.next_update);
                    good = Some(GoodList { url, etag, digest, fetched_at: at, this_update, next_update });
                }
            }
        }
        lists.push(ListEntry { source: source.clone(), good });
        serials.held.push(on_hold);
    }
    serials.revoke(&named);
    let row = AuthorityRow { name: before.name.clone(), lists, serials: before.serials.clone() };
    (row, serials)
}

/// Says whether a correctly signed list is good for the certificates of its source.
pub(super) fn judge(
    list: &Crl,
    source: &Source,
    kept: Option<&GoodList>,
    now: Timestamp,
) -> Result<(), NotGood> {
    if !covers(list, source) {
        return Err(NotGood::OtherScope);
    }
    if list.this_update > now.saturating_add(SKEW).unwrap_or(Timestamp::MAX) {
        return Err(NotGood::NotYetValid);
    }
    if list.next_update <= now {
        return Err(NotGood::Expired);
    }
    // An attacker on the path may replay a list from before a revocation.
    if kept.is_some_and(|kept| list.this_update < kept.this_update) {
        return Err(NotGood::Older);
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    const URL: &str = "http://crl.example/a.crl";

    fn now() -> Timestamp {
        "2026-11-29T12:00:00Z".parse().unwrap()
    }

    fn source(is_authority: bool) -> Source {
        Source { urls: vec![URL.to_owned()], names: vec![URL.to_owned()], is_authority }
    }

    fn list(revoked: &[u64], held: &[u64]) -> Crl {
        let hour = SignedDuration::from_hours(1);
        Crl {
            this_update: now() - hour,
            next_update: now() + hour,
            scope: Scope::default(),
            is_delta: false,
            revoked: revoked.to_vec(),
            held: held.to_vec(),
        }
    }

    fn named(names: &[&str]) -> Scope {
        Scope { names: Some(names.iter().map(|name| (*name).to_owned()).collect()), ..Scope::default() }
    }

    /// Merges a fetched list of the source of a receiver's certificate.
    fn fetch(row: &AuthorityRow, serials: &Serials, list: Crl) -> (AuthorityRow, Serials) {
        let source = source(false);
        let kept = row.lists.first().and_then(|list| list.good.as_ref());
        let is_good = judge(&list, &source, kept, now());
        let fetched = Fetched { url: URL.to_owned(), etag: None, digest: String::new(), at: now(), list };
        let answers = BTreeMap::from([(source.id(), Answer::New(Box::new(fetched), is_good))]);
        merge(row, serials.clone(), &BTreeMap::from([(source.id(), source)]), answers, &[])
    }

    #[test]
    fn a_list_is_for_the_certificates_that_its_scope_names() {
        let covers = |scope, is_authority| covers(&Crl { scope, ..list(&[], &[]) }, &source(is_authority));
        let kind = |kind| Scope { kind, ..Scope::default() };
        assert!(covers(Scope::default(), false) && covers(Scope::default(), true));
        assert!(covers(kind(Kind::User), false) && !covers(kind(Kind::User), true));
        assert!(covers(kind(Kind::Ca), true) && !covers(kind(Kind::Ca), false));
        assert!(!covers(kind(Kind::Attribute), false));
        assert!(covers(named(&["ldap://crl.example/a", URL]), false));
        assert!(!covers(named(&["https://crl.example/a.crl"]), false), "another scheme is another name");
        assert!(!covers(named(&[]), false), "a name that is no URI is shared with nobody");
        assert!(!covers(Scope { some_reasons: true, ..Scope::default() }, false));
        assert!(!covers(Scope { indirect: true, ..Scope::default() }, false));
    }

    #[test]
    fn a_list_of_another_scope_leaves_the_good_one_and_revokes_what_it_names() {
        let (row, serials) = fetch(&AuthorityRow::default(), &Serials::default(), list(&[1], &[2]));
        let other = Crl { scope: named(&["http://crl.example/b.crl"]), ..list(&[7], &[8]) };
        let (after, serials) = fetch(&row, &serials, other);
        let until =
            |row: &AuthorityRow| row.lists[0].good.as_ref().map(|good| (good.fetched_at, good.next_update));
        assert_eq!(until(&after), until(&row), "the good one counts as long as before, and no longer");
        for serial in [1, 2, 7, 8] {
            assert!(serials.contains(serial), "{serial}");
        }
        let (_, serials) = fetch(&after, &serials, list(&[1], &[]));
        assert!(
            serials.contains(7) && !serials.contains(8),
            "what was on hold is lifted by the list that is good"
        );
    }

    #[test]
    fn what_was_revoked_stays_when_its_list_drops_it_and_what_was_on_hold_goes() {
        let (row, serials) = fetch(&AuthorityRow::default(), &Serials::default(), list(&[1], &[2]));
        let (_, serials) = fetch(&row, &serials, list(&[], &[]));
        assert!(serials.contains(1) && !serials.contains(2));
    }

    #[test]
    fn an_indirect_list_revokes_nothing() {
        let indirect = Crl { scope: Scope { indirect: true, ..Scope::default() }, ..list(&[1], &[2]) };
        let (row, serials) = fetch(&AuthorityRow::default(), &Serials::default(), indirect);
        assert_eq!((row.lists[0].good.clone(), serials.contains(1)), (None, false));
    }

    #[test]
    fn an_expired_or_older_list_is_no_evidence_and_revokes_what_it_names() {
        let (row, serials) = fetch(&AuthorityRow::default(), &Serials::default(), list(&[1], &[]));
        let (hour, second) = (SignedDuration::from_hours(1), SignedDuration::from_secs(1));
        for bad in [
            Crl { next_update: now(), ..list(&[9], &[10]) },
            Crl { this_update: now() - hour - second, ..list(&[9], &[]) },
            Crl { this_update: now() + hour, ..list(&[9], &[]) },
        ] {
            let (after, serials) = fetch(&row, &serials, bad);
            assert_eq!(after.lists, row.lists);
            assert!(serials.contains(9) && !serials.contains(10));
        }
    }
}
