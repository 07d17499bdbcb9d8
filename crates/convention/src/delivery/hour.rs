//! Hours of UTC, by which rows and evidence are grouped so that a window can be read without an index.

use std::fmt;
use std::str::FromStr;

use jiff::Timestamp;
use thiserror::Error;

/// An hour of UTC. Each hour's undelivered notifications form one partition, so a window takes one query an
/// hour; evidence is sealed by the hour.
#[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
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

    /// Returns the hour's first instant.
    pub fn start(self) -> Timestamp {
        Timestamp::from_second(self.0.saturating_mul(SECONDS)).unwrap_or(Timestamp::MAX)
    }

    /// Returns the hour this many hours later, or earlier for a negative number.
    #[must_use]
    pub fn plus(self, hours: i64) -> Self {
        Self(self.0.saturating_add(hours))
    }

    /// Returns how many hours it is after another one.
    pub fn since(self, other: Self) -> i64 {
        self.0.saturating_sub(other.0)
    }
}

impl fmt::Display for Hour {
    /// Writes `2026-11-22T13`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.start().strftime("%Y-%m-%dT%H"))
    }
}

impl FromStr for Hour {
    type Err = ParseHourError;

    /// Reads what `Display` writes, and nothing else.
    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let start: Timestamp = format!("{text}:00:00Z").parse().map_err(|_| ParseHourError)?;
        let hour = Self::of(start);
        if hour.to_string() == text { Ok(hour) } else { Err(ParseHourError) }
    }
}

/// A text that is not an hour.
#[derive(Debug, Error, Eq, PartialEq)]
#[error("not an hour: expected a text like 2026-11-22T13")]
pub struct ParseHourError;

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

    #[test]
    fn an_hour_is_read_as_it_is_written_and_in_no_other_way() {
        let hour: Hour = "2026-11-22T23".parse().unwrap();
        assert_eq!(hour.start().to_string(), "2026-11-22T23:00:00Z");
        assert_eq!(hour.plus(1).to_string(), "2026-11-23T00");
        assert_eq!(hour.plus(-24).since(hour), -24);
        for odd in ["2026-11-22", "2026-11-22T23:00", "2026-11-22 23", "2026-11-22t23", "2026-11-31T00", ""] {
            assert_eq!(odd.parse::<Hour>(), Err(ParseHourError), "{odd}");
        }
    }
}
