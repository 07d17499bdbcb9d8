//! Sends notifications: all messages of a batch at once, each in a task of its own.
//!
//! A later attempt is a new message with a delay. Extending the visibility timeout of the old message instead would
//! count against the 120,000 messages that a queue may have in flight, so one dead receiver would stop all others;
//! delayed messages do not count.
//!
//! The ledger counts attempts. SQS cannot: it delivers at least once, its receive count also rises for our own
//! faults, and two invocations may hold one message. Processes agree through the row only, which each writes
//! conditionally.
//!
//! A failure of the receiver is an outcome, which consumes an attempt. A failure of ours is a fault, which returns
//! the message to the queue. Everything that an attempt needs is prepared before it begins, so a fault consumes none.

mod adaptive_timeout;
mod attempt;
mod batch_metrics;
mod closing;
mod concurrency_limiter;
mod deliver;
mod dispatch;
mod examination;
mod exchange;
mod fault;
mod identity_store;
mod lifecycle;
mod log;
mod onboarding_slo;
mod origin;
mod parts;
mod receive_limit;
mod source;
mod sqs_event;

use std::time::Duration;

pub use closing::{ANSWER_MARGIN, works_until};
pub use concurrency_limiter::MAX_CONCURRENT_ATTEMPTS;
pub use dispatch::{BatchItemFailure, BatchResponse, Dispatch};
pub use examination::Examined;
pub use fault::{Fault, PREPARE};
pub use identity_store::{IdentityStore, IdentityStoreError};
pub use parts::Parts;
pub use source::Timers;
pub use sqs_event::Batch;

/// Maximum time that a starting environment waits for the identities and the revocation data; part of the sum behind
/// the function's timeout.
///
/// Lambda stops a start after ten seconds and repeats it within the first invocation, whose time it then takes
/// ("Lambda execution environment lifecycle", AWS Lambda Developer Guide, "Init phase"). What is not loaded in time
/// is loaded for the first message.
pub const START: Duration = Duration::from_secs(5);

/// Timeout of `ChangeMessageVisibility`; part of the sum behind the function's timeout. If the call fails, the
/// queue's default timeout applies.
pub const CHANGE_VISIBILITY_TIMEOUT: Duration = Duration::from_secs(2);
