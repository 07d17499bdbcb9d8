//! Decides from known revocation data whether a verified path may be used. Pure.

use jiff::{SignedDuration, Timestamp};

use super::rows::{OcspEntry, OcspStatus};

/// A check older than this is reported as a fallback even if its result is still valid. Three runs of the schedule,
/// so that one missed run is tolerated.
pub const RECENT_CHECK: SignedDuration = SignedDuration::from_mins(15);

/// Proof that a certificate is not revoked.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Good {
    /// When its source last confirmed it.
    pub checked_at: Timestamp,
    /// When it expires: `nextUpdate`.
    pub until: Timestamp,
}

impl Good {
    /// Combines two proofs: the older check and the earlier expiry.
    #[must_use]
    pub fn and(self, other: Self) -> Self {
        Self { checked_at: self.checked_at.min(other.checked_at), until: self.until.min(other.until) }
    }

    /// Reads an OCSP status; `None` unless it says that the certificate is good.
    pub fn of_ocsp(ocsp: &OcspEntry) -> Option<Self> {
        // No `nextUpdate` means that newer information is always available (RFC 6960, section 4.2.2.1), so it is
        // valid as long as a check.
        let until = ocsp.next_update.unwrap_or(ocsp.fetched_at + RECENT_CHECK);
        (ocsp.status == OcspStatus::Good).then_some(Self { checked_at: ocsp.fetched_at, until })
    }
}

/// The revocation data of a path.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct RevocationState {
    /// Whether a list or a responder revokes any of its certificates.
    pub revoked: bool,
    /// What the lists of all its certificates prove; `None` if one certificate never had a valid list.
    pub lists: Option<Good>,
    /// What OCSP proves for the leaf.
    pub ocsp: Option<Good>,
    /// When a receiver first showed the leaf.
    pub first_seen: Timestamp,
}

/// The mechanism by which a path was accepted.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Mechanism {
    /// Valid revocation lists.
    Crl,
    /// A valid OCSP status of the leaf, instead of the lists.
    Ocsp,
    /// Nothing valid: the last proof expired, or the certificate was first seen, within the window.
    Soft,
}

impl Mechanism {
    /// Returns the mechanism as logs write it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Crl => "crl",
            Self::Ocsp => "ocsp",
            Self::Soft => "soft",
        }
    }
}

/// How a path was accepted.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Checked {
    /// The mechanism.
    pub mechanism: Mechanism,
    /// Age of that check; within the window, the time since it began.
    pub age: SignedDuration,
}

impl Checked {
    /// Says whether anything but a recently checked list was used.
    pub fn is_fallback(self) -> bool {
        self.mechanism != Mechanism::Crl || self.age > RECENT_CHECK
    }
}

/// The decision about a path.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Verdict {
    /// It may be used.
    Accepted(Checked),
    /// One of its certificates is revoked.
    Revoked,
    /// Nothing proves that none is revoked, and the window is over.
    Unknown,
}

/// Decides whether a path may be used.
///
/// A list is valid until its `nextUpdate`, whether or not its source still answers; after that OCSP counts; after
/// that the window ("Diretrizes para validação de certificados digitais" 1.0.0, section 8). The window begins when
/// the last proof expires, or at first sight if there never was one. Nothing else extends it.
pub fn decide(state: &RevocationState, now: Timestamp, window: SignedDuration) -> Verdict {
    // A clock that was set back must not give negative ages.
    let age = |since: Timestamp| now.duration_since(since).max(SignedDuration::ZERO);
    let accepted = |mechanism, age| Verdict::Accepted(Checked { mechanism, age });
    let RevocationState { revoked, lists, ocsp, first_seen } = *state;
    if revoked {
        return Verdict::Revoked;
    }
    for (mechanism, good) in [(Mechanism::Crl, lists), (Mechanism::Ocsp, ocsp)] {
        if let Some(good) = good
            && now < good.until
        {
            return accepted(mechanism, age(good.checked_at));
        }
    }
    let ended = lists.map(|good| good.until).max(ocsp.map(|good| good.until));
    let age = age(ended.unwrap_or(first_seen));
    if age <= window { accepted(Mechanism::Soft, age) } else { Verdict::Unknown }
}

#[cfg(test)]
mod tests {
    use super::*;

    const WINDOW: SignedDuration = SignedDuration::from_hours(1);
    const SECOND: SignedDuration = SignedDuration::from_secs(1);
    const DAY: SignedDuration = SignedDuration::from_hours(24);

    fn now() -> Timestamp {
        "2026-11-22T12:00:00Z".parse().unwrap()
    }

    fn minutes(minutes: i64) -> SignedDuration {
        SignedDuration::from_mins(minutes)
    }

