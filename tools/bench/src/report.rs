//! What was measured, as it is written and read again.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

/// The case that the budgets are about.
pub(crate) const MAIN: &str = "10 receivers";
/// The case of so many receivers that not all connections are kept.
pub(crate) const MANY: &str = "1,000 receivers";

/// All figures of one run.
#[derive(Clone, Debug, Deserialize, Serialize)]
pub struct Report {
    /// Whether everything was measured. What is kept while measuring is not complete, and neither is a run with `--only`.
    pub complete: bool,
    /// When it began, in UTC.
    pub measured_at: String,
    /// On what.
    pub machine: Machine,
    /// Whether it was the short form, whose rounds are too few and too short for figures of time.
    pub short: bool,
    /// How long it took, in seconds.
    pub seconds: u64,
    /// From the start of a process to its first request for an invocation.
    pub starts: Vec<Start>,
    /// What is deployed.
    pub sizes: Vec<Size>,
    /// Requests to AWS for each state change that intake takes in calls of 100, by operation.
    pub intake_requests_per_change: BTreeMap<String, f64>,
    /// By case.
    pub cases: Vec<CaseFigures>,
    /// One notification alone, by what has to begin for it and by the share of a processor.
    #[serde(default)]
    pub cold: Vec<ColdFigures>,
    /// A dead receiver among 50; nothing until it was measured.
    pub dead: Option<DeadFigures>,
}

impl Report {
    /// The case that the budgets are about, if it was measured.
    pub fn main_case(&self) -> Option<&CaseFigures> {
        self.cases.iter().find(|case| case.name == MAIN)
    }

    /// One notification alone at full speed, if it was measured.
    pub fn at_full_speed(&self, what: What) -> Option<&Beside> {
        let mut alike = self.cold.iter().filter(|cold| cold.what == what && cold.memory_mb.is_none());
        alike.find_map(ColdFigures::measured)
    }

    /// How many rows of those alone were skipped, and of how many.
    pub(crate) fn skipped(&self) -> (usize, usize) {
        (self.cold.iter().filter(|cold| cold.measured().is_none()).count(), self.cold.len())
    }

    /// How a process of this name started, if it was measured.
    pub fn start_of(&self, name: &str) -> Option<&Start> {
        self.starts.iter().find(|start| start.name == name)
    }
}

/// What has to begin for a notification that is alone.
#[derive(Clone, Copy, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum What {
    /// A process, until the first request has reached its receiver.
    Start,
    /// A connection of a process that is warm.
    Fresh,
}

impl What {
    /// Both, in the order in which they are measured.
    pub(crate) const ALL: [Self; 2] = [Self::Start, Self::Fresh];

    /// As a reader is told.
    pub(crate) fn title(self) -> &'static str {
        match self {
            Self::Start => "Start of the process to the first request at its receiver",
            Self::Fresh => "One notification over a fresh connection",
        }
    }
}

/// One notification alone.
#[derive(Clone, Debug, Deserialize, Serialize)]
pub struct ColdFigures {
    /// What has to begin for it.
    pub what: What,
    /// The memory whose share of a processor the process has, in MB; `None` at full speed.
    pub memory_mb: Option<u64>,
    /// How often each was measured.
    pub samples: usize,
    /// What came of it.
    pub result: ColdResult,
}

/// Figures, or why there are none.
#[derive(Clone, Debug, Deserialize, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum ColdResult {
    /// The figures.
    Measured(Beside),
    /// Why this machine cannot measure it.
    Skipped(String),
}

/// Dispatch beside the floor that does the same.
#[derive(Clone, Debug, Deserialize, Serialize)]
pub struct Beside {
    /// The function.
    pub dispatch: Sample,
    /// The floor that signs.
    pub floor: Sample,
}

/// Medians over the notifications, and the least.
#[derive(Clone, Debug, Deserialize, Serialize)]
pub struct Sample {
    /// Until the request has arrived, in milliseconds.
    pub median_ms: f64,
    /// The same, of the fastest.
    pub least_ms: f64,
    /// Processor time, in microseconds: of a start until the request has arrived, of a connection for the whole invocation.
    pub cpu_us: f64,
    /// The least of it.
    pub least_cpu_us: f64,
}

impl Beside {
    /// The time of dispatch in that of the floor.
    pub fn ratio_of_time(&self) -> f64 {
        self.dispatch.median_ms / self.floor.median_ms
    }

