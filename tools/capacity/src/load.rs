//! What is asked: a load, the settings it meets, and how it begins.

use std::fmt;
use std::str::FromStr;

use convention::delivery::LedgerWrites;

use super::assumptions::{
    ACCOUNT, API_RATE, CHANGES, FIREHOSE_BYTES, IN_FLIGHT, KMS_SIGNS, MAXIMUM_CONCURRENCY, MEMORY,
    POLLERS_MOST, POLLERS_READY, TABLE_READS, TABLE_WRITES,
};
use super::numbers::{real, whole};

/// What comes in, and who is to be notified.
#[derive(Clone, Debug)]
pub struct Load {
    /// Notifications a second.
    pub rate: f64,
    /// The receivers: the share of the load of each, and whether it is dead.
    pub receivers: Vec<Receiver>,
    /// The share of attempts that receivers that work refuse.
    pub failing: f64,
    /// Milliseconds until a receiver has its answer.
    pub answer_ms: f64,
    /// Milliseconds to a receiver and back.
    pub rtt_ms: f64,
    /// Changes in a request to the API.
    pub changes_per_request: u64,
    /// Processor time of an attempt, in microseconds.
    pub cpu_us: f64,
    /// Processor time of a handshake, in microseconds.
    pub handshake_us: f64,
}

/// One receiver.
#[derive(Clone, Copy, Debug)]
pub struct Receiver {
    /// Its share of the load, by any measure that is the same for all.
    pub weight: f64,
    /// Whether it hangs.
    pub dead: bool,
}

impl Load {
    /// Makes a load of receivers that are notified alike, the first of which are dead.
    pub fn alike(rate: f64, receivers: u64, dead: u64) -> Self {
        let receivers = (0..receivers).map(|number| Receiver { weight: 1.0, dead: number < dead }).collect();
        Self {
            rate,
            receivers,
            failing: 0.0,
            answer_ms: 50.0,
            rtt_ms: 20.0,
            changes_per_request: whole(CHANGES.value),
            cpu_us: super::assumptions::CPU.value,
            handshake_us: super::assumptions::HANDSHAKE_CPU.value,
        }
    }

    /// Returns so many times the load, for as many times the receivers.
    #[must_use]
    pub fn times(&self, factor: u64) -> Self {
        let receivers = (0..factor).flat_map(|_| self.receivers.iter().copied()).collect();
        Self { rate: self.rate * real(factor), receivers, ..self.clone() }
    }

    /// Returns how many receivers are dead.
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

/// What the load meets: parameters of the stack, and quotas of the account.
#[derive(Clone, Debug)]
pub struct Settings {
    /// What makes SQS call dispatch.
    pub mapping: Mapping,
    /// Megabytes of dispatch.
    pub memory: u64,
    /// `ApiRateLimit`.
    pub api_rate: f64,
    /// `LedgerWrites`.
    pub ledger_writes: LedgerWrites,
    /// Whether private keys lie in KMS.
    pub kms: bool,
    /// Whether evidence is kept.
    pub evidence: bool,
    /// Whether the tables are new.
    pub new_tables: bool,
    /// What the account is granted.
    pub quotas: Granted,
}

/// How SQS calls dispatch.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Mapping {
    /// As many invocations at a time as `DispatchMaximumConcurrency` says.
    Concurrency(u64),
    /// Provisioned mode: so many pollers at least and at most.
    Pollers(u64, u64),
}

/// The quotas that AWS raises on request, by the values they have.
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
    /// Mebibytes that Firehose takes a second.
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
    /// Makes one of what was asked for, or says what is wrong with it.
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
    /// The load has run for hours; who hangs is known to hang
    Running,
    /// The load has run for hours; the dead receivers begin to hang in the first second, which nobody knows yet
    Onset,
    /// The whole load comes at once upon a stack that had nothing to do
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

/// How many receivers are dead: a number, or a share of all.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Dead {
    /// So many.
    Number(u64),
    /// Such a share.
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
    /// Returns how many of so many receivers that is.
    pub fn of(self, receivers: u64) -> u64 {
        match self {
            Self::Number(number) => number,
            Self::Of(Share(share)) => whole((real(receivers) * share).round()),
        }
    }
}
