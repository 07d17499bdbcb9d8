//! The remaining lifetime of our certificate.

use jiff::Timestamp;
use platform::telemetry::{Metrics, Unit};

const MILLIS_OF_DAY: i128 = 86_400_000;

/// The time until a certificate expires.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Expiry {
    /// Whole days left; negative after expiry.
    pub days_left: i64,
}

impl Expiry {
    /// The alarm is raised at this many days left or fewer, because ordering a certificate from ICP-Brasil takes a
    /// while.
    pub const ALARM_DAYS: i64 = 30;
    /// The alarm's stable code.
    pub const CODE: &'static str = "client_certificate_expiring";
    /// Days until one of our certificates expires.
    pub const METRIC: &'static str = "CertificateDaysLeft";

    /// Returns the time from `now` until a certificate expires.
    pub fn at(valid_until: Timestamp, now: Timestamp) -> Self {
        let millis = valid_until.duration_since(now).as_millis();
        // Timestamps differ by twenty thousand years at most, which fits.
        let days_left = i64::try_from(millis.div_euclid(MILLIS_OF_DAY)).unwrap_or(i64::MAX);
        Self { days_left }
    }

    /// Records the metric that the alarm watches. `context` names the owner of the certificate.
    pub fn measure(self, metrics: &Metrics, now: Timestamp, context: &[(&'static str, &str)]) {
        #[expect(clippy::cast_precision_loss, reason = "no certificate lives for 2^53 days")]
        let days = self.days_left as f64;
        metrics.record(now, (Self::METRIC, days, Unit::None), context);
    }

    /// Says whether the alarm is due.
    pub fn alarms(self) -> bool {
        self.days_left <= Self::ALARM_DAYS
    }
}

#[cfg(test)]
mod tests {
    use jiff::SignedDuration;

    use super::*;

    #[test]
    fn the_alarm_starts_thirty_days_before_the_end() {
        let end: Timestamp = "2027-03-31T23:59:59Z".parse().unwrap();
        let day = SignedDuration::from_hours(24);
        let (second, none) = (SignedDuration::from_secs(1), SignedDuration::ZERO);
        for (before, later, days_left, alarms) in [
            (31, none, 31, false),
            (31, second, 30, true),
            (30, none, 30, true),
            (29, none, 29, true),
            (1, none, 1, true),
            (0, -second, 0, true),
            (0, none, 0, true),
            (0, SignedDuration::from_millis(1), -1, true),
            (-2, none, -2, true),
        ] {
            let expiry = Expiry::at(end, end - day * before + later);
            assert_eq!((expiry.days_left, expiry.alarms()), (days_left, alarms), "{before} days, {later}");
        }
    }
}
