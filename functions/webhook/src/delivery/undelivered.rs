//! What is kept of a notification that was given up, by the hour in which it was, so that a window can be listed.

use std::fmt;

use jiff::{SignedDuration, Timestamp};

use super::message::AttemptMessage;
use crate::notification::InteractionId;

/// How long the row of an undelivered notification is kept: longer than the 14 days for which SQS keeps its message, so
/// that none is ever in the undelivered queue without a row, and a month back can still be listed and replayed.
pub const UNDELIVERED_ROW_LIVES: SignedDuration = SignedDuration::from_hours(24 * 30);

/// A notification whose three attempts failed.
#[derive(Clone, Debug, PartialEq)]
pub struct Undelivered {
    /// What a replay needs: the message of the last attempt.
    pub message: AttemptMessage,
    /// The code of the last failure.
    pub outcome: String,
    /// The name of the last attempt.
    pub interaction_id: InteractionId,
    /// When the last attempt ended.
    pub gave_up_at: Timestamp,
    /// When it was replayed, if it was.
    pub replayed_at: Option<Timestamp>,
}

impl Undelivered {
    /// Returns the hour under which it is listed.
    pub fn hour(&self) -> Hour {
        Hour::of(self.gave_up_at)
    }
}

/// An hour of UTC. Undelivered notifications are kept in one partition each, so a window is read with one query an hour.
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub struct Hour(i64);

const SECONDS: i64 = 3600;

impl Hour {
    /// Returns the hour of an instant.
    pub fn of(at: Timestamp) -> Self {
        Self(at.as_second().div_euclid(SECONDS))
    }

    /// Lists the hours of a window, from the first to the last instant; none if it ends before it begins.
    pub fn of_window(since: Timestamp, until: Timestamp) -> impl Iterator<Item = Self> {
        (Self::of(since).0..=Self::of(until).0).map(Self)
    }
}

impl fmt::Display for Hour {
    /// Writes `2026-11-22T13`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let start = Timestamp::from_second(self.0 * SECONDS).unwrap_or(Timestamp::MAX);
        write!(f, "{}", start.strftime("%Y-%m-%dT%H"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn hours(since: &str, until: &str) -> Vec<String> {
        let [since, until] = [since, until].map(|text| text.parse().unwrap());
        Hour::of_window(since, until).map(|hour| hour.to_string()).collect()
    }

    #[test]
    fn a_window_is_every_hour_that_it_touches() {
        assert_eq!(
            hours("2026-11-22T13:59:59.999Z", "2026-11-22T14:00:00Z"),
            ["2026-11-22T13", "2026-11-22T14"]
        );
        assert_eq!(hours("2026-12-31T23:00:00Z", "2026-12-31T23:59:59Z"), ["2026-12-31T23"]);
        assert_eq!(hours("2026-12-31T23:00:00Z", "2027-01-01T00:00:00Z").len(), 2);
        assert_eq!(hours("2026-11-22T14:00:00Z", "2026-11-22T13:00:00Z"), [""; 0]);
        assert_eq!(hours("2026-11-22T00:00:00Z", "2026-12-21T23:00:00Z").len(), 30 * 24);
    }
}
