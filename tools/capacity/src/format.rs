//! Formats numbers for people.

use super::numbers::{real, whole};

/// Formats a number with thousands separators.
pub(super) fn grouped(number: f64) -> String {
    terminal::grouped(whole(number.round().max(0.0)))
}

/// Formats a number for settings and tables: whole, or with its decimals.
pub(super) fn exact(number: f64) -> String {
    if (number - number.round()).abs() < 1e-9 { grouped(number) } else { number.to_string() }
}

/// Formats milliseconds, as seconds if there are many.
pub(super) fn millis(millis: u64) -> String {
    match millis {
        0..10_000 => format!("{} ms", grouped(real(millis))),
        _ => format!("{} s", grouped(real(millis) / 1e3)),
    }
}

/// Formats a share as a percentage, or as a multiple if it is far above one.
pub(super) fn percent(share: f64) -> String {
    if share >= 10.0 { format!("{}x", grouped(share)) } else { format!("{:.0} %", share * 100.0) }
}

/// Returns a name in the form it has within a sentence.
pub(super) fn lowered(name: &str) -> String {
    let mut letters = name.chars();
    letters.next().map(|first| first.to_lowercase().chain(letters).collect()).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn thousands_stand_apart_and_long_times_are_seconds() {
        assert_eq!([0.0, 999.4, 1_000.0, 1_234_567.0].map(grouped), ["0", "999", "1,000", "1,234,567"]);
        assert_eq!([0, 1_500, 9_999, 10_499].map(millis), ["0 ms", "1,500 ms", "9,999 ms", "10 s"]);
        assert_eq!([0.004, 0.5, 9.99, 10.0].map(percent), ["0 %", "50 %", "999 %", "10x"]);
        assert_eq!([0.5, 10_000.0].map(exact), ["0.5", "10,000"]);
    }
}
