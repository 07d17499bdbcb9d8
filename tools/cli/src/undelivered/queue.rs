//! Inspects the dead-letter queue without removing messages: they are received, held, then released.

use std::collections::HashSet;
use std::time::Duration;

use anyhow::{Context as _, Result};
use aws_config::SdkConfig;
use aws_sdk_sqs::Client;
use aws_sdk_sqs::types::{
    ChangeMessageVisibilityBatchRequestEntry, DeleteMessageBatchRequestEntry, Message,
    MessageSystemAttributeName, QueueAttributeName,
};
use convention::delivery::AttemptMessage;
use futures_util::future::{join_all, try_join_all};
use platform::aws::{message_group, sqs};
use serde::Serialize;
use tokio::time::Instant;

use crate::shutdown::Shutdown;

/// Maximum number of messages that SQS returns, releases or deletes in one call.
const BATCH: i32 = 10;
/// A long poll asks all servers of the service, so a queue that returns nothing twice is empty.
const WAIT_S: i32 = 1;
const EMPTY_TWICE: usize = 2;
/// Visibility timeout while counting a thousand messages, which takes some seconds.
const COUNTED_WITHIN_S: i32 = 60;
/// Maximum number of concurrent calls.
const AT_ONCE: usize = 8;

/// The dead-letter queue.
#[derive(Clone, Debug)]
pub struct DeadLetterQueue {
    client: Client,
    url: String,
}

/// A received message, invisible to others for now.
#[derive(Clone, Debug)]
pub struct Held {
    /// Its text.
    pub body: String,
    /// Its message group, which is the receiver.
    pub group: Option<String>,
    /// How it got into the queue.
    pub kind: Kind,
    id: String,
    receipt: String,
}

/// Received messages, invisible to others for now.
#[derive(Clone, Debug, Default)]
pub struct Hold {
    /// The messages.
    pub held: Vec<Held>,
    /// Whether there may be more.
    pub cut: bool,
}

/// How a message got into the dead-letter queue.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Kind {
    /// Dispatch gave its notification up: a row lists it.
    GivenUp,
    /// Neither dispatch nor this version can read it.
    Unreadable,
    /// A fault of ours: SQS moved it after too many receives, or another version of dispatch could not read it.
    Unlisted,
}

/// The content of the queue.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq, Serialize)]
pub struct Resting {
    /// Messages of undelivered notifications that are listed.
    pub given_up: usize,
    /// Messages that cannot be read.
    pub unreadable: usize,
    /// Messages that SQS moved here after faults of ours.
    pub unlisted: usize,
    /// Whether there are more, because not all could be received.
    pub at_least: bool,
}

impl DeadLetterQueue {
    /// Uses this queue, by URL.
    pub fn new(sdk: &SdkConfig, url: String) -> Self {
        Self { client: sqs(sdk), url }
    }

    /// Counts the messages of the queue, receiving at most this many.
    pub async fn count(&self, most: usize, stop: &Shutdown) -> Result<Resting> {
        let Hold { held, cut } = self.hold(most, COUNTED_WITHIN_S, stop).await?;
        let depth = self.depth().await;
        self.let_go(&held).await?;
        let at_least = cut || depth? > held.len();
        let of = |kind| held.iter().filter(|held| held.kind == kind).count();
        Ok(Resting {
            given_up: of(Kind::GivenUp),
            unreadable: of(Kind::Unreadable),
            unlisted: of(Kind::Unlisted),
            at_least,
        })
    }

    /// Receives messages until the queue is empty, the maximum is reached, half of the seconds are over, or a stop is
    /// requested. Messages that are neither released nor deleted become visible again after this many seconds. On
    /// failure all are released.
    pub async fn hold(&self, most: usize, seconds: i32, stop: &Shutdown) -> Result<Hold> {
        let (mut held, mut seen, mut empty) = (Vec::new(), HashSet::new(), 0);
        // The first messages must not become visible before all are processed.
        let half = Instant::now() + Duration::from_secs(u64::from(seconds.unsigned_abs())) / 2;
        while empty < EMPTY_TWICE && held.len() < most && Instant::now() < half && !stop.is_asked() {
            let received = match self.receive(seconds).await {
                Ok(received) => received,
                Err(error) => {
                    // The first error is reported; messages that cannot be released become visible by themselves.
                    self.let_go(&held).await.ok();
                    return Err(error);
                }
            };
            // A repeated message is one whose visibility timeout has expired: all have been seen.
            let new: Vec<_> = received.into_iter().filter(|held| seen.insert(held.id.clone())).collect();
            empty = if new.is_empty() { empty + 1 } else { 0 };
            held.extend(new);
        }
        Ok(Hold { held, cut: empty < EMPTY_TWICE })
    }

    async fn receive(&self, seconds: i32) -> Result<Vec<Held>> {
        let received = self
            .client
            .receive_message()
            .queue_url(&self.url)
            .max_number_of_messages(BATCH)
            .visibility_timeout(seconds)
            .wait_time_seconds(WAIT_S)
            .message_attribute_names("All")
            .message_system_attribute_names(MessageSystemAttributeName::All)
            .send()
            .await
            .map_err(aws_sdk_sqs::Error::from)
            .context(
                "failed to look into the dead-letter queue: check its URL, your region and your credentials",
            )?;
        Ok(received.messages.unwrap_or_default().into_iter().filter_map(Held::read).collect())
    }

