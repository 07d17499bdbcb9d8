//! Sends notifications: every message of a batch at once, each in a task of its own.

mod deliver;
mod promise;
mod sender;

use std::sync::Arc;

use aws_lambda_events::sqs::{BatchItemFailure, SqsBatchResponse, SqsEvent, SqsMessage};
use webhook::aws::{Ledger, Queues, Receivers};
use webhook::codes::Code;
use webhook::delivery::AttemptMessage;
use webhook::edge::{Chance, Clock};
use webhook::notification::AuthorisationServers;
use webhook::telemetry::Chain;

pub use deliver::Fault;
pub use promise::FirstUses;
pub use sender::{Sender, SenderError};

/// The function behind the queue of notifications.
pub struct Dispatch {
    /// What happened to each notification.
    pub ledger: Ledger,
    /// Who is notified where.
    pub receivers: Receivers,
    /// Where later attempts and undelivered notifications go.
    pub queues: Queues,
    /// Our authorisation servers.
    pub servers: AuthorisationServers,
    /// How soon each registration was first used.
    pub first_uses: FirstUses,
    /// Our side of mutual TLS.
    pub sender: Arc<Sender>,
    /// What time it is.
    pub clock: Clock,
    /// Where interaction ids come from.
    pub chance: Chance,
}

impl Dispatch {
    /// Works through a batch and names the messages that are to be kept.
    ///
    /// Always succeeds: an error would return the whole batch and make Lambda slow down for everybody. A panic keeps the
    /// one message it happened in.
    pub async fn handle(self: &Arc<Self>, event: SqsEvent) -> SqsBatchResponse {
        let tasks: Vec<_> = event
            .records
            .into_iter()
            .map(|SqsMessage { message_id, body, .. }| {
                let dispatch = Arc::clone(self);
                let (message_id, body) = (message_id.unwrap_or_default(), body.unwrap_or_default());
                let id = message_id.clone();
                (message_id, tokio::spawn(async move { dispatch.work_through(&id, &body).await }))
            })
            .collect();
        let mut kept = SqsBatchResponse::default();
        for (message_id, task) in tasks {
            match task.await {
                Ok(true) => continue,
                Ok(false) => {}
                Err(panic) => {
                    tracing::error!(message_id, code = Code::Panic.as_str(), error = %panic, "The message is kept.");
                }
            }
            let mut failure = BatchItemFailure::default();
            failure.item_identifier = message_id;
            kept.batch_item_failures.push(failure);
        }
        kept
    }

    /// Works through one message; `false` if it is to be kept.
    async fn work_through(&self, message_id: &str, body: &str) -> bool {
        let Err(fault) = Box::pin(self.deliver(body)).await else { return true };
        // Read once more, as this is rare: the line must lead to the notification, not only to the message of SQS.
        let message = AttemptMessage::from_json(body).ok();
        let notification_id = message.as_ref().map(|message| message.notification.as_str());
        let client_id = message.as_ref().map(|message| message.change.client_id.as_str());
        if matches!(fault, Fault::InProgress) {
            tracing::info!(
                message_id,
                notification_id,
                client_id,
                "The message is kept: another process is at its notification."
            );
        } else {
            tracing::error!(
                message_id,
                notification_id,
                client_id,
                code = fault.code().as_str(),
                error = %Chain(&fault),
                "The message is kept: the fault is ours."
            );
        }
        false
    }
}
