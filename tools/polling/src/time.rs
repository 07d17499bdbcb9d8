//! Times as access logs write them.

use jiff::civil::{Date, Time};
use jiff::tz::Offset;

/// An instant in milliseconds since 1970.
///
/// A time without a fraction stands for its whole second, so it is read as the end of that second: what happened within the second
/// came before it.
pub(crate) fn parse(text: &str, zone: Offset) -> Option<i64> {
    let text = text.trim().trim_start_matches('[').trim_end_matches(']');
    if text.bytes().all(|byte| byte.is_ascii_digit() || byte == b'.') {
        return epoch(text);
    }
    if text.as_bytes().get(2) == Some(&b'/') { common_log(text) } else { iso_8601(text, zone) }
}

/// Reads an offset such as `-03:00`, `-0300` or `Z`.
pub(crate) fn offset(text: &str) -> Option<Offset> {
    if text == "Z" || text == "z" {
        return Some(Offset::UTC);
    }
    let sign = match text.as_bytes().first()? {
        b'+' => 1,
        b'-' => -1,
        _ => return None,
    };
    let digits: Vec<i32> =
        text.bytes().skip(1).filter(|byte| *byte != b':').map(digit).collect::<Option<_>>()?;
    let (hours, minutes) = match digits.as_slice() {
        [a, b] => (a * 10 + b, 0),
        [a, b, c, d] => (a * 10 + b, c * 10 + d),
        _ => return None,
    };
    Offset::from_seconds(sign * (hours * 3_600 + minutes * 60)).ok().filter(|_| minutes < 60)
}

fn digit(byte: u8) -> Option<i32> {
    byte.is_ascii_digit().then(|| i32::from(byte - b'0'))
}

/// Seconds with or without a fraction, or milliseconds, since 1970. Seconds pass eleven digits in the year 5138.
fn epoch(text: &str) -> Option<i64> {
    let (whole, fraction) = text.split_once('.').map_or((text, None), |(whole, rest)| (whole, Some(rest)));
    let number: i64 = whole.parse().ok()?;
    match fraction {
        None if whole.len() > 11 => Some(number),
        None => number.checked_mul(1_000)?.checked_add(999),
        Some(fraction) => number.checked_mul(1_000)?.checked_add(milliseconds(fraction)?),
    }
}

/// The first three digits of a fraction of a second.
fn milliseconds(fraction: &str) -> Option<i64> {
    let digits = fraction.bytes().chain(*b"000").take(3);
    digits.map(digit).try_fold(0, |sum, digit| Some(sum * 10 + i64::from(digit?)))
}

const MONTHS: [&str; 12] =
    ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"];

/// `10/Oct/2000:13:55:36 -0700`: the Common Log Format.
fn common_log(text: &str) -> Option<i64> {
    let (date, rest) = text.split_once(':')?;
    let (time, zone) = rest.split_once(' ')?;
    let mut parts = date.split('/');
    let (day, month, year) = (parts.next()?.parse().ok()?, parts.next()?, parts.next()?.parse().ok()?);
    let month = (1..).zip(MONTHS).find(|(_, name)| *name == month)?.0;
    instant(Date::new(year, month, day).ok()?, time, offset(zone)?)
}

/// `2026-11-30T10:00:00.123-03:00`, with a space for the T, and a zone of its own or that of the mapping.
fn iso_8601(text: &str, zone: Offset) -> Option<i64> {
    let (date, rest) = text.split_at_checked(10)?;
    let mut parts = date.split('-');
    let mut number = || parts.next()?.parse::<i16>().ok();
    let (year, month, day) = (number()?, number()?, number()?);
    let date = Date::new(year, month.try_into().ok()?, day.try_into().ok()?).ok()?;
    let rest = rest.strip_prefix(['T', 't', ' '])?;
    let end = rest.find(['Z', 'z', '+', '-']).unwrap_or(rest.len());
    let (time, own) = rest.split_at_checked(end)?;
    let zone = if own.is_empty() { zone } else { offset(own)? };
    instant(date, time.trim_end(), zone)
}

fn instant(date: Date, time: &str, zone: Offset) -> Option<i64> {
    let (time, fraction) =
        time.split_once(['.', ',']).map_or((time, None), |(time, rest)| (time, Some(rest)));
    let mut parts = time.split(':').map(|part| part.parse::<i8>().ok());
    let (hour, minute, second) = (parts.next()??, parts.next()??, parts.next()??);
    // A leap second counts as the one before it.
    let time = Time::new(hour, minute, second.min(59), 0).ok()?;
    let seconds = zone.to_timestamp(date.to_datetime(time)).ok()?.as_second();
    Some(seconds * 1_000 + fraction.map_or(Some(999), milliseconds)?)
}

#[cfg(test)]
mod tests {
    use jiff::Timestamp;

    use super::*;

    #[test]
    fn the_same_instant_is_read_in_every_zone_and_form() {
        let at = "2026-11-30T13:55:36.25Z".parse::<Timestamp>().unwrap().as_millisecond();
        for text in [
            "2026-11-30T13:55:36.25Z",
            "2026-11-30T13:55:36.250999Z",
            "2026-11-30T10:55:36.250-03:00",
            "2026-11-30 19:25:36,250+0530",
            "2026-12-01T00:55:36.25+11",
            "1796046936.250",
            "1796046936250",
        ] {
            assert_eq!(parse(text, Offset::UTC), Some(at), "{text}");
        }
        assert_eq!(parse("2026-11-30T10:55:36.25", offset("-03:00").unwrap()), Some(at));
        let whole = at - 250 + 999;
        for text in [
            "30/Nov/2026:10:55:36 -0300",
            "[30/Nov/2026:13:55:36 +0000]",
            "2026-11-30T13:55:36Z",
            "1796046936",
        ] {
            assert_eq!(parse(text, Offset::UTC), Some(whole), "a whole second: {text}");
        }
    }

    #[test]
    fn another_text_is_no_time() {
        for text in [
            "",
            "-",
            "yesterday",
            "30/Nov/2026",
            "30/Foo/2026:10:55:36 -0300",
            "2026-13-30T10:55:36Z",
            "2026-11-30",
            "2026-11-30T25:00:00Z",
            "2026-11-30T10:00",
            "2026-11-30T10:00:00+3",
            "2026-11-30T10:00:00+03:99",
            "1.2.3",
            "99999999999999999999",
            "2026-11-3\u{e9}T10:00:00Z",
            "é/Nov/2026:10:55:36 -0300",
        ] {
            assert_eq!(parse(text, Offset::UTC), None, "{text}");
        }
    }
}
