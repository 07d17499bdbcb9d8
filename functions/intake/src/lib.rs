//! Takes state changes in: parses them, decides what is to be notified, and queues it.

mod verdict;
mod wire;

use lambda_http::{Request, Response};
use webhook::answer::read_json;
use webhook::aws::{Queues, Receivers};
use webhook::delivery::AttemptMessage;
use webhook::edge::Clock;
use webhook::notification::{AuthorisationServers, Plan, StateChange, plan};

use webhook::telemetry::Chain;

use verdict::{Judged, Verdict};

/// The function behind `POST /v1/state-changes`.
pub struct Intake {
    /// Whom changes are for.
    pub receivers: Receivers,
    /// Where notifications are queued.
    pub queues: Queues,
    /// Our authorisation servers.
    pub servers: AuthorisationServers,
    /// What time it is.
    pub clock: Clock,
}

impl Intake {
    /// Answers one request. Never fails: what goes wrong is an answer.
    pub async fn handle(&self, request: Request) -> Response<String> {
        let content_type = request.headers().get("content-type").and_then(|value| value.to_str().ok());
        let document = match read_json(content_type, request.body()) {
            Ok(document) => document,
            Err(problem) => return problem.into(),
        };
        match wire::changes(&document) {
            Ok(changes) => wire::answer(&self.judge_all(changes).await),
            Err(problem) => problem.into(),
        }
    }

    /// Decides on every change, queues those to be notified, and says what became of each.
    async fn judge_all(&self, changes: Vec<wire::Change<'_>>) -> Vec<Judged> {
        let now = self.clock.now();
        let mut judged = Vec::with_capacity(changes.len());
        let mut messages: Vec<AttemptMessage> = Vec::new();
        for change in changes {
            let (verdict, message) = match wire::parse(&change, now) {
                Ok(change) => self.judge(change, &messages).await,
                Err(errors) => (Verdict::Invalid(errors), None),
            };
            let queued = message.map(|message| {
                messages.push(message);
                messages.len() - 1
            });
            judged.push((verdict, queued));
        }
        let sent = self.queues.send_all(&messages).await;
        if let Some(error) = sent.iter().find_map(|sent| sent.as_ref().err()) {
            tracing::error!(error = %Chain(error), "Some notifications could not be queued; the caller was told so.");
        }
        let judged = judged.into_iter().enumerate();
        judged
            .map(|(index, (verdict, queued))| {
                match queued.map(|position| (&messages[position], &sent[position])) {
                    Some((message, Ok(()))) => Judged::queued(index, message),
                    Some((_, Err(_))) => Judged::new(index, Verdict::Unavailable),
                    None => Judged::new(index, verdict),
                }
            })
            .collect()
    }

    async fn judge(
        &self,
        change: StateChange,
        earlier: &[AttemptMessage],
    ) -> (Verdict, Option<AttemptMessage>) {
        let receiver = match self.receivers.find(&change.client_id).await {
            Ok(receiver) => receiver,
            Err(error) => {
                tracing::error!(client_id = %change.client_id, error = %Chain(&error), "A receiver could not be read.");
                return (Verdict::Unavailable, None);
            }
        };
        match plan(&change, receiver.as_ref(), &self.servers) {
            Plan::NotNotifiable(rule) => (Verdict::NotNotifiable(rule), None),
            Plan::NoReceiver => (Verdict::NoReceiver, None),
            // Accepted all the same: dispatch keeps it, without spending an attempt, until our configuration is mended.
            Plan::Notify(_) | Plan::Misconfigured(_) => {
                let Some(message) = AttemptMessage::first(change, self.clock.now()) else {
                    return (Verdict::NoReceiver, None);
                };
                let known = earlier.iter().any(|other| other.notification == message.notification);
                if known {
                    (Verdict::Duplicate(message.notification), None)
                } else {
                    (Verdict::Accepted, Some(message))
                }
            }
        }
    }
}
