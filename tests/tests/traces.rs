//! Spans from what the functions write to the ledger, sent to a collector on this machine; and what a receiver gets of it: nothing.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

use std::collections::{BTreeMap, BTreeSet};
use std::fs::read_to_string;
use std::io::Write as _;
use std::process::{Command, Stdio};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use aws_smithy_runtime_api::client::http::{HttpConnector, HttpConnectorFuture, SharedHttpConnector};
use aws_smithy_runtime_api::client::orchestrator::HttpRequest;
use aws_smithy_runtime_api::client::result::ConnectorError;
use convention::notification::NotificationId;
use jiff::{SignedDuration, Timestamp};
use opentelemetry_proto::tonic::collector::trace::v1::{
    ExportTracePartialSuccess, ExportTraceServiceRequest, ExportTraceServiceResponse,
};
use opentelemetry_proto::tonic::trace::v1::Span;
use opentelemetry_proto::tonic::trace::v1::span::SpanKind;
use opentelemetry_proto::tonic::trace::v1::status::StatusCode;
use outcomes::{Outcomes, Scope, Traces, TracesSettings};
use platform::aws::Http;
use platform::rng::Rng;
use prost::Message as _;
use serde_json::{Value, json};
use tests::aws::{Functions, LEDGER, Message, NOTIFICATIONS, PKI, requeued_with};
use tests::collector::{Answer, FakeCollector, attribute};
use tests::contract::file;
use tests::skip;
use tokio::time::Instant;

use super::outcomes::{FakeBus, Refusal, given_up, ledger_of};

const SECRET: &str = "collector";
const STACK: &str = "arauto-dev";

/// Sends the spans of changes in an account.
fn traces_of(functions: &Functions, http: &Http, endpoint: &str, secret: Option<&str>) -> Traces {
    let settings = TracesSettings {
        endpoint: endpoint.to_owned(),
        secret: secret.map(str::to_owned),
        stack: STACK.to_owned(),
    };
    let sdk = functions.aws.sdk_config();
    let clock = functions.test_clock.clock();
    settings.traces((&sdk, http), (clock, Rng::system()), functions.metrics.writer("outcomes")).unwrap()
}

/// The function with a collector of its own, and no bus.
pub(crate) async fn traced(functions: &Functions, secret: Option<&str>) -> (Outcomes, FakeCollector) {
    let collector = FakeCollector::start().await.unwrap();
    let http = Http::system(functions.test_clock.clock());
    let traces = traces_of(functions, &http, &collector.endpoint, secret);
    (Outcomes { bus: None, scope: Scope::Problems, traces: Some(traces) }, collector)
}

/// The spans of changes; the collector takes them at once.
async fn spans_of(changes: &[Value]) -> Vec<Span> {
    let functions = Functions::default();
    let (outcomes, collector) = traced(&functions, None).await;
    hand_over(&outcomes, changes).await;
    assert_eq!(functions.metrics.values("SpansDropped"), [0.0; 0]);
    collector.spans()
}

/// Hands changes over, of which none may come again.
async fn hand_over(outcomes: &Outcomes, changes: &[Value]) {
    let answer = outcomes.handle(json!({ "Records": changes })).await.unwrap();
    assert_eq!(answer, json!({ "batchItemFailures": [] }));
}

/// Changes of the ledger after which a notification is given up, each with an id of its own.
fn changes(sequences: std::ops::Range<usize>) -> Vec<Value> {
    given_up(sequences)["Records"].as_array().unwrap().clone()
}

fn new_image(change: &Value) -> &Value {
    &change["dynamodb"]["NewImage"]
}

/// The attributes of a span that are the same each time.
fn attributes(span: &Span) -> BTreeMap<&str, String> {
    let names = span.attributes.iter().map(|attribute| attribute.key.as_str());
    names.map(|name| (name, attribute(span, name).unwrap())).collect()
}

fn is_error(span: &Span) -> bool {
    span.status.as_ref().is_some_and(|status| status.code == i32::from(StatusCode::Error))
}

fn nanoseconds(millis: &Value) -> u64 {
    millis["N"].as_str().unwrap().parse::<u64>().unwrap() * 1_000_000
}

