//! How log lines are written: on AWS one flat JSON object a line, which is what is paid for; elsewhere text.

use std::io::stdout;

use tracing::Subscriber;
use tracing::level_filters::LevelFilter;
use tracing::subscriber::set_global_default;
use tracing_subscriber::fmt::{MakeWriter, fmt};

/// How Lambda wants lines to be written.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum LogFormat {
    /// `LogFormat: JSON` in the template.
    Json,
    /// For people; what the local stack shows.
    Text,
}

/// Writes log lines to standard output from now on.
///
/// Never below INFO, whatever is asked for: there the libraries write requests and answers, and logs hold no body
/// (guarantee G8).
pub fn start_logging(format: LogFormat, level: LevelFilter) {
    let level = level.min(LevelFilter::INFO);
    let set = match format {
        LogFormat::Json => set_global_default(json_lines(level, stdout)),
        LogFormat::Text => set_global_default(text_lines(level)),
    };
    // A second start changes nothing.
    set.unwrap_or_default();
}

/// Writes each line as one JSON object without time, module or list of spans: CloudWatch has the time.
pub fn json_lines<W>(level: LevelFilter, writer: W) -> impl Subscriber + Send + Sync
where
    W: for<'writer> MakeWriter<'writer> + Send + Sync + 'static,
{
    let lines = fmt().with_target(false).without_time().with_max_level(level).with_writer(writer);
    lines.json().flatten_event(true).with_current_span(true).with_span_list(false).finish()
}

fn text_lines(level: LevelFilter) -> impl Subscriber + Send + Sync {
    fmt().with_target(false).without_time().with_max_level(level).finish()
}
