//! Why a message returns to the queue.

use std::time::Duration;

use convention::codes::Code;
use convention::delivery::{ClockSkew, ReceiveMetadata, backoff_after_lease, delay_seconds};
use convention::notification::MissingAuthorisationServerId;
use jiff::Timestamp;
use mtls::LocalFault;
use platform::aws::{LedgerError, ReceiversError, SendError};
use platform::rng::Rng;
use thiserror::Error;
use tokio::task::JoinError;

use crate::identity_store::IdentityStoreError;

/// Timeout for finding the receiver and the identity concurrently; part of the sum behind the function's timeout.
pub const PREPARE: Duration = Duration::from_secs(4);

/// Maximum wait of a timer's message, in seconds. If its time was put off for longer, it waits again.
const MAX_WAIT: u32 = 900;

/// Why a message returns to the queue. It is never the receiver's fault and never consumes an attempt.
#[derive(Debug, Error)]
pub enum Fault {
    /// A dependency did not answer in time.
    #[error("the receivers table or the identity did not answer within {PREPARE:?}")]
    Slow,
    /// Another process is making this attempt and holds its lease until this instant.
    #[error("another process holds the lease")]
    InProgress(Timestamp),
    /// The limit of concurrent attempts to its receiver is reached in this environment.
    #[error("the limit of concurrent attempts to its receiver is reached")]
    ConcurrencyLimited,
    /// It is of a timer, whose time is this instant.
    #[error("it is not due yet")]
    NotDue(Timestamp),
    /// It is a timer's message, but this version has timers off: the stack is turning them off or on.
    #[error("timers are off")]
    TimersOff,
    /// Our clock is wrong.
    #[error("our clock and the queue's do not agree")]
    Clock(#[from] ClockSkew),
    /// The ledger does not work.
    #[error("the ledger does not work")]
    Ledger(#[from] LedgerError),
    /// The receivers table does not work.
    #[error("the receivers table does not work")]
    Receivers(#[from] ReceiversError),
    /// A queue does not work.
    #[error("a queue does not work")]
    Queue(#[from] SendError),
    /// Our identity cannot be used.
    #[error("our identity cannot be used")]
    IdentityStore(#[from] IdentityStoreError),
    /// A fault of ours kept the attempt from reaching its receiver; nothing was sent.
    #[error("the attempt did not reach its receiver for a fault of ours")]
    Local(#[from] LocalFault),
    /// An authorisation server id is needed and none is configured.
    #[error("the configuration lacks something")]
    Configuration(#[from] MissingAuthorisationServerId),
    /// A defect of this program.
    #[error("the task of the message panicked")]
    Panic(#[source] JoinError),
    /// A defect of this program kept a record of a source from being read.
    #[error("reading the record panicked")]
    PanicInReading,
}

impl Fault {
    /// The name of the metric that counts faults of ours by code.
    pub const METRIC: &'static str = "OwnFaults";

    /// Returns the fault's stable code.
    pub fn code(&self) -> Code {
        match self {
            Self::Slow => Code::PrepareTimeout,
            Self::InProgress(_) => Code::InProgress,
            Self::ConcurrencyLimited => Code::ConcurrencyLimited,
            Self::NotDue(_) => Code::NotDue,
            Self::Clock(_) => ClockSkew::CODE,
            Self::Ledger(_) | Self::TimersOff => Code::LedgerUnavailable,
            Self::Receivers(_) => Code::ReceiversUnavailable,
            Self::Queue(_) => Code::QueueUnavailable,
            Self::IdentityStore(error) => error.code(),
            Self::Local(fault) => fault.code(),
            Self::Configuration(_) => MissingAuthorisationServerId::CODE,
            Self::Panic(_) | Self::PanicInReading => Code::Panic,
        }
    }

    /// Says whether the fault counts for the alarm; otherwise the message only arrived out of turn.
    pub fn alarms(&self) -> bool {
        self.code().alarms()
    }

    /// Returns the seconds until the message is redelivered.
    pub(crate) fn redelivery_backoff(&self, metadata: &ReceiveMetadata, now: Timestamp, rng: &Rng) -> u32 {
        match self {
            Self::InProgress(lease_until) => backoff_after_lease(*lease_until, now),
            Self::NotDue(due) => delay_seconds(now, *due).clamp(1, MAX_WAIT),
            Self::Slow
            | Self::ConcurrencyLimited
            | Self::TimersOff
            | Self::Clock(_)
            | Self::Ledger(_)
            | Self::Receivers(_)
            | Self::Queue(_)
            | Self::IdentityStore(_)
            | Self::Local(_)
            | Self::Configuration(_)
            | Self::Panic(_)
            | Self::PanicInReading => metadata.redelivery_backoff(rng.bits()),
        }
    }
}
