//! The SQS queues: notifications to attempt, dead letters, and records that are no valid state changes.

use std::collections::HashMap;
use std::time::Duration;

use aws_sdk_sqs::Client;
use aws_sdk_sqs::error::BoxError;
use aws_sdk_sqs::types::{
    MessageAttributeValue, MessageSystemAttributeNameForSends, MessageSystemAttributeValue,
    SendMessageBatchRequestEntry,
};
use convention::delivery::AttemptMessage;
use convention::source::Rejection;
use futures_util::future::join_all;
use thiserror::Error;
use tokio::time::{Instant, sleep, timeout_at};

use super::cause::cause;
use super::clients::CALL_TIMEOUT;
use crate::sha256_hex;

/// Maximum number of messages in one `SendMessageBatch`.
const BATCH: usize = 10;
/// Pauses before SQS entries that failed are sent again. The call itself succeeded, so the SDK does not repeat it.
pub const RESEND_PAUSES: [Duration; 2] = [Duration::from_millis(100), Duration::from_millis(300)];
/// Maximum time for queueing the messages of one request, retries included, so that the caller gets an answer before
/// its timeout.
pub const SEND_TIMEOUT: Duration = Duration::from_secs(1 + CALL_TIMEOUT.as_secs());
/// Codes of entries that SQS never accepts. All other entries are retried, even with `SenderFault`, which SQS also
/// sets for throttling and for errors of the queue's key, both of which pass.
///
/// Source: SQS API reference, `SendMessage` (`InvalidMessageContents`, `UnsupportedOperation`), Common Errors
/// (`InvalidParameterCombination`, `InvalidParameterValue`, `MissingParameter`; an entry that is too long is an
/// `InvalidParameterValue`) and `SendMessageBatch` (`BatchRequestTooLong`). A name may have the prefix
/// `AWS.SimpleQueueService.` of the query protocol.
const NEVER_ACCEPTED: [&str; 6] = [
    "BatchRequestTooLong",
    "InvalidMessageContents",
    "InvalidParameterCombination",
    "InvalidParameterValue",
    "MissingParameter",
    "UnsupportedOperation",
];
/// Maximum length of a message group id, in characters.
const MAX_GROUP: usize = 128;
/// Maximum length of the description sent with a dead letter, in characters.
const MAX_DETAIL: usize = 500;

/// Returns the last two parts of a text: account and name of a queue.
fn last_two(text: &str, separator: char) -> Option<(&str, &str)> {
    let (rest, name) = text.rsplit_once(separator)?;
    Some((rest.rsplit_once(separator).map_or(rest, |(_, account)| account), name))
}

/// Sends to the queues.
#[derive(Clone, Debug)]
pub struct Queues {
    client: Client,
    notifications: String,
    undelivered: String,
    rejected: String,
}

impl Queues {
    /// Uses these queues, by URL. Intake, which dead-letters nothing, has only the first.
    pub fn new(client: Client, notifications: String, undelivered: Option<String>) -> Self {
        let undelivered = undelivered.unwrap_or_default();
        Self { client, notifications, undelivered, rejected: String::new() }
    }

    /// Also sends to the queue of rejected records, by URL.
    #[must_use]
    pub fn with_rejected(self, rejected: String) -> Self {
        Self { rejected, ..self }
    }

    /// Says whether this is the ARN of the notifications queue. Lambda names the queue of each message.
    pub fn is_notifications(&self, arn: &str) -> bool {
        // Without writing the URL, because every message asks.
        last_two(arn, ':').is_some_and(|of_arn| Some(of_arn) == last_two(&self.notifications, '/'))
    }

    /// Returns the URL of a queue of the same account and region.
    ///
    /// Source: "Amazon SQS queue and message identifiers", Amazon SQS Developer Guide: a URL ends in account and
    /// name, as the ARN does.
    fn url_of(&self, arn: &str) -> String {
        let (account, name) = last_two(arn, ':').unwrap_or_default();
        let host = self.notifications.rsplitn(3, '/').nth(2).unwrap_or_default();
        format!("{host}/{account}/{name}")
    }

    /// Queues messages, ten for each call and all calls at once, and returns for each whether it was accepted.
    ///
    /// Entries that SQS fails are sent again, twice at most, unless SQS never accepts them.
    pub async fn send_all(&self, messages: &[AttemptMessage]) -> Vec<Result<(), SendError>> {
        let until = Instant::now() + SEND_TIMEOUT;
        let batches = messages.chunks(BATCH).map(|batch| self.send_batch(batch, until));
        join_all(batches).await.into_iter().flatten().collect()
    }

