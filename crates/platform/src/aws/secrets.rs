//! Secrets Manager, read only.

use aws_sdk_secretsmanager::Client;
use aws_sdk_secretsmanager::error::BoxError;
use aws_sdk_secretsmanager::operation::get_secret_value::GetSecretValueError;
use thiserror::Error;

use super::cause::cause;

/// Reads secrets.
#[derive(Clone, Debug)]
pub struct Secrets {
    client: Client,
}

impl Secrets {
    /// Reads secrets with this client.
    pub fn new(client: Client) -> Self {
        Self { client }
    }

    /// Returns the current text of a secret.
    pub async fn text(&self, arn: &str) -> Result<String, SecretError> {
        let answer = self.client.get_secret_value().secret_id(arn).send().await.map_err(|error| {
            let is_empty =
                error.as_service_error().is_some_and(GetSecretValueError::is_resource_not_found_exception);
            let arn = arn.to_owned();
            if is_empty {
                SecretError::Empty { arn }
            } else {
                SecretError::Read { arn, source: cause(error) }
            }
        })?;
        answer.secret_string.ok_or_else(|| SecretError::NotText { arn: arn.to_owned() })
    }
}

/// Why a secret cannot be read.
#[derive(Debug, Error)]
pub enum SecretError {
    /// The service refused, or did not answer.
    #[error("failed to read the secret {arn}")]
    Read {
        /// The secret.
        arn: String,
        /// The service's error.
        source: BoxError,
    },
    /// The secret does not exist, or has no value yet.
    #[error("the secret {arn} is empty")]
    Empty {
        /// The secret.
        arn: String,
    },
    /// The secret is binary.
    #[error("the secret {arn} holds bytes, not text")]
    NotText {
        /// The secret.
        arn: String,
    },
}
