//! A command that was called wrongly.

use std::error::Error;
use std::fmt;

/// What was asked cannot be meant: the command has done nothing, and exits as it does for an unknown option.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct WrongUsage(pub String);

impl fmt::Display for WrongUsage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl Error for WrongUsage {}