    /// Makes received messages visible at once; continues if some of them fail.
    pub async fn let_go(&self, held: &[Held]) -> Result<()> {
        let calls = held.chunks(BATCH.unsigned_abs() as usize).map(|batch| {
            let entries = batch.iter().enumerate().map(|(index, held)| {
                ChangeMessageVisibilityBatchRequestEntry::builder()
                    .id(index.to_string())
                    .receipt_handle(&held.receipt)
                    .visibility_timeout(0)
                    .build()
                    .expect("id and receipt are set")
            });
            let request = self.client.change_message_visibility_batch().queue_url(&self.url);
            request.set_entries(Some(entries.collect())).send()
        });
        let mut failed = None;
        for calls in chunks(calls) {
            failed = failed.or(join_all(calls).await.into_iter().find_map(Result::err));
        }
        let Some(error) = failed else { return Ok(()) };
        Err(aws_sdk_sqs::Error::from(error))
            .context("failed to let messages of the dead-letter queue go; they show again by themselves")
    }

    /// Deletes messages and returns how many SQS confirms.
    pub async fn delete(&self, held: &[Held]) -> Result<usize> {
        let mut gone = 0;
        let calls = held.chunks(BATCH.unsigned_abs() as usize).map(|batch| {
            let entries = batch.iter().enumerate().map(|(index, held)| {
                DeleteMessageBatchRequestEntry::builder()
                    .id(index.to_string())
                    .receipt_handle(&held.receipt)
                    .build()
                    .expect("id and receipt are set")
            });
            let request = self.client.delete_message_batch().queue_url(&self.url);
            request.set_entries(Some(entries.collect())).send()
        });
        for calls in chunks(calls) {
            let answers = try_join_all(calls)
                .await
                .map_err(aws_sdk_sqs::Error::from)
                .context("failed to delete from the dead-letter queue")?;
            gone += answers.iter().map(|answer| answer.successful().len()).sum::<usize>();
        }
        Ok(gone)
    }

    /// Returns the approximate number of messages in the queue, the received ones included.
    async fn depth(&self) -> Result<usize> {
        let names = [
            QueueAttributeName::ApproximateNumberOfMessages,
            QueueAttributeName::ApproximateNumberOfMessagesNotVisible,
        ];
        let request = self.client.get_queue_attributes().queue_url(&self.url);
        let answer = request.set_attribute_names(Some(names.to_vec())).send().await;
        let answer =
            answer.map_err(aws_sdk_sqs::Error::from).context("failed to ask for the queue's depth")?;
        let number = |name| answer.attributes()?.get(name)?.parse::<usize>().ok();
        Ok(names.iter().filter_map(number).sum())
    }
}

impl Held {
    fn read(message: Message) -> Option<Self> {
        let attributes = message.message_attributes.unwrap_or_default();
        let reason = attributes.get("reason").and_then(|reason| reason.string_value());
        let system = message.attributes.unwrap_or_default();
        let body = message.body.unwrap_or_default();
        let read = AttemptMessage::from_json(&body).ok();
        // An unreadable message has no group.
        let group = system.get(&MessageSystemAttributeName::MessageGroupId).cloned();
        Some(Self {
            kind: Kind::of(reason, read.is_some()),
            group: group.or_else(|| Some(message_group(&read?))),
            body,
            id: message.message_id?,
            receipt: message.receipt_handle?,
        })
    }

    /// Parses the message of an attempt; `None` if it cannot be read.
    pub fn message(&self) -> Option<AttemptMessage> {
        AttemptMessage::from_json(&self.body).ok()
    }
}

impl Kind {
    fn of(reason: Option<&str>, is_readable: bool) -> Self {
        match reason {
            None => Self::Unlisted,
            Some("unreadable_message") if is_readable => Self::Unlisted,
            Some("unreadable_message") => Self::Unreadable,
            Some(_) => Self::GivenUp,
        }
    }
}

/// Splits the items into batches.
fn chunks<T>(mut items: impl Iterator<Item = T>) -> impl Iterator<Item = Vec<T>> {
    std::iter::from_fn(move || {
        let chunk: Vec<_> = items.by_ref().take(AT_ONCE).collect();
        (!chunk.is_empty()).then_some(chunk)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_has_no_reason_or_can_be_read_after_all_was_moved_by_a_fault_of_ours() {
        for is_readable in [true, false] {
            assert_eq!(Kind::of(None, is_readable), Kind::Unlisted);
            assert_eq!(Kind::of(Some("timeout"), is_readable), Kind::GivenUp);
        }
        assert_eq!(Kind::of(Some("unreadable_message"), false), Kind::Unreadable);
        assert_eq!(Kind::of(Some("unreadable_message"), true), Kind::Unlisted);
    }
}
