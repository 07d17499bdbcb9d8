//! What the mock received, on plain HTTP for scripts.

use std::sync::Arc;

use axum::extract::rejection::QueryRejection;
use axum::extract::{DefaultBodyLimit, Query, State};
use axum::routing::{get, put};
use axum::{Json, Router};
use hyper::StatusCode;
use serde::Deserialize;
use serde_json::{Value, json};
use tokio::net::TcpListener;

use super::answer::{AnswerFor, Answers, Sequence};
use super::event::Received;
use super::journal::Journal;
use crate::plain_http;

/// A sequence of answers is a line of text.
const MAX_ANSWERS: usize = 64 * 1024;

const USAGE: &str = "\
GET /received[?path=TEXT]    what was received, oldest first; only paths that contain TEXT
DELETE /received             forgets it
PUT /answer                  answers all paths as the body says, in the syntax of --answer
PUT /answer?path=TEXT        answers only those paths so that contain TEXT
GET /health                  counts
";

/// What a query may say.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Filter {
    path: Option<String>,
}

type Filtered = Result<Query<Filter>, QueryRejection>;
/// Why a request is not carried out.
type Refusal = (StatusCode, String);

/// Serves the journal until the task is aborted.
pub(super) async fn serve(listener: TcpListener, journal: Arc<Journal>) {
    let router = Router::new()
        .route("/received", get(received).delete(forget))
        .route("/answer", put(set_answer))
        .route("/health", get(health))
        .fallback(usage)
        .method_not_allowed_fallback(usage)
        .layer(DefaultBodyLimit::max(MAX_ANSWERS))
        .with_state(journal);
    plain_http::serve(listener, router).await;
}

async fn received(
    State(journal): State<Arc<Journal>>,
    filter: Filtered,
) -> Result<Json<Vec<Received>>, Refusal> {
    let filter = text_of(filter)?;
    let wanted = |event: &Received| filter.as_ref().is_none_or(|filter| event.path.contains(filter));
    Ok(Json(journal.received().into_iter().filter(wanted).collect()))
}

async fn forget(State(journal): State<Arc<Journal>>) -> StatusCode {
    journal.forget();
    StatusCode::NO_CONTENT
}

async fn set_answer(
    State(journal): State<Arc<Journal>>,
    filter: Filtered,
    body: String,
) -> Result<StatusCode, Refusal> {
    let filter = text_of(filter)?;
    let answers: Sequence = body.trim().parse().map_err(|error| (StatusCode::BAD_REQUEST, error))?;
    match filter {
        Some(substring) => journal.set_answer_for(AnswerFor { substring, answers }),
        None => journal.set_answers(Answers::from(answers)),
    }
    Ok(StatusCode::NO_CONTENT)
}

async fn health(State(journal): State<Arc<Journal>>) -> Json<Value> {
    let connections = journal.connections();
    Json(json!({
        "status": "ok",
        "received": *journal.count().borrow(),
        "connections": {
            "accepted": connections.accepted,
            "completed": connections.completed,
            "failed": connections.failed,
        },
        "answer": journal.answers().default.to_string(),
    }))
}

async fn usage() -> (StatusCode, &'static str) {
    (StatusCode::NOT_FOUND, USAGE)
}

/// The text that paths must contain, if any.
fn text_of(filter: Filtered) -> Result<Option<String>, Refusal> {
    match filter {
        Ok(Query(Filter { path })) if path.as_deref() != Some("") => Ok(path),
        _ => Err((StatusCode::BAD_REQUEST, format!("the only query is path=TEXT\n\n{USAGE}"))),
    }
}
