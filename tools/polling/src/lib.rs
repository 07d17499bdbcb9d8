#![doc = include_str!("../README.md")]

mod clients;
mod columns;
mod csv;
mod figures;
mod input;
mod join;
mod json;
mod line;
mod mapping;
mod merge;
mod message;
mod notification;
mod picture;
mod price;
mod reader;
mod report;
mod resource;
mod table;
mod time;

pub use clients::Clients;
pub use csv::csv;
pub use figures::{Day, Figures};
pub use input::{BrokenLine, LineCounts, Source};
pub use mapping::{Mapping, Preset};
pub use message::Message;
pub use notification::{Notification, Notifications};
pub use picture::picture;
pub use price::{Price, Usd};
pub use report::{Analysis, Initiator, LineAnalysis, Priced, Report};
pub use table::text;
pub use terminal::Language;
