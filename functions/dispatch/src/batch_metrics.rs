//! Metrics of an invocation: collected while its messages are processed, written once at its end.
//!
//! A batch costs one log line, because log bytes are billed; only failures add lines. The metric filters in
//! `infra/operations.yaml` count deliveries to each receiver from the lines of the attempts.

use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use convention::codes::{Code, FailureClass};
use convention::delivery::{AttemptMessage, AttemptNumber, Outcome};
use convention::source::Source;
use jiff::{SignedDuration, Timestamp};
use platform::telemetry::{CODE, Line, MAX_ARRAY, Metrics, Unit, UsageMeter, Used, rejected_changes};

use crate::fault::Fault;

/// 1 for each attempt that delivered, 0 for each that did not: the sum is the number of deliveries, the average the
/// success rate.
const DELIVERED: &str = "Delivered";
/// Time from the event to the start of its first attempt.
const FIRST_ATTEMPT_DELAY: &str = "FirstAttemptDelay";
/// Failed attempts, by the class of their failure.
const FAILED_ATTEMPTS: &str = "FailedAttempts";
/// Notifications given up after three attempts.
const UNDELIVERED: &str = "Undelivered";
/// Messages that no version of ours can have written.
const UNREADABLE: &str = "UnreadableMessages";
/// Age of the event of a notification that could not be delivered just now. SQS' own age of the oldest message
/// restarts with each retry, which is a new message, and leaves out messages received three times.
const UNDELIVERED_AGE: &str = "UndeliveredAge";

const CLASS: &str = "Class";

/// Collected since the last line.
#[derive(Debug, Default)]
pub(crate) struct BatchMetrics {
    seen: Mutex<Seen>,
    meter: UsageMeter,
}

#[derive(Debug, Default)]
struct Seen {
    delivered: Vec<f64>,
    delays_ms: Vec<f64>,
    failed: BTreeMap<&'static str, u32>,
    faults: BTreeMap<&'static str, u32>,
    undelivered: u32,
    unreadable: u32,
    rejected: BTreeMap<&'static str, u32>,
    oldest: Option<SignedDuration>,
}

impl BatchMetrics {
    /// Also reports the usage of this meter.
    pub(crate) fn of(meter: UsageMeter) -> Self {
        Self { seen: Mutex::default(), meter }
    }

    /// Records the duration of an invocation.
    pub(crate) fn invoked(&self, took: Duration) {
        self.meter.invoked(took);
    }

    /// Records an attempt that began and ended at these times.
    pub(crate) fn attempted(
        &self,
        message: &AttemptMessage,
        outcome: &Outcome,
        (started, ended): (Timestamp, Timestamp),
    ) {
        let event = message.change.event_instant.timestamp();
        self.see(|seen| {
            match outcome {
                Outcome::Delivered { .. } => seen.delivered.push(1.0),
                Outcome::Failed(_) => seen.delivered.push(0.0),
            }
            // The delay of a replay only says when an operator sent it.
            if message.attempt == AttemptNumber::FIRST && message.replay_of.is_none() {
                let delay = not_negative(started.duration_since(event));
                seen.delays_ms.push((delay.as_secs_f64() * 1e3).floor());
            }
            if let Outcome::Failed(failure) = outcome {
                seen.failed(failure.class());
            }
        });
        if matches!(outcome, Outcome::Failed(_)) {
            self.record_age(message, ended);
        }
    }

    /// Records an attempt with unknown outcome.
    pub(crate) fn interrupted(&self) {
        self.see(|seen| {
            seen.delivered.push(0.0);
            seen.failed(Some(FailureClass::Ours));
        });
    }

    /// Records that a notification is given up.
    pub(crate) fn gave_up(&self) {
        self.see(|seen| seen.undelivered += 1);
    }

    /// Records a message that cannot be read.
    pub(crate) fn unreadable(&self) {
        self.see(|seen| seen.unreadable += 1);
    }

