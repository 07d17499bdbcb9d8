#![doc = include_str!("../README.md")]

mod number;
mod progress;
mod table;

pub use number::grouped;
pub use progress::{Progress, spinner};
pub use table::{Align, Table};
