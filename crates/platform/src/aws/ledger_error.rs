//! Errors of the ledger.

use aws_sdk_dynamodb::error::BoxError;
use thiserror::Error;

/// Why the ledger cannot be read or written.
#[derive(Debug, Error)]
pub enum LedgerError {
    /// The service refused, or did not answer.
    #[error("failed to {doing} in the ledger")]
    Service {
        /// The failed action.
        doing: &'static str,
        /// The service's error.
        source: BoxError,
    },
    /// The row was not written by this version.
    #[error("the notification's row in the ledger cannot be read")]
    Unreadable,
}

impl LedgerError {
    pub(super) fn service(doing: &'static str, source: BoxError) -> Self {
        Self::Service { doing, source }
    }
}
