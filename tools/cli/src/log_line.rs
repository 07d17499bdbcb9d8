//! Log lines of the functions, as the commands read them.

pub(crate) use platform::telemetry::{fields_of_line as of_line, fields_of_text as of_text};

/// The message of an attempt, as in `docs/logging.md`.
pub(crate) const ATTEMPT: &str = "An attempt ended.";
/// The message of a suspension, as in `docs/logging.md`.
pub(crate) const SUSPENDED: &str = "A client is suspended: the Directory does not list it as active.";
/// That of its end.
pub(crate) const RESUMED: &str = "A client is notified again: the Directory lists it as active.";