    /// First seen long ago, without any proof.
    fn nothing() -> RevocationState {
        RevocationState { revoked: false, lists: None, ocsp: None, first_seen: now() - DAY }
    }

    /// A proof checked `age` ago and valid for `left` from now.
    #[expect(clippy::unnecessary_wraps, reason = "a state has it as an option")]
    fn good(age: SignedDuration, left: SignedDuration) -> Option<Good> {
        Some(Good { checked_at: now() - age, until: now() + left })
    }

    fn by(mechanism: Mechanism, age: SignedDuration) -> Verdict {
        Verdict::Accepted(Checked { mechanism, age })
    }

    fn judge(state: &RevocationState) -> Verdict {
        decide(state, now(), WINDOW)
    }

    #[test]
    fn a_list_counts_until_its_next_update_however_long_ago_it_was_fetched() {
        for age in [minutes(0), RECENT_CHECK, RECENT_CHECK + SECOND, DAY] {
            let state = RevocationState { lists: good(age, SECOND), ..nothing() };
            assert_eq!(judge(&state), by(Mechanism::Crl, age));
        }
        let fallback = |age| Checked { mechanism: Mechanism::Crl, age }.is_fallback();
        assert!(!fallback(RECENT_CHECK) && fallback(RECENT_CHECK + SECOND));
    }

    #[test]
    fn the_window_begins_when_the_evidence_ends_and_fetching_renews_nothing() {
        for (left, verdict) in [
            (minutes(0), by(Mechanism::Soft, minutes(0))),
            (-WINDOW, by(Mechanism::Soft, WINDOW)),
            (-WINDOW - SECOND, Verdict::Unknown),
        ] {
            // Fetched just now, but out of date.
            let state = RevocationState { lists: good(minutes(0), left), ..nothing() };
            assert_eq!(judge(&state), verdict, "{left:?}");
        }
    }

    #[test]
    fn ocsp_stands_in_for_lists_that_ended_while_it_is_valid() {
        let state = |left| RevocationState {
            ocsp: good(minutes(2), left),
            lists: good(DAY, -minutes(90)),
            ..nothing()
        };
        assert_eq!(judge(&state(SECOND)), by(Mechanism::Ocsp, minutes(2)));
        assert_eq!(judge(&state(-minutes(5))), by(Mechanism::Soft, minutes(5)));
        assert_eq!(judge(&state(-WINDOW - SECOND)), Verdict::Unknown);
    }

    #[test]
    fn an_answer_without_an_end_counts_for_one_check() {
        let entry = |status, next_update| OcspEntry {
            status,
            this_update: now() - DAY,
            next_update,
            fetched_at: now(),
        };
        let until = |entry| Good::of_ocsp(&entry).map(|good| good.until);
        assert_eq!(until(entry(OcspStatus::Good, None)), Some(now() + RECENT_CHECK));
        assert_eq!(until(entry(OcspStatus::Good, Some(now() + DAY))), Some(now() + DAY));
        assert_eq!(until(entry(OcspStatus::Revoked, None)), None);
        assert_eq!(until(entry(OcspStatus::Held, None)), None);
    }

    #[test]
    fn a_revoked_certificate_is_refused_whatever_else_is_known() {
        let lists = good(minutes(0), DAY);
        assert_eq!(
            judge(&RevocationState { revoked: true, lists, ocsp: lists, first_seen: now() }),
            Verdict::Revoked
        );
    }

    #[test]
    fn the_window_starts_at_the_later_end_and_only_without_any_evidence_at_first_sight() {
        let both =
            RevocationState { lists: good(DAY, -minutes(50)), ocsp: good(DAY, -minutes(20)), ..nothing() };
        assert_eq!(judge(&both), by(Mechanism::Soft, minutes(20)));
        let seen = |age| RevocationState { first_seen: now() - age, ..nothing() };
        assert_eq!(judge(&seen(WINDOW)), by(Mechanism::Soft, WINDOW));
        assert_eq!(judge(&seen(WINDOW + SECOND)), Verdict::Unknown);
        let seen_since = RevocationState { first_seen: now(), lists: good(DAY, -minutes(61)), ..nothing() };
        assert_eq!(judge(&seen_since), Verdict::Unknown);
    }

    #[test]
    fn two_certificates_are_as_good_as_the_weaker() {
        let (a, b) = (good(minutes(1), DAY).unwrap(), good(minutes(9), SECOND).unwrap());
        assert_eq!(a.and(b), Good { checked_at: b.checked_at, until: b.until });
    }

    #[test]
    fn a_clock_that_was_set_back_makes_no_age_negative() {
        let state = RevocationState { lists: good(-minutes(10), DAY), ..nothing() };
        assert_eq!(judge(&state), by(Mechanism::Crl, SignedDuration::ZERO));
    }
}
