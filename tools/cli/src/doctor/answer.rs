//! What a service answered, or why it is not known.

use aws_sdk_kms::error::{ProvideErrorMetadata, SdkError};
use platform::telemetry::ErrorChain;
use thiserror::Error;

use super::finding::{Area, Finding};

/// What was read of a service.
pub(crate) type Answer<T> = Result<T, Unread>;

/// Why something is not known.
#[derive(Clone, Debug, Eq, Error, PartialEq)]
pub(crate) enum Unread {
    /// The service refused, or did not answer.
    #[error("{0}")]
    Failed(String),
    /// The local stack has no such thing.
    #[error("not available on the local stack")]
    NotHere,
}

impl Unread {
    /// Reads why a call of an action, in the words of IAM, failed.
    pub(crate) fn of<E>(action: &str, is_local: bool, error: &SdkError<E>) -> Self
    where
        E: std::error::Error + ProvideErrorMetadata + Send + Sync + 'static,
    {
        // It is up, refuses nobody, and does not know every action.
        if is_local {
            return Self::NotHere;
        }
        let code = error.code();
        Self::Failed(match (code, error.message()) {
            // Who was denied what is in the message, and is known.
            (Some(code), _) if code.contains("AccessDenied") || code.contains("Authorization") => {
                format!("{code} on {action}")
            }
            (Some(code), message) => format!("{code} on {action}: {}", message.unwrap_or_default()),
            _ => format!("no answer to {action}: {}", ErrorChain(error)),
        })
    }

    /// Says whether the rights did not suffice.
    pub(crate) fn is_denied(&self) -> bool {
        matches!(self, Self::Failed(why) if why.contains("AccessDenied") || why.contains("Authorization"))
    }

    /// Reports that something is not known.
    pub(crate) fn finding(&self, area: Area, subject: &str) -> Finding {
        match self {
            Self::Failed(why) => Finding::unknown(
                area,
                format!("{subject} could not be read: {why}"),
                if self.is_denied() {
                    "run it with OperatorPolicy or AuditorPolicy of infra/access.yaml"
                } else {
                    "run it again"
                },
            ),
            Self::NotHere => Finding::not_here(area, format!("{subject}: not available on the local stack")),
        }
    }
}
