//! A load of a month, and what it uses by the model of capacity.

use capacity::{ASSUMPTIONS, Answer, Begin, ChangeSource, Mapping, Question, Settings};
use convention::delivery::LedgerWrites;

use super::item::{Counts, Terms};
use super::model::{BATCH, Model, Source};
use super::stack::Stack;

/// Days of a month.
pub(super) const DAYS: u64 = 30;
const HOUR_S: u64 = 3_600;

/// Notifications that come evenly in some hours of each day, each delivered at its first attempt.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Load {
    /// Notifications a month.
    pub month: u64,
    /// Notifications a second in these hours.
    pub rate: f64,
    /// Hours of a day in which they come.
    pub hours: u64,
    /// Receivers with equal shares.
    pub receivers: u64,
    /// How state changes come.
    pub source: Source,
    /// State changes in each request of the producer: to the API, or to send messages.
    pub changes: u64,
}

impl Load {
    /// Creates a load of so many a month, each in a request of its own to the API.
    pub fn of_month(month: u64, hours: u64, receivers: u64) -> Self {
        let rate = real(month) / real(DAYS * hours * HOUR_S);
        Self { month, rate, hours, receivers, source: Source::Api, changes: 1 }
    }

    /// Creates a load of so many a second.
    pub fn at_rate(rate: f64, hours: u64, receivers: u64) -> Self {
        let month = whole(rate * real(DAYS * hours * HOUR_S)).max(1);
        Self { month, rate, hours, receivers, source: Source::Api, changes: 1 }
    }

    /// Returns the share of the month's hours in which at least one of these comes, at random.
    pub(super) fn share_of_hours(&self, rate: f64) -> f64 {
        real(self.hours) / 24.0 * (1.0 - (-rate * real(HOUR_S)).exp())
    }
}

/// What the model of capacity sees of a load.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Seen {
    /// Messages of an invocation in the mean.
    pub batch: f64,
    /// The share of attempts that open a connection.
    pub connecting: f64,
    /// The share of invocations that start an environment.
    pub cold: f64,
    /// Reads of receivers for each attempt.
    pub reads: f64,
    /// Milliseconds that are billed for an invocation in the mean.
    pub billed_ms: f64,
    /// Milliseconds from the event until the request reaches its receiver: of half of the first attempts, and of 99 in 100.
    pub lateness_ms: [u64; 2],
    /// Whether the stack carries the load.
    pub is_carried: bool,
    secret_reads: f64,
    metric_lines: f64,
}

/// Messages that make a mean, and the most seconds to wait for them.
const ENOUGH: f64 = 2_000.0;
const MAX_SECONDS: u64 = 400_000;
/// Memory of intake in megabytes, as in `template.yaml`.
const INTAKE_MB: u64 = 256;
/// The assumption that has how long metrics are kept.
const KEPT: &str = "With Monitoring=essential, a busy environment keeps metrics for";
/// The default sampling of X-Ray: the first of each second, and one in twenty of the others ("Configuring sampling rules",
/// AWS X-Ray Developer Guide).
const SAMPLED_BEYOND_ONE: f64 = 0.05;

impl Seen {
    /// Plays a load.
    pub fn of(load: &Load, stack: &Stack) -> Self {
        let seconds = whole((ENOUGH / load.rate).ceil()).clamp(120, MAX_SECONDS);
        let defaults = Settings::default();
        let settings = Settings {
            mapping: stack.maximum_concurrency.map_or(defaults.mapping, Mapping::Concurrency),
            memory: stack.memory_mb,
            window: real(stack.window_s),
            metrics_kept: if stack.essential { assumed(KEPT) } else { defaults.metrics_kept },
            ledger_writes: if stack.lean { LedgerWrites::Lean } else { LedgerWrites::Full },
            evidence: stack.evidence,
            ..defaults
        };
        let question = Question { load: load.to_model(), settings, begin: Begin::Running, seconds, seed: 1 };
        let answer = question.answer(&mut |_, _, _| {});
        let (seen, is_carried) = (&answer.observed, Answer::is_carried(&answer));
        let each = seen.each_second;
        Self {
            batch: seen.batch,
            connecting: each.handshakes / each.attempts,
            cold: each.starts / each.invocations,
            reads: each.reads / each.attempts,
            billed_ms: each.busy / each.invocations * 1e3,
            lateness_ms: [500, 990].map(|of| seen.lateness.quantile(of)),
            is_carried,
            secret_reads: each.secret_reads / each.attempts,
            metric_lines: each.metric_lines / each.attempts,
        }
    }
}

impl Load {
    fn to_model(self) -> capacity::Load {
        let receivers = capacity::Load::alike(self.rate, self.receivers, 0);
        let source = match self.source {
            Source::Api => ChangeSource::Api,
            Source::Sqs | Source::Eventbridge => ChangeSource::Queue,
            Source::Kinesis => ChangeSource::Stream,
        };
        capacity::Load { changes_per_request: self.changes, source, ..receivers }
    }