#[tokio::test]
async fn three_failed_attempts_are_one_trace_with_a_span_for_each_and_one_for_all() {
    let changes = ledger_of("503").await;
    let spans = spans_of(&changes).await;
    let (root, attempts) = spans.split_last().unwrap();
    assert_eq!(attempts.len(), 3);
    let row = new_image(changes.last().unwrap());
    let id = row["notification"]["S"].as_str().unwrap();
    for (at, span) in attempts.iter().enumerate() {
        // The id of the trace is the notification's.
        assert_eq!(hex::encode(&span.trace_id), id);
        assert_eq!((&span.parent_span_id, span.kind), (&root.span_id, i32::from(SpanKind::Client)));
        let record = &row[&format!("attempt_{}", at + 1)]["M"];
        assert_eq!(span.start_time_unix_nano, nanoseconds(&record["started_at"]));
        assert_eq!(span.end_time_unix_nano, nanoseconds(&record["ended_at"]));
        assert_eq!((span.name.as_str(), is_error(span)), ("POST", true));
        let resent = (at > 0).then(|| at.to_string());
        assert_eq!(attribute(span, "http.request.resend_count"), resent);
        assert_eq!(
            attribute(span, "arauto.interaction_id").as_deref(),
            record["interaction_id"]["S"].as_str()
        );
    }
    let of_root = (hex::encode(&root.trace_id), root.parent_span_id.len(), root.kind, root.name.as_str());
    assert_eq!(of_root, (id.to_owned(), 0, SpanKind::Internal.into(), "notify E2"));
    assert_eq!(root.start_time_unix_nano, nanoseconds(&row["accepted_at"]));
    assert_eq!(root.end_time_unix_nano, attempts[2].end_time_unix_nano);
    assert!(is_error(root));
    let ids: BTreeSet<_> = spans.iter().map(|span| &span.span_id).collect();
    assert_eq!(ids.len(), 4);
}

#[tokio::test]
async fn a_span_has_what_the_ledger_records_and_nothing_that_a_receiver_chose() {
    let changes = ledger_of("503").await;
    let spans = spans_of(&changes).await;
    let row = new_image(changes.last().unwrap());
    let record = &row["attempt_2"]["M"];
    let text = |value: &Value| value["S"].as_str().unwrap().to_owned();
    let (host, port) =
        record["base_uri"]["S"].as_str().unwrap().strip_prefix("https://").unwrap().split_once(':').unwrap();
    let port = port.split('/').next().unwrap();
    let (peer, peer_port) = record["peer"]["S"].as_str().unwrap().rsplit_once(':').unwrap();
    let expected: BTreeMap<_, String> = [
        ("arauto.attempt", "2".to_owned()),
        ("arauto.client_id", text(&row["client_id"])),
        ("arauto.deadline_ms", record["deadline_ms"]["N"].as_str().unwrap().to_owned()),
        ("arauto.endpoint", "E2".to_owned()),
        ("arauto.fault", "receiver".to_owned()),
        ("arauto.interaction_id", text(&record["interaction_id"])),
        ("arauto.notification_id", text(&row["notification"])),
        ("arauto.outcome", "server_error".to_owned()),
        ("error.type", "server_error".to_owned()),
        ("http.request.method", "POST".to_owned()),
        ("http.request.resend_count", "1".to_owned()),
        ("http.response.status_code", "503".to_owned()),
        ("network.peer.address", peer.trim_matches(['[', ']']).to_owned()),
        ("network.peer.port", peer_port.to_owned()),
        ("network.protocol.version", "1.1".to_owned()),
        ("server.address", host.to_owned()),
        ("server.port", port.to_owned()),
        ("tls.cipher", "TLS_AES_256_GCM_SHA384".to_owned()),
        ("tls.protocol.version", "1.3".to_owned()),
    ]
    .into();
    let mut found = attributes(&spans[1]);
    assert!(found["tls.cipher"].starts_with("TLS_AES_"), "{found:?}");
    found.insert("tls.cipher", expected["tls.cipher"].clone());
    assert_eq!(found, expected);
    let of_root = attributes(spans.last().unwrap());
    for (name, value) in [
        ("arauto.status", "undelivered"),
        ("arauto.outcome", "server_error"),
        ("arauto.fault", "receiver"),
        ("arauto.resource_id", "p-1"),
        ("arauto.event_instant", row["event_instant"]["S"].as_str().unwrap()),
    ] {
        assert_eq!(of_root[name], value, "{name}");
    }
}

