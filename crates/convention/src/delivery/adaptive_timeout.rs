//! The timeout of an attempt: the full time that the convention allows, or a reduced one while a receiver
//! keeps timing out.
//!
//! Every attempt is made, also to a slow receiver, because the convention requires it. Only its timeout
//! shrinks, so that a slow receiver does not hold the concurrency that others need. The third attempt has the
//! same reduced timeout as the others: with the full time it would use up what the first two saved.

use std::time::Duration;

use jiff::{SignedDuration, Timestamp};

use super::outcome::Outcome;
use super::schedule::EXCHANGE_DEADLINE;

/// The timeout of an attempt to a slow receiver. Receivers that work answer well within it.
pub const REDUCED_TIMEOUT: Duration = Duration::from_secs(3);
/// Number of consecutive timeouts that mark a receiver as slow, within one environment or over all of them.
/// Fewer could come from a single lost connection.
const TIMEOUTS_TO_MARK: u32 = 3;
/// Lifetime of a mark that is not renewed. Once it expires, attempts get their full time again.
const MARK_DURATION: SignedDuration = SignedDuration::from_secs(60);
/// Interval between probes: attempts, one over all environments, that get the full time to see whether the
/// receiver still times out. It is longer than that full time, so only one probe runs at once.
const PROBE_INTERVAL: SignedDuration = SignedDuration::from_secs(20);

/// What all environments know about a receiver that is, or may be, slow.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct SlowReceiver {
    /// Base URI that the mark is about; a receiver with another base URI starts unmarked.
    pub base_uri: String,
    /// Consecutive timeouts counted so far by the environments.
    pub timeouts: u32,
    /// Until when attempts get the reduced timeout.
    pub slow_until: Timestamp,
    /// When the next probe is due.
    pub probe_after: Timestamp,
}

impl SlowReceiver {
    /// Marks a receiver as slow, or renews the mark for the probe that begins now.
    pub fn new(base_uri: &str, now: Timestamp) -> Self {
        let after = |wait| now.saturating_add(wait).unwrap_or(Timestamp::MAX);
        let (slow_until, probe_after) = (after(MARK_DURATION), after(PROBE_INTERVAL));
        Self { base_uri: base_uri.to_owned(), timeouts: 0, slow_until, probe_after }
    }

    /// Records this many consecutive timeouts, too few to reduce the next timeouts.
    pub fn suspected(base_uri: &str, timeouts: u32) -> Self {
        let never = Timestamp::UNIX_EPOCH;
        Self { base_uri: base_uri.to_owned(), timeouts, slow_until: never, probe_after: never }
    }

    /// Says whether the mark is about this base URI and has not expired.
    pub fn holds(&self, base_uri: &str, now: Timestamp) -> bool {
        self.base_uri == base_uri && now < self.slow_until
    }

    /// Says whether a response must clear this state for the other environments.
    pub fn needs_clearing(&self, base_uri: &str, now: Timestamp) -> bool {
        self.base_uri == base_uri && (now < self.slow_until || self.timeouts > 0)
    }

    /// Says whether a probe is due.
    pub fn is_probe_due(&self, now: Timestamp) -> bool {
        self.probe_after <= now
    }
}

/// What an attempt shows about whether its receiver times out.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Signal {
    /// The attempt failed after more than the reduced timeout.
    TimedOut,
    /// The attempt was accepted, or it failed quickly: by an answer, a refusal or a broken connection.
    Responds,
    /// Nothing: the reduced timeout expired.
    None,
}

impl Signal {
    /// Classifies an attempt by its outcome, its timeout and the time it took.
    ///
    /// Only the duration of a failure counts, not its kind: a gateway that answers 504 after ten seconds
    /// holds as much concurrency as a receiver that never answers.
    pub fn of(outcome: &Outcome, within: Duration, took: Duration) -> Self {
        match outcome {
            Outcome::Failed(_) if took >= REDUCED_TIMEOUT && within < EXCHANGE_DEADLINE => Self::None,
            Outcome::Failed(_) if took >= REDUCED_TIMEOUT => Self::TimedOut,
            Outcome::Delivered { .. } | Outcome::Failed(_) => Self::Responds,
        }
    }
}

/// Says whether this many consecutive timeouts mark a receiver as slow.
pub fn marks_as_slow(attempts: u32) -> bool {
    attempts >= TIMEOUTS_TO_MARK
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
        assert!(!mark.is_probe_due(second(119)) && mark.is_probe_due(second(120)));
    }

    #[test]
    fn a_suspicion_shortens_nothing_and_is_cleared_by_a_response_at_its_place() {
        let suspected = SlowReceiver::suspected(HERE, 2);
        assert!(!suspected.holds(HERE, second(0)));
        assert!(suspected.needs_clearing(HERE, second(100)));
        assert!(!suspected.needs_clearing("https://there.example", second(100)));
        assert!(!SlowReceiver::suspected(HERE, 0).needs_clearing(HERE, second(100)));
        assert!(SlowReceiver::new(HERE, second(100)).needs_clearing(HERE, second(159)));
    }

    #[test]
    fn a_probe_has_ended_before_the_next_one_is_due() {
        assert!(EXCHANGE_DEADLINE < PROBE_INTERVAL.unsigned_abs());
        assert!(PROBE_INTERVAL * 2 < MARK_DURATION);
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
        assert!(!marks_as_slow(2) && marks_as_slow(3) && marks_as_slow(4));
    }
}
