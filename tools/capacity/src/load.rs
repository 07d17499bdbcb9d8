//! The input: a load, the settings of the stack, and how the load begins.

use std::fmt;
use std::str::FromStr;

use convention::delivery::LedgerWrites;

use super::assumptions::{
    ACCOUNT, API_RATE, CHANGES, FIREHOSE_BYTES, IN_FLIGHT, KMS_SIGNS, MAXIMUM_CONCURRENCY, MEMORY,
    POLLERS_MOST, POLLERS_READY, TABLE_READS, TABLE_WRITES,
};
use super::numbers::{real, whole};

/// The load and its receivers.
#[derive(Clone, Debug)]
pub struct Load {
    /// Notifications a second.
    pub rate: f64,
    /// The receivers: each with its share of the load, and whether it is dead.
    pub receivers: Vec<Receiver>,
    /// The share of attempts that working receivers refuse.
    pub failing: f64,
    /// Time in which a receiver answers, in milliseconds.
    pub answer_ms: f64,
    /// Round-trip time to a receiver, in milliseconds.
    pub rtt_ms: f64,
    /// Changes in a request to the API.
    pub changes_per_request: u64,
    /// How state changes come.
    pub source: ChangeSource,
    /// Processor time of an attempt, in microseconds.
    pub cpu_us: f64,
    /// Processor time of a handshake, in microseconds.
    pub handshake_us: f64,
}

/// How state changes come.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq, clap::ValueEnum)]
pub enum ChangeSource {
    /// Requests to the HTTP API, which intake answers
    #[default]
    Api,
    /// Messages in the intake queue, or events of a rule, which trigger dispatch: no API and no intake
    Queue,
    /// Records of a stream or topic, which trigger intake in batches of a hundred
    Stream,
}

/// One receiver.
#[derive(Clone, Copy, Debug)]
pub struct Receiver {
    /// Its share of the load, in the same unit for all.
    pub weight: f64,
    /// Whether it never answers.
    pub dead: bool,
}

impl Load {
    /// Creates a load with equal receivers, the first of which are dead.
    pub fn alike(rate: f64, receivers: u64, dead: u64) -> Self {
        let receivers = (0..receivers).map(|number| Receiver { weight: 1.0, dead: number < dead }).collect();
        Self {
            rate,
            receivers,
            failing: 0.0,
            answer_ms: 50.0,
            rtt_ms: 20.0,
            changes_per_request: whole(CHANGES.value),
            source: ChangeSource::Api,
            cpu_us: super::assumptions::CPU.value,
            handshake_us: super::assumptions::HANDSHAKE_CPU.value,
        }
    }

    /// Returns this many times the load with as many times the receivers.
    #[must_use]
    pub fn times(&self, factor: u64) -> Self {
        let receivers = (0..factor).flat_map(|_| self.receivers.iter().copied()).collect();
        Self { rate: self.rate * real(factor), receivers, ..self.clone() }
    }

    /// Returns the invocations of intake a second.
    pub fn intakes(&self) -> f64 {
        match self.source {
            ChangeSource::Api => self.rate / real(self.changes_per_request),
            ChangeSource::Queue => 0.0,
            // Batches fill at this rate; below one change a second each record is a batch.
            ChangeSource::Stream => (self.rate / CHANGES.value).max(self.rate.min(1.0)),
        }
    }

    /// Returns the requests of the API a second.
    pub fn api_requests(&self) -> f64 {
        if self.source == ChangeSource::Api { self.intakes() } else { 0.0 }
    }

    /// Returns the number of dead receivers.
    pub fn dead(&self) -> usize {
        self.receivers.iter().filter(|receiver| receiver.dead).count()
    }

    /// Returns the share of first attempts that go to dead receivers.
    pub fn dead_share(&self) -> f64 {
        let weigh = |receivers: &mut dyn Iterator<Item = &Receiver>| {
            receivers.map(|receiver| receiver.weight).sum::<f64>()
        };
        weigh(&mut self.receivers.iter().filter(|receiver| receiver.dead)) / weigh(&mut self.receivers.iter())
    }
}

/// Parameters of the stack and quotas of the account.
#[derive(Clone, Debug)]
pub struct Settings {
    /// The event source mapping of dispatch.
    pub mapping: Mapping,
    /// Memory of dispatch in megabytes.
    pub memory: u64,
    /// `DispatchBatchingWindow` in seconds.
    pub window: f64,
    /// `ApiRateLimit`.
    pub api_rate: f64,
    /// Seconds for which a busy environment keeps its metrics; zero with `Monitoring=full`.
    pub metrics_kept: f64,
    /// `LedgerWrites`.
    pub ledger_writes: LedgerWrites,
    /// Whether private keys are in KMS.
    pub kms: bool,
    /// Whether evidence is recorded.
    pub evidence: bool,
    /// Whether the tables are new.
    pub new_tables: bool,
    /// The quotas of the account.
    pub quotas: Granted,
}

/// The scaling mode of the event source mapping.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Mapping {
    /// Up to `DispatchMaximumConcurrency` concurrent invocations.
    Concurrency(u64),
    /// Provisioned mode with this minimum and maximum of pollers.
    Pollers(u64, u64),
}