#[tokio::test]
async fn a_path_that_holds_the_id_of_a_person_is_in_no_span() {
    let mut changes = ledger_of("202").await;
    let image = &mut changes.last_mut().unwrap()["dynamodb"]["NewImage"];
    image["attempt_1"]["M"]["base_uri"] = json!({ "S": "https://itp.example/kong3/52998224725" });
    let spans = spans_of(&changes).await;
    assert_eq!(attribute(&spans[0], "server.address").as_deref(), Some("itp.example"));
    assert_eq!(attribute(&spans[0], "server.port").as_deref(), Some("443"));
    assert!(!format!("{spans:?}").contains("52998224725"));
}

#[tokio::test]
async fn a_delivery_is_no_error_and_each_copy_of_a_change_makes_the_same_spans() {
    let changes = ledger_of("503,202").await;
    let spans = spans_of(&changes).await;
    let errors: Vec<_> = spans.iter().map(is_error).collect();
    assert_eq!(errors, [true, false, false]);
    assert_eq!(attribute(&spans[2], "arauto.status").as_deref(), Some("delivered"));
    assert_eq!(attribute(&spans[1], "error.type"), None);
    assert_eq!(spans_of(&[&changes[..], &changes[..]].concat()).await, [&spans[..], &spans[..]].concat());
}

#[tokio::test]
async fn an_attempt_that_a_fault_of_ours_ended_is_an_error_of_ours() {
    let changes = ledger_of("503").await;
    let mut rolled_back = changes[1].clone();
    let image = &mut rolled_back["dynamodb"]["NewImage"];
    image["attempt_1"]["M"]["outcome"] = json!({ "S": "signing_unavailable" });
    image["status"] = json!({ "S": "waiting" });
    let spans = spans_of(&[rolled_back]).await;
    assert_eq!((spans.len(), is_error(&spans[0])), (1, true));
    assert_eq!(attribute(&spans[0], "arauto.fault").as_deref(), Some("ours"));
}

#[tokio::test]
async fn an_attempt_that_was_delivered_after_all_has_a_span_for_each_end() {
    let changes = ledger_of("202").await;
    let mut interrupted = changes[1].clone();
    let image = &mut interrupted["dynamodb"]["NewImage"];
    image["attempt_1"]["M"]["outcome"] = json!({ "S": "interrupted" });
    image["status"] = json!({ "S": "waiting" });
    let mut delivered = changes[1].clone();
    delivered["dynamodb"]["OldImage"] = interrupted["dynamodb"]["NewImage"].clone();
    let spans = spans_of(&[interrupted, delivered]).await;
    let outcomes: Vec<_> = spans.iter().map(|span| attribute(span, "arauto.outcome").unwrap()).collect();
    assert_eq!(outcomes, ["interrupted", "delivered", "delivered"]);
    assert_ne!(spans[0].span_id, spans[1].span_id);
}

#[tokio::test]
async fn what_ends_without_an_attempt_has_a_span_of_its_own() {
    let mut changes = changes(1..3);
    changes[1]["dynamodb"]["NewImage"]["status"] = json!({ "S": "cancelled" });
    changes[1]["dynamodb"]["NewImage"]["reason"] = json!({ "S": "no_receiver" });
    let spans = spans_of(&changes).await;
    let told: Vec<_> = spans.iter().map(|span| (is_error(span), attribute(span, "arauto.fault"))).collect();
    assert_eq!(told, [(true, Some("ours".to_owned())), (false, Some("directory".to_owned()))]);
    for span in &spans {
        assert!(span.start_time_unix_nano <= span.end_time_unix_nano, "{span:?}");
        assert_eq!(attribute(span, "http.request.method"), None);
    }
}

#[tokio::test]
async fn a_replay_is_linked_to_what_it_replays() {
    let mut changes = changes(1..2);
    let replayed: NotificationId = "0123456789abcde0fedcba9876543210".parse().unwrap();
    changes[0]["dynamodb"]["NewImage"]["replay_of"] = json!({ "S": replayed.as_str() });
    let span = spans_of(&changes).await.pop().unwrap();
    assert_eq!(hex::encode(&span.links[0].trace_id), replayed.as_str());
    changes[0]["dynamodb"]["NewImage"]["notification"] = json!({ "S": replayed.as_str() });
    assert_eq!(spans_of(&changes).await[0].span_id, span.links[0].span_id);
}

