//! `arauto verify`: proves that nothing of the evidence was removed or changed.

mod chain;
mod command;
mod finding;
mod lines;
mod source;
mod structure;
#[cfg(test)]
mod tests;
mod verifier;

pub(crate) use chain::OVERDUE;
pub use command::{VerifyArgs, run};
pub use finding::{Finding, Wrong};
pub use source::Source;
pub use structure::{Structure, Verification};
pub use verifier::{Asked, Report, verify, verify_with};
