//! Whether a chain that holds may be used, by what is known of its revocation. Pure.

use jiff::{SignedDuration, Timestamp};

use super::index::{OcspEntry, OcspStatus};

/// How long a list or a status counts as current after it was fetched, whatever its own dates say: three runs of the
/// schedule, so that one missed run is no fallback.
pub const CRL_LIVES: SignedDuration = SignedDuration::from_mins(15);

/// What is known of a chain's revocation.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Evidence {
    /// Whether valid lists say of every certificate of the chain that it is not revoked.
    pub determined: bool,
    /// When all the lists of the chain were last known to be the valid ones.
    pub crl_good_at: Option<Timestamp>,
    /// What OCSP said of the leaf.
    pub ocsp: Option<OcspEntry>,
    /// When the chain was first presented.
    pub first_seen: Timestamp,
}

/// By what a chain was accepted.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Mechanism {
    /// Current lists.
    Crl,
    /// A current OCSP status of the leaf, in place of the lists.
    Ocsp,
    /// The last good check, or the first sight, is not further back than the window.
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

/// A chain that was accepted.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Checked {
    /// By what.
    pub mechanism: Mechanism,
    /// How old what was relied on is.
    pub age: SignedDuration,
}

/// What is decided of a chain.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Verdict {
    /// It may be used.
    Accepted(Checked),
    /// It is revoked.
    Revoked,
    /// Nothing says that it is not, and the window is over.
    Unknown,
}

/// Decides whether a chain may be used.
pub fn decide(evidence: &Evidence, now: Timestamp, window: SignedDuration) -> Verdict {
    // A clock that was set back makes nothing younger than new.
    let age = |since: Timestamp| now.duration_since(since).max(SignedDuration::ZERO);
    let accepted = |mechanism, age| Verdict::Accepted(Checked { mechanism, age });
    let Evidence { determined, crl_good_at, ocsp, first_seen } = evidence;
    // What was signed as revoked stays so, however long ago.
    if ocsp.as_ref().is_some_and(|ocsp| ocsp.status == OcspStatus::Revoked) {
        return Verdict::Revoked;
    }
    if let Some(good_at) = crl_good_at
        && *determined
        && age(*good_at) <= CRL_LIVES
    {
        return accepted(Mechanism::Crl, age(*good_at));
    }
    if let Some(ocsp) = ocsp
        && ocsp.next_update.is_none_or(|until| now <= until)
        && age(ocsp.fetched_at) <= CRL_LIVES
    {
        return accepted(Mechanism::Ocsp, age(ocsp.fetched_at));
    }
    let last_good = (*crl_good_at).max(ocsp.as_ref().map(OcspEntry::good_at));
    let age = age(last_good.unwrap_or(*first_seen));
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

    /// First seen long ago, and nothing else.
    fn nothing() -> Evidence {
        Evidence { determined: false, crl_good_at: None, ocsp: None, first_seen: now() - DAY }
    }

    fn listed(age: SignedDuration) -> Evidence {
        Evidence { determined: true, crl_good_at: Some(now() - age), ..nothing() }
    }

    fn status(status: OcspStatus, age: SignedDuration, until: Option<SignedDuration>) -> OcspEntry {
        let fetched_at = now() - age;
        let next_update = until.map(|until| now() + until);
        OcspEntry { status, this_update: fetched_at, next_update, fetched_at }
    }

    fn by(mechanism: Mechanism, age: SignedDuration) -> Verdict {
        Verdict::Accepted(Checked { mechanism, age })
    }

    fn judge(evidence: &Evidence) -> Verdict {
        decide(evidence, now(), WINDOW)
    }

    #[test]
    fn lists_are_current_for_their_life_and_tolerated_for_the_window() {
        assert_eq!(judge(&listed(minutes(0))), by(Mechanism::Crl, minutes(0)));
        assert_eq!(judge(&listed(CRL_LIVES)), by(Mechanism::Crl, CRL_LIVES));
        assert_eq!(judge(&listed(CRL_LIVES + SECOND)), by(Mechanism::Soft, CRL_LIVES + SECOND));
        assert_eq!(judge(&listed(minutes(30))), by(Mechanism::Soft, minutes(30)));
        assert_eq!(judge(&listed(WINDOW)), by(Mechanism::Soft, WINDOW));
        assert_eq!(judge(&listed(WINDOW + SECOND)), Verdict::Unknown);
        assert_eq!(judge(&listed(minutes(90))), Verdict::Unknown);
    }

    #[test]
    fn lists_that_do_not_determine_are_no_check_however_young() {
        let evidence = Evidence { determined: false, ..listed(minutes(1)) };
        assert_eq!(judge(&evidence), by(Mechanism::Soft, minutes(1)));
    }

    #[test]
    fn ocsp_stands_in_while_it_is_current() {
        let ocsp = |age, until| Evidence { ocsp: Some(status(OcspStatus::Good, age, until)), ..nothing() };
        assert_eq!(judge(&ocsp(minutes(1), None)), by(Mechanism::Ocsp, minutes(1)));
        assert_eq!(judge(&ocsp(CRL_LIVES, Some(DAY))), by(Mechanism::Ocsp, CRL_LIVES));
        // Its own dates neither lengthen its life nor are they overlooked.
        assert_eq!(judge(&ocsp(CRL_LIVES + SECOND, Some(DAY))), by(Mechanism::Soft, CRL_LIVES + SECOND));
        assert_eq!(judge(&ocsp(minutes(1), Some(SignedDuration::ZERO))), by(Mechanism::Ocsp, minutes(1)));
        assert_eq!(judge(&ocsp(minutes(5), Some(-SECOND))), by(Mechanism::Soft, minutes(5)));
        assert_eq!(judge(&ocsp(WINDOW + SECOND, None)), Verdict::Unknown);
    }

    #[test]
    fn ocsp_stands_in_for_lists_that_grew_old() {
        let ocsp = Some(status(OcspStatus::Good, minutes(2), None));
        let evidence = Evidence { ocsp, ..listed(minutes(90)) };
        assert_eq!(judge(&evidence), by(Mechanism::Ocsp, minutes(2)));
    }

    #[test]
    fn what_ocsp_called_revoked_is_refused_whatever_else_is_known() {
        for age in [minutes(0), WINDOW + SECOND, DAY] {
            let ocsp = Some(status(OcspStatus::Revoked, age, Some(-SECOND)));
            assert_eq!(judge(&Evidence { ocsp, ..listed(minutes(0)) }), Verdict::Revoked);
        }
    }

    #[test]
    fn the_window_starts_at_the_later_check_and_only_without_any_at_first_sight() {
        let ocsp = Some(status(OcspStatus::Good, minutes(20), None));
        let both = Evidence { ocsp, ..listed(minutes(50)) };
        assert_eq!(judge(&both), by(Mechanism::Soft, minutes(20)));
        let seen = |age| Evidence { first_seen: now() - age, ..nothing() };
        assert_eq!(judge(&seen(minutes(0))), by(Mechanism::Soft, minutes(0)));
        assert_eq!(judge(&seen(WINDOW)), by(Mechanism::Soft, WINDOW));
        assert_eq!(judge(&seen(WINDOW + SECOND)), Verdict::Unknown);
        let seen_since = Evidence { first_seen: now(), ..listed(minutes(61)) };
        assert_eq!(judge(&seen_since), Verdict::Unknown);
    }

    #[test]
    fn a_clock_that_was_set_back_makes_no_age_negative() {
        assert_eq!(judge(&listed(-minutes(10))), by(Mechanism::Crl, SignedDuration::ZERO));
    }
}
