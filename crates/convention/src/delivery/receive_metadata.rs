//! Metadata of an SQS receive: a check of our clock, and the backoff of a requeued message.

use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use thiserror::Error;

use super::schedule::{LEASE, delay_seconds};
use crate::codes::Code;

/// The queue's default visibility timeout (`VisibilityTimeout` in the template).
pub const VISIBILITY: SignedDuration = SignedDuration::from_secs(270);
/// Initial backoff, short so that brief faults cause brief delays.
pub const BACKOFF_BASE: Duration = Duration::from_secs(5);
/// The maximum backoff, so that messages resume soon after a long fault is fixed.
pub const MAX_BACKOFF: Duration = Duration::from_mins(15);
/// One part in this many of each backoff is random, so that messages requeued together do not return together.
const JITTER: u64 = 4;
/// Margin after the end of a lease, after which the process that held it is certainly gone.
const LEASE_GRACE: SignedDuration = SignedDuration::from_secs(1);
/// Clocks that follow NTP differ by less.
const CLOCK_SKEW: SignedDuration = SignedDuration::from_secs(2);

/// Metadata of an SQS receive. Attributes that are missing decide nothing.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct ReceiveMetadata {
    /// When the message was sent, by the queue's clock.
    pub sent: Option<Timestamp>,
    /// When the message was first received, by the queue's clock.
    pub first_received: Option<Timestamp>,
    /// How often the message has been received, this time included.
    pub receives: u32,
}

/// Our clock and the queue's disagree. Certificate validity, leases and the schedule depend on our clock.
#[derive(Clone, Copy, Debug, Error, Eq, PartialEq)]
pub enum ClockSkew {
    /// By our clock, the message was sent in the future.
    #[error("our clock is behind: by it, the message will be sent in {} ms", .0.as_millis())]
    Behind(SignedDuration),
    /// By our clock, the first receive was longer ago than the visibility timeout.
    #[error("our clock is ahead, or another process has the message: by it, it was handed out {} s ago", .0.as_secs())]
    Ahead(SignedDuration),
}

impl ClockSkew {
    /// The fault's stable code.
    pub const CODE: Code = Code::ClockSkew;
}

impl ReceiveMetadata {
    /// Checks our clock, which shows `now`, against the queue's timestamps.
    pub fn check_clock(&self, now: Timestamp) -> Result<(), ClockSkew> {
        if let Some(ahead) = self.sent.map(|sent| sent.duration_since(now))
            && ahead > CLOCK_SKEW
        {
            return Err(ClockSkew::Behind(ahead));
        }
        // After the first receive, the time since it says nothing about the clock.
        if let Some(ago) = self.first_received.map(|first| now.duration_since(first))
            && self.receives == 1
            && ago > VISIBILITY
        {
            return Err(ClockSkew::Ahead(ago));
        }
        Ok(())
    }

    /// Returns the backoff of a requeued message in seconds: exponential, with jitter.
    pub fn redelivery_backoff(&self, chance: u64) -> u32 {
        let doublings = self.receives.saturating_sub(1).min(MAX_BACKOFF.as_secs().ilog2());
        let longest = (BACKOFF_BASE.as_secs() << doublings).min(MAX_BACKOFF.as_secs());
        let shorter = chance % (longest / JITTER + 1);
        u32::try_from(longest - shorter).unwrap_or(u32::MAX)
    }
}

/// Returns the seconds until a message is redelivered after the lease of another process, which ends at
/// `lease_until`.
pub fn backoff_after_lease(lease_until: Timestamp, now: Timestamp) -> u32 {
    let wait = (lease_until.duration_since(now) + LEASE_GRACE).clamp(LEASE_GRACE, LEASE + LEASE_GRACE);
    delay_seconds(now, now + wait)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn second(second: i64) -> Timestamp {
        Timestamp::from_second(second).unwrap()
    }

    fn received(receives: u32) -> ReceiveMetadata {
        ReceiveMetadata { sent: None, first_received: None, receives }
    }

    #[test]
    fn the_backoff_doubles_up_to_a_quarter_of_an_hour() {
        let waits: Vec<_> = [1, 2, 3, 8, 9, 100, u32::MAX].map(|n| received(n).redelivery_backoff(0)).into();
        assert_eq!(waits, [5, 10, 20, 640, 900, 900, 900]);
        assert_eq!(received(0).redelivery_backoff(0), 5);
    }

    #[test]
    fn a_thousand_messages_requeued_at_once_return_at_many_times() {
        let waits: std::collections::BTreeSet<_> =
            (0..1_000).map(|chance| received(9).redelivery_backoff(chance)).collect();
        assert_eq!((waits.first(), waits.last(), waits.len()), (Some(&675), Some(&900), 226));
    }

    #[test]
    fn a_message_from_our_future_shows_that_our_clock_is_behind() {
        let metadata = ReceiveMetadata { sent: Some(second(1_000)), ..received(1) };
        assert_eq!(metadata.check_clock(second(998)), Ok(()));
        let early = second(998) - SignedDuration::from_millis(1);
        assert_eq!(metadata.check_clock(early), Err(ClockSkew::Behind(SignedDuration::from_millis(2_001))));
    }

    #[test]
    fn a_first_receive_longer_ago_than_the_queue_hides_it_shows_that_our_clock_is_ahead() {
        let first = ReceiveMetadata { first_received: Some(second(1_000)), ..received(1) };
        assert_eq!(first.check_clock(second(1_270)), Ok(()));
        assert_eq!(first.check_clock(second(1_271)), Err(ClockSkew::Ahead(SignedDuration::from_secs(271))));
        assert_eq!(ReceiveMetadata { receives: 2, ..first }.check_clock(second(9_999)), Ok(()));
    }

    #[test]
    fn missing_attributes_decide_nothing() {
        assert_eq!(received(1).check_clock(second(0)), Ok(()));
    }

    #[test]
    fn a_message_returns_when_the_lease_of_another_process_is_over() {
        assert_eq!(backoff_after_lease(second(130), second(100)), 31);
        let in_part = second(130) + SignedDuration::from_millis(1);
        assert_eq!(backoff_after_lease(in_part, second(100)), 32);
        assert_eq!(backoff_after_lease(second(10), second(100)), 1);
        assert_eq!(backoff_after_lease(Timestamp::MAX, second(100)), 46);
    }
}
