//! Accepts state changes, from requests and from the records of streams: parses them, decides which are notified,
//! and queues those. Also shows notifications from the ledger.

mod get_notification;
mod stream;
mod verdict;
mod wire;

use std::collections::{BTreeMap, BTreeSet};

use convention::FieldError;
use convention::delivery::{AttemptMessage, AttemptNumber, TraceHeader};
use convention::notification::{
    AuthorisationServers, MissingAuthorisationServerId, Plan, ReceiverKey, StateChange, plan,
};
use convention::source::Envelope;
use futures_util::future::join_all;
use jiff::Timestamp;
use lambda_http::request::RequestContext;
use lambda_http::{Request, RequestExt, Response};
use platform::answer::{Problem, json, read_json};
use platform::aws::{Found, LedgerReader, Queues, Receivers, ReceiversError, SendError};
use platform::clock::Clock;
use tokio::time::Instant;

use platform::telemetry::{ErrorChain, Metrics, UsageMeter};

pub use stream::{BatchItemFailure, BatchResponse, StreamError};
use verdict::{ChangeResult, Verdict};

/// The function behind `POST /v1/state-changes` and `GET /v1/notifications/{notificationId}`, and behind the streams
/// that are sources of state changes.
pub struct Intake {
    /// The receivers.
    pub receivers: Receivers,
    /// The ledger.
    pub ledger: LedgerReader,
    /// The queue of notifications.
    pub queues: Queues,
    /// Our authorisation servers.
    pub servers: AuthorisationServers,
    /// Where a record of a stream holds its state change.
    pub envelope: Envelope,
    /// Where metrics are written.
    pub metrics: Metrics,
    /// The clock.
    pub clock: Clock,
    /// Counts billable usage of the clients.
    pub meter: UsageMeter,
}

impl Intake {
    /// Answers one request, or takes in the records of a source.
    ///
    /// Fails only for records, which are then repeated; errors of requests become answers.
    pub async fn serve(&self, request: Request) -> Result<Response<String>, StreamError> {
        if !matches!(request.request_context_ref(), Some(RequestContext::PassThrough)) {
            return Ok(Box::pin(self.handle(request)).await);
        }
        let began = Instant::now();
        let batch = stream::Batch::of(request.body())?;
        let taken = Box::pin(self.take_in(&batch, trace(&request).as_ref())).await;
        self.meter.invoked(began.elapsed());
        taken.map(|response| json(200, &response))
    }

    /// Answers one request. Never fails: errors become answers.
    pub async fn handle(&self, request: Request) -> Response<String> {
        let began = Instant::now();
        let (answer, judged) = self.answer(request).await;
        self.meter.invoked(began.elapsed());
        // Usage is logged with judged changes; that of other requests waits for them.
        if let Some(judged) = judged {
            verdict::log(None, &judged.iter().collect::<Vec<_>>(), &self.meter.take());
        }
        answer
    }

