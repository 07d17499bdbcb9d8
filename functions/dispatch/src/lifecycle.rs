//! The steps of a notification in ledger and queue, each of which may be the last that a process makes.
//!
//! The message of the next attempt is sent before the failure is recorded and before the message of this one is deleted. A process
//! that dies in between repeats a step and loses none. SQS hands the message out again 270 s after it was received; what happens then:
//!
//! | The process died after | What the ledger and the queue hold | What the message does when it returns |
//! |---|---|---|
//! | receiving, before `begin` | No row, or `waiting` | Begins the attempt, late |
//! | `begin`, before or during the POST | `attempting`, and the lease is over | Records the attempt as `interrupted`, failed at the end of its lease, and queues the next one; after the third it is dead-lettered |
//! | a 202 that was not recorded | The same: nobody can tell | The same. The receiver gets the notification once more, under another id |
//! | a failure, before `send_later` | The same | The same |
//! | `send_later`, before `failed` | `attempting`, and the next message is queued | The next message proves that this attempt failed, and when. It records that as `interrupted`, whether or not the lease is over, and begins its own. This message is then dropped as a copy. If this one returns first, after its lease, it queues the next message again |
//! | `failed` or `delivered`, before the deletion | The row has moved on | Is dropped as a copy |
//! | `dead_letter` or the row of the hour, before `failed` | Dead-lettered, and `attempting` at attempt 3 | Does both again and records `undelivered`; there is no fourth attempt |
//!
//! An interrupted attempt is one of the three, as its request may have been sent: a repeated notification does less harm than a lost
//! one.

use convention::delivery::{
    AttemptMessage, AttemptNumber, Failure, Next, Progress, Resolution, Status, Undelivered, Unlisted,
    delay_seconds, next, resolve,
};
use convention::notification::InteractionId;
use jiff::Timestamp;
use platform::aws::{AttemptRecord, Begin, Cancel, Ledger, Queues};
use platform::clock::Clock;

use crate::batch_metrics::BatchMetrics;
use crate::fault::Fault;
use crate::log::{attempt_interrupted, copy_dropped};

/// Moves notifications from one state to the next.
pub(crate) struct Lifecycle {
    /// The ledger.
    pub(crate) ledger: Ledger,
    /// Where later attempts and dead letters go.
    pub(crate) queues: Queues,
    /// The metrics of an invocation.
    pub(crate) batch_metrics: BatchMetrics,
    /// The clock.
    pub(crate) clock: Clock,
}

impl Lifecycle {
    /// Begins an attempt; `false` if the message is finished without one.
    pub(crate) async fn begin(
        &self,
        message: &AttemptMessage,
        record: &AttemptRecord,
    ) -> Result<bool, Fault> {
        let progress = match self.ledger.begin(message, record).await? {
            Begin::Begun => return Ok(true),
            Begin::Conflict(progress) => progress,
            Begin::Forgotten => {
                tracing::warn!(
                    notification_id = %message.notification,
                    attempt = message.attempt.get(),
                    "A message whose notification has expired in the ledger is dropped."
                );
                return Ok(false);
            }
        };
        if !self.clear_the_way(message, &progress, record.started).await? {
            return Ok(false);
        }
        match self.ledger.begin(message, record).await? {
            Begin::Begun => Ok(true),
            Begin::Conflict(progress) => Err(Fault::InProgress(progress.lease_until)),
            Begin::Forgotten => Err(Fault::InProgress(record.started)),
        }
    }

    /// Cancels a notification that must no longer be sent.
    pub(crate) async fn cancel(&self, message: &AttemptMessage, reason: &'static str) -> Result<(), Fault> {
        let now = self.clock.now();
        if let Cancel::Conflict(progress) = Box::pin(self.ledger.cancelled(message, reason, now)).await? {
            if !self.clear_the_way(message, &progress, now).await? {
                return Ok(());
            }
            if let Cancel::Conflict(progress) = Box::pin(self.ledger.cancelled(message, reason, now)).await? {
                return Err(Fault::InProgress(progress.lease_until));
            }
        }
        tracing::info!(
            notification_id = %message.notification,
            client_id = %message.change.client_id,
            attempt = message.attempt.get(),
            reason,
            "The notification is cancelled."
        );
        Ok(())
    }

