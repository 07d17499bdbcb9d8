//! The HTTP side of the Directory.

use std::convert::Infallible;
use std::sync::Arc;
use std::time::Duration;

use aws_lc_rs::digest;
use bytes::Bytes;
use futures_util::{StreamExt as _, stream};
use http_body_util::combinators::UnsyncBoxBody;
use http_body_util::{BodyExt as _, Full, Limited, StreamBody};
use hyper::body::{Frame, Incoming};
use hyper::header::{
    AUTHORIZATION, CACHE_CONTROL, CONTENT_LENGTH, CONTENT_TYPE, ETAG, HeaderMap, HeaderValue, IF_NONE_MATCH,
    WWW_AUTHENTICATE,
};
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper::{Method, Response, StatusCode};
use hyper_util::rt::TokioIo;
use jiff::SignedDuration;
use percent_encoding::percent_decode_str;
use serde_json::{Value, json};
use tokio::net::{TcpListener, TcpStream};
use tokio::time::sleep;
use webhook::clock::Clock;
use webhook::rng::Rng;

use super::answer::{Answer, Deed};
use super::control;
use super::key::base64url;
use super::signer::Signer;
use super::state::{Request, State};
use crate::accept::accept;
use crate::receiver::Header;

/// The list of participants may be kept for so long (specs-directory).
const PARTICIPANTS_MAX_AGE: Duration = Duration::from_mins(15);
/// How long an access token lives.
const TOKEN_LIFE: Duration = Duration::from_mins(10);
/// A token request has some hundred bytes.
const MAX_REQUEST_BODY: usize = 64 * 1024;
/// Between two pieces of an endless answer, so that it costs little; and before half an answer breaks off.
const PAUSE: Duration = Duration::from_millis(10);
/// White space, of which large answers are made.
const PIECE: &[u8] = &[b' '; 64 * 1024];
const SCOPE: &str = "directory:software";

type ResponseBody = UnsyncBoxBody<Bytes, Infallible>;

/// All that a connection needs to know.
pub(super) struct Service {
    pub(super) signer: Signer,
    pub(super) state: Arc<State>,
    pub(super) jwks_max_age: Duration,
    pub(super) clock: Clock,
    pub(super) rng: Rng,
}

/// An answer before it is sent, or spoilt.
pub(super) struct Reply {
    status: StatusCode,
    headers: HeaderMap,
    body: Bytes,
}

impl Service {
    /// Accepts connections until the task is aborted, and all connections with it.
    pub(super) async fn serve(self: Arc<Self>, listener: TcpListener) {
        accept(listener, |stream, _| Arc::clone(&self).serve_connection(stream)).await;
    }

    async fn serve_connection(self: Arc<Self>, stream: TcpStream) {
        let service = service_fn(move |request| {
            let service = Arc::clone(&self);
            async move { Ok::<_, Infallible>(service.answer(request).await) }
        });
        // How a connection ends is its caller's business: what it asked is kept.
        http1::Builder::new().serve_connection(TokioIo::new(stream), service).await.ok();
    }

    async fn answer(&self, request: hyper::Request<Incoming>) -> Response<ResponseBody> {
        let (head, body) = request.into_parts();
        let body = match Limited::new(body, MAX_REQUEST_BODY).collect().await {
            Ok(body) => String::from_utf8_lossy(&body.to_bytes()).into_owned(),
            Err(_) => return Reply::problem(StatusCode::PAYLOAD_TOO_LARGE, "the body is too long").usual(),
        };
        let path = head.uri.path();
        if let Some(rest) = path.strip_prefix("/mock/") {
            let query = head.uri.query().unwrap_or_default();
            return control::answer(&self.state, &self.signer, &head.method, rest, query, &body).usual();
        }
        let answer = self.state.records().take_answer(path);
        let reply = self.reply(&head.method, path, &head.headers, &body);
        let status = match &answer.deed {
            Deed::Usual | Deed::Half => reply.status,
            Deed::Body(status, _) => *status,
            Deed::Large(_) | Deed::Endless => StatusCode::OK,
        };
        let header = |(name, value): (&hyper::header::HeaderName, &HeaderValue)| Header {
            name: name.as_str().to_owned(),
            value: String::from_utf8_lossy(value.as_bytes()).into_owned(),
        };
        self.state.record(Request {
            received_at: self.clock.now(),
            method: head.method.to_string(),
            path: path.to_owned(),
            headers: head.headers.iter().map(header).collect(),
            body,
            status: status.as_u16(),
        });
        sleep(answer.delay).await;
        reply.spoilt(answer)
    }