#[tokio::test]
async fn a_request_names_service_stack_and_the_version_of_the_conventions() {
    let functions = Functions::default();
    let (outcomes, collector) = traced(&functions, None).await;
    hand_over(&outcomes, &changes(1..4)).await;
    let [export] = collector.exports().try_into().unwrap();
    assert_eq!(
        (export.path.as_str(), &export.headers["content-type"]),
        ("/v1/traces", &"application/x-protobuf".parse().unwrap())
    );
    assert!(!export.headers.contains_key("authorization"));
    let request = ExportTraceServiceRequest::decode(export.body).unwrap();
    let resource = &request.resource_spans[0];
    let version = resource.schema_url.strip_prefix("https://opentelemetry.io/schemas/").unwrap();
    let page = read_to_string(file("docs/traces.md").unwrap()).unwrap();
    assert!(
        page.contains(&format!("(https://opentelemetry.io/docs/specs/semconv/http/http-spans/) {version}.")),
        "{version}"
    );
    let told = format!("{:?}", resource.resource);
    for text in ["service.name", "arauto", "service.namespace", STACK, "service.version"] {
        assert!(told.contains(text), "{told}");
    }
    // A batch of which nothing is told sends nothing.
    hand_over(&outcomes, &[]).await;
    assert_eq!(collector.exports().len(), 1);
}

// ---------------------------------------------------------------------------------------------------------------------
// What a collector may answer
// ---------------------------------------------------------------------------------------------------------------------

#[tokio::test]
async fn a_collector_that_cannot_now_is_asked_again() {
    let functions = Functions::default();
    let (outcomes, collector) = traced(&functions, None).await;
    collector.answer([Answer::Status(503, Some(1)), Answer::Status(429, None)]);
    let started = Instant::now();
    hand_over(&outcomes, &changes(1..3)).await;
    assert!(started.elapsed() >= Duration::from_secs(1), "it asked for a second");
    let exports = collector.exports();
    assert_eq!(exports.len(), 3);
    assert!(exports.iter().all(|export| export.body == exports[0].body));
    assert_eq!(functions.metrics.values("SpansDropped"), [0.0; 0]);
}

/// An answer that rejects some spans.
fn partial(rejected_spans: i64, error_message: String) -> Answer {
    let partial = ExportTracePartialSuccess { rejected_spans, error_message };
    Answer::Body(ExportTraceServiceResponse { partial_success: Some(partial) }.encode_to_vec())
}

#[tokio::test]
async fn what_a_collector_refuses_is_counted_and_the_next_batch_is_sent() {
    let functions = Functions::default();
    let (outcomes, collector) = traced(&functions, None).await;
    collector.answer([
        Answer::Status(400, None),
        Answer::Status(302, None),
        partial(2, "too old".to_owned()),
    ]);
    for sequences in [1..4, 4..5, 5..8, 8..9] {
        hand_over(&outcomes, &changes(sequences)).await;
    }
    assert_eq!(collector.exports().len(), 4);
    assert_eq!(functions.metrics.values("SpansDropped"), [3.0, 1.0, 2.0]);
}

#[tokio::test]
async fn any_success_is_one_and_of_a_long_answer_nothing_is_read() {
    let functions = Functions::default();
    let (outcomes, collector) = traced(&functions, None).await;
    collector.answer([Answer::Status(202, None), Answer::Status(204, None), partial(1, "x".repeat(1 << 20))]);
    for sequences in [1..2, 2..3, 3..4, 4..5] {
        hand_over(&outcomes, &changes(sequences)).await;
    }
    assert_eq!(collector.exports().len(), 4);
    assert_eq!(functions.metrics.values("SpansDropped"), [0.0; 0]);
}

