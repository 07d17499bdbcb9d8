//! What goes wrong with the ledger.

use aws_sdk_dynamodb::error::BoxError;
use thiserror::Error;

/// The ledger cannot be read or written.
#[derive(Debug, Error)]
pub enum LedgerError {
    /// The service refused or did not answer.
    #[error("failed to {doing} in the ledger")]
    Service {
        /// What was being done.
        doing: &'static str,
        /// What the service said.
        source: BoxError,
    },
    /// The row is not one that this version wrote.
    #[error("the notification's row in the ledger cannot be read")]
    Unreadable,
}

impl LedgerError {
    pub(super) fn service(doing: &'static str, source: BoxError) -> Self {
        Self::Service { doing, source }
    }
}
