//! Why a collector did not take spans.

use std::time::Duration;

use aws_smithy_runtime_api::client::result::ConnectorError;
use http::StatusCode;
use platform::aws::SecretError;
use thiserror::Error;

/// Why spans were not taken. Nothing of an answer's text is kept: it may quote a header.
#[derive(Debug, Error)]
pub(super) enum Refusal {
    /// The collector answered with an error.
    #[error("the collector answered {status}")]
    Status {
        /// The status.
        status: StatusCode,
        /// `Retry-After`, in seconds.
        retry_after: Option<Duration>,
    },
    /// No answer came in time.
    #[error("the collector did not answer in time")]
    Late,
    /// The connection failed.
    #[error("the collector cannot be reached")]
    Unreached(#[source] ConnectorError),
    /// The secret with the headers cannot be read.
    #[error(transparent)]
    Secret(SecretError),
    /// The secret has another format.
    #[error("the secret for the collector is not in the format of OTEL_EXPORTER_OTLP_HEADERS")]
    NoHeaders,
    /// The headers would be sent without encryption.
    #[error("the secret for the collector is not sent over plain HTTP")]
    Plain,
    /// The request cannot be signed.
    #[error("the request to X-Ray cannot be signed")]
    Unsigned(#[source] Box<dyn std::error::Error + Send + Sync>),
}

impl Refusal {
    /// Says whether the same request may succeed later.
    ///
    /// Source: "OTLP Specification", "OTLP/HTTP Response", "Retryable Response Codes".
    pub(super) fn is_transient(&self) -> bool {
        match self {
            Self::Status { status, .. } => matches!(status.as_u16(), 429 | 502 | 503 | 504),
            Self::Late | Self::Unreached(_) | Self::Unsigned(_) | Self::Secret(_) => true,
            Self::NoHeaders | Self::Plain => false,
        }
    }

    /// Returns how long the collector asks to wait.
    pub(super) fn retry_after(&self) -> Option<Duration> {
        match self {
            Self::Status { retry_after, .. } => *retry_after,
            _ => None,
        }
    }
}