/// Current values of quotas that AWS raises on request.
#[derive(Clone, Copy, Debug)]
pub struct Granted {
    /// Concurrent executions of the account.
    pub concurrency: f64,
    /// Messages in flight.
    pub in_flight: f64,
    /// Write units of a table a second.
    pub table_writes: f64,
    /// Read units of a table a second.
    pub table_reads: f64,
    /// Signatures of KMS a second.
    pub kms_signs: f64,
    /// Requests of the account's APIs a second.
    pub api_requests: f64,
    /// Throughput of Firehose in mebibytes a second.
    pub firehose: f64,
}

impl Default for Granted {
    fn default() -> Self {
        Self {
            concurrency: ACCOUNT.value,
            in_flight: IN_FLIGHT.value,
            table_writes: TABLE_WRITES.value,
            table_reads: TABLE_READS.value,
            kms_signs: KMS_SIGNS.value,
            api_requests: super::assumptions::API_REQUESTS.value,
            firehose: FIREHOSE_BYTES.value,
        }
    }
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            mapping: Mapping::Concurrency(500),
            memory: whole(MEMORY.value),
            window: 0.0,
            metrics_kept: 0.0,
            api_rate: API_RATE.value,
            ledger_writes: LedgerWrites::Full,
            kms: false,
            evidence: false,
            new_tables: false,
            quotas: Granted::default(),
        }
    }
}

impl Mapping {
    /// Creates a mapping from the options, or says what is wrong with them.
    pub fn of(concurrency: Option<u64>, pollers: (Option<u64>, Option<u64>)) -> Result<Self, String> {
        let (ready, most, least) = (whole(POLLERS_READY.value), whole(POLLERS_MOST.value), 2);
        match (concurrency, pollers) {
            (Some(_), (Some(_), _) | (_, Some(_))) => Err(
                "an event source has a maximum concurrency or provisioned pollers, not both: leave one of them out".to_owned(),
            ),
            (Some(concurrency), (None, None)) => {
                let most = whole(MAXIMUM_CONCURRENCY.value);
                if (2..=most).contains(&concurrency) {
                    Ok(Self::Concurrency(concurrency))
                } else {
                    Err(format!(
                        "Lambda takes a maximum concurrency of 2 to {most}, not {concurrency}; beyond that, use --min-pollers and \
                         --max-pollers"
                    ))
                }
            }
            (None, (None, None)) => Ok(Settings::default().mapping),
            (None, (min, max)) => {
                let min = min.unwrap_or(least);
                let max = max.unwrap_or_else(|| ready.max(min));
                if !(least..=ready).contains(&min) {
                    return Err(format!("--min-pollers is {least} to {ready}, not {min}"));
                }
                if !(min..=most).contains(&max) {
                    return Err(format!("--max-pollers is {min} (--min-pollers) to {most}, not {max}"));
                }
                Ok(Self::Pollers(min, max))
            }
        }
    }
}

impl fmt::Display for Mapping {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Concurrency(most) => write!(f, "DispatchMaximumConcurrency={most}"),
            Self::Pollers(min, max) => write!(f, "DispatchMinimumPollers={min} DispatchMaximumPollers={max}"),
        }
    }
}

/// How the load begins.
#[derive(Clone, Copy, Debug, Eq, PartialEq, clap::ValueEnum)]
pub enum Begin {
    /// The load has run for hours; slow receivers are known
    Running,
    /// The load has run for hours; the dead receivers stop answering in the first second, unknown to all environments
    Onset,
    /// The whole load starts at once on an idle stack
    Idle,
}

impl Begin {
    /// Returns its name on the command line.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Running => "running",
            Self::Onset => "onset",
            Self::Idle => "idle",
        }
    }
}

/// A share, written as a percentage (`5%`) or as a fraction (`0.05`).
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Share(pub f64);

impl FromStr for Share {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let wrong =
            || format!("{text:?} is no share: write a percentage such as 5%, or a fraction such as 0.05");
        let share = match text.strip_suffix('%') {
            Some(percent) => percent.trim().parse::<f64>().map_err(|_| wrong())? / 100.0,
            None => text.parse().map_err(|_| wrong())?,
        };
        if (0.0..=1.0).contains(&share) { Ok(Self(share)) } else { Err(wrong()) }
    }
}

/// The number of dead receivers: absolute, or a share of all.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Dead {
    /// A number.
    Number(u64),
    /// A share.
    Of(Share),
}

impl FromStr for Dead {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        match text.parse() {
            Ok(number) => Ok(Self::Number(number)),
            Err(_) => match text.parse() {
                Ok(share) => Ok(Self::Of(share)),
                Err(_) => Err(format!(
                    "{text:?} is neither a number of receivers, such as 6, nor a share, such as 10%"
                )),
            },
        }
    }
}

impl Dead {
    /// Returns the number of dead receivers among this many.
    pub fn of(self, receivers: u64) -> u64 {
        match self {
            Self::Number(number) => number,
            Self::Of(Share(share)) => whole((real(receivers) * share).round()),
        }
    }
}
