//! The time of a run, and the times that Lambda sets.

use std::time::Duration;

use jiff::{SignedDuration, Timestamp};

/// `Timeout` of dispatch in `template.yaml`.
pub(super) const TIMEOUT: Duration = Duration::from_secs(45);
/// How far a clock of Lambda is off, in milliseconds.
pub(super) const SKEW_MS: u64 = 5;

/// When every run begins; certificates are made for it.
pub(super) fn epoch() -> Timestamp {
    "2026-06-01T00:00:00Z".parse().expect("an instant")
}

/// How far into a run an instant is that the ledger has, in milliseconds.
pub(super) fn since_epoch(millis: &str) -> Option<Duration> {
    let millis: i64 = millis.parse().ok()?;
    u64::try_from(millis - epoch().as_millisecond()).ok().map(Duration::from_millis)
}

/// The instant that so much of a run is.
pub(super) fn instant(at: Duration) -> Timestamp {
    epoch() + SignedDuration::try_from(at).expect("runs are short")
}
