//! Receivers, a bank and a Directory, played in this process on the stand-in for AWS, and what the functions measured.

use std::sync::Arc;

use convention::delivery::AttemptMessage;
use devkit::receiver::MockReceiver;
use dispatch::Dispatch;
use jiff::SignedDuration;
use serde_json::Value;
use tests::aws::{Functions, Message, NOTIFICATIONS, PKI, requeued_with};

pub(crate) const CLIENT: &str = "itp-1";
pub(crate) const SECOND: SignedDuration = SignedDuration::from_secs(1);

/// A receiver that answers as it is told, and dispatch in an environment that stays the same.
pub(crate) struct Play {
    pub(crate) functions: Functions,
    pub(crate) mock: MockReceiver,
    pub(crate) dispatch: Arc<Dispatch>,
}

impl Play {
    /// Starts both; the answers are the receiver's, for example `503,202`.
    pub(crate) async fn new(answers: &str) -> Self {
        let functions = Functions::default();
        functions.put_identity(&PKI.sender);
        let mock = functions.receiver(CLIENT, answers).await;
        let dispatch = functions.dispatch(&functions.test_clock);
        Self { functions, mock, dispatch }
    }

    /// The message of the first attempt at a payment that changes now.
    pub(crate) fn payment(&self, client: &str, id: &str) -> AttemptMessage {
        self.functions.payment(client, id)
    }

    /// Hands dispatch a batch, and returns how many of it are kept.
    pub(crate) async fn dispatch(&self, messages: &[AttemptMessage]) -> usize {
        let bodies: Vec<_> = messages.iter().map(AttemptMessage::to_json).collect();
        requeued_with(&self.dispatch, &bodies, &[]).await.len()
    }

    /// Hands dispatch what it queued itself, when it is due.
    pub(crate) async fn next_attempt(&self, after: SignedDuration) -> Vec<Message> {
        self.functions.test_clock.advance(after);
        let queued = self.functions.aws.take_messages(NOTIFICATIONS);
        for message in &queued {
            let trace = message.trace.iter().map(|trace| ("AWSTraceHeader", trace.clone()));
            let trace: Vec<_> = trace.collect();
            assert_eq!(
                requeued_with(&self.dispatch, std::slice::from_ref(&message.body), &trace).await,
                [0; 0]
            );
        }
        queued
    }

    /// The lines that hold a metric.
    pub(crate) fn lines_with(&self, metric: &str) -> Vec<Value> {
        let lines = self.functions.metrics.lines().into_iter();
        lines.filter(|line| line.get(metric).is_some()).collect()
    }
}
