//! A Directory of participants to test against: a mock of the one that Open Finance Brasil runs.
//!
//! It serves its keys, its participants and their software statements on plain HTTP, signs statements, and answers as it
//! is told to, badly included. It signs with aws-lc-rs, so that it shares no code with who verifies.

mod answer;
mod ask;
mod claims;
mod command;
mod control;
mod key;
mod mock_directory;
mod records;
mod reply;
mod serve;
mod service;
mod signer;
mod state;
mod statement;
#[cfg(test)]
mod tests;

pub use self::answer::Answer;
pub use self::ask::{StatementRequest, ask_for_statement};
pub use self::claims::StatementClaims;
pub use self::command::{DirectoryArgs, run};
pub use self::key::SigningKey;
pub use self::mock_directory::{MockDirectory, Settings};
pub use self::records::{AuthorisationServer, Organisation, Software};
pub use self::signer::{Signer, hs256, unsigned};
pub use self::state::Request;
pub use self::statement::{StatementArgs, run as run_statement};
