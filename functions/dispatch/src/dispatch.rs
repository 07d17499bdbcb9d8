//! The function behind the queue: processes a batch, and says which messages return to the queue.

use std::sync::Arc;

use futures_util::future::join_all;
use mtls::revocation::{Revocation, RevocationStore};
use platform::aws::{Receivers, SendError};
use platform::clock::Clock;
use platform::rng::Rng;
use platform::telemetry::{ErrorChain, Metrics};
use serde::Serialize;
use tokio::time::{Instant, timeout, timeout_at};

use crate::adaptive_timeout::{AdaptiveTimeout, ConsecutiveTimeouts};
use crate::attempt::Attempts;
use crate::batch_metrics::BatchMetrics;
use crate::closing::{Closing, Unwritten, works_until};
use crate::concurrency_limiter::ConcurrencyLimiter;
use crate::deliver::Delivery;
use crate::examination::{EXAMINE_RECEIVER, Examination, Examined};
use crate::fault::Fault;
use crate::identity_store::IdentityStore;
use crate::lifecycle::Lifecycle;
use crate::onboarding_slo::FirstDeliveries;
use crate::origin::Origin;
use crate::parts::Parts;
use crate::receive_limit::ReceiveLimit;
use crate::source::Sources;
use crate::sqs_event::{Batch, CHECK_IDENTITIES, Record};
use crate::{CHANGE_VISIBILITY_TIMEOUT, START};

/// The partial batch response: the messages that return to the queue. All others are deleted.
///
/// Source: "Handling errors for an SQS event source in Lambda", AWS Lambda Developer Guide, "Implementing partial
/// batch responses".
#[derive(Clone, Debug, Default, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct BatchResponse {
    /// The messages that return to the queue.
    pub batch_item_failures: Vec<BatchItemFailure>,
    /// What the task that examines a receiver found.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub examined: Option<Examined>,
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
    /// The receivers.
    pub receivers: Arc<Receivers>,
    /// Our identities and the clients that present them.
    pub identities: Arc<IdentityStore>,
    /// The clock.
    pub clock: Clock,
    lifecycle: Arc<Lifecycle>,
    closing: Arc<Closing>,
    delivery: Delivery,
    receive_limit: ReceiveLimit,
    sources: Arc<Sources>,
    metrics: Metrics,
    rng: Rng,
}

impl Dispatch {
    /// Assembles dispatch. Its identities are not loaded yet ([`Dispatch::start`]).
    pub fn new(parts: Parts) -> Arc<Self> {
        let Parts { directory, network, servers, metrics, clock, .. } = parts;
        let store = RevocationStore::new(directory.clone());
        let revocation = Revocation::new(store, parts.revocation_window, clock.clone(), metrics.clone());
        let identities = IdentityStore::new(
            (parts.secrets, parts.keys),
            (parts.identity_secret, parts.trust_secret),
            &servers,
            network,
            Arc::new(revocation),
            clock.clone(),
            metrics.clone(),
        );
        let (identities, receivers) = (Arc::new(identities), Arc::new(parts.receivers));
        let lifecycle = Arc::new(Lifecycle {
            ledger: parts.ledger,
            queues: parts.queues,
            batch_metrics: BatchMetrics::of(parts.meter, parts.metrics_interval),
            clock: clock.clone(),
        });
        let closing = Arc::new(Closing {
            lifecycle: Arc::clone(&lifecycle),
            unwritten: Unwritten::default(),
            rng: parts.rng.clone(),
        });
        let timeouts = Arc::new(AdaptiveTimeout {
            receivers: Arc::clone(&receivers),
            is_on: parts.adaptive_timeout,
            consecutive_timeouts: ConsecutiveTimeouts::default(),
            metrics: metrics.clone(),
            clock: clock.clone(),
        });
        let attempts = Attempts {
            lifecycle: Arc::clone(&lifecycle),
            closing: Arc::clone(&closing),
            identities: Arc::clone(&identities),
            timeouts: Arc::clone(&timeouts),
            first_deliveries: FirstDeliveries::new(directory, metrics.clone()),
            rng: parts.rng.clone(),
        };
        let sources = Arc::new(Sources {
            lifecycle: Arc::clone(&lifecycle),
            envelope: parts.envelope,
            timers: parts.timers,
            ecosystem: parts.ecosystem,
            servers: servers.clone(),
        });
        let delivery = Delivery {
            sources: Arc::clone(&sources),
            lifecycle: Arc::clone(&lifecycle),
            closing: Arc::clone(&closing),
            attempts,
            receivers: Arc::clone(&receivers),
            servers,
            choices: parts.choices,
            identities: Arc::clone(&identities),
            concurrency: ConcurrencyLimiter::default(),
            timeouts,
            ledger_writes: parts.ledger_writes,
        };
        let receive_limit =
            ReceiveLimit { lifecycle: Arc::clone(&lifecycle), max_receives: parts.max_receives };
        Arc::new(Self {
            receivers,
            identities,
            clock,
            lifecycle,
            closing,
            delivery,
            receive_limit,
            sources,
            metrics,
            rng: parts.rng,
        })
    }

