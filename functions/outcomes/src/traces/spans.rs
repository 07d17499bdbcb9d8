//! The spans of a change of the ledger: one for each attempt that ended, and one for a notification that ended.
//!
//! Source of names and statuses: OpenTelemetry "Semantic conventions for HTTP spans" (stable), "HTTP client".

use std::net::SocketAddr;

use convention::codes::{Code, FailureClass};
use convention::delivery::{AttemptView, NotificationView, Status as Delivery};
use jiff::Timestamp;
use opentelemetry_proto::tonic::trace::v1::span::{Link, SpanKind};
use opentelemetry_proto::tonic::trace::v1::status::StatusCode;
use opentelemetry_proto::tonic::trace::v1::{Span, Status};
use opentelemetry_semantic_conventions::attribute as semantic;

use super::attributes::{self as ours, Attributes};
use super::ids;
use crate::ledger_change::LedgerChange;
use crate::notification::class;

/// Returns the spans of a change of the ledger. The result depends on the change only.
pub(crate) fn spans(change: &LedgerChange) -> Vec<Span> {
    let Some(trace_id) = ids::trace(&change.new.notification_id) else { return vec![] };
    let of_attempts = change.ended_attempts().filter_map(|attempt| of_attempt(change, attempt));
    let spans = of_attempts.chain(of_notification(change));
    spans.map(|span| Span { trace_id: trace_id.clone(), ..span }).collect()
}

/// Returns the span of an attempt, a request of an HTTP client.
fn of_attempt(change: &LedgerChange, attempt: &AttemptView) -> Option<Span> {
    let outcome = attempt.outcome.as_deref()?;
    let failed = (outcome != Code::Delivered.as_str()).then_some(outcome);
    let ended_at = attempt.ended_at.unwrap_or(change.written_at);
    let (tls_version, cipher) = attempt.tls.as_deref().and_then(|tls| tls.split_once(' ')).unzip();
    let (host, port) = server(&attempt.base_uri);
    let peer: Option<SocketAddr> = attempt.address.as_deref().and_then(|address| address.parse().ok());
    let attributes = common(&change.new)
        .text(semantic::HTTP_REQUEST_METHOD, Some("POST"))
        .number(
            semantic::HTTP_REQUEST_RESEND_COUNT,
            attempt.attempt.checked_sub(1).filter(|resent| *resent > 0),
        )
        .number(semantic::HTTP_RESPONSE_STATUS_CODE, attempt.status)
        .text(semantic::ERROR_TYPE, failed)
        .text(semantic::SERVER_ADDRESS, host)
        .number(semantic::SERVER_PORT, port)
        .text(semantic::NETWORK_PEER_ADDRESS, peer.map(|peer| peer.ip().to_string()))
        .number(semantic::NETWORK_PEER_PORT, peer.map(|peer| peer.port()))
        .text(semantic::NETWORK_PROTOCOL_VERSION, Some("1.1"))
        .text(semantic::TLS_PROTOCOL_VERSION, tls_version.map(version_number))
        .text(semantic::TLS_CIPHER, cipher.map(iana_name))
        .number(ours::ATTEMPT, Some(attempt.attempt))
        .text(ours::INTERACTION_ID, Some(attempt.interaction_id.as_str()))
        .text(ours::OUTCOME, Some(outcome))
        .text(ours::FAULT, class(outcome).map(FailureClass::as_str))
        .number(ours::DEADLINE_MS, attempt.deadline_ms.and_then(|deadline| i64::try_from(deadline).ok()));
    Some(Span {
        span_id: ids::of_attempt(&attempt.interaction_id, outcome),
        parent_span_id: ids::of_notification(&change.new.notification_id),
        name: "POST".to_owned(),
        kind: SpanKind::Client.into(),
        start_time_unix_nano: nanoseconds(attempt.started_at),
        end_time_unix_nano: nanoseconds(ended_at.max(attempt.started_at)),
        attributes: attributes.into(),
        status: failed.map(|_| error()),
        ..Span::default()
    })
}

