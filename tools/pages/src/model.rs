//! All that was read of a stack.

use std::collections::BTreeMap;

use convention::directory::Registration;
use convention::notification::{Choices, Ecosystem};
use jiff::Timestamp;

use crate::figures::{Figures, Range};
use crate::history::History;

/// Something that is read again and again.
#[derive(Clone, Debug)]
pub struct Reading<T> {
    /// What was read at last.
    pub value: Option<T>,
    /// When that was.
    pub at: Option<Timestamp>,
    /// Since when the next one is under way.
    pub reading_since: Option<Timestamp>,
    /// Why the last one failed, if it did.
    pub error: Option<String>,
}

/// An alarm that is on.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Alarm {
    /// Its name in the template, such as `QueueAgeAlarm`.
    pub name: String,
    /// Since when.
    pub since: Option<Timestamp>,
    /// Why, as `CloudWatch` says.
    pub reason: String,
}

/// The queues, as SQS counts them: approximately.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub struct QueueDepths {
    /// Notifications that wait.
    pub waiting: u64,
    /// Notifications that dispatch has.
    pub in_flight: u64,
    /// Notifications whose attempt is due later.
    pub delayed: u64,
    /// Messages in the dead-letter queue.
    pub dead_lettered: u64,
}

/// Undelivered notifications of one receiver, endpoint and outcome.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct UndeliveredGroup {
    /// The receiver's key.
    pub receiver: String,
    /// `E1` to `E5`.
    pub endpoint: String,
    /// The code of the last failure.
    pub outcome: String,
    /// How many.
    pub count: u64,
    /// How many of them were replayed.
    pub replayed: u64,
    /// When the first was given up.
    pub first: Timestamp,
    /// When the last was.
    pub last: Timestamp,
}

/// What was given up within a week.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct Undelivered {
    /// By receiver, endpoint and outcome.
    pub groups: Vec<UndeliveredGroup>,
    /// Rows that this version cannot read.
    pub unreadable: u64,
}

/// A certificate that a receiver showed.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct Certificate {
    /// When it ends.
    pub valid_until: Option<Timestamp>,
    /// When a list or status of it that is still valid was confirmed; absent if there is none.
    pub checked_at: Option<Timestamp>,
    /// Whether it is revoked or on hold.
    pub is_revoked: bool,
}

/// A registered client.
#[derive(Clone, Debug)]
pub struct Registered {
    /// Its registration.
    pub registration: Registration,
    /// Until when its attempts have a reduced timeout, as it keeps timing out.
    pub slow_until: Option<Timestamp>,
}

/// What was read of a stack, each part by itself.
#[derive(Clone, Debug, Default)]
pub struct Model {
    /// Whether it is the local stack, which has no alarms and no metrics.
    pub is_local: bool,
    /// The attempts.
    pub history: Reading<History>,
    /// Counts by `CloudWatch`; the local stack has none, and the attempts are counted.
    pub metrics: Option<BTreeMap<Range, Reading<Figures>>>,
    /// The alarms that are on.
    pub alarms: Reading<Vec<Alarm>>,
    /// The queues.
    pub queues: Reading<QueueDepths>,
    /// The registered clients, by the key of their receiver.
    pub receivers: Reading<BTreeMap<String, Registered>>,
    /// The certificates that receivers showed, by host.
    pub certificates: Reading<BTreeMap<String, Certificate>>,
    /// Our authorisation servers, as the stack was told; empty before that was read.
    pub authorisation_servers: String,
    /// What the stack chooses where the convention leaves a choice, as the stack was told; `None` before that was read.
    pub choices: Option<Choices>,
    /// The ecosystem that the stack serves, as the stack was told; Open Finance before that was read.
    pub ecosystem: Ecosystem,
    /// What was given up within a week.
    pub undelivered: Reading<Undelivered>,
}

impl<T> Default for Reading<T> {
    fn default() -> Self {
        Self { value: None, at: None, reading_since: None, error: None }
    }
}

impl<T> Reading<T> {
    /// Notes that it is being read.
    pub fn begin(&mut self, now: Timestamp) {
        self.reading_since = Some(now);
    }

    /// Notes how the reading ended; after a failure, what was read before stays.
    pub fn end(&mut self, read: Result<T, String>, now: Timestamp) {
        self.reading_since = None;
        match read {
            Ok(value) => (self.value, self.error) = (Some(value), None),
            Err(error) => {
                self.error = Some(error);
                return;
            }
        }
        self.at = Some(now);
    }
}

impl Model {
    /// The counts of a range.
    pub fn figures(&self, range: Range, now: Timestamp) -> Option<Figures> {
        match &self.metrics {
            Some(metrics) => metrics.get(&range)?.value.clone(),
            None => Some(self.history.value.as_ref()?.figures(range, now)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_read_stays_when_the_next_reading_fails() {
        let (mut reading, at) = (Reading::default(), Timestamp::UNIX_EPOCH);
        reading.begin(at);
        assert!(reading.reading_since.is_some());
        reading.end(Ok(1), at);
        let later = at + jiff::SignedDuration::from_secs(9);
        reading.end(Err("no answer".to_owned()), later);
        assert_eq!(
            (reading.value, reading.at, reading.error.as_deref()),
            (Some(1), Some(at), Some("no answer"))
        );
        reading.end(Ok(2), later);
        assert_eq!((reading.value, reading.at, reading.error), (Some(2), Some(later), None));
    }
}
