//! One message, from its text to what the ledger says of it.

use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use thiserror::Error;
use tokio::time::timeout;
use webhook::aws::{AttemptRecord, Begin, Cancel, LedgerError, ReceiversError, SendError};
use webhook::codes::{Code, FailureClass};
use webhook::delivery::{
    AttemptMessage, AttemptNumber, EXCHANGE_DEADLINE, Failure, Next, Outcome, Resolution, Status,
    delay_seconds, is_late, next, resolve,
};
use webhook::directory::Receiver;
use webhook::notification::{InteractionId, MissingAuthorisationServerId, Notification, Plan, plan};
use webhook::peer::Client;

use crate::Dispatch;
use crate::sender::SenderError;

/// A message that comes earlier than it should by no more than this waits here; one that comes earlier still is sent on.
const WORTH_WAITING: SignedDuration = SignedDuration::from_secs(2);

/// How long finding the receiver and the identity may take, both at once; part of the sum behind the function's timeout.
const PREPARE: Duration = Duration::from_secs(4);

/// Why a message is kept. Never the receiver's fault, and never at the cost of an attempt.
#[derive(Debug, Error)]
pub enum Fault {
    /// What an attempt needs did not answer in time.
    #[error("the receivers table or the identity did not answer within {PREPARE:?}")]
    Slow,
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
    pub fn code(&self) -> Code {
        match self {
            Self::Slow => Code::PrepareTimeout,
            Self::InProgress => Code::InProgress,
            Self::Ledger(_) => Code::LedgerUnavailable,
            Self::Receivers(_) => Code::ReceiversUnavailable,
            Self::Queue(_) => Code::QueueUnavailable,
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
                let code = Code::UnreadableMessage.as_str();
                tracing::error!(code, %error, "A message cannot be read and is laid down as undelivered.");
                return Ok(self.queues.bury(body, code, &error.to_string()).await?);
            }
        };
        if self.waits(&message).await? {
            return Ok(());
        }
        // Both at once and under one limit: a table or secret that does not answer keeps this message, not the batch.
        let prepared =
            timeout(PREPARE, async { tokio::join!(self.receiver(&message), self.client(&message)) }).await;
        let (receiver, client) = prepared.map_err(|_| Fault::Slow)?;
        let receiver = receiver?;
        match (plan(&message.change, receiver.as_ref(), &self.servers), receiver) {
            // Before the attempt begins: an identity that cannot be used must not consume it.
            (Plan::Notify(notification), Some(receiver)) => {
                self.attempt(&message, &notification, &receiver, &client?).await
            }
            (Plan::Misconfigured(missing), _) => Err(missing.into()),
            (Plan::NotNotifiable(rule), _) => self.cancel(&message, rule.code()).await,
            (Plan::NoReceiver | Plan::Notify(_), _) => self.cancel(&message, Code::NoReceiver.as_str()).await,
        }
    }

    /// Finds the message's receiver; for a later attempt as it is now, as it may have been removed or moved meanwhile.
    async fn receiver(&self, message: &AttemptMessage) -> Result<Option<Receiver>, ReceiversError> {
        let client_id = &message.change.client_id;
        if message.attempt == AttemptNumber::FIRST {
            self.receivers.find(client_id).await
        } else {
            self.receivers.find_now(client_id).await
        }
    }

    /// Finds the client that presents the identity of the change's brand.
    async fn client(&self, message: &AttemptMessage) -> Result<Client, Fault> {
        let owner = self.servers.identity_owner(message.change.brand.as_deref())?;
        Ok(self.sender.client(&owner).await?)
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
        if self.ledger.cancelled(message, reason, self.clock.now()).await? == Cancel::InProgress {
            return Err(Fault::InProgress);
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
        client: &Client,
    ) -> Result<(), Fault> {
        let id = InteractionId::new(message.notification.partition(), &self.chance);
        let mut record = AttemptRecord {
            attempt: message.attempt,
            interaction_id: id,
            started: self.clock.now(),
            ended: None,
            base_uri: receiver.base_uri.to_string(),
            outcome: None,
            status: None,
            peer: None,
            tls: None,
        };
        if !self.begin(message, &record).await? {
            return Ok(());
        }
        let exchange = client.post(notification, id, EXCHANGE_DEADLINE).await;
        let outcome = exchange.outcome(id, &receiver.settings);
        let ended = self.clock.now();
        record.ended = Some(ended);
        record.outcome = Some(outcome.code());
        record.status = outcome.status();
        let revocation = exchange.handshake.as_ref().map(|handshake| handshake.revocation.as_str());
        if let Some(handshake) = exchange.handshake {
            record.peer = Some(handshake.peer);
            record.tls = Some(handshake.tls);
        }
        log(message, &record, &outcome, revocation);
        let recorded = async {
            match outcome {
                Outcome::Delivered { .. } => self.ledger.delivered(message, &record).await,
                Outcome::Failed(failure) => {
                    let status = self.go_on(message, record.attempt, failure, ended).await?;
                    self.ledger.failed(message, &record, status).await
                }
            }
            .map_err(Fault::from)
        };
        let event = message.change.event_instant.timestamp();
        let first_use = self.first_uses.attempted(receiver, event, record.started);
        // At once, as the function's timeout is the sum of what comes one after the other.
        let (recorded, ()) = tokio::join!(recorded, first_use);
        recorded
    }

    /// Begins an attempt; `false` if the message is done with without one.
    async fn begin(&self, message: &AttemptMessage, record: &AttemptRecord) -> Result<bool, Fault> {
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
        match resolve(&progress, message.attempt, record.started) {
            Resolution::Done => {
                tracing::info!(
                    notification_id = %message.notification,
                    attempt = message.attempt.get(),
                    status = progress.status.as_str(),
                    "A copy of a message is dropped."
                );
                Ok(false)
            }
            Resolution::InProgress => Err(Fault::InProgress),
            Resolution::Interrupted { attempt, interaction_id, ended } => {
                tracing::warn!(
                    notification_id = %message.notification,
                    interaction_id = %interaction_id,
                    attempt = attempt.get(),
                    "An attempt was interrupted; whether it arrived is not known."
                );
                let lost = (attempt, interaction_id);
                if attempt == message.attempt {
                    let status = self.go_on(message, attempt, Failure::Interrupted, ended).await?;
                    self.ledger.interrupted(message, lost, ended, status).await?;
                    return Ok(false);
                }
                // This message is what follows the lost attempt, so it may begin once that is recorded.
                self.ledger.interrupted(message, lost, ended, Status::Waiting).await?;
                match self.ledger.begin(message, record).await? {
                    Begin::Begun => Ok(true),
                    Begin::Conflict(_) | Begin::Forgotten => Err(Fault::InProgress),
                }
            }
        }
    }

    /// Queues what follows a failure and says where that leaves the notification.
    ///
    /// Comes before the failure is recorded: a stop in between repeats a step and loses none.
    async fn go_on(
        &self,
        message: &AttemptMessage,
        failed: AttemptNumber,
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
                let detail = format!("Three attempts failed; the last: {failure}.");
                self.queues.bury(&message.to_json(), failure.code(), &detail).await?;
                tracing::warn!(
                    notification_id = %message.notification,
                    client_id = %message.change.client_id,
                    outcome = failure.code(),
                    "The notification stays undelivered after three attempts."
                );
                Ok(Status::Undelivered)
            }
        }
    }
}

