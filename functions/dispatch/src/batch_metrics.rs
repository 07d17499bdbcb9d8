//! What an invocation measures of its notifications: gathered while they are worked on, written once at its end.
//!
//! A batch costs one line of the log, as its bytes are paid for; only what went wrong adds lines. What was delivered to each
//! receiver the metric filters of `infra/operations.yaml` take from the lines of the attempts.

use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use convention::codes::{Code, FailureClass};
use convention::delivery::{AttemptMessage, AttemptNumber, Outcome};
use jiff::{SignedDuration, Timestamp};
use platform::telemetry::{CODE, Line, MAX_ARRAY, Metrics, Unit, UsageMeter, Used};

use crate::fault::Fault;

/// 1 for each attempt that delivered, 0 for each that did not: its sum is what was delivered, its average the part that was.
const DELIVERED: &str = "Delivered";
/// From the event to the beginning of its first attempt.
const FIRST_ATTEMPT_DELAY: &str = "FirstAttemptDelay";
/// Attempts that failed, by whose doing it was.
const FAILED_ATTEMPTS: &str = "FailedAttempts";
/// Notifications given up after three attempts.
const UNDELIVERED: &str = "Undelivered";
/// Messages that no version of ours can have written.
const UNREADABLE: &str = "UnreadableMessages";
/// How long ago the event is whose notification could not be delivered just now. SQS' own age of the oldest message starts
/// anew with each retry, which is a new message, and leaves out what was received three times.
const UNDELIVERED_AGE: &str = "UndeliveredAge";

const CLASS: &str = "Class";

/// What was seen since the last line.
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
    oldest: Option<SignedDuration>,
}

impl BatchMetrics {
    /// Tells of what this meter counts too.
    pub(crate) fn of(meter: UsageMeter) -> Self {
        Self { seen: Mutex::default(), meter }
    }

    /// Takes down that an invocation took so long.
    pub(crate) fn invoked(&self, took: Duration) {
        self.meter.invoked(took);
    }

    /// Takes an attempt down that began and ended then.
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
            // How late a replay is says when an operator sent it.
            if message.attempt == AttemptNumber::FIRST && message.replay_of.is_none() {
                let delay = not_negative(started.duration_since(event));
                seen.delays_ms.push((delay.as_secs_f64() * 1e3).floor());
            }
            if let Outcome::Failed(failure) = outcome {
                seen.failed(failure.class());
            }
        });
        if matches!(outcome, Outcome::Failed(_)) {
            self.waits(message, ended);
        }
    }

    /// Takes an attempt down of which nobody knows what came.
    pub(crate) fn interrupted(&self) {
        self.see(|seen| {
            seen.delivered.push(0.0);
            seen.failed(Some(FailureClass::Ours));
        });
    }

    /// Takes down that a notification is given up.
    pub(crate) fn gave_up(&self) {
        self.see(|seen| seen.undelivered += 1);
    }

    /// Takes down a message that cannot be read.
    pub(crate) fn unreadable(&self) {
        self.see(|seen| seen.unreadable += 1);
    }

    /// Takes down a message that a fault of ours keeps.
    pub(crate) fn requeued(&self, code: Code, message: Option<&AttemptMessage>, now: Timestamp) {
        self.see(|seen| *seen.faults.entry(code.as_str()).or_default() += 1);
        if let Some(message) = message {
            self.waits(message, now);
        }
    }

    /// Takes down how long a notification has been waiting to be delivered.
    fn waits(&self, message: &AttemptMessage, now: Timestamp) {
        // A replay's event is as old as the outage that it follows.
        if message.replay_of.is_none() {
            let age = not_negative(now.duration_since(message.change.event_instant.timestamp()));
            self.see(|seen| seen.oldest = seen.oldest.max(Some(age)));
        }
    }

    /// Writes what was seen, and begins anew.
    pub(crate) fn write(&self, now: Timestamp, metrics: &Metrics) {
        let seen = std::mem::take(&mut *self.seen.lock().unwrap_or_else(PoisonError::into_inner));
        // What was used is told once, and waits where nothing else is to be told.
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
        // A batch has ten; were there ever more, some more of their values would be better than none.
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

/// CloudWatch has no percentiles of a metric with a negative value, and clocks differ.
fn not_negative(duration: SignedDuration) -> SignedDuration {
    duration.max(SignedDuration::ZERO)
}