    /// Returns what a month uses.
    pub fn counts(&self, stack: &Stack, seen: &Seen) -> Counts {
        let month = self.month;
        let part = |share: f64| whole((real(month) * share).round());
        let invocations = part(1.0 / seen.batch);
        let requests = part(self.to_model().intakes() / self.rate);
        let api_calls = if self.source == Source::Api { requests } else { 0 };
        let sends = match self.source {
            Source::Eventbridge => month,
            Source::Kinesis => month.div_ceil((month / requests.max(1)).clamp(1, BATCH)),
            Source::Api | Source::Sqs => month.div_ceil(self.changes.clamp(1, BATCH)),
        };
        let connections = part(seen.connecting);
        let reads = part(seen.reads) * if requests > 0 { 2 } else { 1 };
        let secrets = part(seen.secret_reads);
        let dispatch_ms = whole((real(invocations) * seen.billed_ms).round());
        let intake_ms = requests * whole(assumed("Intake time per request"));
        let traced = |invocations: u64| {
            let rate = real(invocations) / real(month) * self.rate;
            let sampled = rate.min(1.0) + (rate - 1.0).max(0.0) * SAMPLED_BEYOND_ONE;
            if rate > 0.0 { whole((real(invocations) * sampled / rate).round()) } else { 0 }
        };
        Counts {
            attempts: month,
            delivered: month,
            reports: invocations + requests,
            reported_mb_ms: dispatch_ms * stack.memory_mb + intake_ms * INTAKE_MB,
            dispatches: invocations,
            invocations: invocations + requests,
            ms: dispatch_ms + intake_ms,
            api_calls,
            sqs_requests: sends,
            table_writes: if stack.lean { month } else { 2 * month },
            table_reads: reads + if stack.lean { month } else { 0 },
            secret_requests: secrets,
            // Each is decrypted with the key of the secrets.
            kms_requests: secrets,
            connections,
            sent_bytes: month * Model::SENT_BYTES + connections * Model::HANDSHAKE_BYTES,
            log_bytes: month * Model::LINE_BYTES
                + part(seen.metric_lines) * Model::METRICS_LINE_BYTES
                + month * Model::METRICS_VALUES_BYTES
                + requests * Model::REQUEST_BYTES
                + api_calls * Model::ACCESS_LOG_BYTES,
            traces: if stack.tracing { traced(invocations) + traced(requests) } else { 0 },
            ..Counts::default()
        }
    }

    /// Returns the factors of its prices.
    pub(super) fn terms(terms: Terms, stack: &Stack) -> Terms {
        use crate::prices::Rate;
        let ledger_write = if stack.infrequent { Rate::DynamoDbIaWrite } else { Rate::DynamoDbWrite };
        Terms { ledger_write, ..terms }
    }
}

fn assumed(name: &str) -> f64 {
    let found = ASSUMPTIONS.iter().find(|assumed| assumed.name == name);
    found.expect("a test looks for each name").value
}

/// Returns a count as a real number.
#[expect(clippy::cast_precision_loss, reason = "notifications of a month are far below 2^52")]
pub(super) fn real(number: u64) -> f64 {
    number as f64
}

/// Returns the whole part of a number that is not negative.
#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "that is what is asked for; it saturates"
)]
pub(super) fn whole(number: f64) -> u64 {
    number as u64
}

#[cfg(test)]
mod tests {
    use super::*;

    fn seen(load: &Load, stack: &Stack) -> (Seen, Counts) {
        let seen = Seen::of(load, stack);
        (seen, load.counts(stack, &seen))
    }

    #[test]
    fn a_month_and_a_rate_say_the_same_load() {
        let load = Load::of_month(1_080_000, 10, 20);
        assert_eq!((load.rate.to_bits(), Load::at_rate(1.0, 10, 20)), (1.0_f64.to_bits(), load));
    }

    #[test]
    fn seldom_notifications_are_alone_connect_anew_and_often_start_cold() {
        let load = Load::of_month(10_000, 10, 5);
        let (seen, counts) = seen(&load, &Stack::default());
        assert!(seen.batch < 1.01 && seen.connecting > 0.95 && (0.02..0.15).contains(&seen.cold), "{seen:?}");
        assert_eq!((counts.table_writes, counts.api_calls, counts.sqs_requests), (20_000, 10_000, 10_000));
        assert!((9_900..=10_000).contains(&counts.dispatches), "{counts:?}");
        // Below one a second, X-Ray samples every invocation.
        assert_eq!(counts.traces, counts.invocations);
        assert_eq!(load.counts(&Stack { tracing: false, ..Stack::default() }, &seen).traces, 0);
    }

    #[test]
    fn a_batching_window_fills_batches_at_a_high_rate_within_the_time_that_is_due() {
        let load = Load { source: Source::Sqs, ..Load::at_rate(300.0, 10, 50) };
        let (plain, _) = seen(&load, &Stack::default());
        let (window, counts) = seen(&load, &Stack { window_s: 1, ..Stack::default() });
        assert!(plain.batch < 1.5 && window.batch > 9.0, "{plain:?} {window:?}");
        assert!(window.is_carried && window.lateness_ms[1] < 1_500, "{window:?}");
        assert_eq!((counts.api_calls, counts.sqs_requests), (0, load.month));
        assert!(window.connecting < plain.connecting, "{plain:?} {window:?}");
    }

    #[test]
    fn of_many_a_second_x_ray_samples_one_and_a_twentieth_of_the_rest() {
        let load = Load { source: Source::Sqs, ..Load::at_rate(300.0, 10, 50) };
        let (_, counts) = seen(&load, &Stack::default());
        let share = real(counts.traces) / real(counts.invocations);
        assert!((0.050..0.056).contains(&share), "{share}");
    }
}