/// Writes the one line of an attempt: identifiers and codes, nothing of the body.
fn log(
    message: &AttemptMessage,
    record: &AttemptRecord,
    outcome: &Outcome,
    revocation: Option<&'static str>,
) {
    let event = message.change.event_instant.timestamp();
    let (findings, fault) = match outcome {
        Outcome::Delivered { findings, .. } => {
            (findings.iter().map(|finding| finding.code()).collect(), None)
        }
        Outcome::Failed(failure) => (Vec::new(), failure.class().map(FailureClass::as_str)),
    };
    let first = message.attempt == AttemptNumber::FIRST;
    tracing::info!(
        notification_id = %message.notification,
        interaction_id = %record.interaction_id,
        client_id = %message.change.client_id,
        endpoint = %message.resource.endpoint,
        attempt = record.attempt.get(),
        outcome = outcome.code(),
        fault,
        status = record.status,
        duration_ms = record.ended.map(|ended| millis(ended.duration_since(record.started))),
        since_event_ms = millis(record.started.duration_since(event)),
        late = first && is_late(event, record.started),
        findings = findings.join(","),
        tls = record.tls,
        revocation,
        "An attempt ended."
    );
}

fn millis(duration: SignedDuration) -> i64 {
    i64::try_from(duration.as_millis()).unwrap_or(i64::MAX)
}
