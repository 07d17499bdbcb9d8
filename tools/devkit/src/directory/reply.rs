//! What the Directory answers, and how it is spoilt before it is sent.

use std::convert::Infallible;
use std::time::Duration;

use aws_lc_rs::digest;
use bytes::Bytes;
use futures_util::{StreamExt as _, stream};
use http_body_util::combinators::UnsyncBoxBody;
use http_body_util::{BodyExt as _, Full, StreamBody};
use hyper::body::Frame;
use hyper::header::{
    CACHE_CONTROL, CONTENT_LENGTH, CONTENT_TYPE, ETAG, HeaderMap, HeaderValue, IF_NONE_MATCH,
};
use hyper::{Response, StatusCode};
use serde_json::{Value, json};
use tokio::time::sleep;

use super::answer::{Answer, Deed};
use super::key::base64url;

/// Between two pieces of an endless answer, so that it costs little; and before half an answer breaks off.
const PAUSE: Duration = Duration::from_millis(10);
/// White space, of which large answers are made.
const PIECE: &[u8] = &[b' '; 64 * 1024];
pub(super) type ResponseBody = UnsyncBoxBody<Bytes, Infallible>;

/// An answer before it is sent, or spoilt.
pub(super) struct Reply {
    pub(super) status: StatusCode,
    pub(super) headers: HeaderMap,
    body: Bytes,
}

impl Reply {
    pub(super) fn json(status: StatusCode, body: &Value) -> Self {
        Self::new(status, "application/json", body.to_string())
    }

    pub(super) fn text(status: StatusCode, body: impl Into<String>) -> Self {
        Self::new(status, "text/plain; charset=utf-8", body.into())
    }

    pub(super) fn problem(status: StatusCode, detail: &str) -> Self {
        Self::json(status, &json!({ "status": status.as_u16(), "detail": detail }))
    }

    /// A document that may be kept for a while, or 304 for who has it already.
    pub(super) fn document(asked: &HeaderMap, body: String, max_age: Duration) -> Self {
        let hash = base64url(digest::digest(&digest::SHA256, body.as_bytes()));
        let etag = format!("\"{hash}\"");
        let known = asked.get(IF_NONE_MATCH).and_then(|value| value.to_str().ok()).unwrap_or_default();
        let known = known.split(',').map(|tag| tag.trim().trim_start_matches("W/"));
        let mut reply = if known.into_iter().any(|tag| tag == etag || tag == "*") {
            Self { status: StatusCode::NOT_MODIFIED, headers: HeaderMap::new(), body: Bytes::new() }
        } else {
            Self::new(StatusCode::OK, "application/json", body)
        };
        let max_age = format!("max-age={}", max_age.as_secs());
        for (name, text) in [(ETAG, etag), (CACHE_CONTROL, max_age)] {
            reply.headers.insert(name, text.parse().expect("letters, digits and quotation marks"));
        }
        reply
    }

    fn new(status: StatusCode, content_type: &'static str, body: String) -> Self {
        let headers = HeaderMap::from_iter([(CONTENT_TYPE, HeaderValue::from_static(content_type))]);
        Self { status, headers, body: Bytes::from(body) }
    }

    pub(super) fn unkept(mut self) -> Self {
        self.headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
        self
    }

    pub(super) fn usual(self) -> Response<ResponseBody> {
        self.spoilt(Answer::usual())
    }

    /// Does what the answer says instead.
    pub(super) fn spoilt(self, answer: Answer) -> Response<ResponseBody> {
        let (status, mut headers, body) = match answer.deed {
            Deed::Usual => (self.status, self.headers, Full::new(self.body).boxed_unsync()),
            Deed::Body(status, body) => (status, HeaderMap::new(), Full::new(body).boxed_unsync()),
            Deed::Half => {
                let mut headers = self.headers;
                headers.insert(CONTENT_LENGTH, self.body.len().into());
                (self.status, headers, half(&self.body))
            }
            Deed::Large(bytes) => (StatusCode::OK, json_type(), large(bytes)),
            Deed::Endless => (StatusCode::OK, json_type(), endless()),
        };
        for (name, value) in answer.headers {
            headers.insert(name, value);
        }
        let mut response = Response::new(body);
        *response.status_mut() = status;
        *response.headers_mut() = headers;
        response
    }
}

fn json_type() -> HeaderMap {
    HeaderMap::from_iter([(CONTENT_TYPE, HeaderValue::from_static("application/json"))])
}

/// As a stream: of a plain body hyper knows the length, and holds it against the header.
fn half(whole: &Bytes) -> ResponseBody {
    let half = Ok(Frame::data(whole.slice(..whole.len() / 2)));
    // The end comes later, so that the half is on its way when hyper finds that the rest is missing.
    let end = stream::once(sleep(PAUSE)).filter_map(async |()| None);
    StreamBody::new(stream::iter([half]).chain(end)).boxed_unsync()
}

fn large(bytes: u64) -> ResponseBody {
    let pieces = stream::unfold(bytes, |left| async move {
        let length = PIECE.len().min(usize::try_from(left).unwrap_or(usize::MAX));
        let piece = Bytes::from_static(PIECE).slice(..length);
        (length > 0).then(|| (Ok(Frame::data(piece)), left - length as u64))
    });
    StreamBody::new(pieces).boxed_unsync()
}

fn endless() -> ResponseBody {
    let pieces = stream::repeat(()).then(|()| async {
        sleep(PAUSE).await;
        Ok(Frame::data(Bytes::from_static(PIECE)))
    });
    StreamBody::new(pieces).boxed_unsync()
}
