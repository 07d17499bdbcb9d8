//! What is logged, measured and traced.

mod chain;
mod json;
mod log;
mod usage_meter;
mod metrics;
mod output;
mod trace;

pub use chain::Chain;
pub use log::{LogFormat, json_lines, start_logging};
pub use usage_meter::{UsageMeter, Usage, Used};
pub use metrics::{LONGEST_ARRAY, Line, Metrics, Unit};
pub use output::Output;
pub use trace::{ParseTraceHeaderError, TraceHeader};
