//! Conversions between whole and real numbers, and their loss of precision, in one place.

/// Returns a count as a real number; counts here are far below 2^52.
#[expect(clippy::cast_precision_loss, reason = "counts and microseconds of a run are far below 2^52")]
pub(super) fn real(number: u64) -> f64 {
    number as f64
}

/// Returns a length as a real number.
pub(super) fn length(number: usize) -> f64 {
    real(number as u64)
}

/// Returns the whole part of a non-negative number.
#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "that is what is asked for; it saturates"
)]
pub(super) fn whole(number: f64) -> u64 {
    number as u64
}

/// Returns the number rounded up.
pub(super) fn whole_above(number: f64) -> u64 {
    whole(number.ceil())
}
