//! Records observations during a run.

use std::collections::BTreeMap;

use convention::delivery::AttemptNumber;

use super::super::assumptions::{BATCH, DUE};
use super::super::numbers::{length, real};
use super::batch::Attempt;
use super::counts::{Counts, UsageMeter};
use super::histogram::Histogram;
use super::observed::{Limit, Observed, Waited};
use super::queue::FairQueue;
use super::receivers::Peer;
use super::rng::Micros;

/// The measurements from an instant on.
#[derive(Debug)]
pub(super) struct Gauge {
    from: Micros,
    each: f64,
    lateness: Histogram,
    of_working: Histogram,
    late_until: Option<Micros>,
    meter: UsageMeter,
    samples: f64,
    running: (f64, f64),
    in_flight: f64,
    backlog: f64,
    /// Numbers of all and of full invocations, with their messages and seconds.
    all: Took,
    full: Took,
    /// What messages of quiet and of noisy receivers waited for.
    waited: [BTreeMap<Limit, Waited>; 2],
}

#[derive(Debug, Default)]
struct Took {
    invocations: f64,
    messages: f64,
    seconds: f64,
}

/// A wait longer than this, in seconds, is attributed to a limit: a first attempt may then be late.
const WORTH_NOTING: f64 = 1.0;
/// Minimum number of full batches for a mean duration.
const ENOUGH: f64 = 100.0;

impl Gauge {
    pub(super) fn new(from: Micros, each: f64) -> Self {
        Self {
            from,
            each,
            lateness: Histogram::default(),
            of_working: Histogram::default(),
            late_until: None,
            meter: UsageMeter::default(),
            samples: 0.0,
            running: (0.0, 0.0),
            in_flight: 0.0,
            backlog: 0.0,
            all: Took::default(),
            full: Took::default(),
            waited: [BTreeMap::new(), BTreeMap::new()],
        }
    }

    fn measures(&self, time: Micros) -> bool {
        time >= self.from
    }

    /// Records the start of an invocation.
    pub(super) fn began(&mut self, time: Micros, attempts: &[Attempt], peers: &[Peer], counts: Counts) {
        for attempt in attempts.iter().filter(|attempt| attempt.message.attempt == AttemptNumber::FIRST) {
            let works = !peers[attempt.message.receiver as usize].is_silent(attempt.arrived);
            self.late(attempt.message.event, attempt.arrived, works);
        }
        if self.measures(time) {
            self.meter.count(time, counts);
        }
    }

    fn late(&mut self, event: i64, arrived: Micros, works: bool) {
        if event < self.from.cast_signed() {
            return;
        }
        let millis = u64::try_from(arrived.cast_signed() - event).unwrap_or(0) / 1_000;
        self.lateness.add(millis);
        if real(millis) > DUE.value * 1e3 {
            self.late_until = self.late_until.max(Some(arrived));
        }
        if works {
            self.of_working.add(millis);
        }
    }

    /// Records the end of an invocation.
    pub(super) fn ended(&mut self, time: Micros, began: Micros, messages: usize) {
        if self.measures(began) {
            let seconds = real(time - began) / 1e6;
            self.all.note(messages, seconds);
            if length(messages) >= BATCH.value {
                self.full.note(messages, seconds);
            }
        }
    }

    /// Samples the queue, and what its messages wait for.
    pub(super) fn sample(
        &mut self,
        time: Micros,
        queue: &mut FairQueue,
        running: u64,
        waits_for: Option<Limit>,
    ) {
        if !self.measures(time) {
            return;
        }
        let running = real(running) * self.each;
        self.samples += 1.0;
        self.running = (self.running.0 + running, self.running.1.max(running));
        self.in_flight = self.in_flight.max(real(queue.in_flight()) * self.each);
        self.backlog = self.backlog.max(length(queue.waiting()) * self.each);
        let Some(limit) = waits_for else { return };
        for (since, waited) in queue.next_since().into_iter().zip(&mut self.waited) {
            let waits = since.map_or(0.0, |since| real(time.saturating_sub(since)) / 1e6);
            if waits > WORTH_NOTING {
                let since = real(time - self.from) / 1e6;
                let waited = waited.entry(limit).or_insert(Waited { limit, since, longest: waits });
                waited.longest = waited.longest.max(waits);
            }
        }
    }

    /// Returns the observations at the end.
    pub(super) fn finish(
        mut self,
        end: Micros,
        queue: &FairQueue,
        peers: &[Peer],
        environments: usize,
    ) -> Observed {
        // Waiting messages are already late by the time they have waited.
        for message in queue.all().filter(|message| message.attempt == AttemptNumber::FIRST) {
            self.late(message.event, end, !peers[message.receiver as usize].is_silent(end));
        }
        let seconds = real(end - self.from) / 1e6;
        let (each_second, busiest) = self.meter.finish(seconds);
        let mean = self.running.0 / self.samples.max(1.0);
        // Noisy receivers' messages wait so that the others do not; this counts only if they wait without end.
        let is_late = real(self.lateness.quantile(990)) > DUE.value * 1e3;
        let of_noisy = self.waited[1].values().filter(|_| is_late);
        // The event source grows because messages wait. If the load is still in time, this is not a limit.
        let of_quiet = self.waited[0].values().filter(|waited| is_late || waited.limit != Limit::Ramp);
        let mut waited: Vec<_> = of_quiet.chain(of_noisy).copied().collect();
        waited.sort_by(|one, other| other.longest.total_cmp(&one.longest));
        let full = (self.full.invocations >= ENOUGH).then(|| self.full.seconds / self.full.invocations);
        Observed {
            lateness: self.lateness,
            of_working: self.of_working,
            late_until: self.late_until.map(|until| real(until - self.from) / 1e6),
            concurrency: (mean, self.running.1),
            full_batch: full,
            in_flight: self.in_flight,
            backlog: self.backlog,
            left: length(queue.waiting()) * self.each,
            environments: length(environments) * self.each,
            batch: self.all.messages / self.all.invocations.max(1.0),
            each_second: each_second.times(self.each),
            busiest: busiest.times(self.each),
            waited,
            each: self.each,
        }
    }
}

impl Took {
    fn note(&mut self, messages: usize, seconds: f64) {
        self.invocations += 1.0;
        self.messages += length(messages);
        self.seconds += seconds;
    }
}

#[cfg(test)]
mod tests {
    use super::super::queue::Message;
    use super::*;

    const SECOND: Micros = 1_000_000;

    /// The limits reported when one message has waited two seconds, besides a thousand that arrived with this delay.
    fn waited(limit: Limit, arrived: Micros) -> Vec<Limit> {
        let mut gauge = Gauge::new(0, 1.0);
        let mut queue = FairQueue::new(1, 1.0);
        queue.put(Message { receiver: 0, attempt: AttemptNumber::FIRST, event: 0, visible: 0 });
        (0..1_000).for_each(|_| gauge.late(0, arrived, true));
        gauge.sample(2 * SECOND, &mut queue, 1, Some(limit));
        let observed = gauge.finish(2 * SECOND, &queue, &[Peer::new(None)], 1);
        observed.waited.iter().map(|waited| waited.limit).collect()
    }

    #[test]
    fn an_event_source_that_grows_is_no_limit_to_a_load_that_is_in_time_meanwhile() {
        assert_eq!(waited(Limit::Ramp, SECOND), []);
        assert_eq!(waited(Limit::Ramp, 2 * SECOND), [Limit::Ramp]);
    }

    #[test]
    fn any_other_limit_that_messages_wait_for_is_told() {
        assert_eq!(waited(Limit::Mapping, SECOND), [Limit::Mapping]);
    }
}
