//! `arauto undelivered`: undelivered notifications by receiver, endpoint, outcome and window.

mod command;
mod filter;
mod listing;
mod queue;
mod summary;

#[cfg(test)]
pub(crate) use listing::tests;

pub(crate) use command::count;
pub use command::{UndeliveredArgs, run};
pub use filter::{Filter, FilterArgs, Window};
pub(crate) use filter::{duration, endpoint};
pub use listing::{Listed, Listing};
pub use queue::{DeadLetterQueue, Held, Hold, Kind, Resting};
pub use summary::{Group, groups, write_groups};