    /// Loads what every message needs in advance, so that the first message does not wait. Missing data does not
    /// prevent the start.
    pub async fn start(&self) {
        match timeout(START, Box::pin(self.identities.prepare())).await {
            Ok(Ok(())) => {}
            Ok(Err(error)) => {
                tracing::warn!(code = error.code().as_str(), error = %ErrorChain(&error), "The identities cannot be used yet.");
            }
            Err(_) => tracing::warn!(
                code = "slow_start",
                "The identities or the revocation data were not loaded in time; the first message waits for them."
            ),
        }
    }

    /// Processes a batch as [`Dispatch::handle_until`] does, with the whole time that an invocation may have.
    pub async fn handle(self: &Arc<Self>, batch: Batch) -> BatchResponse {
        self.handle_until(batch, works_until(0, self.clock.now())).await
    }

    /// Processes a batch and names the messages that return to the queue. Failed writes of outcomes are retried until
    /// this instant.
    ///
    /// Always succeeds: an error would return the whole batch and make Lambda back off for all receivers. A panic
    /// only returns the message it happened in.
    pub async fn handle_until(self: &Arc<Self>, batch: Batch, until: Instant) -> BatchResponse {
        let began = Instant::now();
        let examined = match batch.task {
            Some(task) => self.run_task(&task, batch.receiver.as_deref()).await,
            None => None,
        };
        let now = self.clock.now();
        let read = |record| Arc::new(self.sources.read(record, now));
        let records: Vec<_> = batch.records.into_iter().map(read).collect();
        let tasks = records.iter().map(|record| {
            let (dispatch, record) = (Arc::clone(self), Arc::clone(record));
            let task = tokio::spawn({
                let (dispatch, record) = (Arc::clone(&dispatch), Arc::clone(&record));
                async move { Box::pin(dispatch.delivery.deliver(&record, until)).await }
            });
            async move {
                let fault = task.await.unwrap_or_else(|panic| Err(Fault::Panic(panic))).err()?;
                let item_identifier = record.message_id.clone();
                // A panic here must not affect the batch either.
                let after =
                    tokio::spawn(async move { Box::pin(dispatch.after(&record, &fault, until)).await });
                let is_kept = after.await.unwrap_or(true);
                is_kept.then_some(BatchItemFailure { item_identifier })
            }
        });
        let (kept, ()) = tokio::join!(join_all(tasks), Box::pin(self.closing.close_others(&records)));
        let batch_item_failures = kept.into_iter().flatten().collect();
        self.lifecycle.batch_metrics.invoked(began.elapsed());
        self.lifecycle.batch_metrics.write(self.clock.now(), &self.metrics);
        BatchResponse { batch_item_failures, examined }
    }

    /// Runs a task of the schedule, or of an operator.
    async fn run_task(&self, task: &str, receiver: Option<&Examination>) -> Option<Examined> {
        match (task, receiver) {
            (CHECK_IDENTITIES, _) => {
                self.identities.check().await;
                None
            }
            (EXAMINE_RECEIVER, Some(receiver)) => {
                Some(Box::pin(receiver.run(&self.identities, (&self.clock, &self.rng))).await)
            }
            _ => {
                tracing::error!("An event that is neither a batch nor a task of the schedule was ignored.");
                None
            }
        }
    }

    /// Handles a message that a fault stopped; `true` if it returns to the queue.
    async fn after(&self, record: &Record, fault: &Fault, until: Instant) -> bool {
        // A timer is given up as the notification that it brings, with a row in the ledger.
        let timer = match &record.origin {
            Origin::Timer(timer) if self.receive_limit.is_near(record) => {
                let due = timeout_at(until, Box::pin(self.sources.due(record, timer))).await;
                due.ok().and_then(Result::ok).flatten()
            }
            _ => None,
        };
        let record = timer.as_ref().unwrap_or(record);
        if self.receive_limit.try_one(record, fault, until).await {
            if fault.alarms() {
                self.lifecycle.batch_metrics.requeued(fault.code(), None, self.clock.now());
            }
            return false;
        }
        self.requeue(record, fault).await;
        true
    }

    /// Returns a message to the queue with a backoff, and logs why.
    async fn requeue(&self, record: &Record, fault: &Fault) {
        let (message_id, metadata) = (&record.message_id, record.metadata());
        let receives = metadata.receives;
        // Parsed again, because this is rare: the line must identify the notification, not only the SQS message.
        let message = record.attempt_message();
        let notification_id = message.as_ref().map(|message| message.notification.as_str());
        let client_id = message.as_ref().map(|message| message.change.client_id.as_str());
        let now = self.clock.now();
        if fault.alarms() {
            self.lifecycle.batch_metrics.requeued(fault.code(), message.as_ref(), now);
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
        let hidden = timeout(CHANGE_VISIBILITY_TIMEOUT, self.change_visibility(record, seconds)).await;
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

    /// Sets the visibility timeout of a record in the queue that it comes from.
    async fn change_visibility(&self, record: &Record, seconds: u32) -> Result<(), SendError> {
        let (queues, receipt_handle) = (&self.lifecycle.queues, &record.receipt_handle);
        match &record.queue_arn {
            Some(arn) if record.origin != Origin::Notifications => {
                queues.change_visibility_of(arn, receipt_handle, seconds).await
            }
            _ => queues.change_visibility(receipt_handle, seconds).await,
        }
    }
}
