//! What is told of the ledger, and what cannot be.

use std::str::FromStr;

/// Which outcomes of notifications are told.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Scope {
    /// Undelivered notifications and faults of ours.
    Problems,
    /// Every outcome.
    Everything,
}

impl FromStr for Scope {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        match text {
            "problems" => Ok(Self::Problems),
            "all" => Ok(Self::Everything),
            _ => Err("expected problems or all"),
        }
    }
}

/// The row after a change was not written by this version.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) struct Unreadable;
