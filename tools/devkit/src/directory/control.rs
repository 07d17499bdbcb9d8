//! What is under `/mock/`: how scripts and other commands tell a running Directory what to do.

use std::sync::Arc;

use axum::extract::{Path, Query, State};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post, put};
use axum::{Json, Router};
use hyper::StatusCode;
use serde::Deserialize;
use serde_json::json;

use super::answer::{Answer, SYNTAX};
use super::ask::StatementRequest;
use super::service::Service;

const USAGE: &str = "\
POST /mock/statements             signs {\"client\": NAME, \"webhook_uris\": [URI]} and lists its organisation
PUT /mock/organisations/{id}      sets {\"status\": \"Withdrawn\"}
PUT /mock/software/{id}           sets {\"status\": \"Inactive\", \"webhook_uris\": [URI]}, either or both
PUT /mock/answer?path=/token      answers what is at and under the path so from now on
DELETE /mock/answer               answers everything as usual again
POST /mock/key                    makes a key that signs from now on
GET /mock/requests[?path=/token]  what it was asked, oldest first
";

/// The routes, from below `/mock` on. Bodies are JSON or text whatever their type says, so that `curl -d` will do.
pub(super) fn router() -> Router<Arc<Service>> {
    Router::new()
        .route("/statements", post(sign))
        .route("/organisations/{id}", put(change_organisation))
        .route("/software/{id}", put(change_software))
        .route("/answer", put(set_answer).delete(answer_as_usual))
        .route("/key", post(rotate_key))
        .route("/requests", get(requests))
        .fallback(usage)
        .method_not_allowed_fallback(usage)
}

/// What a request is about.
#[derive(Deserialize)]
struct About {
    path: Option<String>,
}

/// What may be changed of a software statement.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Change {
    status: Option<String>,
    webhook_uris: Option<Vec<String>>,
}

/// Why an instruction was not carried out.
type Refusal = (StatusCode, String);

async fn sign(State(service): State<Arc<Service>>, body: String) -> Result<String, Refusal> {
    let asked: StatementRequest = serde_json::from_str(&body).map_err(|error| refuse(&error.to_string()))?;
    let claims = asked.claims();
    service.state.records().enrol(&claims);
    Ok(service.signer.statement(&claims))
}

async fn change_organisation(
    State(service): State<Arc<Service>>,
    Path(id): Path<String>,
    body: String,
) -> Result<StatusCode, Refusal> {
    let change: Change = serde_json::from_str(&body).map_err(|error| refuse(&error.to_string()))?;
    let mut records = service.state.records();
    let organisation = records.organisations.get_mut(&id).ok_or_else(|| unknown("organisations", &id))?;
    if change.webhook_uris.is_some() {
        return Err(refuse("an organisation has no webhook_uris: its software has"));
    }
    organisation.status = change.status.unwrap_or_else(|| organisation.status.clone());
    Ok(StatusCode::NO_CONTENT)
}

async fn change_software(
    State(service): State<Arc<Service>>,
    Path(id): Path<String>,
    body: String,
) -> Result<StatusCode, Refusal> {
    let change: Change = serde_json::from_str(&body).map_err(|error| refuse(&error.to_string()))?;
    let mut records = service.state.records();
    let software = records.software.get_mut(&id).ok_or_else(|| unknown("software", &id))?;
    if let Some(status) = change.status {
        software.status = status;
    }
    if let Some(uris) = change.webhook_uris {
        software.webhook_uris = uris;
    }
    Ok(StatusCode::NO_CONTENT)
}

async fn set_answer(
    State(service): State<Arc<Service>>,
    Query(about): Query<About>,
    body: String,
) -> Result<StatusCode, Refusal> {
    let path = about.path.ok_or_else(|| refuse("say which path, as in ?path=/openbanking.jwks"))?;
    let answer: Answer = body.trim().parse().map_err(|error| refuse(&format!("{error}")))?;
    service.state.records().answer_always(&path, answer);
    Ok(StatusCode::NO_CONTENT)
}

async fn answer_as_usual(State(service): State<Arc<Service>>) -> StatusCode {
    service.state.records().answer_as_usual();
    StatusCode::NO_CONTENT
}

async fn rotate_key(State(service): State<Arc<Service>>) -> Result<Response, Refusal> {
    let kid = service.signer.rotate_key();
    let kid = kid.map_err(|error| (StatusCode::INTERNAL_SERVER_ERROR, format!("{error:#}\n")))?;
    Ok(Json(json!({ "kid": kid })).into_response())
}

async fn requests(State(service): State<Arc<Service>>, Query(about): Query<About>) -> Response {
    let path = about.path.unwrap_or_else(|| "/".to_owned());
    Json(service.state.records().requests(&path)).into_response()
}

pub(super) async fn usage() -> Refusal {
    (StatusCode::NOT_FOUND, format!("{USAGE}\nAn answer is one of\n{SYNTAX}\n"))
}

fn refuse(why: &str) -> Refusal {
    (StatusCode::BAD_REQUEST, format!("{why}\n\n{USAGE}"))
}

fn unknown(kind: &str, id: &str) -> Refusal {
    (StatusCode::NOT_FOUND, format!("no {kind} has the id {id}: ask for a statement first\n"))
}
