//! Gives up notifications that faults of ours have delayed for too long.
//!
//! SQS silently moves a message to the dead-letter queue once it was received too often, and the ledger would not
//! know. So dispatch does this itself while a few receives are left. If the ledger or the queue is the fault, SQS
//! still does it; the alarm on the dead-letter queue covers both.

use std::sync::Arc;

use convention::delivery::{AttemptMessage, Unlisted, backoff_after_lease};
use jiff::Timestamp;
use platform::aws::Begin;
use platform::telemetry::ErrorChain;
use tokio::time::{Instant, timeout_at};

use crate::fault::Fault;
use crate::lifecycle::Lifecycle;
use crate::sqs_event::Record;

/// Receives left when a message is given up: one try that fails, or whose process stops, leaves the others.
const LEFT: u32 = 2;

/// Gives messages up.
pub(crate) struct ReceiveLimit {
    pub(crate) lifecycle: Arc<Lifecycle>,
    /// How often the queue delivers a message before it moves it to the dead-letter queue (`maxReceiveCount`).
    pub(crate) max_receives: u32,
}

impl ReceiveLimit {
    /// Says whether the receives of a message are nearly used up.
    pub(crate) fn is_near(&self, record: &Record) -> bool {
        record.metadata().receives.saturating_add(LEFT) >= self.max_receives
    }

    /// Gives up a message that a fault delays, if its receives are nearly used up; `true` if it can be deleted.
    pub(crate) async fn try_one(&self, record: &Record, fault: &Fault, until: Instant) -> bool {
        let receives = record.metadata().receives;
        let is_last = receives >= self.max_receives;
        if !self.is_near(record) {
            return false;
        }
        // A process with a wrong clock would list it under the wrong hour; another may still receive it.
        if matches!(fault, Fault::Clock(_)) && !is_last {
            return false;
        }
        let Some(message) = record.attempt_message() else { return false };
        let message = AttemptMessage { trace: record.trace(), ..message };
        let work = Box::pin(self.dead_letter(&message, fault, receives));
        let error = match timeout_at(until, work).await {
            Ok(Ok(())) => return true,
            Ok(Err(error)) => ErrorChain(&error).to_string(),
            Err(elapsed) => elapsed.to_string(),
        };
        tracing::error!(
            notification_id = %message.notification,
            receives,
            code = "not_dead_lettered",
            error,
            "A message whose receives are nearly used up could not be given up; SQS moves it to the dead-letter queue."
        );
        false
    }

    /// Continues until the message can be deleted.
    async fn dead_letter(&self, message: &AttemptMessage, fault: &Fault, receives: u32) -> Result<(), Fault> {
        let now = self.lifecycle.clock.now();
        match fault {
            Fault::InProgress(lease_until) => return self.anew(message, *lease_until).await,
            // Not a fault: the message waits for attempts to the same receiver.
            Fault::ConcurrencyLimited => return self.anew(message, now).await,
            _ => {}
        }
        let code = fault.code().as_str();
        for _ in 0..2 {
            match self.lifecycle.ledger.mark_undelivered(message, code, now).await? {
                Begin::Begun => return self.list_new(message, fault, receives, now).await,
                Begin::Conflict(progress) => {
                    match self.lifecycle.clear_the_way(message, &progress, now).await {
                        Ok(true) => {}
                        Ok(false) => return Ok(()),
                        Err(Fault::InProgress(lease_until)) => return self.anew(message, lease_until).await,
                        Err(fault) => return Err(fault),
                    }
                }
                // The row expired long after its attempts: nothing is left to record.
                Begin::Forgotten => return Ok(()),
            }
        }
        self.anew(message, now).await
    }

    /// Queues the message again with all its receives. The process that makes the attempt records its outcome; if
    /// none does, the message continues from there.
    async fn anew(&self, message: &AttemptMessage, lease_until: Timestamp) -> Result<(), Fault> {
        let delay = backoff_after_lease(lease_until, self.lifecycle.clock.now());
        Ok(self.lifecycle.queues.send_later(message, delay).await?)
    }

    /// Lists a notification that the ledger now has as undelivered.
    async fn list_new(
        &self,
        message: &AttemptMessage,
        fault: &Fault,
        receives: u32,
        at: Timestamp,
    ) -> Result<(), Fault> {
        let code = fault.code().as_str();
        let detail = format!(
            "Received {receives} times, each time requeued for a fault of ours; the last: {}.",
            ErrorChain(fault)
        );
        tracing::error!(
            notification_id = %message.notification,
            client_id = %message.change.client_id,
            attempt = message.attempt.get(),
            receives,
            code,
            "The notification stays undelivered for a fault of ours that lasted too long."
        );
        self.lifecycle.list(message, &Unlisted { code: code.to_owned(), at }, &detail).await
    }
}
