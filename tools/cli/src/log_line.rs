//! Log lines of the functions, as the commands read them.

pub(crate) use platform::telemetry::{fields_of_line as of_line, fields_of_text as of_text};

/// The message of an attempt, as in `docs/logging.md`.
pub(crate) const ATTEMPT: &str = "An attempt ended.";
