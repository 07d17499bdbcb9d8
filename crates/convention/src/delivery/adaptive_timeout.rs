//! How much time an attempt is granted: all that the convention allows, or little while a receiver lets every attempt run out.
//!
//! Every attempt is made, even to a receiver that is known to hang: the convention obliges us to. What shrinks is its time, so
//! that a receiver that hangs does not hold the concurrency that the others need. The third attempt is granted no more than
//! the others: at a receiver that hangs each notification has one, and it would hold as much as the first two together saved.

use std::time::Duration;

use jiff::{SignedDuration, Timestamp};

use super::outcome::Outcome;
use super::schedule::EXCHANGE_DEADLINE;

/// The time of an attempt to a receiver that hangs. Those that work answer well within it.
pub const REDUCED_TIMEOUT: Duration = Duration::from_secs(3);
/// So many attempts in a row that hung mark a receiver, of one environment or of all. Fewer may be one connection that was lost.
const HANGS: u32 = 3;
/// How long a mark holds that nobody renews: then there was nothing to send, and all is open again.
const MARK_HOLDS: SignedDuration = SignedDuration::from_secs(60);
/// How often one attempt of all environments is granted its full time, to see whether the receiver still hangs. Longer than
/// that time, so that there is one at once.
const PROBE_EVERY: SignedDuration = SignedDuration::from_secs(20);

/// What all environments know of a receiver that hangs, or may.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct SlowReceiver {
    /// Where it was notified; at another place it starts anew.
    pub base_uri: String,
    /// The attempts that hung since one that did not, as far as environments counted them.
    pub hangs: u32,
    /// Until when attempts are granted little time.
    pub slow_until: Timestamp,
    /// When one of them is to be granted its full time again.
    pub probe_after: Timestamp,
}

impl SlowReceiver {
    /// Marks a receiver, or renews the mark for the probe that begins now.
    pub fn new(base_uri: &str, now: Timestamp) -> Self {
        let after = |wait| now.saturating_add(wait).unwrap_or(Timestamp::MAX);
        let (slow_until, probe_after) = (after(MARK_HOLDS), after(PROBE_EVERY));
        Self { base_uri: base_uri.to_owned(), hangs: 0, slow_until, probe_after }
    }

    /// Suspects a receiver of so many attempts that hung, which does not shorten the next ones.
    pub fn suspected(base_uri: &str, hangs: u32) -> Self {
        let never = Timestamp::UNIX_EPOCH;
        Self { base_uri: base_uri.to_owned(), hangs, slow_until: never, probe_after: never }
    }

    /// Says whether the mark is about this place and holds.
    pub fn holds(&self, base_uri: &str, now: Timestamp) -> bool {
        self.base_uri == base_uri && now < self.slow_until
    }

    /// Says whether a response is news to the other environments.
    pub fn is_to_clear(&self, base_uri: &str, now: Timestamp) -> bool {
        self.base_uri == base_uri && (now < self.slow_until || self.hangs > 0)
    }

    /// Says whether one attempt is to be granted its full time.
    pub fn wants_probe(&self, now: Timestamp) -> bool {
        self.probe_after <= now
    }
}

/// What an attempt says of whether its receiver hangs.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Signal {
    /// It failed after more time than a receiver that hangs is granted.
    TimedOut,
    /// It was accepted, or it failed soon: by an answer, a refusal or a connection that broke off.
    Responds,
    /// Nothing: little time ran out.
    None,
}

impl Signal {
    /// Weighs what came of an attempt that was granted so much time and took this much.
    ///
    /// What counts is how long a failure held us, not what it was: a gateway that answers 504 after ten seconds holds as much of
    /// our concurrency as one that says nothing.
    pub fn of(outcome: &Outcome, within: Duration, took: Duration) -> Self {
        match outcome {
            Outcome::Failed(_) if took >= REDUCED_TIMEOUT && within < EXCHANGE_DEADLINE => Self::None,
            Outcome::Failed(_) if took >= REDUCED_TIMEOUT => Self::TimedOut,
            Outcome::Delivered { .. } | Outcome::Failed(_) => Self::Responds,
        }
    }
}

/// Says whether so many attempts in a row that hung mark a receiver.
pub fn is_hanging(attempts: u32) -> bool {
    attempts >= HANGS
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::delivery::Failure;

    const HERE: &str = "https://here.example";

    fn second(second: i64) -> Timestamp {
        Timestamp::from_second(second).unwrap()
    }

    #[test]
    fn a_mark_holds_for_a_minute_at_its_place_and_wants_a_probe_after_twenty_seconds() {
        let mark = SlowReceiver::new(HERE, second(100));
        assert!(mark.holds(HERE, second(159)) && !mark.holds(HERE, second(160)));
        assert!(!mark.holds("https://there.example", second(101)));
        assert!(!mark.wants_probe(second(119)) && mark.wants_probe(second(120)));
    }

    #[test]
    fn a_suspicion_shortens_nothing_and_is_cleared_by_a_response_at_its_place() {
        let suspected = SlowReceiver::suspected(HERE, 2);
        assert!(!suspected.holds(HERE, second(0)));
        assert!(suspected.is_to_clear(HERE, second(100)));
        assert!(!suspected.is_to_clear("https://there.example", second(100)));
        assert!(!SlowReceiver::suspected(HERE, 0).is_to_clear(HERE, second(100)));
        assert!(SlowReceiver::new(HERE, second(100)).is_to_clear(HERE, second(159)));
    }

    #[test]
    fn a_probe_has_ended_before_the_next_one_is_due() {
        assert!(EXCHANGE_DEADLINE < PROBE_EVERY.unsigned_abs());
        assert!(PROBE_EVERY * 2 < MARK_HOLDS);
    }

    const FAILURES: [Failure; 5] = [
        Failure::Timeout,
        Failure::ConnectTimeout,
        Failure::ServerError(504),
        Failure::DnsError,
        Failure::ConnectionReset,
    ];

    #[test]
    fn a_failure_after_long_is_a_signal_whatever_it_was_if_it_had_all_the_time() {
        for failure in FAILURES {
            let of = |within, took| Signal::of(&Outcome::Failed(failure), within, took);
            for took in [REDUCED_TIMEOUT, Duration::from_secs(10), EXCHANGE_DEADLINE] {
                assert_eq!(of(EXCHANGE_DEADLINE, took), Signal::TimedOut, "{failure}");
            }
            assert_eq!(of(REDUCED_TIMEOUT, REDUCED_TIMEOUT), Signal::None, "{failure}");
            let soon = Duration::from_millis(2_999);
            for within in [EXCHANGE_DEADLINE, REDUCED_TIMEOUT] {
                assert_eq!(of(within, soon), Signal::Responds, "{failure}");
            }
        }
    }

    #[test]
    fn whoever_accepts_responds_however_long_it_took() {
        let delivered = Outcome::Delivered { status: 202, findings: Vec::new() };
        for (within, took) in
            [(EXCHANGE_DEADLINE, Duration::from_secs(14)), (REDUCED_TIMEOUT, REDUCED_TIMEOUT)]
        {
            assert_eq!(Signal::of(&delivered, within, took), Signal::Responds);
        }
    }

    #[test]
    fn three_in_a_row_mark() {
        assert!(!is_hanging(2) && is_hanging(3) && is_hanging(4));
    }
}
