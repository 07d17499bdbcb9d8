//! Metrics of invocations: collected while their messages are processed, written at the end of one.
//!
//! Log bytes are billed, so a batch costs one log line at most, and only failures add lines. With `Monitoring=essential`, a busy
//! environment keeps what is as usual for [`MAX_DEFERRED`] invocations or [`METRICS_INTERVAL`], whichever is first: what it keeps when
//! it ends is lost. The metric filters in `infra/operations.yaml` count deliveries to each receiver from the lines of the attempts.

use std::collections::{BTreeMap, VecDeque};
use std::str::FromStr;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use convention::codes::{Code, FailureClass};
use convention::delivery::{AttemptMessage, AttemptNumber, FIRST_ATTEMPT_WITHIN, Outcome};
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

/// Time for which a busy environment keeps what is as usual, at most. Each line has values of one such time, so that none is far from
/// its minute.
const METRICS_INTERVAL: SignedDuration = SignedDuration::from_secs(2);
/// Invocations whose values share a line at most, and so are lost with an environment.
const MAX_DEFERRED: u32 = 10;
/// An environment is busy if it was invoked this often within the interval, so that an invocation is likely to follow. One that
/// is called now and then writes at once, because nothing may follow.
const BUSY: usize = 3;
/// Most messages of a batch, for which a line must have room.
const MAX_BATCH: usize = 10;

/// `Monitoring` in the template.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub(crate) enum Monitoring {
    /// Each invocation writes its metrics.
    #[default]
    Full,
    /// Invocations of a busy environment share lines.
    Essential,
}

impl Monitoring {
    /// Returns how long what is as usual is kept at most; zero writes it at once.
    pub(crate) fn metrics_interval(self) -> SignedDuration {
        match self {
            Self::Full => SignedDuration::ZERO,
            Self::Essential => METRICS_INTERVAL,
        }
    }
}

impl FromStr for Monitoring {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        match text {
            "full" => Ok(Self::Full),
            "essential" => Ok(Self::Essential),
            _ => Err("expected full or essential"),
        }
    }
}

/// Collected since the last line.
#[derive(Debug, Default)]
pub(crate) struct BatchMetrics {
    seen: Mutex<Seen>,
    deferred: Mutex<Deferred>,
    meter: UsageMeter,
    interval: SignedDuration,
}

