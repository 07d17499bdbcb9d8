//! Why a call of an AWS service failed.

use std::error::Error;
use std::fmt::Debug;

use aws_sdk_dynamodb::error::{BoxError, SdkError};

/// Returns the service's error without the SDK's wrapping, because our errors describe the failed action themselves.
pub fn cause<E, R>(error: SdkError<E, R>) -> BoxError
where
    E: Error + Send + Sync + 'static,
    R: Debug + Send + Sync + 'static,
{
    error.into_source().unwrap_or_else(Into::into)
}
