//! `arauto bill`: the cost of notifications, from the functions' log lines and a dated price list.

mod command;
mod forecast;
mod gather;
mod item;
mod line;
mod load;
mod model;
mod picture;
mod source;
mod stack;
mod standing;
mod table;

pub(crate) use command::said;
pub use command::{BillArgs, run};
pub use forecast::Forecast;
pub use gather::{Bill, Part};
pub use item::{Cost, Counts, Item, Terms};
pub use load::{Load, Seen};
pub use model::{Model, Source};
pub use picture::picture;
pub use source::Lines;
pub use stack::{Setting, Stack};
pub use standing::{Inventory, Standing, StandingItem};
pub use table::{to_json, write};
