//! Sends notifications: every message of a batch at once, each in a task of its own.
//!
//! A later attempt is a new message with a delay. The old one could be hidden for longer instead, but hidden messages count against the
//! 120,000 that a queue may have in flight, so that one dead receiver would stop all others; delayed messages do not count.
//!
//! The ledger counts attempts. SQS cannot: it delivers at least once, its receive count also rises for our own faults, and two
//! invocations may hold one message. Two processes agree on the row alone, as both write it under a condition.
//!
//! What the receiver does wrong is an outcome, which consumes an attempt. What we do wrong is a fault, which returns the message to the
//! queue. All that an attempt needs is prepared before it begins, so that a fault costs none.

mod adaptive_timeout;
mod batch_metrics;
mod closing;
mod concurrency_limiter;
mod deliver;
mod event;
mod exchange;
mod fault;
mod identity_store;
mod log;
mod onboarding_slo;
mod parts;
mod set_aside;
mod sqs_event;
mod timer;

use std::sync::Arc;
use std::time::Duration;

use futures_util::future::join_all;
use serde::Serialize;
use tokio::time::{Instant, timeout};
use webhook::aws::{Ledger, Queues, Receivers};
use webhook::clock::Clock;
use webhook::delivery::{AttemptMessage, LedgerWrites};
use webhook::notification::AuthorisationServers;
use webhook::rng::Rng;
use webhook::telemetry::{ErrorChain, Metrics};

use sqs_event::Record;

pub use adaptive_timeout::ConsecutiveTimeouts;
pub use batch_metrics::BatchMetrics;
pub use closing::{ANSWER_WITHIN, Unwritten, works_until};
pub use concurrency_limiter::{ConcurrencyLimiter, MAX_CONCURRENT_ATTEMPTS};
pub use event::RawEvent;
pub use fault::{Fault, PREPARE};
pub use identity_store::{IdentityStore, IdentityStoreError};
pub use onboarding_slo::FirstDeliveries;
pub use parts::Parts;
pub use sqs_event::Batch;
pub use timer::spawn_first_timer;

/// How long the start of an environment waits for the identities and for what is known of revocation; part of the sum behind the
/// function's timeout.
///
/// Lambda stops a start after ten seconds and begins it anew within the first invocation, whose time it then takes ("Lambda execution
/// environment lifecycle", AWS Lambda Developer Guide, "Init phase"). What is not there in time is loaded for the first message.
pub const START: Duration = Duration::from_secs(5);

/// How long `ChangeMessageVisibility` may take; part of the sum behind the function's timeout. If it fails, the queue's default
/// timeout applies.
pub const CHANGE_VISIBILITY_WITHIN: Duration = Duration::from_secs(2);

/// The partial batch response: which messages return to the queue. All others are deleted.
///
/// Source: "Handling errors for an SQS event source in Lambda", AWS Lambda Developer Guide, "Implementing partial batch
/// responses".
#[derive(Clone, Debug, Default, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct BatchResponse {
    /// Those that return to the queue.
    pub batch_item_failures: Vec<BatchItemFailure>,
}

/// A message that returns to the queue.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct BatchItemFailure {
    /// Its id.
    pub item_identifier: String,
}

/// The function behind the queue of notifications.
pub struct Dispatch {
    /// What happened to each notification.
    pub ledger: Ledger,
    /// How often that is written of what is delivered at once.
    pub ledger_writes: LedgerWrites,
    /// Who is notified where.
    pub receivers: Receivers,
    /// Where later attempts and undelivered notifications go.
    pub queues: Queues,
    /// Our authorisation servers.
    pub servers: AuthorisationServers,
    /// How soon each registration was first used.
    pub first_deliveries: FirstDeliveries,
    /// Our identities, and the clients that present them.
    pub identities: Arc<IdentityStore>,
    /// How many attempts to each receiver may run at a time.
    pub concurrency: ConcurrencyLimiter,
    /// How many attempts in a row timed out, by receiver.
    pub consecutive_timeouts: ConsecutiveTimeouts,
    /// What this environment knows and could not write down.
    pub unwritten: Unwritten,
    /// How often the queue hands a message out before it moves it to the dead-letter queue (`maxReceiveCount`).
    pub max_receives: u32,
    /// What is measured of the notifications of an invocation.
    pub batch_metrics: BatchMetrics,
    /// Where that is written, and receivers that hang are counted.
    pub metrics: Metrics,
    /// What time it is.
    pub clock: Clock,
    /// Where interaction ids and jitter come from.
    pub rng: Rng,
}

