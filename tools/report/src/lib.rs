#![doc = include_str!("../README.md")]

mod basis;
mod charts;
mod counter;
mod counts;
mod csv;
mod fact;
mod figures;
mod html;
mod initiator;
mod month;
mod outcomes;
mod phrases;
mod receiver;
mod report;
mod story;
mod table;
mod words;

pub use basis::{Basis, Chain, Check, Difference, Source};
pub use counter::Counter;
pub use counts::{Concern, Counts, Day};
pub use csv::csv;
pub use fact::{AttemptFact, End, Fact};
pub use figures::{Figures, Share};
pub use html::html;
pub use initiator::{InitiatorKey, Selection};
pub use month::{Month, ParseMonthError, ZONE};
pub use outcomes::OutcomeRow;
pub use receiver::{Certificate, Receiver, Suspended, Synchronisation, Webhook};
pub use report::{Gathered, Initiator, Report};
pub use table::text;
pub use terminal::Language;
