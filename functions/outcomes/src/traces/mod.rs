//! Traces: a span for each attempt and each notification, sent to a collector.
//!
//! `spans` derives them from a change of the ledger; it is pure. `sender` sends them: spans cost no attempt any time, and
//! a collector that does not take them holds up events by ten seconds a minute at most.

mod attributes;
mod authentication;
mod collector;
mod headers;
mod ids;
mod limits;
mod refusal;
mod sender;
mod settings;
mod spans;

pub use sender::Traces;
pub use settings::{EndpointError, TracesSettings};
pub(crate) use spans::spans;
