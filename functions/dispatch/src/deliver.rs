//! One message, from its text until it can be deleted.

use std::pin::pin;
use std::sync::Arc;

use convention::codes::Code;
use convention::delivery::{AttemptMessage, LedgerWrites, delay_seconds};
use convention::notification::{AuthorisationServers, Choices, IdentityOwner, Plan, plan};
use jiff::SignedDuration;
use mtls::Client;
use platform::aws::{Found, Receivers};
use tokio::time::{Instant, timeout_at};

use crate::adaptive_timeout::AdaptiveTimeout;
use crate::attempt::{Attempts, Prepared};
use crate::closing::Closing;
use crate::concurrency_limiter::{ConcurrencyLimiter, Permit};
use crate::fault::{Fault, PREPARE};
use crate::identity_store::IdentityStore;
use crate::lifecycle::Lifecycle;
use crate::origin::Origin;
use crate::source::Sources;
use crate::sqs_event::Record;

/// A message that is early by at most this waits here; an earlier one is sent again with a delay.
const WORTH_WAITING: SignedDuration = SignedDuration::from_secs(2);

/// Delivers single messages.
pub(crate) struct Delivery {
    pub(crate) lifecycle: Arc<Lifecycle>,
    pub(crate) closing: Arc<Closing>,
    pub(crate) attempts: Attempts,
    /// What comes from sources.
    pub(crate) sources: Arc<Sources>,
    /// The receivers.
    pub(crate) receivers: Arc<Receivers>,
    /// Our authorisation servers.
    pub(crate) servers: AuthorisationServers,
    /// What the stack chooses where the convention leaves a choice.
    pub(crate) choices: Choices,
    /// Our identities and the clients that present them.
    pub(crate) identities: Arc<IdentityStore>,
    /// Limits concurrent attempts to each receiver.
    pub(crate) concurrency: ConcurrencyLimiter,
    pub(crate) timeouts: Arc<AdaptiveTimeout>,
    /// Number of ledger writes of an immediate delivery.
    pub(crate) ledger_writes: LedgerWrites,
}