#[tokio::test]
async fn a_collector_that_is_away_is_left_alone_for_a_minute() {
    let functions = Functions::default();
    let (outcomes, collector) = traced(&functions, None).await;
    collector.answer([502, 503, 504].map(|status| Answer::Status(status, None)));
    hand_over(&outcomes, &changes(1..3)).await;
    assert_eq!(collector.exports().len(), 3);
    functions.test_clock.advance(SignedDuration::from_secs(59));
    hand_over(&outcomes, &changes(3..4)).await;
    assert_eq!(collector.exports().len(), 3);
    assert_eq!(functions.metrics.values("SpansDropped"), [2.0, 1.0]);
    functions.test_clock.advance(SignedDuration::from_secs(1));
    hand_over(&outcomes, &changes(4..5)).await;
    assert_eq!(collector.exports().len(), 4);
}

#[tokio::test]
async fn a_collector_that_asks_for_minutes_is_not_waited_for() {
    let functions = Functions::default();
    let (outcomes, collector) = traced(&functions, None).await;
    collector.answer([Answer::Status(503, Some(120))]);
    let started = Instant::now();
    hand_over(&outcomes, &changes(1..2)).await;
    assert!(started.elapsed() < Duration::from_secs(5));
    for (seconds, expected) in [(119, 1), (1, 2)] {
        functions.test_clock.advance(SignedDuration::from_secs(seconds));
        hand_over(&outcomes, &changes(2..3)).await;
        assert_eq!(collector.exports().len(), expected);
    }
}

/// The address and the headers of a request.
type Request = (String, BTreeMap<String, String>);

/// A network in which nothing ever answers, or every request is noted and refused.
#[derive(Clone, Debug)]
enum Nowhere {
    Silent,
    Noted(Arc<Mutex<Vec<Request>>>),
}

impl HttpConnector for Nowhere {
    fn call(&self, request: HttpRequest) -> HttpConnectorFuture {
        let Self::Noted(noted) = self else {
            return HttpConnectorFuture::new(std::future::pending());
        };
        let headers = request.headers().iter().map(|(name, value)| (name.to_owned(), value.to_owned()));
        noted.lock().unwrap().push((request.uri().to_owned(), headers.collect()));
        HttpConnectorFuture::ready(Err(ConnectorError::io("nowhere".into())))
    }
}

#[tokio::test]
async fn a_collector_that_hangs_holds_events_up_for_ten_seconds_a_minute_and_loses_none() {
    let functions = Functions::default();
    let http = Http::over(SharedHttpConnector::new(Nowhere::Silent));
    let traces = traces_of(&functions, &http, "https://collector.example/v1/traces", None);
    let bus = FakeBus::default();
    let outcomes = Outcomes { bus: Some(bus.bus()), scope: Scope::Problems, traces: Some(traces) };
    tokio::time::pause();
    let started = Instant::now();
    hand_over(&outcomes, &changes(1..4)).await;
    assert!(started.elapsed() < Duration::from_secs(11), "{:?}", started.elapsed());
    hand_over(&outcomes, &changes(4..6)).await;
    assert!(started.elapsed() < Duration::from_secs(11), "{:?}", started.elapsed());
    assert_eq!(bus.types().len(), 5);
    assert_eq!(functions.metrics.values("SpansDropped"), [3.0, 2.0]);
}

#[tokio::test]
async fn the_spans_of_changes_that_come_again_are_sent_then() {
    let functions = Functions::default();
    let (outcomes, collector) = traced(&functions, None).await;
    let bus = FakeBus::default();
    let outcomes = Outcomes { bus: Some(bus.bus()), ..outcomes };
    // The second ten events are not taken, nor are they told now.
    bus.refuse([Refusal::Entries(vec![]), Refusal::Call]);
    let answer = outcomes.handle(given_up(1..16)).await.unwrap();
    assert_eq!(answer, json!({ "batchItemFailures": [{ "itemIdentifier": "11" }] }));
    assert_eq!(collector.spans().len(), 10);
    hand_over(&outcomes, &changes(11..16)).await;
    assert_eq!(collector.spans().len(), 15);
    assert_eq!(bus.types().len(), 15);
}

#[tokio::test]
async fn a_notification_whose_id_is_none_of_ours_has_events_and_no_trace() {
    let functions = Functions::default();
    let (outcomes, collector) = traced(&functions, None).await;
    let mut changes = changes(0..1);
    hand_over(&outcomes, &changes).await;
    changes[0]["dynamodb"]["NewImage"]["notification"] = json!({ "S": "other" });
    hand_over(&outcomes, &changes).await;
    assert_eq!(collector.exports().len(), 0);
}

