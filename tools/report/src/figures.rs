//! What is counted for an initiator, and in all.

use std::collections::BTreeMap;
use std::ops::AddAssign;

use convention::codes::{Code, FailureClass};
use serde::ser::SerializeMap as _;
use serde::{Serialize, Serializer};

/// The code of an attempt that the receiver accepted.
pub(crate) const DELIVERED: &str = Code::Delivered.as_str();

/// The figures of an initiator, or of all.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct Figures {
    /// Notifications: whose first attempt began in the month, or that ended in it without one.
    pub notifications: u64,
    /// Those that were delivered.
    pub delivered: u64,
    /// Those that were given up.
    pub undelivered: u64,
    /// Those of which nothing more is sent, as their receiver is gone or must not be notified.
    pub cancelled: u64,
    /// Those that replay an undelivered notification, of whatever month.
    pub replays: u64,
    /// Replays that were delivered.
    pub replays_delivered: u64,
    /// Undelivered notifications of the month of which a replay was seen.
    pub replayed: u64,
    /// Those of them whose replay was delivered.
    pub recovered: u64,
    /// Attempts that began in the month.
    pub attempts: u64,
    /// First attempts that were measured: not of replays, and the time of the event is known.
    pub first_attempts: u64,
    /// Those that began within 1.5 s of the event.
    pub first_in_time: u64,
    /// Those that began later because the change was posted more than 1.5 s after the event.
    pub first_posted_late: u64,
    /// Attempts by the code of their outcome.
    pub outcomes: BTreeMap<String, u64>,
    /// Attempts of which nothing was sent for a fault of ours, by code; they began again. `None` if the source does not
    /// tell.
    pub rolled_back: Option<BTreeMap<String, u64>>,
    /// Notifications that ended without a further attempt, by code.
    pub reasons: BTreeMap<String, u64>,
}

/// A part of a whole.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Share {
    /// The part.
    pub part: u64,
    /// The whole.
    pub whole: u64,
}

impl Share {
    /// Returns hundredths of a percent, rounded down, so that 100 % is all of it; `None` of nothing.
    pub fn basis_points(self) -> Option<u64> {
        let points = u128::from(self.part) * 10_000;
        points.checked_div(u128::from(self.whole)).map(|points| u64::try_from(points).unwrap_or(u64::MAX))
    }
}

impl Figures {
    /// Notifications that had not ended when the source was read.
    pub fn open(&self) -> u64 {
        self.notifications.saturating_sub(self.delivered + self.undelivered + self.cancelled)
    }

    /// Attempts that the receiver accepted.
    pub fn accepted(&self) -> u64 {
        self.outcomes.get(DELIVERED).copied().unwrap_or_default()
    }

    /// Attempts that failed.
    pub fn failed(&self) -> u64 {
        self.outcomes.iter().filter(|(code, _)| *code != DELIVERED).map(|(_, count)| count).sum()
    }

    /// Attempts whose outcome was not recorded when the source was read.
    pub fn without_outcome(&self) -> u64 {
        self.attempts.saturating_sub(self.accepted() + self.failed())
    }

    /// Failed attempts by whose fault it was; `None` for a code of another version.
    pub fn failed_by(&self, class: Option<FailureClass>) -> u64 {
        let of = |code: &str| Code::named(code).and_then(|code| code.row().class);
        let failed = self.outcomes.iter().filter(|(code, _)| *code != DELIVERED);
        failed.filter(|(code, _)| of(code) == class).map(|(_, count)| count).sum()
    }

    /// Of the notifications that ended, those that were delivered.
    pub fn delivered_share(&self) -> Share {
        Share { part: self.delivered, whole: self.delivered + self.undelivered }
    }

    /// Of the first attempts, those within 1.5 s of the event.
    pub fn in_time_share(&self) -> Share {
        Share { part: self.first_in_time, whole: self.first_attempts }
    }

    /// The attempts that were rolled back; `None` if the source does not tell.
    pub fn all_rolled_back(&self) -> Option<u64> {
        self.rolled_back.as_ref().map(|codes| codes.values().sum())
    }
}

/// A count: its name in JSON and CSV, and where it comes from.
type Count = (&'static str, fn(&Figures) -> u64);

/// What is counted, in the order in which files have it.
pub(crate) const COUNTS: [Count; 16] = [
    ("notifications", |of| of.notifications),
    ("delivered", |of| of.delivered),
    ("undelivered", |of| of.undelivered),
    ("cancelled", |of| of.cancelled),
    ("not_ended", Figures::open),
    ("undelivered_replayed", |of| of.replayed),
    ("undelivered_recovered", |of| of.recovered),
    ("replays", |of| of.replays),
    ("replays_delivered", |of| of.replays_delivered),
    ("attempts", |of| of.attempts),
    ("attempts_accepted", Figures::accepted),
    ("attempts_failed", Figures::failed),
    ("attempts_without_outcome", Figures::without_outcome),
    ("first_attempts", |of| of.first_attempts),
    ("first_attempts_within_1500_ms", |of| of.first_in_time),
    ("first_attempts_posted_late", |of| of.first_posted_late),
];

/// Each class of failures, in the order in which a report names them.
pub(crate) const CLASSES: [FailureClass; 5] = [
    FailureClass::Receiver,
    FailureClass::Network,
    FailureClass::Tls,
    FailureClass::Directory,
    FailureClass::Ours,
];

impl AddAssign<&Self> for Figures {
    fn add_assign(&mut self, other: &Self) {
        self.notifications += other.notifications;
        self.delivered += other.delivered;
        self.undelivered += other.undelivered;
        self.cancelled += other.cancelled;
        self.replays += other.replays;
        self.replays_delivered += other.replays_delivered;
        self.replayed += other.replayed;
        self.recovered += other.recovered;
        self.attempts += other.attempts;
        self.first_attempts += other.first_attempts;
        self.first_in_time += other.first_in_time;
        self.first_posted_late += other.first_posted_late;
        add(&mut self.outcomes, &other.outcomes);
        add(&mut self.reasons, &other.reasons);
        if let (Some(codes), Some(others)) = (&mut self.rolled_back, &other.rolled_back) {
            add(codes, others);
        }
    }
}

fn add(codes: &mut BTreeMap<String, u64>, others: &BTreeMap<String, u64>) {
    for (code, count) in others {
        *codes.entry(code.clone()).or_default() += count;
    }
}

impl Serialize for Figures {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut out = serializer.serialize_map(None)?;
        for (name, count) in COUNTS {
            out.serialize_entry(name, &count(self))?;
        }
        out.serialize_entry(
            "first_attempts_within_1500_ms_basis_points",
            &self.in_time_share().basis_points(),
        )?;
        out.serialize_entry("attempts_rolled_back", &self.all_rolled_back())?;
        let by: BTreeMap<_, _> =
            CLASSES.iter().map(|class| (class.as_str(), self.failed_by(Some(*class)))).collect();
        out.serialize_entry("failed_by_fault", &by)?;
        out.serialize_entry("failed_by_unknown_code", &self.failed_by(None))?;
        out.serialize_entry("outcomes", &self.outcomes)?;
        out.serialize_entry("rolled_back", &self.rolled_back)?;
        out.serialize_entry("reasons", &self.reasons)?;
        out.end()
    }
}
