//! `arauto report`: what initiators were notified of in a month, and what became of it.

mod command;
mod evidence;
mod facts;
mod gather;
mod heads;
mod ledger;
mod logs;
mod places;
mod receivers;

pub use command::{ReportArgs, run};
pub use gather::{Asked, gather};
pub use ledger::Ledger;
pub use logs::Logs;
pub use places::{OfStack, Places};
