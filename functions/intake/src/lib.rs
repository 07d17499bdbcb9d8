//! Accepts state changes, from requests and from the records of streams: parses them, decides which are notified,
//! and queues those. Also shows notifications from the ledger.

mod get_notification;
mod judge;
mod list_notifications;
mod stream;
mod timers;
mod verdict;
mod wire;

use convention::delivery::TraceHeader;
use convention::notification::StateChange;
use lambda_http::request::RequestContext;
use lambda_http::{Request, RequestExt, Response};
use platform::answer::{Problem, json, read_json};
use tokio::time::Instant;

use judge::Parsed;
use verdict::ChangeResult;

pub use judge::Intake;
pub use list_notifications::{LEDGER_BUDGET, LOG_BUDGET, LOG_RETENTION_DAYS};
pub use stream::{BatchItemFailure, BatchResponse, StreamError};
pub use timers::{DELETE_TIMEOUT, ParseTimerSettingsError, TimerError, TimerSettings, Timers};

impl Intake {
    /// Answers one request, or takes in the records of a source.
    ///
    /// Fails only for records, which are then repeated; errors of requests become answers.
    pub async fn serve(&self, request: Request) -> Result<Response<String>, StreamError> {
        if !matches!(request.request_context_ref(), Some(RequestContext::PassThrough)) {
            return Ok(Box::pin(self.handle(request)).await);
        }
        let batch = stream::Batch::of(request.body())?;
        let response = Box::pin(self.take_in(&batch, trace(&request).as_ref())).await?;
        Ok(json(200, &response))
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
        if list_notifications::is_asked(&request) {
            let answer = match request.method().as_str() {
                "GET" => Box::pin(self.list_notifications(&request)).await.unwrap_or_else(Into::into),
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
                    change: StateChange::posted_in(self.ecosystem, change.value, &change.pointer, now)
                        .and_then(|posted| self.refuse_expiry_without_timers(posted, &change.pointer)),
                    pointer: change.pointer,
                };
                let parsed = changes.into_iter().map(parse).collect();
                let judged = self.judge_all(parsed, trace(&request).as_ref(), now).await;
                (wire::answer(&judged), Some(judged))
            }
            Err(problem) => (problem.into(), None),
        }
    }
}

/// Returns the trace of the invocation, which Lambda starts: an HTTP API starts none.
fn trace(request: &Request) -> Option<TraceHeader> {
    request.lambda_context_ref()?.xray_trace_id.as_deref()?.parse().ok()
}
