//! What is counted for an initiator, and in all.

use std::iter::Sum;
use std::ops::AddAssign;

use jiff::civil::Date;
use serde::Serialize;

use crate::price::{Price, Usd};

/// The figures of an initiator, or of all.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize)]
pub struct Figures {
    /// GETs of resources, whatever was answered.
    pub gets: u64,
    /// Those that were answered with neither 2xx nor 304.
    pub failed: u64,
    /// Notifications that were delivered while the log lasted.
    pub notifications: u64,
    /// Resources with such a notification.
    pub notified_resources: u64,
    /// GETs of these.
    pub gets_of_notified: u64,
    /// Resources without a notification of which there was a GET.
    pub other_resources: u64,
    /// GETs of these.
    pub gets_of_others: u64,
    /// GETs that were the first after a notification.
    pub gets_after_notification: u64,
    /// Those of them that came within 60 s: the notification was used.
    pub used: u64,
    /// Notified resources of which no GET succeeded afterwards.
    pub ignored_resources: u64,
    /// Those that were notified in the last 60 s of the log: it cannot be told.
    pub undecided_resources: u64,
    /// GETs that saw no change, as the log says: 304, or the same state as before.
    pub no_change_logged: u64,
    /// GETs that saw no change, as notifications say: not the first GET, and none since a notification.
    pub no_change_inferred: u64,
    /// Of both, those of notified resources.
    pub no_change_of_notified: u64,
}

impl AddAssign for Figures {
    fn add_assign(&mut self, other: Self) {
        self.gets += other.gets;
        self.failed += other.failed;
        self.notifications += other.notifications;
        self.notified_resources += other.notified_resources;
        self.gets_of_notified += other.gets_of_notified;
        self.other_resources += other.other_resources;
        self.gets_of_others += other.gets_of_others;
        self.gets_after_notification += other.gets_after_notification;
        self.used += other.used;
        self.ignored_resources += other.ignored_resources;
        self.undecided_resources += other.undecided_resources;
        self.no_change_logged += other.no_change_logged;
        self.no_change_inferred += other.no_change_inferred;
        self.no_change_of_notified += other.no_change_of_notified;
    }
}

impl Sum for Figures {
    fn sum<I: Iterator<Item = Self>>(figures: I) -> Self {
        figures.fold(Self::default(), |mut sum, one| {
            sum += one;
            sum
        })
    }
}

impl Figures {
    /// GETs that saw no change: what fewer polls would save.
    pub fn no_change(&self) -> u64 {
        self.no_change_logged + self.no_change_inferred
    }

    /// GETs for each resource with a notification.
    pub fn gets_per_notified(&self) -> Option<f64> {
        ratio(self.gets_of_notified, self.notified_resources)
    }

    /// GETs for each resource without one.
    pub fn gets_per_other(&self) -> Option<f64> {
        ratio(self.gets_of_others, self.other_resources)
    }

    /// GETs that notifications saved: those that notified resources would have had at the rate of the others, minus those
    /// they had. An estimate; `None` where there is no resource of one kind.
    pub fn saved(&self) -> Option<u64> {
        if self.notified_resources == 0 || self.other_resources == 0 {
            return None;
        }
        let as_others = u128::from(self.gets_of_others) * u128::from(self.notified_resources)
            / u128::from(self.other_resources);
        let saved = as_others.saturating_sub(u128::from(self.gets_of_notified));
        Some(u64::try_from(saved).unwrap_or(u64::MAX))
    }
}

#[expect(clippy::cast_precision_loss, reason = "a mean, shown with two decimals")]
fn ratio(count: u64, of: u64) -> Option<f64> {
    (of > 0).then(|| (count as f64 / of as f64 * 100.0).round() / 100.0)
}

/// The figures of a day in UTC.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize)]
pub struct Day {
    /// The day.
    pub day: Date,
    /// GETs of resources.
    pub gets: u64,
    /// Those that were the first after a notification.
    pub gets_after_notification: u64,
    /// Those of them within 60 s.
    pub used: u64,
    /// Those that saw no change.
    pub no_change: u64,
    /// What those cost, in US dollars.
    pub no_change_usd: Usd,
}

impl Day {
    pub(crate) fn add(&mut self, other: &Self) {
        self.gets += other.gets;
        self.gets_after_notification += other.gets_after_notification;
        self.used += other.used;
        self.no_change += other.no_change;
    }

    #[must_use]
    pub(crate) fn priced(self, price: Price) -> Self {
        Self { no_change_usd: price.of(self.no_change), ..self }
    }
}