    /// Records a record of a source that is no valid state change.
    pub(crate) fn rejected(&self, source: Source) {
        self.see(|seen| *seen.rejected.entry(source.as_str()).or_default() += 1);
    }

    /// Records a message that returns to the queue for a fault of ours.
    pub(crate) fn requeued(&self, code: Code, message: Option<&AttemptMessage>, now: Timestamp) {
        self.see(|seen| *seen.faults.entry(code.as_str()).or_default() += 1);
        if let Some(message) = message {
            self.record_age(message, now);
        }
    }

    /// Records how long a notification has been waiting for delivery.
    fn record_age(&self, message: &AttemptMessage, now: Timestamp) {
        // The event of a replay is as old as the outage before it.
        if message.replay_of.is_none() {
            let age = not_negative(now.duration_since(message.change.event_instant.timestamp()));
            self.see(|seen| seen.oldest = seen.oldest.max(Some(age)));
        }
    }

    /// Writes the collected metrics and starts anew.
    pub(crate) fn write(&self, now: Timestamp, metrics: &Metrics) {
        let seen = std::mem::take(&mut *self.seen.lock().unwrap_or_else(PoisonError::into_inner));
        // Usage is reported once, and waits if there is no other line to write.
        let attempted = !seen.delivered.is_empty();
        if attempted {
            metrics.write(now, &seen.attempts().using(&self.meter.take()));
        }
        for (class, times) in &seen.failed {
            let line = Line::of(&[CLASS]).with(FAILED_ATTEMPTS, Unit::Count, &[f64::from(*times)]);
            metrics.write(now, &line.beside(CLASS, class));
        }
        for (code, times) in &seen.faults {
            let line = Line::of(&[CODE]).by_version().with(Fault::METRIC, Unit::Count, &[f64::from(*times)]);
            metrics.write(now, &line.beside(CODE, code));
        }
        for (source, times) in &seen.rejected {
            metrics.write(now, &rejected_changes(source, *times));
        }
        let count = |times: u32| (times > 0).then(|| f64::from(times));
        let oldest = seen.oldest.map(|age| age.as_secs_f64().floor());
        let (undelivered, unreadable) = (count(seen.undelivered), count(seen.unreadable));
        if oldest.or(undelivered).or(unreadable).is_some() {
            let line = Line::of(&[])
                .with(UNDELIVERED, Unit::Count, undelivered.as_slice())
                .with(UNREADABLE, Unit::Count, unreadable.as_slice())
                .with(UNDELIVERED_AGE, Unit::Seconds, oldest.as_slice());
            let used = if attempted { Used::default() } else { self.meter.take() };
            metrics.write(now, &line.using(&used));
        }
    }

    fn see(&self, act: impl FnOnce(&mut Seen)) {
        act(&mut self.seen.lock().unwrap_or_else(PoisonError::into_inner));
    }
}

impl Seen {
    /// The line of all attempts.
    fn attempts(&self) -> Line {
        // A batch has ten messages; if there were more attempts, a part of their values would be enough.
        let [delivered, delays] =
            [&self.delivered, &self.delays_ms].map(|values| values.get(..MAX_ARRAY).unwrap_or(values));
        // A deployment compares the version that it brings with the one before.
        let line = Line::of(&[]).by_version().with(DELIVERED, Unit::None, delivered);
        line.with(FIRST_ATTEMPT_DELAY, Unit::Milliseconds, delays)
    }

    fn failed(&mut self, class: Option<FailureClass>) {
        // Every failure has a class (`convention::codes`); one without would be ours.
        *self.failed.entry(class.unwrap_or(FailureClass::Ours).as_str()).or_default() += 1;
    }
}

/// CloudWatch computes no percentiles of a metric with negative values, and clocks differ.
fn not_negative(duration: SignedDuration) -> SignedDuration {
    duration.max(SignedDuration::ZERO)
}