    /// Resolves what prevents an attempt from beginning; `false` if its message is finished.
    pub(crate) async fn clear_the_way(
        &self,
        message: &AttemptMessage,
        progress: &Progress,
        now: Timestamp,
    ) -> Result<bool, Fault> {
        match resolve(progress, message.attempt, message.before_failed_at(), now) {
            Resolution::Done => {
                self.drop_copy(message, progress).await?;
                Ok(false)
            }
            Resolution::InProgress => Err(Fault::InProgress(progress.lease_until)),
            Resolution::Interrupted { attempt, interaction_id, ended } => {
                let lost = (attempt, interaction_id);
                attempt_interrupted(message, lost);
                self.batch_metrics.interrupted();
                if attempt == message.attempt {
                    let status = self.schedule_next(message, lost, Failure::Interrupted, ended).await?;
                    self.ledger.interrupted(message, lost, ended, status).await?;
                    return Ok(false);
                }
                // This message follows the lost attempt, so its own may begin once that is recorded.
                self.ledger.interrupted(message, lost, ended, Status::Waiting).await?;
                Ok(true)
            }
        }
    }

    /// Finishes a message whose notification has ended, or is past this attempt. If the process that gave the
    /// notification up stopped before listing it, that is completed first.
    async fn drop_copy(&self, message: &AttemptMessage, progress: &Progress) -> Result<(), Fault> {
        if let Some(unlisted) = &progress.unlisted {
            let detail = "Requeued for faults of ours until its receives were nearly used up.";
            Box::pin(self.list(message, unlisted, detail)).await?;
        }
        copy_dropped(message, progress.status);
        Ok(())
    }

    /// Queues what follows a failure and returns the resulting status.
    ///
    /// Happens before the failure is recorded: a stop in between repeats a step and loses none.
    pub(crate) async fn schedule_next(
        &self,
        message: &AttemptMessage,
        (failed, interaction_id): (AttemptNumber, InteractionId),
        failure: Failure,
        ended: Timestamp,
    ) -> Result<Status, Fault> {
        match next(failed, ended) {
            Next::Attempt(attempt, due) => {
                let delay = delay_seconds(self.clock.now(), due);
                self.queues.send_later(&message.again(attempt, due), delay).await?;
                Ok(Status::Waiting)
            }
            Next::Exhausted => {
                self.exhaust(message, interaction_id, failure, ended).await?;
                Ok(Status::Undelivered)
            }
        }
    }

    /// Gives up a notification whose third attempt failed.
    async fn exhaust(
        &self,
        message: &AttemptMessage,
        interaction_id: InteractionId,
        failure: Failure,
        ended: Timestamp,
    ) -> Result<(), Fault> {
        let undelivered = Undelivered {
            message: message.clone(),
            outcome: failure.code().to_owned(),
            interaction_id,
            gave_up_at: ended,
            replayed_at: None,
            replayed_by: None,
        };
        self.dead_letter_and_list(&undelivered, &format!("Three attempts failed; the last: {failure}."))
            .await?;
        tracing::warn!(
            notification_id = %message.notification,
            client_id = %message.change.client_id,
            outcome = failure.code(),
            replay_of = message.replay_of.as_ref().map(tracing::field::display),
            "The notification stays undelivered after three attempts."
        );
        Ok(())
    }

    /// Dead-letters a notification and lists it under its hour, concurrently, because the function's timeout is the
    /// sum of sequential steps. If either fails, both are repeated.
    pub(crate) async fn dead_letter_and_list(
        &self,
        undelivered: &Undelivered,
        detail: &str,
    ) -> Result<(), Fault> {
        let (body, rows) = (undelivered.message.to_json(), self.ledger.undelivered());
        let (dead_lettered, listed) = tokio::join!(
            self.queues.dead_letter(&body, &undelivered.outcome, detail),
            rows.keep(undelivered)
        );
        dead_lettered?;
        listed?;
        self.batch_metrics.gave_up();
        Ok(())
    }

    /// Dead-letters a notification that was given up for a fault of ours, lists it, and records that this is done.
    ///
    /// Happens after the ledger's conditional write, which decides between this and a copy of the message that begins
    /// an attempt. A stop in between repeats these steps: the message is still queued, and its row says that it is
    /// not listed.
    pub(crate) async fn list(
        &self,
        message: &AttemptMessage,
        unlisted: &Unlisted,
        detail: &str,
    ) -> Result<(), Fault> {
        let undelivered = Undelivered {
            message: message.clone(),
            outcome: unlisted.code.clone(),
            interaction_id: InteractionId::NONE,
            gave_up_at: unlisted.at,
            replayed_at: None,
            replayed_by: None,
        };
        self.dead_letter_and_list(&undelivered, detail).await?;
        Ok(self.ledger.listed(message).await?)
    }
}
