//! What all readers share: whom to ask, about which stack.

use account::DeployedStack;
use account::local_stack::LocalStack;
use aws_config::SdkConfig;
use aws_sdk_kms::error::{ProvideErrorMetadata, SdkError};
use jiff::Timestamp;

use crate::doctor::answer::{Answer, Unread};

/// Whom to ask, about which stack.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Context<'a> {
    /// Region, credentials and timeouts.
    pub(crate) sdk: &'a SdkConfig,
    /// The stack.
    pub(crate) stack: &'a DeployedStack,
    /// The local stack, where it is that.
    pub(crate) local: Option<&'a LocalStack>,
    /// When it is asked.
    pub(crate) now: Timestamp,
    /// Whether secrets with private keys are opened although they have a custodian.
    pub(crate) opens_identities: bool,
}

impl Context<'_> {
    /// Reads the answer to an action, in the words of IAM.
    pub(crate) fn answer<T, E>(&self, action: &str, answer: Result<T, SdkError<E>>) -> Answer<T>
    where
        E: std::error::Error + ProvideErrorMetadata + Send + Sync + 'static,
    {
        answer.map_err(|error| Unread::of(action, self.local.is_some(), &error))
    }

    /// The same, where the answer may be that there is none.
    pub(crate) fn optional<T, E>(&self, action: &str, answer: Result<T, SdkError<E>>) -> Answer<Option<T>>
    where
        E: std::error::Error + ProvideErrorMetadata + Send + Sync + 'static,
    {
        match answer {
            Err(error) if error.code().is_some_and(is_missing) => Ok(None),
            answer => self.answer(action, answer).map(Some),
        }
    }
}

/// The codes by which services say that something does not exist: `ResourceNotFoundException` of most, `NotFound` of SNS,
/// `NotFoundException` of KMS, `AWS.SimpleQueueService.NonExistentQueue` and `QueueDoesNotExist` of SQS.
fn is_missing(code: &str) -> bool {
    code.contains("NotFound") || code.contains("NonExistent") || code.contains("DoesNotExist")
}
