//! `arauto bill`: what notifications cost, from the lines that the functions wrote and a dated list of prices.

mod command;
mod gather;
mod item;
mod line;
mod model;
mod picture;
mod source;
mod table;

pub use command::{BillArgs, run};
pub use gather::{Bill, Part};
pub use item::{Cost, Counts, Item, Terms};
pub use model::Model;
pub use picture::picture;
pub use source::Lines;
pub use table::{to_json, write};
