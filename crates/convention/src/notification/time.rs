//! The instant of a state change and its format in the convention.

use std::borrow::Cow;
use std::fmt;
use std::str::FromStr;

use jiff::Timestamp;
use thiserror::Error;

/// The instant at which a state change happened.
///
/// Parsed from RFC 3339 with any offset; sent as UTC in whole seconds (webhook OAS, `data.timestamp`).
#[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub struct EventInstant(Timestamp);

impl EventInstant {
    /// Returns the instant at full precision.
    pub fn timestamp(self) -> Timestamp {
        self.0
    }

    /// Returns the instant in whole seconds, rounded down.
    ///
    /// The conformance suite refuses a timestamp later than now (CONF-012), so a fraction is dropped.
    pub fn second(self) -> i64 {
        self.0.as_nanosecond().div_euclid(1_000_000_000).try_into().expect("a Timestamp's seconds fit in i64")
    }

    /// Returns `data.timestamp` as sent, for example `2026-03-11T02:15:07Z`.
    pub fn to_wire(self) -> String {
        Timestamp::from_second(self.second()).map_or_else(|_| Timestamp::MIN.to_string(), |at| at.to_string())
    }
}

impl From<Timestamp> for EventInstant {
    fn from(at: Timestamp) -> Self {
        Self(at)
    }
}

impl FromStr for EventInstant {
    type Err = ParseEventInstantError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let refused = ParseEventInstantError;
        if !is_rfc3339(text) {
            return Err(refused("expected RFC 3339, for example 2026-03-10T23:15:07-03:00"));
        }
        // A leap second (23:59:60) becomes :59 here, as the published pattern has no :60.
        without_excess_digits(text).parse().map(Self).map_err(|_| refused("no such date or time"))
    }
}

impl fmt::Display for EventInstant {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// A text that is not an instant.
#[derive(Debug, Error, Eq, PartialEq)]
#[error("not an instant: {0}")]
pub struct ParseEventInstantError(&'static str);

/// Says whether a text has the shape of an RFC 3339 date-time (section 5.6), upper or lower case.
fn is_rfc3339(text: &str) -> bool {
    let Some((date_time, rest)) = text.as_bytes().split_at_checked(19) else { return false };
    let shape = date_time.iter().zip(b"dddd-dd-ddTdd:dd:dd").all(|(byte, expected)| match expected {
        b'd' => byte.is_ascii_digit(),
        b'T' => byte.eq_ignore_ascii_case(&b'T'),
        literal => byte == literal,
    });
    let offset = match rest {
        [b'.', fraction @ ..] => {
            let digits = fraction.iter().take_while(|byte| byte.is_ascii_digit()).count();
            if digits == 0 {
                return false;
            }
            fraction.get(digits..).unwrap_or_default()
        }
        other => other,
    };
    shape
        && match offset {
            [b'Z' | b'z'] => true,
            // RFC 3339 offsets end at 23:59; jiff accepts up to 25:59.
            [b'+' | b'-', hour @ .., b':', m1, m2] => {
                matches!(hour, [b'0' | b'1', b'0'..=b'9'] | [b'2', b'0'..=b'3'])
                    && [m1, m2].iter().all(|byte| byte.is_ascii_digit())
            }
            _ => false,
        }
}

/// Drops the digits of a fraction below nanoseconds; rounding them could round a second up.
fn without_excess_digits(text: &str) -> Cow<'_, str> {
    const NANOSECONDS: usize = 9;
    let Some((seconds, rest)) = text.split_once('.') else { return text.into() };
    let (fraction, offset) = rest.split_at(rest.bytes().take_while(u8::is_ascii_digit).count());
    match fraction.split_at_checked(NANOSECONDS) {
        Some((kept, excess)) if !excess.is_empty() => format!("{seconds}.{kept}{offset}").into(),
        _ => text.into(),
    }
}

/// Says whether `data.timestamp` matches the pattern of the webhook OAS.
///
/// The pattern also accepts a month or day without leading zero; Arauto always writes it.
pub fn matches_published_pattern(text: &str) -> bool {
    let Some((date, time)) = text.split_once('T') else { return false };
    let mut parts = date.split('-');
    let (Some(year), Some(month), Some(day), None) = (parts.next(), parts.next(), parts.next(), parts.next())
    else {
        return false;
    };
    let digits = |part: &str| !part.is_empty() && part.bytes().all(|byte| byte.is_ascii_digit());
    let within = |part: &str, low: u8, high: u8| {
        digits(part) && part.len() <= 2 && part.parse().is_ok_and(|number: u8| (low..=high).contains(&number))
    };
    let two_digits = |part: &str, high: u8| part.len() == 2 && within(part, 0, high);
    let clock = time.strip_suffix('Z').map(|clock| clock.split(':').collect::<Vec<_>>());
    text.len() <= 20
        && year.len() == 4
        && digits(year)
        && within(month, 1, 12)
        && within(day, 1, 31)
        && matches!(clock.as_deref(), Some([hour, minute, second])
            if two_digits(hour, 23) && two_digits(minute, 59) && two_digits(second, 59))
}

/// Says whether a text has exactly the form in which Arauto writes `data.timestamp`.
pub fn is_canonical(text: &str) -> bool {
    text.parse::<EventInstant>().is_ok_and(|instant| instant.to_wire() == text)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_fraction_before_1970_is_not_rounded_up_either() {
        let instant: EventInstant = "1969-12-31T23:59:59.5Z".parse().unwrap();
        assert_eq!(instant.to_wire(), "1969-12-31T23:59:59Z");
    }

    #[test]
    fn what_a_calendar_accepts_but_rfc_3339_does_not_is_refused() {
        for text in ["2026-03-10 12:00:00Z", "2026-03-10T12:00Z", "2026-03-10", "2026-03-10T12:00:00", ""] {
            assert!(text.parse::<EventInstant>().is_err(), "{text}");
        }
        for text in ["2026-02-30T12:00:00Z", "2026-03-10T24:00:00Z", "2026-03-10T12:00:00.Z"] {
            assert!(text.parse::<EventInstant>().is_err(), "{text}");
        }
    }

    #[test]
    fn the_time_of_a_body_matches_the_published_pattern() {
        for text in ["2026-03-10T12:00:00.999999999999Z", "2026-12-31T21:00:00-03:00", "0001-01-01T00:00:00Z"]
        {
            let wire = text.parse::<EventInstant>().unwrap().to_wire();
            assert!(matches_published_pattern(&wire) && is_canonical(&wire), "{wire}");
        }
    }
}
