//! The HTTP side of the Directory.

use std::convert::Infallible;
use std::sync::Arc;
use std::time::Duration;

use http_body_util::{BodyExt as _, Limited};
use hyper::body::Incoming;
use hyper::header::{AUTHORIZATION, CONTENT_TYPE, HeaderMap, HeaderValue, WWW_AUTHENTICATE};
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper::{Method, Response, StatusCode};
use hyper_util::rt::TokioIo;
use jiff::SignedDuration;
use platform::clock::Clock;
use platform::rng::Rng;
use serde_json::{Value, json};
use tokio::net::{TcpListener, TcpStream};
use tokio::time::sleep;

use super::answer::Deed;
use super::control;
use super::form::field;
use super::records::Organisation;
use super::reply::{Reply, ResponseBody};
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
const SCOPE: &str = "directory:software";

/// All that a connection needs to know.
pub(super) struct Service {
    pub(super) signer: Signer,
    pub(super) state: Arc<State>,
    pub(super) jwks_max_age: Duration,
    pub(super) clock: Clock,
    pub(super) rng: Rng,
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
                let list: Vec<Value> = records.organisations.values().map(Organisation::to_json).collect();
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
