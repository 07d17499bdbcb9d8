//! Sends spans within a bound, and counts what no collector took.

use std::fmt;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceRequest;
use opentelemetry_proto::tonic::common::v1::InstrumentationScope;
use opentelemetry_proto::tonic::resource::v1::Resource;
use opentelemetry_proto::tonic::trace::v1::{ResourceSpans, ScopeSpans, Span};
use opentelemetry_semantic_conventions::SCHEMA_URL;
use opentelemetry_semantic_conventions::attribute as semantic;
use platform::clock::Clock;
use platform::rng::Rng;
use platform::telemetry::{ErrorChain, Metrics, Unit};
use prost::Message as _;
use tokio::time::{Instant, sleep, timeout_at};

use super::attributes::Attributes;
use super::collector::Collector;
use super::refusal::Refusal;

/// Spans that no collector took.
const SPANS_DROPPED: &str = "SpansDropped";
/// Maximum number of tries of a request.
const TRIES: u32 = 3;
/// Doubled after each try; up to half of it is left out at random.
const FIRST_PAUSE: Duration = Duration::from_millis(500);
/// The time for all requests of a batch: what a collector that hangs costs events.
const BUDGET: Duration = Duration::from_secs(10);
/// After a batch that was not taken, spans are dropped for this long without a request, so that events do not wait.
const PAUSE: SignedDuration = SignedDuration::from_mins(1);
/// The longest pause that a collector may ask for.
const MAX_PAUSE: SignedDuration = SignedDuration::from_mins(5);

/// Sends spans.
pub struct Traces {
    pub(super) collector: Collector,
    /// The name of the stack.
    pub(super) stack: String,
    pub(super) clock: Clock,
    pub(super) rng: Rng,
    pub(super) metrics: Metrics,
    /// Spans are dropped until then.
    pub(super) paused_until: Mutex<Option<Timestamp>>,
}

impl Traces {
    /// Sends spans; those that the collector does not take are counted and dropped.
    pub(crate) async fn send(&self, spans: Vec<Span>) {
        if spans.is_empty() {
            return;
        }
        let until = Instant::now() + BUDGET;
        for spans in self.requests(spans) {
            self.send_one(spans, until).await;
        }
    }

    async fn send_one(&self, spans: Vec<Span>, until: Instant) {
        let count = spans.len();
        if self.is_paused() {
            return self.drop_spans(count);
        }
        let body = self.request(spans).encode_to_vec();
        let sent = timeout_at(until, self.send_again(&body)).await.unwrap_or(Err(Refusal::Late));
        match sent {
            Ok(0) => {}
            Ok(rejected) => {
                tracing::error!(
                    code = "spans_rejected",
                    rejected,
                    "The collector rejected spans; they are dropped."
                );
                self.drop_spans(usize::try_from(rejected).unwrap_or(count).min(count));
            }
            Err(refusal) => {
                tracing::error!(
                    code = "spans_not_taken",
                    error = %ErrorChain(&refusal),
                    spans = count,
                    "The collector did not take spans; they are dropped."
                );
                self.pause(&refusal);
                self.drop_spans(count);
            }
        }
    }

    /// Divides spans into requests, and drops those that the collector would refuse the others for.
    fn requests(&self, spans: Vec<Span>) -> Vec<Vec<Span>> {
        let Some(limits) = self.collector.authentication.limits() else { return vec![spans] };
        let (requests, old) = limits.requests(spans, self.clock.now());
        if old > 0 {
            tracing::warn!(
                code = "spans_too_old",
                spans = old,
                "The collector takes no spans so old; they are dropped."
            );
            self.drop_spans(old);
        }
        requests
    }

    /// Sends a request until it is taken, three times at most.
    async fn send_again(&self, body: &[u8]) -> Result<u64, Refusal> {
        let mut pause = FIRST_PAUSE;
        for _ in 1..TRIES {
            match self.collector.send(body, self.clock.now()).await {
                Err(refusal) if refusal.is_transient() => {
                    let asked = refusal.retry_after().unwrap_or_default();
                    if asked > BUDGET {
                        return Err(refusal);
                    }
                    sleep(asked.max(self.rng.jittered(pause))).await;
                    pause *= 2;
                }
                sent => return sent,
            }
        }
        self.collector.send(body, self.clock.now()).await
    }

    /// Returns the request that sends these spans.
    fn request(&self, spans: Vec<Span>) -> ExportTraceServiceRequest {
        let attributes = Attributes::default()
            .text(semantic::SERVICE_NAME, Some("arauto"))
            .text(semantic::SERVICE_NAMESPACE, Some(self.stack.as_str()))
            .text(semantic::SERVICE_VERSION, Some(env!("CARGO_PKG_VERSION")));
        let scope = InstrumentationScope { name: "arauto".to_owned(), ..InstrumentationScope::default() };
        let scope_spans = ScopeSpans { scope: Some(scope), spans, schema_url: SCHEMA_URL.to_owned() };
        let resource = Resource { attributes: attributes.into(), ..Resource::default() };
        let resource_spans = ResourceSpans {
            resource: Some(resource),
            scope_spans: vec![scope_spans],
            schema_url: SCHEMA_URL.to_owned(),
        };
        ExportTraceServiceRequest { resource_spans: vec![resource_spans] }
    }

    fn is_paused(&self) -> bool {
        let until = *self.paused_until.lock().unwrap_or_else(PoisonError::into_inner);
        until.is_some_and(|until| self.clock.now() < until)
    }

    /// Pauses after a refusal that another batch would get too.
    fn pause(&self, refusal: &Refusal) {
        if !refusal.is_transient() {
            return;
        }
        let asked = refusal.retry_after().and_then(|asked| SignedDuration::try_from(asked).ok());
        let pause = asked.unwrap_or_default().clamp(PAUSE, MAX_PAUSE);
        let until = self.clock.now().saturating_add(pause).unwrap_or(Timestamp::MAX);
        *self.paused_until.lock().unwrap_or_else(PoisonError::into_inner) = Some(until);
    }

    fn drop_spans(&self, count: usize) {
        #[expect(clippy::cast_precision_loss, reason = "spans of a batch are few")]
        let count = count as f64;
        self.metrics.record(self.clock.now(), (SPANS_DROPPED, count, Unit::Count), &[]);
    }
}

impl fmt::Debug for Traces {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Traces").field("collector", &self.collector).finish_non_exhaustive()
    }
}
