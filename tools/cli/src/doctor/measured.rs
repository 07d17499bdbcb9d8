//! The last value of a metric.

use jiff::Timestamp;

/// The last value of a metric.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Measured {
    /// The begin of its period.
    pub(crate) at: Timestamp,
    /// The value.
    pub(crate) value: f64,
}

/// No value is computed: those that are equal were written so.
impl Eq for Measured {}

impl Measured {
    /// Reads it as whole days.
    #[expect(clippy::cast_possible_truncation, reason = "no certificate lives for 2^63 days")]
    pub(crate) fn days(self) -> i64 {
        self.value.floor() as i64
    }
}
