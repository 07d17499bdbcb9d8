//! `arauto doctor`: asks a deployed stack, or a receiver, whether it works, and says what is wrong and what to do.
//!
//! `gather` reads everything that is known of the stack into a snapshot; what cannot be read is noted, and stops nothing.
//! `area` holds the checks: they ask nobody, and a test can change one thing of a stack that is right.

mod answer;
mod area;
mod command;
mod expected;
mod finding;
mod gather;
mod measured;
mod policy;
pub mod receiver;
mod report;
mod setup;
mod snapshot;
#[cfg(test)]
mod tests;

pub(crate) use command::LOCAL;
pub use command::{DoctorArgs, run};
pub(crate) use gather::{Context, read_alarms};