impl Dispatch {
    /// Loads what every message needs before the first one, so that none waits for it. What is not there yet stops nobody from
    /// starting.
    pub async fn start(&self) {
        match timeout(START, Box::pin(self.identities.prepare())).await {
            Ok(Ok(())) => {}
            Ok(Err(error)) => {
                tracing::warn!(code = error.code().as_str(), error = %ErrorChain(&error), "The identities cannot be used yet.");
            }
            Err(_) => tracing::warn!(
                code = "slow_start",
                "The identities or what is known of revocation did not come in time; the first message waits for them."
            ),
        }
    }

    /// Works through a batch as [`Dispatch::handle_until`] does, with all the time that an invocation may have.
    pub async fn handle(self: &Arc<Self>, batch: Batch) -> BatchResponse {
        self.handle_until(batch, works_until(0, self.clock.now())).await
    }

    /// Works through a batch and names the messages that return to the queue. What came of an attempt is written down until this
    /// instant, if the ledger does not take it sooner.
    ///
    /// Always succeeds: an error would return the whole batch and make Lambda slow down for everybody. A panic returns
    /// only the message that it happened in.
    pub async fn handle_until(self: &Arc<Self>, batch: Batch, until: Instant) -> BatchResponse {
        let began = Instant::now();
        let records: Vec<_> = batch.records.into_iter().map(Arc::new).collect();
        let tasks = records.iter().map(|record| {
            let (dispatch, record) = (Arc::clone(self), Arc::clone(record));
            let task = tokio::spawn({
                let (dispatch, record) = (Arc::clone(&dispatch), Arc::clone(&record));
                async move { Box::pin(dispatch.deliver(&record, until)).await }
            });
            async move {
                let fault = task.await.unwrap_or_else(|panic| Err(Fault::Panic(panic))).err()?;
                let item_identifier = record.message_id.clone();
                // A panic in here must not cost the batch either.
                let after =
                    tokio::spawn(async move { Box::pin(dispatch.after(&record, &fault, until)).await });
                let is_kept = after.await.unwrap_or(true);
                is_kept.then_some(BatchItemFailure { item_identifier })
            }
        });
        let (kept, ()) = tokio::join!(join_all(tasks), Box::pin(self.close_others(&records)));
        let batch_item_failures = kept.into_iter().flatten().collect();
        self.batch_metrics.invoked(began.elapsed());
        self.batch_metrics.write(self.clock.now(), &self.metrics);
        BatchResponse { batch_item_failures }
    }

    /// Decides what becomes of a message that a fault stopped; `true` if it returns to the queue.
    async fn after(&self, record: &Record, fault: &Fault, until: Instant) -> bool {
        if self.set_aside(record, fault, until).await {
            if fault.alarms() {
                self.batch_metrics.requeued(fault.code(), None, self.clock.now());
            }
            return false;
        }
        self.requeue(record, fault).await;
        true
    }

    /// Returns a message to the queue, with a backoff, and logs why.
    async fn requeue(&self, record: &Record, fault: &Fault) {
        let (message_id, metadata) = (&record.message_id, record.metadata());
        let receives = metadata.receives;
        // Read once more, as this is rare: the line must lead to the notification, not only to the message of SQS.
        let message = AttemptMessage::from_json(&record.body).ok();
        let notification_id = message.as_ref().map(|message| message.notification.as_str());
        let client_id = message.as_ref().map(|message| message.change.client_id.as_str());
        let now = self.clock.now();
        if fault.alarms() {
            self.batch_metrics.requeued(fault.code(), message.as_ref(), now);
            tracing::error!(
                message_id,
                notification_id,
                client_id,
                receives,
                code = fault.code().as_str(),
                error = %ErrorChain(fault),
                "The message returns to the queue: the fault is ours."
            );
        } else {
            tracing::info!(
                message_id,
                notification_id,
                client_id,
                receives,
                code = fault.code().as_str(),
                "The message returns to the queue: {fault}."
            );
        }
        let seconds = fault.redelivery_backoff(&metadata, now, &self.rng);
        let hidden =
            timeout(CHANGE_VISIBILITY_WITHIN, self.queues.change_visibility(&record.receipt_handle, seconds))
                .await;
        let error = match &hidden {
            Ok(Ok(())) => return,
            Ok(Err(error)) => ErrorChain(error).to_string(),
            Err(elapsed) => elapsed.to_string(),
        };
        tracing::warn!(
            message_id,
            code = "visibility_not_changed",
            error,
            "ChangeMessageVisibility failed; the queue's default timeout applies."
        );
    }
}
