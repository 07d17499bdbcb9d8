//! What a run shows.

use super::super::assumptions::BATCH;
use super::counts::Counts;
use super::histogram::Histogram;

/// What messages may have to wait for.
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub enum Limit {
    /// The queue has as many in flight as it may.
    InFlight,
    /// The event source runs as many invocations as it may.
    Mapping,
    /// The event source grows, and is not there yet.
    Ramp,
    /// The account runs as many invocations as it may.
    Account,
    /// Provisioned pollers receive as often as they may.
    Receives,
    /// Lambda makes environments as fast as it does.
    Environments,
}

/// How messages had to wait for something.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Waited {
    /// What they waited for.
    pub limit: Limit,
    /// When that was first seen, in seconds of the part that is measured.
    pub since: f64,
    /// The longest that was seen, in seconds.
    pub longest: f64,
}

/// What was measured, in numbers of the deployed system.
#[derive(Clone, Debug, PartialEq)]
pub struct Observed {
    /// How late all first attempts arrived.
    pub lateness: Histogram,
    /// How late those of receivers that work arrived.
    pub of_working: Histogram,
    /// The second in which the last first attempt arrived that was late.
    pub late_until: Option<f64>,
    /// Invocations at a time: the mean, and the most.
    pub concurrency: (f64, f64),
    /// Seconds that a full batch takes, where there were enough of them.
    pub full_batch: Option<f64>,
    /// Messages in flight at most.
    pub in_flight: f64,
    /// Messages that waited at most.
    pub backlog: f64,
    /// Messages that waited in the end.
    pub left: f64,
    /// Environments that were used.
    pub environments: f64,
    /// Messages in an invocation in the mean.
    pub batch: f64,
    /// What was asked for in a second, in the mean.
    pub each_second: Counts,
    /// What was asked for in a second of the busiest ten, each for itself.
    pub busiest: Counts,
    /// What messages had to wait for, longest first.
    pub waited: Vec<Waited>,
    /// How many messages and environments one of the model stood for.
    pub each: f64,
}

impl Observed {
    /// Returns how many invocations there would be at a time were all batches full: fewer than there are where there are invocations
    /// to spare, as each takes what it finds.
    pub fn with_full_batches(&self) -> Option<f64> {
        self.full_batch.map(|seconds| self.each_second.attempts / BATCH.value * seconds)
    }
}
