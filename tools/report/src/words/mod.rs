//! The words of a report in both languages.

mod en;
mod format;
mod language;
mod pt_br;
mod texts;

pub(crate) use language::words;
pub(crate) use texts::{Words, put};
