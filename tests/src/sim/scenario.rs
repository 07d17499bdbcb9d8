//! A run as it is planned: what happens when, and what fails.

use std::time::Duration;

use super::plan::{Change, Mapping, Passed, ReceiverPlan, Storm};
use super::troubles::{Limit, LocalFault, Outage};

/// A whole run.
#[derive(Clone, Debug)]
pub(super) struct Scenario {
    /// Whether nothing of ours fails.
    pub calm: bool,
    /// The receivers, one a client.
    pub receivers: Vec<ReceiverPlan>,
    /// What the bank posts when, in one request.
    pub posts: Vec<(Duration, Vec<Change>)>,
    /// Whose calls are passed on, each once the one before it is answered.
    pub calls: Vec<(usize, Vec<Passed>)>,
    /// When AWS fails.
    pub storms: Vec<Storm>,
    /// Of how many invocations in a hundred the environment dies.
    pub crashes: u64,
    /// How often the queue hands a message out before it moves it (`maxReceiveCount`).
    pub max_receives: u32,
    /// How the queue is polled.
    pub mapping: Mapping,
    /// Of how many messages in a hundred a copy comes.
    pub copies: u64,
    /// Of how many reads in a hundred that need not be consistent the answer is old.
    pub stale_reads: u64,
    /// When a table takes few writes.
    pub limits: Vec<Limit>,
    /// What this machine lacks when.
    pub local_faults: Vec<LocalFault>,
    /// When nobody can be reached from here.
    pub outages: Vec<Outage>,
    /// When an operator changes the settings of which client: whether the header's older spelling is sent too.
    pub settings: Vec<(usize, Vec<(Duration, bool)>)>,
    /// When the directory function is to review the receivers.
    pub reviews: Vec<Duration>,
    /// From when the Directory calls a client active, or not.
    pub statuses: Vec<(Duration, usize, bool)>,
    /// When the last fault ends.
    pub end: Duration,
}

impl Scenario {
    /// A run in which nothing happens.
    pub(super) fn quiet(end: Duration) -> Self {
        Self {
            calm: true,
            receivers: Vec::new(),
            posts: Vec::new(),
            calls: Vec::new(),
            storms: Vec::new(),
            crashes: 0,
            max_receives: 150,
            mapping: Mapping::of(1000),
            copies: 0,
            stale_reads: 0,
            limits: Vec::new(),
            local_faults: Vec::new(),
            outages: Vec::new(),
            settings: Vec::new(),
            reviews: Vec::new(),
            statuses: Vec::new(),
            end,
        }
    }
}
