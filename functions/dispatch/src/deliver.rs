//! One message, from its text to what the ledger says of it.

use jiff::{SignedDuration, Timestamp};
use thiserror::Error;
use webhook::aws::{AttemptRecord, Begin, LedgerError, ReceiversError, SendError};
use webhook::delivery::{
    AttemptMessage, AttemptNumber, Failure, Finding, LEASE, Next, Outcome, Progress, Resolution, Status,
    delay_seconds, is_late, next, resolve,
};
use webhook::directory::Receiver;
use webhook::notification::{InteractionId, MissingAuthorisationServerId, Notification, Plan, plan};
use webhook::peer::Exchange;

use crate::Dispatch;
use crate::sender::SenderError;

/// A message that comes earlier than it should by no more than this waits here; one that comes earlier still is sent on.
const WORTH_WAITING: SignedDuration = SignedDuration::from_secs(2);

/// Why a message is kept. Never the receiver's fault, and never at the cost of an attempt.
#[derive(Debug, Error)]
pub enum Fault {
    /// Another process is making this attempt.
    #[error("another process is at it")]
    InProgress,
    /// The ledger does not work.
    #[error("the ledger does not work")]
    Ledger(#[from] LedgerError),
    /// The receivers table does not work.
    #[error("the receivers table does not work")]
    Receivers(#[from] ReceiversError),
    /// A queue does not work.
    #[error("a queue does not work")]
    Queue(#[from] SendError),
    /// Our identity cannot be used.
    #[error("our identity cannot be used")]
    Sender(#[from] SenderError),
    /// An authorisation server id is wanted and none is configured.
    #[error("the configuration lacks something")]
    Configuration(#[from] MissingAuthorisationServerId),
}

impl Fault {
    /// Returns the fault's stable code.
    pub fn code(&self) -> &'static str {
        match self {
            Self::InProgress => "in_progress",
            Self::Ledger(_) => "ledger_unavailable",
            Self::Receivers(_) => "receivers_unavailable",
            Self::Queue(_) => "queue_unavailable",
            Self::Sender(error) => error.code(),
            Self::Configuration(_) => MissingAuthorisationServerId::CODE,
        }
    }
}

impl Dispatch {
    /// Works through one message. `Ok` means that it can be deleted.
    pub(crate) async fn deliver(&self, body: &str) -> Result<(), Fault> {
        let message = match AttemptMessage::from_json(body) {
            Ok(message) => message,
            Err(error) => {
                tracing::error!(code = "unreadable_message", %error, "A message cannot be read and is laid down as undelivered.");
                return Ok(self.queues.bury(body, "unreadable_message", &error.to_string()).await?);
            }
        };
        if self.waits(&message).await? {
            return Ok(());
        }
        let receiver = self.receivers.find(&message.change.client_id).await?;
        match (plan(&message.change, receiver.as_ref(), &self.servers), receiver) {
            (Plan::Notify(notification), Some(receiver)) => {
                self.attempt(&message, &notification, &receiver).await
            }
            (Plan::Misconfigured(missing), _) => Err(missing.into()),
            (Plan::NotNotifiable(rule), _) => self.cancel(&message, rule.code()).await,
            (Plan::NoReceiver | Plan::Notify(_), _) => self.cancel(&message, "no_receiver").await,
        }
    }

    /// Waits until the attempt is due, or sends the message on if that is too long; `true` if it did.
    async fn waits(&self, message: &AttemptMessage) -> Result<bool, Fault> {
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
        self.ledger.cancelled(message, reason, self.clock.now()).await?;
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
    ) -> Result<(), Fault> {
        // Before the attempt begins: an identity that cannot be used must not consume it.
        let client = self.sender.client().await?;
        let id = InteractionId::new(message.notification.partition(), &self.chance);
        let mut record = new_record(message.attempt, id, self.clock.now());
        receiver.base_uri.as_str().clone_into(&mut record.base_uri);
        if !self.begin(message, &record).await? {
            return Ok(());
        }
        let exchange = client.post(notification, id).await;
        let outcome = outcome(&exchange, id, receiver);
        let ended = self.clock.now();
        record.ended = Some(ended);
        record.outcome = Some(outcome.code());
        record.status = outcome.status();
        if let Some(handshake) = exchange.handshake {
            record.peer = Some(handshake.peer);
            record.tls = Some(handshake.tls);
        }
        log(message, &record, &outcome, ended);
        match outcome {
            Outcome::Delivered { .. } => Ok(self.ledger.delivered(message, &record).await?),
            Outcome::Failed(failure) => self.fail(message, &record, failure, ended).await,
        }
    }

    /// Begins an attempt; `false` if the message is done with without one.
    async fn begin(&self, message: &AttemptMessage, record: &AttemptRecord) -> Result<bool, Fault> {
        let Begin::Conflict(progress) = self.ledger.begin(message, record).await? else { return Ok(true) };
        match self.resolve(message, &progress, record.started).await? {
            // The attempt before this one was lost and is recorded now; this one may begin.
            Some(()) => match self.ledger.begin(message, record).await? {
                Begin::Begun => Ok(true),
                Begin::Conflict(_) => Err(Fault::InProgress),
            },
            None => Ok(false),
        }
    }

    /// Does what a message out of turn asks for; `Some` if its attempt may begin after all.
    async fn resolve(
        &self,
        message: &AttemptMessage,
        progress: &Progress,
        now: Timestamp,
    ) -> Result<Option<()>, Fault> {
        match resolve(progress, message.attempt, now) {
            Resolution::Done => {
                tracing::info!(
                    notification_id = %message.notification,
                    attempt = message.attempt.get(),
                    status = progress.status.as_str(),
                    "A copy of a message is dropped."
                );
                Ok(None)
            }
            Resolution::InProgress => Err(Fault::InProgress),
            Resolution::Interrupted { attempt, interaction_id, ended } => {
                let started = ended.saturating_sub(LEASE).unwrap_or(Timestamp::MIN);
                let mut record = new_record(attempt, interaction_id, started);
                record.ended = Some(ended);
                record.outcome = Some(Failure::Interrupted.code());
                tracing::warn!(
                    notification_id = %message.notification,
                    interaction_id = %interaction_id,
                    attempt = attempt.get(),
                    "An attempt was interrupted; whether it arrived is not known."
                );
                if attempt == message.attempt {
                    self.fail(message, &record, Failure::Interrupted, ended).await?;
                    return Ok(None);
                }
                self.ledger.failed(message, &record, Status::Waiting).await?;
                Ok(Some(()))
            }
        }
    }

    /// Queues what follows a failure, then records it: a stop in between repeats a step and loses none.
    async fn fail(
        &self,
        message: &AttemptMessage,
        record: &AttemptRecord,
        failure: Failure,
        ended: Timestamp,
    ) -> Result<(), Fault> {
        let status = match next(record.attempt, ended) {
            Next::Attempt(attempt, due) => {
                let delay = delay_seconds(self.clock.now(), due);
                self.queues.send_later(&message.again(attempt, due), delay).await?;
                Status::Waiting
            }
            Next::Exhausted => {
                let detail = format!("Three attempts failed; the last: {failure}.");
                self.queues.bury(&message.to_json(), failure.code(), &detail).await?;
                tracing::warn!(
                    notification_id = %message.notification,
                    client_id = %message.change.client_id,
                    outcome = failure.code(),
                    "The notification stays undelivered after three attempts."
                );
                Status::Undelivered
            }
        };
        Ok(self.ledger.failed(message, record, status).await?)
    }
}

fn new_record(attempt: AttemptNumber, interaction_id: InteractionId, started: Timestamp) -> AttemptRecord {
    AttemptRecord {
        attempt,
        interaction_id,
        started,
        ended: None,
        base_uri: String::new(),
        outcome: None,
        status: None,
        peer: None,
        tls: None,
    }
}

fn outcome(exchange: &Exchange, id: InteractionId, receiver: &Receiver) -> Outcome {
    let mut outcome = match &exchange.answer {
        Ok(answer) => Outcome::of(answer, &id.to_string(), &receiver.settings),
        Err(failure) => Outcome::Failed(*failure),
    };
    let without_mtls = exchange.handshake.as_ref().is_some_and(|handshake| !handshake.certificate_requested);
    if let Outcome::Delivered { findings, .. } = &mut outcome
        && without_mtls
    {
        findings.push(Finding::ReceiverWithoutMtls);
    }
    outcome
}

/// Writes the one line of an attempt: identifiers and codes, nothing of the body.
fn log(message: &AttemptMessage, record: &AttemptRecord, outcome: &Outcome, ended: Timestamp) {
    let event = message.change.event_instant.timestamp();
    let findings = match outcome {
        Outcome::Delivered { findings, .. } => findings.iter().map(|finding| finding.code()).collect(),
        Outcome::Failed(_) => Vec::new(),
    };
    let first = message.attempt == AttemptNumber::FIRST;
    tracing::info!(
        notification_id = %message.notification,
        interaction_id = %record.interaction_id,
        client_id = %message.change.client_id,
        endpoint = %message.resource.endpoint,
        attempt = record.attempt.get(),
        outcome = outcome.code(),
        status = record.status,
        duration_ms = millis(ended.duration_since(record.started)),
        since_event_ms = millis(record.started.duration_since(event)),
        late = first && is_late(event, record.started),
        findings = findings.join(","),
        tls = record.tls,
        "An attempt ended."
    );
}

fn millis(duration: SignedDuration) -> i64 {
    i64::try_from(duration.as_millis()).unwrap_or(i64::MAX)
}
