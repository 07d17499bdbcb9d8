//! `arauto bill`: the cost of notifications, from the functions' log lines and a dated price list.

mod command;
mod gather;
mod item;
mod line;
mod model;
mod picture;
mod source;
mod table;

pub(crate) use command::said;
pub use command::{BillArgs, run};
pub use gather::{Bill, Part};
pub use item::{Cost, Counts, Item, Terms};
pub use model::{Model, Source};
pub use picture::picture;
pub use source::Lines;
pub use table::{to_json, write};
