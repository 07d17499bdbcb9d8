//! What is logged and measured.

mod chain;
mod metrics;

pub use chain::Chain;
pub use metrics::{Metrics, Unit};
