//! The HTTP side of the Directory.

use std::sync::Arc;
use std::time::Duration;

use axum::body::{Body, to_bytes};
use axum::extract::rejection::FormRejection;
use axum::extract::{DefaultBodyLimit, Form, Path, State};
use axum::middleware::{Next, from_fn_with_state};
use axum::response::{IntoResponse, Response};
use axum::routing::{any, get, post};
use axum::{Json, Router};
use hyper::header::{AUTHORIZATION, CACHE_CONTROL, HeaderMap, HeaderName, HeaderValue, WWW_AUTHENTICATE};
use hyper::{Request, StatusCode};
use jiff::SignedDuration;
use serde::Deserialize;
use serde_json::{Value, json};
use tokio::time::sleep;

use super::answer::Deed;
use super::records::Organisation;
use super::reply::{document, problem, spoilt};
use super::service::Service;
use super::{control, state};
use crate::receiver::Header;

/// The list of participants may be kept for so long (specs-directory).
const PARTICIPANTS_MAX_AGE: Duration = Duration::from_mins(15);
/// How long an access token lives.
const TOKEN_LIFE: Duration = Duration::from_mins(10);
/// A token request has some hundred bytes.
const MAX_REQUEST_BODY: usize = 64 * 1024;
const SCOPE: &str = "directory:software";

/// What the Directory answers, and below `/mock/` what tells it how.
pub(super) fn router(service: Arc<Service>) -> Router {
    Router::new()
        .route("/openbanking.jwks", get(jwks))
        .route("/participants", get(participants))
        .route("/token", post(token))
        .route("/organisations/{organisation}/softwarestatements/{id}", get(software))
        .fallback(unknown)
        .method_not_allowed_fallback(unknown)
        .layer(from_fn_with_state(Arc::clone(&service), as_told))
        .nest("/mock", control::router())
        .route("/mock/", any(control::usage))
        .layer(DefaultBodyLimit::max(MAX_REQUEST_BODY))
        .with_state(service)
}

/// Records each request with what is said to it, and spoils that where it was told to.
async fn as_told(State(service): State<Arc<Service>>, request: Request<Body>, next: Next) -> Response {
    let (head, body) = request.into_parts();
    let Ok(body) = to_bytes(body, MAX_REQUEST_BODY).await else {
        return problem(StatusCode::PAYLOAD_TOO_LARGE, "the body is too long");
    };
    let path = head.uri.path().to_owned();
    let answer = service.state.records().take_answer(&path);
    let usual = next.run(Request::from_parts(head.clone(), Body::from(body.clone()))).await;
    let status = match &answer.deed {
        Deed::Usual | Deed::Half => usual.status(),
        Deed::Body(status, _) => *status,
        Deed::Large(_) | Deed::Endless => StatusCode::OK,
    };
    let header = |(name, value): (&HeaderName, &HeaderValue)| Header {
        name: name.as_str().to_owned(),
        value: String::from_utf8_lossy(value.as_bytes()).into_owned(),
    };
    service.state.record(state::Request {
        received_at: service.clock.now(),
        method: head.method.to_string(),
        path,
        headers: head.headers.iter().map(header).collect(),
        body: String::from_utf8_lossy(&body).into_owned(),
        status: status.as_u16(),
    });
    sleep(answer.delay).await;
    spoilt(usual, answer).await
}

async fn jwks(State(service): State<Arc<Service>>, headers: HeaderMap) -> Response {
    document(&headers, service.signer.jwks().to_string(), service.jwks_max_age)
}

async fn participants(State(service): State<Arc<Service>>, headers: HeaderMap) -> Response {
    let records = service.state.records();
    let list: Vec<Value> = records.organisations.values().map(Organisation::to_json).collect();
    document(&headers, Value::Array(list).to_string(), PARTICIPANTS_MAX_AGE)
}

#[derive(Deserialize)]
struct TokenRequest {
    grant_type: String,
    scope: Option<String>,
}

/// RFC 6749, section 4.4.
async fn token(
    State(service): State<Arc<Service>>,
    form: Result<Form<TokenRequest>, FormRejection>,
) -> Response {
    let answer = |status, body: Value| (status, [(CACHE_CONTROL, "no-store")], Json(body)).into_response();
    let refuse = |error: &str| answer(StatusCode::BAD_REQUEST, json!({ "error": error }));
    let Ok(Form(TokenRequest { grant_type, scope })) = form else { return refuse("invalid_request") };
    match (grant_type.as_str(), scope.as_deref()) {
        ("client_credentials", Some(SCOPE)) => {}
        ("client_credentials", _) => return refuse("invalid_scope"),
        _ => return refuse("unsupported_grant_type"),
    }
    let token = format!("{:016x}{:016x}", service.rng.bits(), service.rng.bits());
    let life = SignedDuration::try_from(TOKEN_LIFE).expect("ten minutes");
    service.state.records().tokens.insert(token.clone(), service.clock.now() + life);
    let body = json!({
        "access_token": token, "token_type": "Bearer", "expires_in": TOKEN_LIFE.as_secs(), "scope": SCOPE,
    });
    answer(StatusCode::OK, body)
}

async fn software(
    State(service): State<Arc<Service>>,
    Path((organisation, id)): Path<(String, String)>,
    headers: HeaderMap,
) -> Response {
    let records = service.state.records();
    let authorization = headers.get(AUTHORIZATION).and_then(|value| value.to_str().ok());
    let token = authorization.and_then(|value| value.strip_prefix("Bearer "));
    let end = token.and_then(|token| records.tokens.get(token));
    if end.is_none_or(|end| *end <= service.clock.now()) {
        let challenge = [(WWW_AUTHENTICATE, "Bearer error=\"invalid_token\"")];
        let refused = problem(StatusCode::UNAUTHORIZED, "no access token, or one that ended");
        return (challenge, refused).into_response();
    }
    if records.reader.as_ref().is_some_and(|reader| *reader != organisation) {
        return problem(StatusCode::FORBIDDEN, "the software is another organisation's");
    }
    match records.software.get(&id).filter(|software| software.organisation_id == organisation) {
        Some(software) => Json(software.to_json()).into_response(),
        None => problem(StatusCode::NOT_FOUND, "the organisation has no such software statement"),
    }
}

async fn unknown() -> Response {
    problem(
        StatusCode::NOT_FOUND,
        "there are GET /openbanking.jwks, GET /participants, POST /token, \
         GET /organisations/{org}/softwarestatements/{id}, and what is under /mock/",
    )
}
