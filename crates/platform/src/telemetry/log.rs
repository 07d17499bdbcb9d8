//! The format of log lines: on AWS one flat JSON object for each line, to save billed bytes; elsewhere text.

use std::io::stdout;

use tracing::Subscriber;
use tracing::level_filters::LevelFilter;
use tracing::subscriber::set_global_default;
use tracing_subscriber::fmt::format::JsonFields;
use tracing_subscriber::fmt::{MakeWriter, fmt};

use super::flat_json::FlatJson;

/// The log format that Lambda asks for.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum LogFormat {
    /// `LogFormat: JSON` in the template.
    Json,
    /// Text for people, as on the local stack.
    Text,
}

/// Starts to write log lines to standard output.
///
/// The level never goes below INFO, whatever is configured: below it, libraries log requests and answers, and logs
/// must hold no body (guarantee G8).
pub fn start_logging(format: LogFormat, level: LevelFilter) {
    let level = level.min(LevelFilter::INFO);
    let set = match format {
        LogFormat::Json => set_global_default(json_lines(level, stdout)),
        LogFormat::Text => set_global_default(text_lines(level)),
    };
    // A second start has no effect.
    set.unwrap_or_default();
}

/// Writes each line as one JSON object without time, module or spans: CloudWatch adds the time.
pub fn json_lines<W>(level: LevelFilter, writer: W) -> impl Subscriber + Send + Sync
where
    W: for<'writer> MakeWriter<'writer> + Send + Sync + 'static,
{
    let lines = fmt().with_max_level(level).with_writer(writer);
    lines.fmt_fields(JsonFields::new()).event_format(FlatJson).finish()
}

fn text_lines(level: LevelFilter) -> impl Subscriber + Send + Sync {
    fmt().with_target(false).without_time().with_max_level(level).finish()
}
