//! One message, from its text to what the ledger says of it.
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

use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use tokio::time::{Instant, timeout_at};
use webhook::aws::{AttemptRecord, Begin, Cancel, Found};
use webhook::codes::Code;
use webhook::delivery::{
    AttemptMessage, AttemptNumber, Failure, LedgerMode, Next, Outcome, Progress, Resolution, Status,
    Undelivered, delay_seconds, next, resolve,
};
use webhook::directory::Receiver;
use webhook::mtls::Client;
use webhook::notification::{IdentityOwner, InteractionId, Notification, Plan, plan};

use crate::Dispatch;
use crate::closing::{Ended, Over};
use crate::concurrency_limiter::Permit;
use crate::fault::{Fault, PREPARE};
use crate::log::{attempt_ended, attempt_interrupted, copy_dropped};
use crate::sqs_event::Record;

/// A message that comes earlier than it should by no more than this waits here; one that comes earlier still is sent on.
const WORTH_WAITING: SignedDuration = SignedDuration::from_secs(2);

/// What an attempt is made with.
pub(crate) struct AttemptContext {
    pub(crate) owner: IdentityOwner,
    pub(crate) client: Client,
    pub(crate) within: Duration,
    /// Held while the exchange is under way.
    permit: Permit,
    /// When the ledger hears of it.
    mode: LedgerMode,
    /// Until when what came of it may be written down.
    works_until: Instant,
}

impl Dispatch {
    /// Works through one message. `Ok` means that it can be deleted.
    pub(crate) async fn deliver(&self, record: &Record, works_until: Instant) -> Result<(), Fault> {
        let (body, metadata) = (&record.body, record.metadata());
        metadata.check_clock(self.clock.now())?;
        let message = match AttemptMessage::from_json(body) {
            Ok(message) => AttemptMessage { trace: record.trace(), ..message },
            Err(error) => {
                self.batch_metrics.unreadable();
                let code = Code::UnreadableMessage.as_str();
                tracing::error!(code, %error, "A message cannot be read and is dead-lettered.");
                return Ok(self.queues.dead_letter(body, code, &error.to_string()).await?);
            }
        };
        if self.close_known(&message, works_until).await? || self.defer_if_early(&message).await? {
            return Ok(());
        }
        let until = Instant::now() + PREPARE;
        let prepared = timeout_at(until, pin!(self.prepare(&message))).await.map_err(|_| Fault::Slow)?;
        let (permit, found, client) = prepared?;
        let mut planned = self.plan(&message, found);
        // What ends a notification is decided by the receiver as it is now: a copy may be behind.
        if let (Plan::NotNotifiable(_) | Plan::NoReceiver, Some(Found { is_fresh: false, .. })) = planned {
            let key = message.receiver();
            let fresh = Box::pin(self.receivers.find_fresh(&key));
            let found = timeout_at(until, fresh).await.map_err(|_| Fault::Slow)??;
            planned = self.plan(&message, found);
        }
        match planned {
            // Before the attempt mode: an identity that cannot be used must not consume it.
            (Plan::Notify(notification), Some(found)) => {
                let (owner, client) = client?;
                let within = self.time_for(&found, until).await;
                let mode = self.ledger_writes.mode(message.attempt, metadata.receives);
                let context = AttemptContext { owner, client, within, permit, mode, works_until };
                // In a box, as the task would else hold the two largest futures of a message in one.
                Box::pin(self.attempt(&message, &notification, &found.receiver, context)).await
            }
            (Plan::Misconfigured(missing), _) => Err(missing.into()),
            (Plan::NotNotifiable(rule), _) => self.cancel(&message, rule.code()).await,
            (Plan::NoReceiver | Plan::Notify(_), _) => self.cancel(&message, Code::NoReceiver.as_str()).await,
        }
    }

    /// Plans what is to be done about a message, if this is its receiver.
    fn plan(&self, message: &AttemptMessage, found: Option<Found>) -> (Plan, Option<Found>) {
        (plan(&message.change, found.as_ref().map(|found| &*found.receiver), &self.servers), found)
    }

    /// Waits for a permit of the receiver, then finds receiver and client, both at once: a table or secret
    /// that does not answer keeps this message, not the batch.
    async fn prepare(
        &self,
        message: &AttemptMessage,
    ) -> Result<(Permit, Option<Found>, Result<(IdentityOwner, Client), Fault>), Fault> {
        let key = &message.receiver();
        // First, as what is found must not grow old meanwhile (guarantee G5).
        let permit = self.concurrency.acquire(key).await.ok_or(Fault::ConcurrencyLimited)?;
        let receiver = pin!(self.receivers.find_for(key, message.attempt));
        let client = pin!(self.client(message));
        let (found, client) = tokio::join!(receiver, client);
        Ok((permit, found?, client))
    }

    /// Finds the client that presents the identity of the change's brand.
    async fn client(&self, message: &AttemptMessage) -> Result<(IdentityOwner, Client), Fault> {
        let owner = self.servers.identity_owner(message.change.brand.as_deref())?;
        let client = self.identities.client(&owner).await?;
        Ok((owner, client))
    }

