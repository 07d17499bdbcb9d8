//! What is counted over time.

use jiff::{SignedDuration, Timestamp};

/// How far back the figures reach.
#[derive(Clone, Copy, Debug, Default, Eq, Ord, PartialEq, PartialOrd)]
pub enum Range {
    /// The last hour.
    #[default]
    Hour,
    /// The last 24 hours.
    Day,
    /// The last seven days.
    Week,
}

/// Counts of one span of time. What is not measured is absent, which is not zero.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Counts {
    /// Attempts that were accepted.
    pub delivered: f64,
    /// Attempts that failed.
    pub failed: f64,
    /// First attempts that began more than 1.5 s after the event.
    pub late: Option<f64>,
    /// The worst p99 of a part: milliseconds from event to first attempt; with log lines, absent.
    pub first_delay_p99_ms: Option<f64>,
    /// Notifications given up.
    pub undelivered: f64,
    /// Messages that faults of ours returned to their queue.
    pub own_faults: f64,
    /// The oldest message's age in the queue, in seconds.
    pub queue_age_s: Option<f64>,
    /// How many invocations of dispatch ran at once.
    pub concurrency: Option<f64>,
}

/// Counts of a range, and of its parts, oldest first.
#[derive(Clone, Debug, PartialEq)]
pub struct Figures {
    /// When the range begins.
    pub since: Timestamp,
    /// Of all of it.
    pub all: Counts,
    /// Of its parts, each as long as [`Range::part`].
    pub parts: Vec<Counts>,
}

impl Range {
    /// Each of them.
    pub const ALL: [Self; 3] = [Self::Hour, Self::Day, Self::Week];

    /// Its name in addresses.
    pub fn name(self) -> &'static str {
        match self {
            Self::Hour => "hour",
            Self::Day => "day",
            Self::Week => "week",
        }
    }

    /// Finds it by its name.
    pub fn named(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|range| range.name() == name)
    }

    /// How long it is.
    pub fn length(self) -> SignedDuration {
        SignedDuration::from_hours(match self {
            Self::Hour => 1,
            Self::Day => 24,
            Self::Week => 7 * 24,
        })
    }

    /// How long one of its parts is: multiples of a minute that `CloudWatch` takes as a period.
    pub fn part(self) -> SignedDuration {
        SignedDuration::from_mins(match self {
            Self::Hour => 2,
            Self::Day => 30,
            Self::Week => 240,
        })
    }

    /// Its begin, at a whole part, so that a part's count never changes but for the last one.
    pub fn since(self, now: Timestamp) -> Timestamp {
        let part = self.part().as_secs();
        let last = (now.as_second().div_euclid(part) + 1) * part;
        Timestamp::from_second(last - self.length().as_secs()).unwrap_or(Timestamp::MIN)
    }

    /// How many parts it has.
    pub fn parts(self) -> usize {
        usize::try_from(self.length().as_secs() / self.part().as_secs()).unwrap_or_default()
    }

    /// Which part of the range that begins at `since` this instant is in.
    pub fn part_at(self, since: Timestamp, at: Timestamp) -> Option<usize> {
        let into = at.duration_since(since).as_secs();
        let part = usize::try_from(into.div_euclid(self.part().as_secs())).ok()?;
        (part < self.parts()).then_some(part)
    }
}

impl Figures {
    /// No counts yet.
    pub fn empty(range: Range, now: Timestamp) -> Self {
        Self {
            since: range.since(now),
            all: Counts::default(),
            parts: vec![Counts::default(); range.parts()],
        }
    }

    /// The share of attempts that were accepted; absent without attempts.
    pub fn success(&self) -> Option<f64> {
        let attempts = self.all.delivered + self.all.failed;
        (attempts > 0.0).then(|| self.all.delivered / attempts)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn now_is_in_the_last_part_and_the_begin_in_the_first() {
        let now: Timestamp = "2026-11-30T12:34:56Z".parse().unwrap();
        for range in Range::ALL {
            let since = range.since(now);
            assert_eq!(range.part_at(since, since), Some(0));
            assert_eq!(range.part_at(since, now), Some(range.parts() - 1), "{range:?}");
            assert_eq!(range.part_at(since, since - SignedDuration::from_secs(1)), None);
            assert_eq!(range.part_at(since, since + range.length()), None);
            assert_eq!(Range::named(range.name()), Some(range));
        }
        assert_eq!(Range::Hour.since(now).to_string(), "2026-11-30T11:36:00Z");
    }

    #[test]
    fn without_attempts_there_is_no_share() {
        let mut figures = Figures::empty(Range::Day, Timestamp::UNIX_EPOCH);
        assert_eq!(figures.success(), None);
        (figures.all.delivered, figures.all.failed) = (3.0, 1.0);
        assert_eq!(figures.success(), Some(0.75));
    }
}
