//! `arauto polling`: how much initiators poll although they are notified.

mod command;
mod stack;

pub(crate) use command::said;
pub use command::{PollingArgs, run};
