//! What is logged, measured and traced.

mod chain;
mod log;
mod meter;
mod metrics;
mod trace;

pub use chain::Chain;
pub use log::{LogFormat, json_lines, start_logging};
pub use meter::{Meter, Usage, Used};
pub use metrics::{LONGEST_ARRAY, Line, Metrics, Unit};
pub use trace::{ParseTraceHeaderError, TraceHeader};