// ---------------------------------------------------------------------------------------------------------------------
// Authentication
// ---------------------------------------------------------------------------------------------------------------------

#[tokio::test]
async fn the_headers_of_the_secret_are_sent_and_read_again_when_they_are_refused() {
    let functions = Functions::default();
    functions.aws.put_secret(SECRET, "api-key=first");
    let (outcomes, collector) = traced(&functions, Some(SECRET)).await;
    hand_over(&outcomes, &changes(1..2)).await;
    functions.aws.put_secret(SECRET, "api-key=second,x-scope=bank%201");
    collector.answer([Answer::Status(401, None)]);
    for sequence in [2..3, 3..4] {
        hand_over(&outcomes, &changes(sequence)).await;
    }
    let keys: Vec<_> = collector.exports().iter().map(|export| export.headers["api-key"].clone()).collect();
    assert_eq!(keys, ["first", "first", "second"]);
    assert_eq!(collector.exports()[2].headers["x-scope"], "bank 1");
}

#[tokio::test]
async fn a_secret_that_cannot_be_used_or_would_be_seen_sends_nothing() {
    let functions = Functions::default();
    let noted = Arc::new(Mutex::new(Vec::new()));
    let http = Http::over(SharedHttpConnector::new(Nowhere::Noted(Arc::clone(&noted))));
    functions.aws.put_secret(SECRET, "api-key=first");
    let plain = traces_of(&functions, &http, "http://collector.example:4318/v1/traces", Some(SECRET));
    functions.aws.put_secret("other", "no header");
    let format = traces_of(&functions, &http, "https://collector.example/v1/traces", Some("other"));
    for traces in [plain, format] {
        let outcomes = Outcomes { bus: None, scope: Scope::Problems, traces: Some(traces) };
        hand_over(&outcomes, &changes(1..2)).await;
    }
    assert_eq!(functions.metrics.values("SpansDropped"), [1.0, 1.0]);
    assert!(noted.lock().unwrap().is_empty());
}

#[tokio::test]
async fn x_ray_gets_a_signature() {
    let functions = Functions::default();
    let noted = Arc::new(Mutex::new(Vec::new()));
    let http = Http::over(SharedHttpConnector::new(Nowhere::Noted(Arc::clone(&noted))));
    let traces = traces_of(&functions, &http, "xray", None);
    let outcomes = Outcomes { bus: None, scope: Scope::Problems, traces: Some(traces) };
    hand_over(&outcomes, &changes(1..2)).await;
    let noted = noted.lock().unwrap();
    let (uri, headers) = &noted[0];
    assert_eq!(uri, "https://xray.sa-east-1.amazonaws.com/v1/traces");
    let authorization = &headers["authorization"];
    assert!(authorization.starts_with("AWS4-HMAC-SHA256 Credential=AKIDTESTS/"), "{authorization}");
    assert!(authorization.contains("/sa-east-1/xray/aws4_request"), "{authorization}");
    assert!(authorization.contains("content-type;host;x-amz-date"), "{authorization}");
}

#[tokio::test]
async fn spans_too_old_for_x_ray_take_no_others_with_them() {
    let functions = Functions::default();
    let noted = Arc::new(Mutex::new(Vec::new()));
    let http = Http::over(SharedHttpConnector::new(Nowhere::Noted(Arc::clone(&noted))));
    let traces = traces_of(&functions, &http, "xray", None);
    let outcomes = Outcomes { bus: None, scope: Scope::Problems, traces: Some(traces) };
    let changes = changes(1..3);
    let started: Timestamp = new_image(&changes[0])["event_instant"]["S"].as_str().unwrap().parse().unwrap();
    let age = functions.test_clock.now().duration_since(started);
    // A millisecond too old: no request, and what is dropped is counted.
    functions.test_clock.advance(SignedDuration::from_hours(14 * 24) - age + SignedDuration::from_millis(1));
    hand_over(&outcomes, &changes).await;
    assert_eq!((noted.lock().unwrap().len(), functions.metrics.values("SpansDropped")), (0, vec![2.0]));
    // With one of now, that one is sent.
    let mut young = changes.clone();
    let now = functions.test_clock.now();
    young[1]["dynamodb"]["NewImage"]["event_instant"]["S"] = now.to_string().into();
    young[1]["dynamodb"]["ApproximateCreationDateTime"] = json!(now.as_second() + 1);
    hand_over(&outcomes, &young).await;
    assert!(!noted.lock().unwrap().is_empty());
    assert_eq!(functions.metrics.values("SpansDropped"), [2.0, 1.0, 1.0], "nobody answers");
}

