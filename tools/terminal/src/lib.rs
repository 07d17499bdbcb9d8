#![doc = include_str!("../README.md")]

mod csv;
mod language;
mod number;
mod progress;
mod table;
mod wrong_usage;

pub use csv::csv_line;
pub use language::Language;
pub use number::grouped;
pub use progress::{Progress, spinner};
pub use table::{Align, Table};
pub use wrong_usage::WrongUsage;