    async fn send_batch(&self, messages: &[AttemptMessage], until: Instant) -> Vec<Result<(), SendError>> {
        let mut results = self.try_batch(messages, (0..messages.len()).collect()).await;
        for pause in RESEND_PAUSES {
            let failed = |result: &Result<(), SendError>| matches!(result, Err(SendError::Failed { .. }));
            let again: Vec<_> = (0..messages.len()).filter(|at| failed(&results[*at].1)).collect();
            if again.is_empty() || Instant::now() + pause >= until {
                break;
            }
            sleep(pause).await;
            let Ok(repeated) = timeout_at(until, Box::pin(self.try_batch(messages, again))).await else {
                break;
            };
            for (at, result) in repeated {
                results[at] = (at, result);
            }
        }
        results.into_iter().map(|(_, result)| result).collect()
    }

    /// Sends the messages at these positions once, and returns the result of each.
    async fn try_batch(
        &self,
        messages: &[AttemptMessage],
        positions: Vec<usize>,
    ) -> Vec<(usize, Result<(), SendError>)> {
        let entries = positions.iter().map(|at| {
            let message = &messages[*at];
            SendMessageBatchRequestEntry::builder()
                .id(at.to_string())
                .set_message_system_attributes(trace_of(message))
                .message_body(message.to_json())
                .message_group_id(message_group(message))
                .build()
                .expect("id and body are set")
        });
        let request = self.client.send_message_batch().queue_url(&self.notifications);
        match request.set_entries(Some(entries.collect())).send().await {
            Ok(answer) => positions
                .into_iter()
                .map(|at| {
                    let id = at.to_string();
                    // Only messages named as successful were accepted.
                    if answer.successful().iter().any(|entry| entry.id() == id) {
                        return (at, Ok(()));
                    }
                    let failed = answer.failed().iter().find(|entry| entry.id() == id);
                    let code = failed.map(|entry| entry.code().to_owned()).unwrap_or_default();
                    (at, Err(SendError::of_entry(code)))
                })
                .collect(),
            Err(error) => {
                let source: BoxError = cause(error);
                let source = std::sync::Arc::<dyn std::error::Error + Send + Sync>::from(source);
                let failed = |at| (at, Err(SendError::Service { source: source.clone() }));
                positions.into_iter().map(failed).collect()
            }
        }
    }

    // The SDK's futures below are boxed, as in `Ledger::write`; otherwise they would enlarge the future of every
    // message.

    /// Queues the message of a later attempt, to arrive after a delay in seconds.
    ///
    /// The receiver is the message group: SQS serves quiet groups before one that floods the queue (fair queues).
    pub async fn send_later(&self, message: &AttemptMessage, delay_s: u32) -> Result<(), SendError> {
        let request = self
            .client
            .send_message()
            .queue_url(&self.notifications)
            .message_body(message.to_json())
            .message_group_id(message_group(message))
            .set_message_system_attributes(trace_of(message))
            .delay_seconds(i32::try_from(delay_s).unwrap_or(i32::MAX).min(900));
        Box::pin(request.send()).await.map_err(|error| SendError::service(cause(error)))?;
        Ok(())
    }

    /// Sets the visibility timeout of a message of the notifications queue in seconds, counted from now.
    pub async fn change_visibility(&self, receipt_handle: &str, seconds: u32) -> Result<(), SendError> {
        self.change_visibility_at(&self.notifications, receipt_handle, seconds).await
    }

    /// Sets the visibility timeout of a message of another queue, by ARN.
    pub async fn change_visibility_of(
        &self,
        arn: &str,
        receipt_handle: &str,
        seconds: u32,
    ) -> Result<(), SendError> {
        self.change_visibility_at(&self.url_of(arn), receipt_handle, seconds).await
    }

    async fn change_visibility_at(
        &self,
        queue_url: &str,
        receipt_handle: &str,
        seconds: u32,
    ) -> Result<(), SendError> {
        let request = self
            .client
            .change_message_visibility()
            .queue_url(queue_url)
            .receipt_handle(receipt_handle)
            .visibility_timeout(i32::try_from(seconds).unwrap_or(i32::MAX));
        Box::pin(request.send()).await.map_err(|error| SendError::service(cause(error)))?;
        Ok(())
    }

    /// Sends a rejection to the queue of rejected records.
    pub async fn reject(&self, rejection: &Rejection<'_>) -> Result<(), SendError> {
        let request = self.client.send_message().queue_url(&self.rejected).message_body(rejection.to_json());
        Box::pin(request.send()).await.map_err(|error| SendError::service(cause(error)))?;
        Ok(())
    }

