//! The onboarding objective: notifications must start within ten minutes of a DCR or DCM call.
//!
//! Source: Convenção de Webhook, "Prazo para sincronização" (pages 159318087 and 105021661).

use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};

use crate::notification::ClientId;

/// Maximum time between the call and the start of notifications.
pub const ONBOARDING_SLO: SignedDuration = SignedDuration::from_mins(10);
/// Half of the objective: a warning early enough to act on.
pub const ONBOARDING_AT_RISK: SignedDuration = SignedDuration::from_mins(5);

/// The times from which the objective is measured.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct OnboardingSlo {
    /// When the DCR or DCM call was answered.
    pub called_at: Timestamp,
    /// When the registration reached us.
    pub registered_at: Timestamp,
}

impl OnboardingSlo {
    /// Returns the time from the call to the first attempt under the registration, without the time in which
    /// there was nothing to notify: a receiver without events is not late.
    pub fn took(&self, event: Timestamp, attempt_started: Timestamp) -> SignedDuration {
        let told = self.registered_at.duration_since(self.called_at);
        let waited = attempt_started.duration_since(event.max(self.registered_at));
        told.max(SignedDuration::ZERO) + waited.max(SignedDuration::ZERO)
    }
}

/// The first attempt under a registration.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
pub struct FirstDelivery {
    /// The receiver whose registration it is.
    pub client_id: ClientId,
    /// When the DCR or DCM call was answered.
    pub called_at: Timestamp,
    /// When the attempt began.
    pub used_at: Timestamp,
    /// The result of [`OnboardingSlo::took`] in whole seconds.
    pub seconds: i64,
}

impl FirstDelivery {
    /// Key prefix of first deliveries in the directory table.
    pub const PREFIX: &str = "first-use#";
    /// How long they are kept: a report covers a month, and is made in the next.
    pub const RETENTION: SignedDuration = SignedDuration::from_hours(24 * 62);
}

/// Returns the slowest first delivery within the calendar month (UTC) of `now`.
pub fn worst_of_month(uses: &[FirstDelivery], now: Timestamp) -> Option<&FirstDelivery> {
    let month = |instant: Timestamp| instant.strftime("%Y-%m").to_string();
    let this_month = month(now);
    uses.iter().filter(|used| month(used.used_at) == this_month).max_by_key(|used| used.seconds)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(text: &str) -> Timestamp {
        text.parse().unwrap()
    }

    #[test]
    fn the_objective_counts_from_the_call_and_leaves_out_the_time_without_events() {
        let onboarding_slo = OnboardingSlo {
            called_at: at("2026-11-22T12:00:00Z"),
            registered_at: at("2026-11-22T12:00:20Z"),
        };
        for (event, started, took) in [
            // Notified two hours later, at once after the event: only the time until the registration reached
            // us counts.
            ("2026-11-22T14:00:00Z", "2026-11-22T14:00:01Z", 21),
            // An event before the registration reached us.
            ("2026-11-22T12:00:05Z", "2026-11-22T12:00:25Z", 25),
            // An outage of ours counts in full.
            ("2026-11-22T12:01:00Z", "2026-11-22T12:13:00Z", 740),
            // A clock that is behind gives no negative time.
            ("2026-11-22T12:01:00Z", "2026-11-22T12:00:59Z", 20),
        ] {
            assert_eq!(onboarding_slo.took(at(event), at(started)).as_secs(), took, "{event} {started}");
        }
    }

    #[test]
    fn the_worst_is_that_of_the_month_only() {
        let one = |used_at: &str, seconds| FirstDelivery {
            client_id: "itp-1".parse().unwrap(),
            called_at: at("2026-10-01T00:00:00Z"),
            used_at: at(used_at),
            seconds,
        };
        let uses = [
            one("2026-10-31T23:59:59Z", 900),
            one("2026-11-01T00:00:00Z", 4),
            one("2026-11-02T00:00:00Z", 7),
        ];
        let worst = |now| worst_of_month(&uses, at(now)).map(|used| used.seconds);
        assert_eq!(worst("2026-11-22T12:00:00Z"), Some(7));
        assert_eq!(worst("2026-10-02T12:00:00Z"), Some(900));
        assert_eq!(worst("2026-12-01T00:00:00Z"), None);
    }
}
