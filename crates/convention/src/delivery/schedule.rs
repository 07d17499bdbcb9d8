//! The retry schedule and the time limits of an attempt.

use jiff::{SignedDuration, Timestamp};

use super::attempt::AttemptNumber;

/// The first attempt starts this long after the event at the latest (webhook guides, "Orientações para as Iniciadoras e
/// Detentoras").
pub const FIRST_ATTEMPT_WITHIN: SignedDuration = SignedDuration::from_millis(1_500);
/// The second attempt starts this long after the first failed (same).
pub const AFTER_FIRST_FAILURE: SignedDuration = SignedDuration::from_secs(10);
/// The third attempt starts this long after the second failed (same).
pub const AFTER_SECOND_FAILURE: SignedDuration = SignedDuration::from_secs(60);
/// The whole exchange, body included, must end within this (non-functional requirements, row "Webhook": 15 s).
pub const EXCHANGE_DEADLINE: std::time::Duration = std::time::Duration::from_secs(15);
/// Lease of an attempt under way: the maximum run time of its function, so that an expired lease proves that
/// the process is gone.
pub const LEASE: SignedDuration = SignedDuration::from_secs(45);
/// Maximum number of body bytes read from an answer; the content is not used.
pub const BODY_LIMIT: usize = 64 * 1024;
/// Maximum number of head bytes read from an answer.
pub const HEADER_LIMIT: usize = 64 * 1024;

/// What follows a failed attempt.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Next {
    /// Another attempt, not before this instant.
    Attempt(AttemptNumber, Timestamp),
    /// Nothing: that was the third.
    Exhausted,
}

/// Decides what follows an attempt that failed at `ended`.
///
/// The schedule is fixed: it applies to every status, and `Retry-After` does not change it, since no text of
/// the convention provides for either.
pub fn next(failed: AttemptNumber, ended: Timestamp) -> Next {
    match failed.next() {
        Some(attempt) => {
            Next::Attempt(attempt, ended.saturating_add(delay_after(failed)).unwrap_or(Timestamp::MAX))
        }
        None => Next::Exhausted,
    }
}

/// Returns when the attempt failed whose successor is due at `due`: the inverse of [`next`].
pub fn failed_at(failed: AttemptNumber, due: Timestamp) -> Timestamp {
    due.saturating_sub(delay_after(failed)).unwrap_or(Timestamp::MIN)
}

fn delay_after(failed: AttemptNumber) -> SignedDuration {
    if failed == AttemptNumber::FIRST { AFTER_FIRST_FAILURE } else { AFTER_SECOND_FAILURE }
}

/// Returns the delay in whole seconds with which a message arrives no earlier than `due`.
pub fn delay_seconds(now: Timestamp, due: Timestamp) -> u32 {
    let wait = u64::try_from(due.duration_since(now).as_millis()).unwrap_or(0);
    u32::try_from(wait.div_ceil(1000)).unwrap_or(u32::MAX)
}

/// Says whether a first attempt that starts at `started` is later than the convention allows.
pub fn is_late(event: Timestamp, started: Timestamp) -> bool {
    started.duration_since(event) > FIRST_ATTEMPT_WITHIN
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_time_of_a_failure_follows_from_when_the_next_attempt_is_due() {
        let ended: Timestamp = "2026-03-10T12:00:00.4Z".parse().unwrap();
        let mut failed = AttemptNumber::FIRST;
        while let Next::Attempt(attempt, due) = next(failed, ended) {
            assert_eq!(failed_at(failed, due), ended);
            failed = attempt;
        }
        assert_eq!(failed.next(), None);
    }

    #[test]
    fn a_delayed_message_is_never_early() {
        let ended: Timestamp = "2026-03-10T12:00:00.4Z".parse().unwrap();
        let Next::Attempt(_, due) = next(AttemptNumber::FIRST, ended) else {
            panic!("there is a second attempt")
        };
        assert_eq!(delay_seconds(ended, due), 10);
        assert_eq!(delay_seconds("2026-03-10T12:00:00.405Z".parse().unwrap(), due), 10);
        assert_eq!(delay_seconds("2026-03-10T12:00:09.5Z".parse().unwrap(), due), 1);
        assert_eq!(delay_seconds("2026-03-10T12:01:00Z".parse().unwrap(), due), 0);
    }
}