impl Delivery {
    /// Processes one message. `Ok` means that it can be deleted.
    pub(crate) async fn deliver(&self, record: &Record, works_until: Instant) -> Result<(), Fault> {
        let metadata = record.metadata();
        metadata.check_clock(self.lifecycle.clock.now())?;
        let (timer, prepare) = match &record.origin {
            Origin::Timer(timer) => {
                let began = Instant::now();
                let due = timeout_at(began + PREPARE, Box::pin(self.sources.due(record, timer))).await;
                // It used part of this step's time, and the function's timeout is the sum of the steps.
                (due.map_err(|_| Fault::Slow)??, PREPARE.saturating_sub(began.elapsed()))
            }
            _ => (None, PREPARE),
        };
        let record = timer.as_ref().unwrap_or(record);
        if self.sources.end(record).await? {
            return Ok(());
        }
        let body = &record.body;
        let message = match AttemptMessage::from_json(body) {
            Ok(message) => AttemptMessage { trace: record.trace(), ..message },
            Err(error) => {
                self.lifecycle.batch_metrics.unreadable();
                let code = Code::UnreadableMessage.as_str();
                tracing::error!(code, %error, "A message cannot be read and is dead-lettered.");
                return Ok(self.lifecycle.queues.dead_letter(body, code, &error.to_string()).await?);
            }
        };
        if self.closing.close_known(&message, works_until).await? || self.defer_if_early(&message).await? {
            return Ok(());
        }
        let until = Instant::now() + prepare;
        let prepared = async {
            let (prepared, observed) =
                tokio::join!(self.prepare(&message), self.sources.observe(record, &message));
            observed.and(prepared)
        };
        let prepared = timeout_at(until, pin!(prepared)).await.map_err(|_| Fault::Slow)?;
        let (permit, found, client) = prepared?;
        let mut planned = self.plan(&message, found);
        // Decisions that end a notification read the receiver's row: a cached copy may be behind.
        if let (Plan::NotNotifiable(_) | Plan::NoReceiver, Some(Found { is_fresh: false, .. })) = planned {
            let key = message.receiver();
            let fresh = Box::pin(self.receivers.find_fresh(&key));
            let found = timeout_at(until, fresh).await.map_err(|_| Fault::Slow)??;
            planned = self.plan(&message, found);
        }
        let is_dropped = matches!(planned, (Plan::NotNotifiable(_) | Plan::NoReceiver, _));
        let is_new = is_dropped && self.sources.is_new_change(record, &message).await?;
        match planned {
            // Checked before the attempt begins: an unusable identity must not consume it.
            (Plan::Notify(notification), Some(found)) => {
                let client = client?;
                let within = self.timeouts.time_for(&found, until).await;
                let mode = self.ledger_writes.mode(message.attempt, metadata.receives);
                let prepared = Prepared {
                    message: &message,
                    notification: &notification,
                    receiver: &found.receiver,
                    client,
                    within,
                    mode,
                    works_until,
                };
                // Boxed; otherwise the task would hold the two largest futures of a message at once.
                Box::pin(self.attempts.make(prepared, permit)).await
            }
            (Plan::Misconfigured(missing), _) => Err(missing.into()),
            (Plan::NotNotifiable(rule), _) if is_new => {
                Sources::not_notified(record, Some(rule));
                Ok(())
            }
            (Plan::NoReceiver, _) if is_new => {
                Sources::not_notified(record, None);
                Ok(())
            }
            (Plan::NotNotifiable(rule), _) => self.lifecycle.cancel(&message, rule.code()).await,
            (Plan::NoReceiver | Plan::Notify(_), _) => {
                self.lifecycle.cancel(&message, Code::NoReceiver.as_str()).await
            }
        }
    }

    /// Plans a message for this receiver.
    fn plan(&self, message: &AttemptMessage, found: Option<Found>) -> (Plan, Option<Found>) {
        let receiver = found.as_ref().map(|found| &*found.receiver);
        (plan(&message.change, receiver, &self.servers, &self.choices), found)
    }

    /// Waits for a permit of the receiver, then finds receiver and client concurrently: a table or secret that does
    /// not answer blocks this message, not the batch.
    async fn prepare(
        &self,
        message: &AttemptMessage,
    ) -> Result<(Permit, Option<Found>, Result<(IdentityOwner, Client), Fault>), Fault> {
        let key = &message.receiver();
        // Before the look-ups, so that their results are fresh (guarantee G5).
        let permit = self.concurrency.acquire(key).await.ok_or(Fault::ConcurrencyLimited)?;
        let receiver = pin!(self.receivers.find_for(key, message.attempt));
        let client = pin!(self.client(message));
        let (found, client) = tokio::join!(receiver, client);
        Ok((permit, found?, client))
    }

    /// Finds the client with the identity of the change's brand.
    async fn client(&self, message: &AttemptMessage) -> Result<(IdentityOwner, Client), Fault> {
        let owner = self.servers.identity_owner(message.change.brand.as_deref())?;
        let client = self.identities.client(&owner).await?;
        Ok((owner, client))
    }

    /// Waits until the attempt is due, or sends the message again with a delay if that takes too long; `true` if it
    /// was sent again.
    async fn defer_if_early(&self, message: &AttemptMessage) -> Result<bool, Fault> {
        let Some(due) = message.not_before else { return Ok(false) };
        let now = self.lifecycle.clock.now();
        let early = due.duration_since(now);
        if early > WORTH_WAITING {
            self.lifecycle.queues.send_later(message, delay_seconds(now, due)).await?;
            return Ok(true);
        }
        if let Ok(early) = early.try_into() {
            tokio::time::sleep(early).await;
        }
        Ok(false)
    }
}
