//! Months of Brasília's civil time.

use std::fmt;
use std::str::FromStr;

use jiff::civil::{Date, DateTime, date};
use jiff::tz::Offset;
use jiff::{SignedDuration, Timestamp, ToSpan as _};
use serde::{Serialize, Serializer};
use thiserror::Error;

/// The zone of the months and days of a report.
pub const ZONE: &str = "America/Sao_Paulo";
/// Brasília's offset. There has been no summer time since 2019 (Decreto nº 9.772, of 2019-04-25), long before the first
/// notification; a law that brings it back changes this.
const OFFSET: Offset = Offset::constant(-3);

/// A month of Brasília's civil time.
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub struct Month(Date);

impl Month {
    /// How many hours before a month attempts of its notifications may have begun, and how many after it they may end: faults of
    /// ours requeue a message for 36 hours at most (`docs/operations.md`).
    pub const AROUND: i64 = 48;

    /// Returns the month of an instant.
    pub fn of(at: Timestamp) -> Self {
        Self(local(at).date().first_of_month())
    }

    /// Returns the last month that is over.
    pub fn last_whole(now: Timestamp) -> Self {
        let this = Self::of(now).0;
        Self(this.checked_sub(1.month()).unwrap_or(this))
    }

    /// Returns its first instant.
    pub fn start(self) -> Timestamp {
        instant(self.0)
    }

    /// Returns the first instant after it.
    pub fn end(self) -> Timestamp {
        self.0.checked_add(1.month()).map_or(Timestamp::MAX, instant)
    }

    /// Returns the instant from which on its figures do not change.
    pub fn settled_at(self) -> Timestamp {
        self.end() + SignedDuration::from_hours(Self::AROUND)
    }

    /// Says whether an instant is in it.
    pub fn contains(self, at: Timestamp) -> bool {
        self.start() <= at && at < self.end()
    }

    /// Returns the number of its days.
    pub fn days(self) -> u8 {
        self.0.days_in_month().unsigned_abs()
    }

    /// Returns the day of the month, from 1 on, of an instant in it.
    pub fn day_of(self, at: Timestamp) -> Option<u8> {
        self.contains(at).then(|| local(at).date().day().unsigned_abs())
    }

    /// Returns a day of it.
    pub fn date(self, day: u8) -> Date {
        Date::new(self.0.year(), self.0.month(), i8::try_from(day).unwrap_or(1)).unwrap_or(self.0)
    }

    /// Returns its number in the year, from 1 on.
    pub fn number(self) -> u8 {
        self.0.month().unsigned_abs()
    }

    /// Returns its year.
    pub fn year(self) -> i16 {
        self.0.year()
    }
}

/// Returns Brasília's civil time at an instant.
pub(crate) fn local(at: Timestamp) -> DateTime {
    OFFSET.to_datetime(at)
}

fn instant(day: Date) -> Timestamp {
    OFFSET.to_timestamp(day.to_datetime(jiff::civil::Time::midnight())).unwrap_or(Timestamp::MAX)
}

/// Writes `2026-11`.
impl fmt::Display for Month {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:04}-{:02}", self.0.year(), self.0.month())
    }
}

/// Reads what `Display` writes, and nothing else.
impl FromStr for Month {
    type Err = ParseMonthError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let (year, month) = text.split_once('-').ok_or(ParseMonthError)?;
        let are_digits =
            |text: &str, count| text.len() == count && text.bytes().all(|byte| byte.is_ascii_digit());
        if !are_digits(year, 4) || !are_digits(month, 2) {
            return Err(ParseMonthError);
        }
        let (year, month) =
            (year.parse().map_err(|_| ParseMonthError)?, month.parse().map_err(|_| ParseMonthError)?);
        Date::new(year, month, 1).map(Self).map_err(|_| ParseMonthError)
    }
}

impl Serialize for Month {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

/// A text that is not a month.
#[derive(Debug, Error, Eq, PartialEq)]
#[error("not a month: expected a text like 2026-11")]
pub struct ParseMonthError;

impl Default for Month {
    fn default() -> Self {
        Self(date(2026, 1, 1))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(text: &str) -> Timestamp {
        text.parse().unwrap()
    }

    #[test]
    fn a_month_begins_and_ends_at_midnight_in_brasilia() {
        let month: Month = "2026-11".parse().unwrap();
        assert_eq!(
            (month.start(), month.end()),
            (at("2026-11-01T00:00:00-03:00"), at("2026-12-01T03:00:00Z"))
        );
        let days = [
            ("2026-11-01T02:59:59.999999999Z", None),
            ("2026-11-01T03:00:00Z", Some(1)),
            ("2026-11-02T02:59:59.999Z", Some(1)),
            ("2026-12-01T02:59:59.999Z", Some(30)),
            ("2026-12-01T03:00:00Z", None),
        ];
        for (instant, day) in days {
            assert_eq!(month.day_of(at(instant)), day, "{instant}");
        }
        assert_eq!((month.days(), month.to_string().as_str()), (30, "2026-11"));
        assert_eq!("2028-02".parse::<Month>().unwrap().days(), 29);
    }

    #[test]
    fn the_last_whole_month_is_that_before_the_month_in_brasilia() {
        let last = |now| Month::last_whole(at(now)).to_string();
        assert_eq!(last("2026-12-01T02:59:59Z"), "2026-10");
        assert_eq!(last("2026-12-01T03:00:00Z"), "2026-11");
        assert_eq!(last("2027-01-15T12:00:00Z"), "2026-12");
    }

    #[test]
    fn a_month_is_read_as_it_is_written_and_in_no_other_way() {
        for odd in
            ["2026", "2026-13", "2026-00", "2026-1", "11-2026", "2026-11-01", "+026-11", "2026-11 ", ""]
        {
            assert_eq!(odd.parse::<Month>(), Err(ParseMonthError), "{odd}");
        }
    }
}
