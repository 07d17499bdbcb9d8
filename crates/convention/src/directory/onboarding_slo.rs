//! The ten minutes: how soon after a DCR or DCM call notifications must start.
//!
//! Source: Convenção de Webhook, "Prazo para sincronização" (pages 159318087 and 105021661).

use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};

use crate::notification::ClientId;

/// Notifications must start within this after the call.
pub const ONBOARDING_SLO: SignedDuration = SignedDuration::from_mins(10);
/// Half of it: late enough to be looked at, early enough to be mended.
pub const ONBOARDING_AT_RISK: SignedDuration = SignedDuration::from_mins(5);

/// What the ten minutes are counted from.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct OnboardingSlo {
    /// When the DCR or DCM call was answered.
    pub called_at: Timestamp,
    /// When we were told of it.
    pub registered_at: Timestamp,
}

impl OnboardingSlo {
    /// Returns how long after the call the first attempt used the registration, without the time in which there was nothing
    /// to notify: a quiet receiver is no late one.
    pub fn took(&self, event: Timestamp, attempt_started: Timestamp) -> SignedDuration {
        let told = self.registered_at.duration_since(self.called_at);
        let waited = attempt_started.duration_since(event.max(self.registered_at));
        told.max(SignedDuration::ZERO) + waited.max(SignedDuration::ZERO)
    }
}

/// The first attempt that used a registration.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
pub struct FirstDelivery {
    /// Whose registration it is.
    pub client_id: ClientId,
    /// When the call that made it was answered.
    pub called_at: Timestamp,
    /// When the attempt began.
    pub used_at: Timestamp,
    /// What [`OnboardingSlo::took`] says, in whole seconds.
    pub seconds: i64,
}

impl FirstDelivery {
    /// How the names of first deliveries start in the directory table.
    pub const PREFIX: &str = "first-use#";
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
            // Notified at once, two hours later: only the time until we were told counts.
            ("2026-11-22T14:00:00Z", "2026-11-22T14:00:01Z", 21),
            // An event before we were told.
            ("2026-11-22T12:00:05Z", "2026-11-22T12:00:25Z", 25),
            // Our own outage counts whole.
            ("2026-11-22T12:01:00Z", "2026-11-22T12:13:00Z", 740),
            // A clock that is behind makes nothing negative.
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
