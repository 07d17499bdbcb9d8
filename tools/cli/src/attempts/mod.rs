//! `arauto attempts`: attempts of the last hours, from the log lines of dispatch.

mod attempt;
mod command;
mod source;

pub use attempt::{Attempt, Selection};
pub use command::{AttemptsArgs, run};
pub use source::LogGroups;