    /// Sends a message to the dead-letter queue, with its reason as an attribute.
    pub async fn dead_letter(&self, body: &str, reason: &str, detail: &str) -> Result<(), SendError> {
        let attribute = |text: &str| {
            let printable = |c: &char| !c.is_control();
            let text: String = text.chars().filter(printable).take(MAX_DETAIL).collect();
            let text = if text.is_empty() { "-".to_owned() } else { text };
            MessageAttributeValue::builder()
                .data_type("String")
                .string_value(text)
                .build()
                .expect("the type is set")
        };
        let request = self
            .client
            .send_message()
            .queue_url(&self.undelivered)
            .message_body(body)
            .message_attributes("reason", attribute(reason))
            .message_attributes("detail", attribute(detail));
        Box::pin(request.send()).await.map_err(|error| SendError::service(cause(error)))?;
        Ok(())
    }
}

/// Returns the message group of a notification: its receiver.
pub fn message_group(message: &AttemptMessage) -> String {
    group_of(message.receiver().as_str())
}

/// Returns the message group of a receiver: its key, or a hash of it if SQS does not accept the key.
///
/// Source: `MessageGroupId` of the SQS API reference: at most 128 alphanumeric characters and punctuation, which is
/// all of visible ASCII. If two receivers shared a group, only their fairness would suffer.
fn group_of(receiver: &str) -> String {
    if receiver.len() <= MAX_GROUP && receiver.bytes().all(|byte| byte.is_ascii_graphic()) {
        return receiver.to_owned();
    }
    sha256_hex(receiver.as_bytes())
}

/// Returns the attributes of a message besides its body: the trace of its state change.
fn trace_of(
    message: &AttemptMessage,
) -> Option<HashMap<MessageSystemAttributeNameForSends, MessageSystemAttributeValue>> {
    let trace = message.trace.as_ref()?.to_string();
    let value = MessageSystemAttributeValue::builder().data_type("String").string_value(trace);
    let value = value.build().expect("the type is set");
    Some(HashMap::from([(MessageSystemAttributeNameForSends::AwsTraceHeader, value)]))
}

/// Why a message was not queued.
#[derive(Clone, Debug, Error)]
pub enum SendError {
    /// The service answered the call and failed this message for a reason of its own.
    #[error("the queue failed the message: {code}")]
    Failed {
        /// The service's code.
        code: String,
    },
    /// The service answered the call and never accepts this message: a defect of ours.
    #[error("the queue rejected the message: {code}")]
    Rejected {
        /// The service's code.
        code: String,
    },
    /// The service refused the call, or did not answer.
    #[error("failed to send to the queue")]
    Service {
        /// The service's error.
        source: std::sync::Arc<dyn std::error::Error + Send + Sync>,
    },
}

impl SendError {
    /// Creates the error of an entry's code.
    fn of_entry(code: String) -> Self {
        let name = code.strip_prefix("AWS.SimpleQueueService.").unwrap_or(&code);
        if NEVER_ACCEPTED.contains(&name) { Self::Rejected { code } } else { Self::Failed { code } }
    }

    fn service(source: BoxError) -> Self {
        Self::Service { source: source.into() }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn a_message_group_is_valid_and_unique_to_its_receiver(names in prop::collection::vec("[ -~]{1,300}", 2)) {
            let groups: Vec<_> = names.iter().map(|name| group_of(name)).collect();
            for group in &groups {
                prop_assert!((1..=128).contains(&group.len()) && group.bytes().all(|byte| byte.is_ascii_graphic()));
            }
            prop_assert_eq!(groups[0] == groups[1], names[0] == names[1]);
        }
    }

    #[test]
    fn only_entries_that_sqs_never_accepts_are_rejected() {
        let is_rejected =
            |code: &str| matches!(SendError::of_entry(code.to_owned()), SendError::Rejected { .. });
        for code in ["InvalidMessageContents", "InvalidParameterValue", "MissingParameter"] {
            assert!(is_rejected(code) && is_rejected(&format!("AWS.SimpleQueueService.{code}")), "{code}");
        }
        for code in [
            "",
            "InternalError",
            "InternalFailure",
            "RequestThrottled",
            "ThrottlingException",
            "KMS.ThrottlingException",
            "AWS.SimpleQueueService.KmsThrottled",
            "KmsDisabled",
            "KmsInvalidState",
            "AccessDenied",
            "ServiceUnavailable",
            "SomethingNew",
        ] {
            assert!(!is_rejected(code), "{code}");
        }
    }

    #[test]
    fn a_receiver_s_name_is_its_group_where_it_can_be() {
        for name in ["itp-1", "a/b+c==", &"c".repeat(128)] {
            assert_eq!(group_of(name), name);
        }
        assert_eq!(group_of(&"c".repeat(129)).len(), 64);
    }
}