// ---------------------------------------------------------------------------------------------------------------------
// Another decoder of OTLP, and what a receiver gets
// ---------------------------------------------------------------------------------------------------------------------

/// The command that installs the messages of OTLP as its authors publish them for Python.
const INSTALL_OTLP: &str =
    "python3 -m venv .arauto/otlp && .arauto/otlp/bin/pip install --require-hashes -r infra/tools/otlp.txt";

#[tokio::test]
async fn the_messages_of_otlp_in_another_language_read_the_same() {
    let test = "the_messages_of_otlp_in_another_language_read_the_same";
    let python = file(".arauto/otlp/bin/python").ok().filter(|python| python.is_file());
    let Some(python) = skip::unless(test, python, INSTALL_OTLP).unwrap() else { return };
    let functions = Functions::default();
    let (outcomes, collector) = traced(&functions, None).await;
    hand_over(&outcomes, &ledger_of("503,202").await).await;
    let mut decode = Command::new(python)
        .arg(file("tests/otlp/decode.py").unwrap())
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    decode.stdin.take().unwrap().write_all(&collector.exports()[0].body).unwrap();
    let decoded = decode.wait_with_output().unwrap();
    assert!(decoded.status.success());
    let read: Value = serde_json::from_slice(&decoded.stdout).unwrap();
    let spans = read["resourceSpans"][0]["scopeSpans"][0]["spans"].as_array().unwrap();
    let told: Vec<_> =
        spans.iter().map(|span| (&span["name"], &span["kind"], &span["status"]["code"])).collect();
    let (client, internal) = (json!("SPAN_KIND_CLIENT"), json!("SPAN_KIND_INTERNAL"));
    let (error, post, notify) = (json!("STATUS_CODE_ERROR"), json!("POST"), json!("notify E2"));
    assert_eq!(
        told,
        [(&post, &client, &error), (&post, &client, &Value::Null), (&notify, &internal, &Value::Null)]
    );
}

#[tokio::test]
async fn a_receiver_gets_no_header_of_any_trace() {
    let functions = Functions::default();
    functions.put_identity(&PKI.sender);
    let mock = functions.receiver("itp-1", "503").await;
    let dispatch = functions.dispatch(&functions.test_clock);
    functions.aws.stream(LEDGER, Timestamp::UNIX_EPOCH);
    let trace = "Root=1-5759e988-bd862e3fe1be46a994272793;Parent=53995c3f42cd8ad8;Sampled=1";
    let attributes = [("AWSTraceHeader", trace.to_owned())];
    let message = functions.payment("itp-1", "p-1");
    assert_eq!(requeued_with(&dispatch, &[message.to_json()], &attributes).await, [0; 0]);
    for seconds in [10, 60] {
        functions.test_clock.advance(SignedDuration::from_secs(seconds));
        for Message { body, .. } in functions.aws.take_messages(NOTIFICATIONS) {
            assert_eq!(requeued_with(&dispatch, &[body], &attributes).await, [0; 0]);
        }
    }
    let spans = spans_of(&functions.aws.stream(LEDGER, functions.test_clock.now())).await;
    let received = mock.received();
    assert_eq!((received.len(), spans.len()), (3, 4));
    // Neither the headers that carry a trace (W3C "Trace Context" and "Baggage", X-Ray, B3, Jaeger, Datadog), nor its ids.
    let mut absent =
        vec!["1-5759e988".to_owned(), "53995c3f42cd8ad8".to_owned(), message.notification.to_string()];
    absent.extend(spans.iter().map(|span| hex::encode(&span.span_id)));
    absent.extend(
        ["traceparent", "tracestate", "baggage", "x-amzn-trace-id", "x-b3-", "uber-trace-id", "x-datadog-"]
            .map(str::to_owned),
    );
    for request in received {
        let told = format!("{request:?}").to_lowercase();
        for text in &absent {
            assert!(!told.contains(text), "{text} in {told}");
        }
    }
}