    async fn answer(&self, request: Request) -> (Response<String>, Option<Vec<ChangeResult>>) {
        if let Some(asked) = get_notification::asked(&request) {
            let answer = match request.method().as_str() {
                "GET" => get_notification::show(&self.ledger, &asked).await.unwrap_or_else(Into::into),
                _ => Problem::method_not_allowed().into(),
            };
            return (answer, None);
        }
        let content_type = request.headers().get("content-type").and_then(|value| value.to_str().ok());
        let document = match read_json(content_type, request.body()) {
            Ok(document) => document,
            Err(problem) => return (problem.into(), None),
        };
        match wire::changes(&document) {
            Ok(changes) => {
                let now = self.clock.now();
                let parse = |change: wire::Change<'_>| Parsed {
                    change: StateChange::posted(change.value, &change.pointer, now),
                    pointer: change.pointer,
                };
                let parsed = changes.into_iter().map(parse).collect();
                let judged = self.judge_all(parsed, trace(&request).as_ref(), now).await;
                (wire::answer(&judged), Some(judged))
            }
            Err(problem) => (problem.into(), None),
        }
    }

    /// Decides on every change, queues those to be notified, and returns the result of each.
    ///
    /// The trace is that of the request; it leads to everything that follows.
    async fn judge_all(
        &self,
        parsed: Vec<Parsed>,
        trace: Option<&TraceHeader>,
        now: Timestamp,
    ) -> Vec<ChangeResult> {
        let changes = || parsed.iter().filter_map(|parsed| parsed.change.as_ref().ok());
        let mut receivers = self.receivers_of(changes()).await;
        self.read_again(changes(), &mut receivers).await;
        let mut messages: Vec<AttemptMessage> = Vec::new();
        let mut verdicts = Vec::with_capacity(parsed.len());
        for Parsed { change, pointer } in parsed {
            verdicts.push(match change {
                Ok(change) => self.judge(change, &pointer, &receivers, &mut messages, now),
                Err(errors) => Verdict::Invalid(errors),
            });
        }
        for message in &mut messages {
            message.trace = trace.cloned();
        }
        let sent = self.queues.send_all(&messages).await;
        report(&sent);
        let taken: Vec<_> = sent.iter().map(Result::is_ok).collect();
        verdicts
            .into_iter()
            .enumerate()
            .map(|(index, verdict)| ChangeResult::new(index, verdict, &messages, &taken))
            .collect()
    }

    /// Looks every client up once, all concurrently; a client is missing if its receiver could not be read.
    async fn receivers_of(&self, changes: impl Iterator<Item = &StateChange>) -> Known {
        // Sorted, so that the same request makes the same calls in the same order.
        let receivers: BTreeSet<_> =
            changes.filter_map(|change| Some(self.receiver_of(change).ok()?.1)).collect();
        let found = join_all(receivers.into_iter().map(async |key| {
            let found = self.receivers.find_for(&key, AttemptNumber::FIRST).await;
            readable(&key, found).map(|found| (key, found)).ok()
        }));
        found.await.into_iter().flatten().collect()
    }

    /// Reads receivers again whose cached copies would drop a change: that decision is final, and a copy may be
    /// behind.
    async fn read_again(&self, changes: impl Iterator<Item = &StateChange>, known: &mut Known) {
        let ends = |change: &StateChange| {
            let (_, key) = self.receiver_of(change).ok()?;
            match known.get(&key) {
                Some(Some(Found { receiver, is_fresh: false })) => {
                    let planned = plan(change, Some(receiver), &self.servers);
                    matches!(planned, Plan::NotNotifiable(rule) if rule.depends_on_receiver()).then_some(key)
                }
                _ => None,
            }
        };
        let receivers: BTreeSet<_> = changes.filter_map(ends).collect();
        let found = join_all(receivers.into_iter().map(async |key| {
            let found = readable(&key, self.receivers.find_fresh(&key).await);
            (key, found)
        }));
        for (key, found) in found.await {
            match found {
                Ok(found) => known.insert(key, found),
                Err(_) => known.remove(&key),
            };
        }
    }

    /// Returns the authorisation server of a change's brand, unless it is the default one's, and the receiver; fails
    /// if this stack has no such brand.
    fn receiver_of(
        &self,
        change: &StateChange,
    ) -> Result<(Option<String>, ReceiverKey), MissingAuthorisationServerId> {
        let server = self.servers.server_of(change.brand.as_deref())?;
        let key = ReceiverKey::new(server.as_deref(), &change.client_id);
        Ok((server, key))
    }

    fn judge(
        &self,
        change: StateChange,
        pointer: &str,
        receivers: &Known,
        messages: &mut Vec<AttemptMessage>,
        now: Timestamp,
    ) -> Verdict {
        let Ok((server, key)) = self.receiver_of(&change) else {
            return Verdict::Invalid(vec![FieldError::unknown_brand(pointer)]);
        };
        let Some(receiver) = receivers.get(&key) else { return Verdict::Unavailable };
        match plan(&change, receiver.as_ref().map(|found| &*found.receiver), &self.servers) {
            Plan::NotNotifiable(rule) => Verdict::NotNotifiable(rule),
            Plan::NoReceiver => Verdict::NoReceiver,
            // Accepted nevertheless: dispatch requeues it, without consuming an attempt, until our configuration is
            // fixed.
            Plan::Notify(_) | Plan::Misconfigured(_) => {
                let Some(message) = AttemptMessage::first_of(server, change, now) else {
                    return Verdict::NoReceiver;
                };
                let same = |other: &AttemptMessage| other.notification == message.notification;
                if let Some(of) = messages.iter().position(same) {
                    return Verdict::Duplicate { of };
                }
                messages.push(message);
                Verdict::Queued { at: messages.len() - 1 }
            }
        }
    }
}

/// A change as it was read, and its place in the request.
#[derive(Debug)]
struct Parsed {
    change: Result<StateChange, Vec<FieldError>>,
    pointer: String,
}

/// The look-up result of each client; one whose receiver could not be read is missing.
type Known = BTreeMap<ReceiverKey, Option<Found>>;

fn readable(
    key: &ReceiverKey,
    found: Result<Option<Found>, ReceiversError>,
) -> Result<Option<Found>, ReceiversError> {
    if let Err(error) = &found {
        tracing::error!(receiver = %key, error = %ErrorChain(error), "A receiver could not be read.");
    }
    found
}

/// Logs why messages were not queued. A message that SQS never accepts is a defect of ours, which sending it again
/// does not fix.
fn report(sent: &[Result<(), SendError>]) {
    let errors = || sent.iter().filter_map(|sent| sent.as_ref().err());
    if let Some(error) = errors().find(|error| matches!(error, SendError::Rejected { .. })) {
        tracing::error!(
            code = "message_rejected",
            error = %ErrorChain(error),
            "The queue rejects notifications because of a defect of ours; sending them again does not help."
        );
    }
    if let Some(error) = errors().find(|error| !matches!(error, SendError::Rejected { .. })) {
        tracing::error!(error = %ErrorChain(error), "Some notifications could not be queued; the caller was told so.");
    }
}

/// Returns the trace of the invocation, which Lambda starts: an HTTP API starts none.
fn trace(request: &Request) -> Option<TraceHeader> {
    request.lambda_context_ref()?.xray_trace_id.as_deref()?.parse().ok()
}
