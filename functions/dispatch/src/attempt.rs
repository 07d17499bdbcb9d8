//! One attempt, in steps whose types say what has happened: it is prepared, it has begun, it is over.

use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use convention::delivery::{AttemptMessage, LedgerMode, Outcome};
use convention::directory::Receiver;
use convention::notification::{IdentityOwner, InteractionId, Notification};
use mtls::{Client, Handshake, LocalFault};
use platform::aws::AttemptRecord;
use platform::rng::Rng;
use tokio::time::Instant;

use crate::adaptive_timeout::AdaptiveTimeout;
use crate::closing::{Closing, Ended, Over};
use crate::concurrency_limiter::Permit;
use crate::exchange::exchange;
use crate::fault::Fault;
use crate::identity_store::IdentityStore;
use crate::lifecycle::Lifecycle;
use crate::log::attempt_ended;
use crate::onboarding_slo::FirstDeliveries;

/// Makes attempts.
pub(crate) struct Attempts {
    pub(crate) lifecycle: Arc<Lifecycle>,
    pub(crate) closing: Arc<Closing>,
    pub(crate) identities: Arc<IdentityStore>,
    pub(crate) timeouts: Arc<AdaptiveTimeout>,
    pub(crate) first_deliveries: FirstDeliveries,
    pub(crate) rng: Rng,
}

/// An attempt that is ready to begin: only the ledger can still prevent it.
pub(crate) struct Prepared<'a> {
    pub(crate) message: &'a AttemptMessage,
    pub(crate) notification: &'a Notification,
    pub(crate) receiver: &'a Receiver,
    /// The owner of the presented identity, and its client.
    pub(crate) client: (IdentityOwner, Client),
    /// The timeout of the exchange.
    pub(crate) within: Duration,
    /// When the beginning is written to the ledger.
    pub(crate) mode: LedgerMode,
    /// Deadline for recording the outcome.
    pub(crate) works_until: Instant,
}

/// An attempt that has begun; in write-ahead mode the ledger knows of it.
struct Begun<'a> {
    message: &'a AttemptMessage,
    receiver: &'a Receiver,
    record: AttemptRecord,
    mode: LedgerMode,
    works_until: Instant,
}

/// An attempt whose request was sent, or may have been.
struct Exchanged<'a> {
    begun: Begun<'a>,
    outcome: Outcome,
    /// The result of the handshake; `None` if there was none.
    handshake: Option<Arc<Handshake>>,
    /// The duration of the exchange.
    took: Duration,
}

impl Attempts {
    /// Makes an attempt. `Ok` means that its message can be deleted.
    pub(crate) async fn make(&self, prepared: Prepared<'_>, permit: Permit) -> Result<(), Fault> {
        let Some(begun) = self.begin(&prepared).await? else { return Ok(()) };
        let exchanged = self.exchange(&prepared, begun).await;
        // The next attempt to this receiver need not wait until the outcome is recorded.
        drop(permit);
        match exchanged {
            Ok(exchanged) => self.record(exchanged).await,
            Err((begun, fault)) => self.take_back(begun, fault.into()).await,
        }
    }

    /// Begins an attempt; `None` if the message is finished without one.
    async fn begin<'a>(&self, prepared: &Prepared<'a>) -> Result<Option<Begun<'a>>, Fault> {
        let Prepared { message, receiver, works_until, .. } = *prepared;
        let record = AttemptRecord {
            attempt: message.attempt,
            interaction_id: InteractionId::new(message.notification.partition(), self.rng.bits()),
            started: self.lifecycle.clock.now(),
            within: prepared.within,
            ended: None,
            base_uri: receiver.base_uri.as_str().to_owned(),
            url_api_version: prepared.notification.url_api_version(),
            outcome: None,
            status: None,
            address: None,
            tls: None,
        };
        let mode = match prepared.mode {
            LedgerMode::WriteBehind if self.lifecycle.ledger.exists(message).await? => LedgerMode::WriteAhead,
            mode => mode,
        };
        if mode == LedgerMode::WriteAhead && !self.lifecycle.begin(message, &record).await? {
            return Ok(None);
        }
        Ok(Some(Begun { message, receiver, record, mode, works_until }))
    }

    /// Sends the notification; returns the attempt if a fault of ours prevented it.
    async fn exchange<'a>(
        &self,
        prepared: &Prepared<'a>,
        mut begun: Begun<'a>,
    ) -> Result<Exchanged<'a>, (Begun<'a>, LocalFault)> {
        let before = Instant::now();
        let id = begun.record.interaction_id;
        let sent = (prepared.notification, id);
        let exchange = exchange(&self.identities, &prepared.client, sent, prepared.within).await;
        let took = before.elapsed();
        begun.record.ended = Some(self.lifecycle.clock.now());
        match exchange {
            Ok(exchange) => {
                let outcome = exchange.outcome(id, &begun.receiver.settings);
                Ok(Exchanged { begun, outcome, handshake: exchange.handshake, took })
            }
            Err(fault) => Err((begun, fault)),
        }
    }

    /// Rolls back an attempt that was never sent. If the ledger fails too, the attempt will count as interrupted.
    async fn take_back(&self, mut begun: Begun<'_>, fault: Fault) -> Result<(), Fault> {
        begun.record.outcome = Some(fault.code().as_str());
        Box::pin(self.closing.close(begun.over(), Ended::NeverSent, begun.works_until)).await?;
        Err(fault)
    }

    /// Records the outcome of an attempt, and observes what it shows about its receiver.
    async fn record(&self, exchanged: Exchanged<'_>) -> Result<(), Fault> {
        let Exchanged { mut begun, outcome, handshake, took } = exchanged;
        let Begun { message, receiver, works_until, .. } = begun;
        begun.record.outcome = Some(outcome.code());
        begun.record.status = outcome.status();
        let revocation = handshake.as_ref().map(|handshake| handshake.revocation);
        if let Some(handshake) = handshake {
            begun.record.address = Some(Arc::clone(&handshake.address));
            begun.record.tls = Some(Arc::clone(&handshake.tls));
        }
        let record = &begun.record;
        attempt_ended(message, record, &outcome, revocation);
        let until = record.ended.unwrap_or(record.started);
        self.lifecycle.batch_metrics.attempted(message, &outcome, (record.started, until));
        let observed = self.timeouts.observe(receiver, &outcome, (record.within, took));
        let ended = match &outcome {
            Outcome::Delivered { .. } => Ended::Delivered,
            Outcome::Failed(failure) => Ended::Failed(*failure, None),
        };
        // Pinned in place, because it has thousands of bytes and moving it would copy them.
        let recorded = pin!(self.closing.close(begun.over(), ended, works_until));
        let event = message.change.event_instant.timestamp();
        let first_delivery = async {
            // The time of a replay depends on the operator and says nothing about the onboarding objective.
            if message.replay_of.is_none() {
                self.first_deliveries.attempted(receiver, event, record.started).await;
            }
        };
        // Concurrent, because the function's timeout is the sum of sequential steps.
        let (recorded, (), ()) = tokio::join!(recorded, first_delivery, observed);
        recorded
    }
}

impl Begun<'_> {
    fn over(&self) -> Over<'_> {
        Over { message: self.message, record: &self.record, mode: self.mode }
    }
}
