//! What the Directory answers, and how it is spoilt before it is sent.

use std::convert::Infallible;
use std::time::Duration;

use aws_lc_rs::digest;
use axum::Json;
use axum::body::{Body, to_bytes};
use axum::response::{IntoResponse, Response};
use bytes::Bytes;
use futures_util::{StreamExt as _, stream};
use hyper::StatusCode;
use hyper::header::{
    CACHE_CONTROL, CONTENT_LENGTH, CONTENT_TYPE, ETAG, HeaderMap, HeaderValue, IF_NONE_MATCH,
};
use serde_json::json;
use tokio::time::sleep;

use super::answer::{Answer, Deed};
use super::key::base64url;

/// Between two pieces of an endless answer, so that it costs little; and before half an answer breaks off.
const PAUSE: Duration = Duration::from_millis(10);
/// White space, of which large answers are made.
const PIECE: &[u8] = &[b' '; 64 * 1024];
const JSON: HeaderValue = HeaderValue::from_static("application/json");

pub(super) fn problem(status: StatusCode, detail: &str) -> Response {
    (status, Json(json!({ "status": status.as_u16(), "detail": detail }))).into_response()
}

/// A document that may be kept for a while, or 304 for who has it already.
pub(super) fn document(asked: &HeaderMap, body: String, max_age: Duration) -> Response {
    let hash = base64url(digest::digest(&digest::SHA256, body.as_bytes()));
    let etag = format!("\"{hash}\"");
    let known = asked.get(IF_NONE_MATCH).and_then(|value| value.to_str().ok()).unwrap_or_default();
    let is_known =
        known.split(',').map(|tag| tag.trim().trim_start_matches("W/")).any(|tag| tag == etag || tag == "*");
    let headers = [(ETAG, etag), (CACHE_CONTROL, format!("max-age={}", max_age.as_secs()))];
    if is_known {
        return (StatusCode::NOT_MODIFIED, headers).into_response();
    }
    (headers, [(CONTENT_TYPE, JSON)], body).into_response()
}

/// Does what the answer says instead of the usual.
pub(super) async fn spoilt(usual: Response, answer: Answer) -> Response {
    let mut response = match answer.deed {
        Deed::Usual => usual,
        Deed::Body(status, body) => (status, Body::from(body)).into_response(),
        Deed::Half => half(usual).await,
        Deed::Large(bytes) => ([(CONTENT_TYPE, JSON)], large(bytes)).into_response(),
        Deed::Endless => ([(CONTENT_TYPE, JSON)], endless()).into_response(),
    };
    // In place of the usual ones: `extend` would add a second line.
    for (name, value) in answer.headers {
        response.headers_mut().insert(name, value);
    }
    response
}

/// As a stream: of a plain body hyper knows the length, and holds it against the header.
async fn half(usual: Response) -> Response {
    let (mut head, body) = usual.into_parts();
    let whole = to_bytes(body, usize::MAX).await.unwrap_or_default();
    head.headers.insert(CONTENT_LENGTH, whole.len().into());
    let half = Ok::<_, Infallible>(whole.slice(..whole.len() / 2));
    // The end comes later, so that the half is on its way when hyper finds that the rest is missing.
    let end = stream::once(sleep(PAUSE)).filter_map(async |()| None);
    Response::from_parts(head, Body::from_stream(stream::iter([half]).chain(end)))
}

fn large(bytes: u64) -> Body {
    Body::from_stream(stream::unfold(bytes, |left| async move {
        let length = PIECE.len().min(usize::try_from(left).unwrap_or(usize::MAX));
        let piece = Bytes::from_static(PIECE).slice(..length);
        (length > 0).then(|| (Ok::<_, Infallible>(piece), left - length as u64))
    }))
}

fn endless() -> Body {
    Body::from_stream(stream::repeat(()).then(|()| async {
        sleep(PAUSE).await;
        Ok::<_, Infallible>(Bytes::from_static(PIECE))
    }))
}