    /// Waits until the attempt is due, or sends the message on if that is too long; `true` if it did.
    async fn defer_if_early(&self, message: &AttemptMessage) -> Result<bool, Fault> {
        let Some(due) = message.not_before else { return Ok(false) };
        let now = self.clock.now();
        let early = due.duration_since(now);
        if early > WORTH_WAITING {
            self.queues.send_later(message, delay_seconds(now, due)).await?;
            return Ok(true);
        }
        if let Ok(early) = early.try_into() {
            tokio::time::sleep(early).await;
        }
        Ok(false)
    }

    async fn cancel(&self, message: &AttemptMessage, reason: &'static str) -> Result<(), Fault> {
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

    async fn attempt(
        &self,
        message: &AttemptMessage,
        notification: &Notification,
        receiver: &Receiver,
        context: AttemptContext,
    ) -> Result<(), Fault> {
        let mut mode = context.mode;
        let id = InteractionId::new(message.notification.partition(), &self.rng);
        let mut record = AttemptRecord {
            attempt: message.attempt,
            interaction_id: id,
            started: self.clock.now(),
            within: context.within,
            ended: None,
            base_uri: receiver.base_uri.to_string(),
            outcome: None,
            status: None,
            peer: None,
            tls: None,
        };
        if mode == LedgerMode::WriteBehind && self.ledger.exists(message).await? {
            mode = LedgerMode::WriteAhead;
        }
        if mode == LedgerMode::WriteAhead && !self.begin(message, &record).await? {
            return Ok(());
        }
        let began = Instant::now();
        let exchange = self.exchange(&context, notification, id).await;
        let took = began.elapsed();
        let AttemptContext { within, permit, works_until, .. } = context;
        drop(permit);
        let exchange = match exchange {
            Ok(exchange) => exchange,
            Err(fault) => {
                let fault = Fault::from(fault);
                record.ended = Some(self.clock.now());
                record.outcome = Some(fault.code().as_str());
                // Nothing was sent. Were the ledger to fail too, the attempt would pass for one that was interrupted.
                let over = Over { message, record: &record, mode };
                Box::pin(self.close(over, Ended::NeverSent, works_until)).await?;
                return Err(fault);
            }
        };
        let outcome = exchange.outcome(id, &receiver.settings);
        let ended = self.clock.now();
        record.ended = Some(ended);
        record.outcome = Some(outcome.code());
        record.status = outcome.status();
        let revocation = exchange.handshake.as_ref().map(|handshake| handshake.revocation);
        if let Some(handshake) = exchange.handshake {
            record.peer = Some(Arc::clone(&handshake.peer));
            record.tls = Some(Arc::clone(&handshake.tls));
        }
        attempt_ended(message, &record, &outcome, revocation);
        self.batch_metrics.attempted(message, &outcome, (record.started, ended));
        let observed = self.observe(receiver, &outcome, (within, took));
        // Pinned where it is made: it has thousands of bytes, and what is handed over is copied.
        let over = Over { message, record: &record, mode };
        let ended = match &outcome {
            Outcome::Delivered { .. } => Ended::Delivered,
            Outcome::Failed(failure) => Ended::Failed(*failure, None),
        };
        let recorded = pin!(self.close(over, ended, works_until));
        let event = message.change.event_instant.timestamp();
        let first_delivery = async {
            // A replay comes when an operator sends it, which says nothing of how soon a registration is used.
            if message.replay_of.is_none() {
                self.first_deliveries.attempted(receiver, event, record.started).await;
            }
        };
        // At once, as the function's timeout is the sum of what comes one after the other.
        let (recorded, (), ()) = tokio::join!(recorded, first_delivery, observed);
        recorded
    }

    /// Begins an attempt; `false` if the message is done with without one.
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
                    "A message whose notification the ledger has forgotten is dropped."
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

    /// Settles what stands in the way of an attempt; `false` if its message is done with.
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
                // This message is what follows the lost attempt, so it may begin once that is recorded.
                self.ledger.interrupted(message, lost, ended, Status::Waiting).await?;
                Ok(true)
            }
        }
    }

    /// Ends a message whose notification has ended, or is past it. One that was set aside may have lost its process before it was
    /// listed: that is made up for first.
    async fn drop_copy(&self, message: &AttemptMessage, progress: &Progress) -> Result<(), Fault> {
        if let Some(unlisted) = &progress.unlisted {
            let detail = "Kept by a fault of ours until its receives were nearly spent.";
            Box::pin(self.list(message, unlisted, detail)).await?;
        }
        copy_dropped(message, progress.status);
        Ok(())
    }

    /// Queues what follows a failure and says where that leaves the notification.
    ///
    /// Comes before the failure is recorded: a stop in between repeats a step and loses none.
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

    /// Gives a notification up whose third attempt failed.
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

    /// Dead-letters a notification and lists it among what its hour gave up: at once, as the function's timeout is
    /// the sum of what comes one after the other. Where either fails both are done again.
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
}
