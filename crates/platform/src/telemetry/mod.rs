//! Logs and metrics.

mod error_chain;
mod log;
mod metrics;
mod usage_meter;

pub use error_chain::ErrorChain;
pub use log::{LogFormat, json_lines, start_logging};
pub use metrics::{CODE, Line, MAX_ARRAY, Metrics, Unit};
pub use usage_meter::{Usage, UsageMeter, Used};