    /// The processor time of dispatch in that of the floor.
    pub fn ratio_of_cpu(&self) -> f64 {
        self.dispatch.cpu_us / self.floor.cpu_us
    }
}

impl ColdFigures {
    /// The figures, unless they were skipped.
    pub fn measured(&self) -> Option<&Beside> {
        match &self.result {
            ColdResult::Measured(beside) => Some(beside),
            ColdResult::Skipped(_) => None,
        }
    }
}

impl CaseFigures {
    /// Processor time of dispatch, in that of the floor that signs each request as it sends it.
    pub fn ratio(&self) -> f64 {
        self.dispatch.cpu_us / self.floor_signed.cpu_us
    }

    /// The same in that of the floor whose requests were signed in advance.
    pub fn ratio_to_presigned(&self) -> f64 {
        self.dispatch.cpu_us / self.floor_presigned.cpu_us
    }
}

/// The machine.
#[derive(Clone, Debug, Deserialize, Serialize)]
pub struct Machine {
    /// The processor, as the kernel names it.
    pub processor: String,
    /// How many of it.
    pub cores: usize,
    /// The architecture.
    pub architecture: String,
    /// The kernel.
    pub kernel: String,
}

/// One case.
#[derive(Clone, Debug, Deserialize, Serialize)]
pub struct CaseFigures {
    /// Its name.
    pub name: String,
    /// What is special about it.
    pub about: String,
    /// How many receivers.
    pub receivers: usize,
    /// How many rounds.
    pub rounds: usize,
    /// How many notifications each of dispatch and the floors sent in a round.
    pub notifications_per_round: usize,
    /// The function.
    pub dispatch: Figures,
    /// The POSTs alone.
    pub floor_posts: Figures,
    /// The POSTs and as many requests to AWS, signed in advance.
    pub floor_presigned: Figures,
    /// The same, each request signed as it is sent.
    pub floor_signed: Figures,
    /// Requests of dispatch to AWS, by operation.
    pub requests_per_notification: BTreeMap<String, f64>,
    /// Full handshakes of dispatch for 1,000 notifications.
    pub handshakes_per_1000: f64,
    /// Bytes that dispatch wrote to its log.
    pub log_bytes_per_notification: f64,
    /// Resident memory of dispatch after the last round, MB.
    pub resident_mb: f64,
    /// The most it had, MB.
    pub most_resident_mb: f64,
    /// Open files of dispatch after a round, at most; reports from before 30 November 2026 have none.
    pub open_files: Option<usize>,
}

/// Medians over the rounds.
#[derive(Clone, Debug, Deserialize, Serialize)]
pub struct Figures {
    /// Processor time for a notification, in microseconds.
    pub cpu_us: f64,
    /// The same in the best round.
    pub least_cpu_us: f64,
    /// Notifications in a second, one batch after the other.
    pub per_second: f64,
    /// Notifications in a second of processor time.
    pub per_core_second: f64,
    /// From hand-out to arrival, in milliseconds.
    pub p50_ms: f64,
    /// The same, 99th percentile.
    pub p99_ms: f64,
}

/// How soon a process asks for its first invocation.
#[derive(Clone, Debug, Deserialize, Serialize)]
pub struct Start {
    /// The function, or the floor.
    pub name: String,
    /// The median, in milliseconds.
    pub median_ms: f64,
    /// The fastest.
    pub least_ms: f64,
    /// Processor time of the start, median, in milliseconds.
    pub cpu_ms: f64,
    /// Resident memory then, MB.
    pub resident_mb: f64,
    /// How many starts.
    pub starts: usize,
}

/// What is deployed of a function.
#[derive(Clone, Debug, Deserialize, Serialize)]
pub struct Size {
    /// The function.
    pub name: String,
    /// The binary, MB.
    pub binary_mb: f64,
    /// The zip, MB.
    pub zip_mb: f64,
}

/// A dead receiver among others, with more environments than one.
#[derive(Clone, Debug, Deserialize, Serialize)]
pub struct DeadFigures {
    /// All receivers, the dead one included.
    pub receivers: usize,
    /// Environments.
    pub environments: usize,
    /// Notifications in a second.
    pub rate: usize,
    /// Rounds of each.
    pub rounds: usize,
    /// From event to arrival at those that answer while all do, 50th and 99th percentile in milliseconds.
    pub all_answer_ms: (f64, f64),
    /// The same while one is dead.
    pub one_dead_ms: (f64, f64),
    /// Environments that were at work at a time at most, while all answer and while one is dead.
    pub most_busy: (usize, usize),
}
