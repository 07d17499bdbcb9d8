//! Errors with their causes, for logs.

use std::error::Error;
use std::fmt;

/// Displays an error with all its causes, outermost first.
///
/// Errors here describe their own layer only, so a log line needs the chain.
pub struct ErrorChain<'a>(pub &'a dyn Error);

impl fmt::Display for ErrorChain<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.0)?;
        let mut source = self.0.source();
        while let Some(error) = source {
            write!(f, ": {error}")?;
            source = error.source();
        }
        Ok(())
    }
}
