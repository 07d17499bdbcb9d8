#![doc = include_str!("../README.md")]

mod language;
mod number;
mod progress;
mod table;
mod wrong_usage;

pub use language::Language;
pub use number::grouped;
pub use progress::{Progress, spinner};
pub use table::{Align, Table};
pub use wrong_usage::WrongUsage;
