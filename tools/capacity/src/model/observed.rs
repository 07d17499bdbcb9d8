//! The observations of a run.

use super::super::assumptions::BATCH;
use super::counts::Counts;
use super::histogram::Histogram;

/// A limit that messages may have to wait for.
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub enum Limit {
    /// The maximum of messages in flight is reached.
    InFlight,
    /// The maximum concurrency of the event source is reached.
    Mapping,
    /// The event source is still growing.
    Ramp,
    /// The maximum concurrency of the account is reached.
    Account,
    /// The maximum rate of receives by provisioned pollers is reached.
    Receives,
    /// The maximum rate of new environments is reached.
    Environments,
}

/// A wait for a limit.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Waited {
    /// The limit.
    pub limit: Limit,
    /// When it was first observed, in seconds of the measured time.
    pub since: f64,
    /// The longest observed wait, in seconds.
    pub longest: f64,
}

/// Measurements in numbers of the deployed system.
#[derive(Clone, Debug, PartialEq)]
pub struct Observed {
    /// Delays of all first attempts.
    pub lateness: Histogram,
    /// Delays of first attempts to working receivers.
    pub of_working: Histogram,
    /// The second in which the last late first attempt arrived.
    pub late_until: Option<f64>,
    /// Concurrent invocations: mean and maximum.
    pub concurrency: (f64, f64),
    /// Duration of a full batch in seconds, if there were enough.
    pub full_batch: Option<f64>,
    /// Maximum number of messages in flight.
    pub in_flight: f64,
    /// Maximum number of waiting messages.
    pub backlog: f64,
    /// Number of messages waiting at the end.
    pub left: f64,
    /// Number of environments used.
    pub environments: f64,
    /// Mean number of messages in an invocation.
    pub batch: f64,
    /// Mean requests of a second.
    pub each_second: Counts,
    /// Requests of a second in the busiest ten, each kind separately.
    pub busiest: Counts,
    /// Limits that messages waited for, longest wait first.
    pub waited: Vec<Waited>,
    /// Number of messages and environments represented by one of the model.
    pub each: f64,
}

impl Observed {
    /// Returns the concurrency that full batches would need. It is lower than the observed one if there is spare
    /// concurrency, since each invocation takes what it finds.
    pub fn with_full_batches(&self) -> Option<f64> {
        self.full_batch.map(|seconds| self.each_second.attempts / BATCH.value * seconds)
    }
}