/// Returns the span of a notification that ended: from its acceptance to its last attempt, or to the decision that ended it.
fn of_notification(change: &LedgerChange) -> Option<Span> {
    let new = &change.new;
    let status: Delivery = new.status.parse().ok().filter(|status| is_end(*status))?;
    if change.old_status() == Some(status.as_str()) {
        return None;
    }
    let last = new.attempts.last();
    let code = new.reason.as_deref().or_else(|| last?.outcome.as_deref());
    // What ended by a decision has its reason, and the instant of the attempt before is not its end.
    let ended_at = last.and_then(|last| last.ended_at).filter(|_| new.reason.is_none());
    let ended_at = ended_at.unwrap_or(change.written_at);
    let started_at = new.accepted_at.or_else(|| new.event_instant.parse().ok()).unwrap_or(ended_at);
    let failed = code.filter(|_| status == Delivery::Undelivered);
    let attributes = common(new)
        .text(ours::STATUS, Some(status.as_str()))
        .text(ours::RESOURCE_ID, Some(new.resource_id.as_str()))
        .text(ours::EVENT_INSTANT, Some(new.event_instant.as_str()))
        .text(ours::REPLAY_OF, new.replay_of.as_deref())
        .text(ours::OUTCOME, code)
        .text(ours::FAULT, code.and_then(class).map(FailureClass::as_str))
        .text(semantic::ERROR_TYPE, failed);
    Some(Span {
        span_id: ids::of_notification(&new.notification_id),
        name: format!("notify {}", new.endpoint),
        kind: SpanKind::Internal.into(),
        start_time_unix_nano: nanoseconds(started_at.min(ended_at)),
        end_time_unix_nano: nanoseconds(ended_at),
        attributes: attributes.into(),
        links: new.replay_of.as_deref().and_then(link).into_iter().collect(),
        status: failed.map(|_| error()),
        ..Span::default()
    })
}

fn is_end(status: Delivery) -> bool {
    matches!(status, Delivery::Delivered | Delivery::Undelivered | Delivery::Cancelled)
}

/// Returns what every span has.
fn common(of: &NotificationView) -> Attributes {
    Attributes::default()
        .text(ours::NOTIFICATION_ID, Some(of.notification_id.as_str()))
        .text(ours::CLIENT_ID, Some(of.client_id.as_str()))
        .text(ours::AUTHORISATION_SERVER, of.authorisation_server.as_deref())
        .text(ours::ENDPOINT, Some(of.endpoint.as_str()))
}

/// Links a replay to the span of the notification that it replays.
fn link(replayed: &str) -> Option<Link> {
    let trace_id = ids::trace(replayed)?;
    Some(Link { trace_id, span_id: ids::of_notification(replayed), ..Link::default() })
}

fn error() -> Status {
    Status { code: StatusCode::Error.into(), message: String::new() }
}

/// Returns host and port of a base URI.
fn server(base_uri: &str) -> (Option<String>, Option<u16>) {
    let uri: Option<http::Uri> = base_uri.parse().ok();
    let host = uri.as_ref().and_then(http::Uri::host).map(str::to_owned);
    let port = uri.as_ref().and_then(|uri| uri.port_u16().or(Some(443)));
    (host, port)
}

/// Returns the number of a TLS version that the ledger has as `TLSv1_3`.
fn version_number(version: &str) -> String {
    version.trim_start_matches("TLSv").replace('_', ".")
}

/// Returns the registered name of a cipher suite that the ledger may have as `TLS13_AES_128_GCM_SHA256`.
fn iana_name(suite: &str) -> String {
    suite.replacen("TLS13_", "TLS_", 1)
}

fn nanoseconds(at: Timestamp) -> u64 {
    u64::try_from(at.as_nanosecond()).unwrap_or_default()
}
