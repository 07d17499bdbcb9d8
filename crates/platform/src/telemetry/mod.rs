//! Logs and metrics.

mod error_chain;
mod flat_json;
mod log;
mod log_line;
mod metrics;
mod usage_meter;
#[cfg(any(test, feature = "captured-log"))]
mod written;

pub use error_chain::ErrorChain;
pub use log::{LogFormat, json_lines, start_logging};
pub use log_line::{client_phrase, field_text, fields_of_line, fields_of_text, logged_client_id};
pub use metrics::{CODE, Line, MAX_ARRAY, Metrics, Unit, rejected_changes};
pub use usage_meter::{Usage, UsageMeter, Used};
#[cfg(any(test, feature = "captured-log"))]
pub use written::Written;