    /// What the Directory has to say.
    fn reply(&self, method: &Method, path: &str, headers: &HeaderMap, body: &str) -> Reply {
        let segments: Vec<&str> = path.split('/').skip(1).collect();
        match (method, segments.as_slice()) {
            (&Method::GET, ["openbanking.jwks"]) => {
                Reply::document(headers, self.signer.jwks().to_string(), self.jwks_max_age)
            }
            (&Method::GET, ["participants"]) => {
                let records = self.state.records();
                let list: Vec<Value> =
                    records.organisations.values().map(super::records::Organisation::to_json).collect();
                Reply::document(headers, Value::Array(list).to_string(), PARTICIPANTS_MAX_AGE)
            }
            (&Method::POST, ["token"]) => self.token(headers, body),
            (&Method::GET, ["organisations", organisation, "softwarestatements", id]) => {
                self.software(headers, organisation, id)
            }
            _ => Reply::problem(
                StatusCode::NOT_FOUND,
                "there are GET /openbanking.jwks, GET /participants, POST /token, \
                 GET /organisations/{org}/softwarestatements/{id}, and what is under /mock/",
            ),
        }
    }

    /// RFC 6749, section 4.4.
    fn token(&self, headers: &HeaderMap, body: &str) -> Reply {
        let refuse = |error: &str| Reply::json(StatusCode::BAD_REQUEST, &json!({ "error": error })).unkept();
        let form = headers.get(CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or_default();
        if !form.starts_with("application/x-www-form-urlencoded") {
            return refuse("invalid_request");
        }
        match (field(body, "grant_type").as_deref(), field(body, "scope").as_deref()) {
            (None, _) => return refuse("invalid_request"),
            (Some("client_credentials"), Some(SCOPE)) => {}
            (Some("client_credentials"), _) => return refuse("invalid_scope"),
            (Some(_), _) => return refuse("unsupported_grant_type"),
        }
        let token = format!("{:016x}{:016x}", self.rng.bits(), self.rng.bits());
        let life = SignedDuration::try_from(TOKEN_LIFE).expect("ten minutes");
        self.state.records().tokens.insert(token.clone(), self.clock.now() + life);
        let answer = json!({
            "access_token": token, "token_type": "Bearer", "expires_in": TOKEN_LIFE.as_secs(), "scope": SCOPE,
        });
        Reply::json(StatusCode::OK, &answer).unkept()
    }

    fn software(&self, headers: &HeaderMap, organisation: &str, id: &str) -> Reply {
        let records = self.state.records();
        let authorization = headers.get(AUTHORIZATION).and_then(|value| value.to_str().ok());
        let token = authorization.and_then(|value| value.strip_prefix("Bearer "));
        let end = token.and_then(|token| records.tokens.get(token));
        if end.is_none_or(|end| *end <= self.clock.now()) {
            let mut reply = Reply::problem(StatusCode::UNAUTHORIZED, "no access token, or one that ended");
            reply
                .headers
                .insert(WWW_AUTHENTICATE, HeaderValue::from_static("Bearer error=\"invalid_token\""));
            return reply;
        }
        if records.reader.as_ref().is_some_and(|reader| reader != organisation) {
            return Reply::problem(StatusCode::FORBIDDEN, "the software is another organisation's");
        }
        match records.software.get(id).filter(|software| software.organisation_id == organisation) {
            Some(software) => Reply::json(StatusCode::OK, &software.to_json()),
            None => Reply::problem(StatusCode::NOT_FOUND, "the organisation has no such software statement"),
        }
    }
}

impl Reply {
    pub(super) fn json(status: StatusCode, body: &Value) -> Self {
        Self::new(status, "application/json", body.to_string())
    }

    pub(super) fn text(status: StatusCode, body: impl Into<String>) -> Self {
        Self::new(status, "text/plain; charset=utf-8", body.into())
    }

    fn problem(status: StatusCode, detail: &str) -> Self {
        Self::json(status, &json!({ "status": status.as_u16(), "detail": detail }))
    }

    /// A document that may be kept for a while, or 304 for who has it already.
    fn document(asked: &HeaderMap, body: String, max_age: Duration) -> Self {
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

    fn unkept(mut self) -> Self {
        self.headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
        self
    }

    fn usual(self) -> Response<ResponseBody> {
        self.spoilt(Answer::usual())
    }

    /// Does what the answer says instead.
    fn spoilt(self, answer: Answer) -> Response<ResponseBody> {
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

/// Finds a field of a form or of a query.
pub(super) fn field(form: &str, name: &str) -> Option<String> {
    let pairs = form.split('&').filter_map(|pair| pair.split_once('='));
    let decoded = |text: &str| percent_decode_str(&text.replace('+', " ")).decode_utf8_lossy().into_owned();
    pairs
        .map(|(key, value)| (decoded(key), decoded(value)))
        .find(|(key, _)| key == name)
        .map(|(_, value)| value)
}