/// What waits for a later invocation.
#[derive(Debug, Default)]
struct Deferred {
    seen: Seen,
    /// How many invocations wait, and when the first and the last of them ended.
    invocations: u32,
    times: Option<(Timestamp, Timestamp)>,
    /// The latest invocations, waiting or not.
    latest: VecDeque<Timestamp>,
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
    /// Also reports the usage of this meter; keeps what is as usual for this long at most.
    pub(crate) fn of(meter: UsageMeter, interval: SignedDuration) -> Self {
        Self { seen: Mutex::default(), deferred: Mutex::default(), meter, interval }
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

    /// Writes the collected metrics and starts anew, unless they can wait for a later invocation.
    pub(crate) fn write(&self, now: Timestamp, metrics: &Metrics) {
        let mut seen = std::mem::take(&mut *self.seen.lock().unwrap_or_else(PoisonError::into_inner));
        let mut deferred = self.deferred.lock().unwrap_or_else(PoisonError::into_inner);
        let is_busy = deferred.is_busy(now, self.interval);
        if let Some((first, last)) = deferred.times {
            let is_near = (SignedDuration::ZERO..self.interval).contains(&now.duration_since(first));
            if !is_near {
                // It belongs to an earlier minute, perhaps.
                let before = deferred.take();
                self.write_all(last, &before, metrics);
            }
        }
        if is_busy && deferred.invocations + 1 < MAX_DEFERRED && deferred.has_room_for(&seen) {
            deferred.add(seen, now);
            return;
        }
        let mut all = deferred.take();
        drop(deferred);
        all.add(&mut seen);
        self.write_all(now, &all, metrics);
    }

    fn write_all(&self, now: Timestamp, seen: &Seen, metrics: &Metrics) {
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
            let line = Line::of(&[CODE]).by_version().by_function().with(
                Fault::METRIC,
                Unit::Count,
                &[f64::from(*times)],
            );
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

impl Deferred {
    /// Notes an invocation. Says whether there were enough within the interval.
    fn is_busy(&mut self, now: Timestamp, interval: SignedDuration) -> bool {
        let within =
            |since: &Timestamp| (SignedDuration::ZERO..interval).contains(&now.duration_since(*since));
        let is_busy = self.latest.len() == BUSY && self.latest.iter().all(within);
        self.latest.push_back(now);
        if self.latest.len() > BUSY {
            self.latest.pop_front();
        }
        is_busy
    }

    /// Says whether these can wait too: none concerns an alarm, and the next batch has room in the line.
    fn has_room_for(&self, seen: &Seen) -> bool {
        seen.is_as_usual() && self.seen.delivered.len() + seen.delivered.len() + MAX_BATCH <= MAX_ARRAY
    }

    fn add(&mut self, mut seen: Seen, now: Timestamp) {
        self.seen.add(&mut seen);
        self.invocations += 1;
        self.times = Some((self.times.map_or(now, |(first, _)| first), now));
    }

    fn take(&mut self) -> Seen {
        (self.times, self.invocations) = (None, 0);
        std::mem::take(&mut self.seen)
    }
}

impl Seen {
    /// Says whether nothing of it concerns an alarm.
    fn is_as_usual(&self) -> bool {
        let Self { delivered: _, delays_ms, failed, faults, undelivered, unreadable, rejected, oldest } =
            self;
        let late_ms = FIRST_ATTEMPT_WITHIN.as_secs_f64() * 1e3;
        delays_ms.iter().all(|delay| *delay <= late_ms)
            && (failed.is_empty() && faults.is_empty() && rejected.is_empty())
            && (*undelivered, *unreadable, *oldest) == (0, 0, None)
    }

    /// Adds what came later. Only what is as usual waits, so all else is of the later.
    fn add(&mut self, later: &mut Self) {
        std::mem::swap(self, later);
        let (before, all) = (later, self);
        all.delivered.splice(0..0, before.delivered.drain(..));
        all.delays_ms.splice(0..0, before.delays_ms.drain(..));
    }

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

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use convention::delivery::Failure;
    use convention::notification::StateChange;
    use serde_json::{Value, json};

    use super::*;

    struct Play {
        metrics: BatchMetrics,
        writer: Metrics,
        lines: Arc<Mutex<Vec<String>>>,
        now: Timestamp,
    }

    impl Play {
        fn new(monitoring: Monitoring) -> Self {
            let lines = Arc::new(Mutex::new(Vec::new()));
            let written = Arc::clone(&lines);
            let writer =
                Metrics::to("dispatch".to_owned(), move |line| written.lock().unwrap().push(line.to_owned()));
            let metrics = BatchMetrics::of(UsageMeter::default(), monitoring.metrics_interval());
            Self { metrics, writer, lines, now: "2026-11-22T12:00:00Z".parse().unwrap() }
        }

        /// An invocation with one attempt, so long after the one before and after its event; returns what it writes.
        fn invoked(&mut self, after_ms: i64, delay_ms: i64, outcome: &Outcome) -> Vec<Value> {
            self.now += SignedDuration::from_millis(after_ms);
            let event = self.now - SignedDuration::from_millis(delay_ms);
            let change = json!({
                "client_id": "itp-1", "api": "payments", "resource": "pix_payment", "resource_id": "p-1",
                "api_version": "v5", "from": "RCVD", "to": "ACSC", "event_instant": event.to_string(),
            });
            let message =
                AttemptMessage::first(StateChange::from_json(&change, "").unwrap(), self.now).unwrap();
            self.metrics.attempted(&message, outcome, (self.now, self.now));
            self.metrics.invoked(Duration::from_millis(100));
            self.metrics.write(self.now, &self.writer);
            let lines = std::mem::take(&mut *self.lines.lock().unwrap());
            lines.iter().map(|line| serde_json::from_str(line).unwrap()).collect()
        }
    }

    fn delivered() -> Outcome {
        Outcome::Delivered { status: 202, findings: vec![] }
    }

    /// How many attempts these lines have, and how many invocations.
    fn counted(lines: &[Value]) -> (usize, u64) {
        // One value is no array.
        let attempts = lines.iter().map(|line| line["Delivered"].as_array().map_or(1, Vec::len)).sum();
        (attempts, lines.iter().map(|line| line["invocations"].as_u64().unwrap()).sum())
    }

    #[test]
    fn with_full_monitoring_each_invocation_of_a_burst_writes_its_metrics() {
        let mut play = Play::new("full".parse().unwrap());
        let lines: Vec<_> = (0..90).flat_map(|_| play.invoked(100, 50, &delivered())).collect();
        assert_eq!((lines.len(), counted(&lines)), (90, (90, 90)));
        assert_eq!(Monitoring::default(), Monitoring::Full);
        assert!("some".parse::<Monitoring>().is_err());
    }

    #[test]
    fn with_essential_monitoring_a_burst_that_ends_keeps_what_ten_invocations_measured_at_most() {
        let mut play = Play::new("essential".parse().unwrap());
        let lines: Vec<_> = (0..90).flat_map(|_| play.invoked(100, 50, &delivered())).collect();
        // Three at once, then ten in each line; seven wait.
        assert_eq!((lines.len(), counted(&lines)), (3 + 8, (83, 83)));
        let end = play.now.as_millisecond();
        let later = play.invoked(600_000, 50, &delivered());
        assert_eq!(counted(&later[..1]).0, 7, "{later:?}");
        assert_eq!(
            later[0]["_aws"]["Timestamp"],
            json!(end),
            "what waited has the minute in which it was measured"
        );
        assert_eq!(later[1]["_aws"]["Timestamp"], json!(end + 600_000));
        assert_eq!(lines.len() + later.len(), 13);
        let usage = |line: &Value| line["invocations"].as_u64().unwrap_or_default();
        assert_eq!(lines.iter().chain(&later).map(usage).sum::<u64>(), 91);
    }

    #[test]
    fn a_line_has_values_of_two_seconds_at_most() {
        let mut play = Play::new(Monitoring::Essential);
        let lines: Vec<_> = (0..200).flat_map(|_| play.invoked(500, 50, &delivered())).collect();
        assert!(lines.iter().all(|line| line["Delivered"].as_array().map_or(1, Vec::len) <= 4), "{lines:?}");
        assert!(counted(&lines).0 > 200 - 10 && lines.len() < 60, "{}", lines.len());
    }

    #[test]
    fn an_environment_that_is_invoked_now_and_then_writes_at_once() {
        let mut play = Play::new(Monitoring::Essential);
        for after_ms in [0, 1_000, 1_000, 1_000, 60_000, 1_000] {
            assert_eq!(play.invoked(after_ms, 50, &delivered()).len(), 1, "{after_ms}");
        }
    }

    #[test]
    fn what_concerns_an_alarm_is_written_at_once_with_what_waited() {
        for (delay_ms, outcome) in [(1_501, delivered()), (50, Outcome::Failed(Failure::Timeout))] {
            let mut play = Play::new(Monitoring::Essential);
            (0..3).for_each(|_| assert_eq!(play.invoked(100, 50, &delivered()).len(), 1));
            assert_eq!(play.invoked(100, 50, &delivered()).len(), 0);
            let lines = play.invoked(100, delay_ms, &outcome);
            assert_eq!(lines[0]["Delivered"].as_array().unwrap().len(), 2, "{lines:?}");
            assert_eq!(lines[0]["FirstAttemptDelay"], json!([50, delay_ms]));
        }
    }
}
