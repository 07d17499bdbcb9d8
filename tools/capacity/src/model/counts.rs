//! Requests to the services in windows of ten seconds, within which their bursts average out.

use std::ops::AddAssign;

use super::super::numbers::real;
use super::rng::Micros;

/// Numbers of requests.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Counts {
    /// Write units of the ledger table.
    pub writes: f64,
    /// Write units of the list of undelivered notifications, included in the above.
    pub given_up_writes: f64,
    /// Read units of the ledger table.
    pub ledger_reads: f64,
    /// Delivered first attempts.
    pub at_once: f64,
    /// Reads of the receivers table.
    pub reads: f64,
    /// Full handshakes.
    pub handshakes: f64,
    /// Attempts.
    pub attempts: f64,
    /// Invocations of dispatch.
    pub invocations: f64,
    /// New environments.
    pub starts: f64,
    /// Seconds of invocations that Lambda bills.
    pub busy: f64,
    /// Reads of secrets.
    pub secret_reads: f64,
    /// Lines of metrics, as far as every attempt is delivered in time.
    pub metric_lines: f64,
}

impl AddAssign for Counts {
    fn add_assign(&mut self, other: Self) {
        self.each(other, |mine, others| mine + others);
    }
}

impl Counts {
    fn each(&mut self, other: Self, of: fn(f64, f64) -> f64) {
        self.writes = of(self.writes, other.writes);
        self.given_up_writes = of(self.given_up_writes, other.given_up_writes);
        self.ledger_reads = of(self.ledger_reads, other.ledger_reads);
        self.at_once = of(self.at_once, other.at_once);
        self.reads = of(self.reads, other.reads);
        self.handshakes = of(self.handshakes, other.handshakes);
        self.attempts = of(self.attempts, other.attempts);
        self.invocations = of(self.invocations, other.invocations);
        self.starts = of(self.starts, other.starts);
        self.busy = of(self.busy, other.busy);
        self.secret_reads = of(self.secret_reads, other.secret_reads);
        self.metric_lines = of(self.metric_lines, other.metric_lines);
    }

    /// Multiplies all counts.
    pub(super) fn times(self, factor: f64) -> Self {
        let Self {
            writes,
            given_up_writes,
            ledger_reads,
            at_once,
            reads,
            handshakes,
            attempts,
            invocations,
            starts,
            busy,
            secret_reads,
            metric_lines,
        } = self;
        Self {
            writes: writes * factor,
            given_up_writes: given_up_writes * factor,
            ledger_reads: ledger_reads * factor,
            at_once: at_once * factor,
            reads: reads * factor,
            handshakes: handshakes * factor,
            attempts: attempts * factor,
            invocations: invocations * factor,
            starts: starts * factor,
            busy: busy * factor,
            secret_reads: secret_reads * factor,
            metric_lines: metric_lines * factor,
        }
    }
}

/// Counts by windows of ten seconds.
#[derive(Debug, Default)]
pub(super) struct UsageMeter {
    now: Counts,
    window: Micros,
    total: Counts,
    busiest: Counts,
}

/// Length of a window.
const WINDOW: Micros = 10_000_000;

impl UsageMeter {
    /// Counts requests at a time, which never decreases.
    pub(super) fn count(&mut self, time: Micros, counts: Counts) {
        if time / WINDOW > self.window {
            let ended = std::mem::take(&mut self.now);
            self.busiest.each(ended, f64::max);
            self.window = time / WINDOW;
        }
        self.now += counts;
        self.total += counts;
    }

    /// Returns the mean counts of a second, and those of the busiest window. An incomplete window counts only if
    /// there is no other.
    pub(super) fn finish(self, seconds: f64) -> (Counts, Counts) {
        let busiest = if self.busiest == Counts::default() { self.now } else { self.busiest };
        (self.total.times(1.0 / seconds), busiest.times(1e6 / real(WINDOW)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_busiest_ten_seconds_are_told_beside_the_mean() {
        let mut meter = UsageMeter::default();
        for second in [0, 4, 9, 15, 20] {
            meter.count(second * 1_000_000, Counts { writes: 10.0, ..Counts::default() });
        }
        let (mean, busiest) = meter.finish(25.0);
        assert_eq!((mean.writes.to_string(), busiest.writes.to_string()), ("2".to_owned(), "3".to_owned()));
    }
}
