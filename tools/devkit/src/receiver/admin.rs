//! What the mock received, on plain HTTP for scripts.

use std::convert::Infallible;
use std::sync::Arc;

use bytes::Bytes;
use http_body_util::{BodyExt as _, Full, Limited};
use hyper::body::Incoming;
use hyper::header::{CONTENT_TYPE, HeaderValue};
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper::{Method, Request, Response, StatusCode};
use hyper_util::rt::TokioIo;
use serde::Serialize;
use serde_json::json;
use tokio::net::TcpListener;
use tokio::task::JoinSet;

use super::answer::{AnswerFor, Answers, Sequence};
use super::contract::percent_decoded;
use super::event::Received;
use super::journal::Journal;

/// A sequence of answers is a line of text.
const MAX_ANSWERS: usize = 64 * 1024;

const USAGE: &str = "\
GET /received[?path=TEXT]    what was received, oldest first; only paths that contain TEXT
DELETE /received             forgets it
PUT /answer                  answers all paths as the body says, in the syntax of --answer
PUT /answer?path=TEXT        answers only those paths so that contain TEXT
GET /health                  counts
";

/// Serves the journal until the task is aborted.
pub(super) async fn serve(listener: TcpListener, journal: Arc<Journal>) {
    let mut connections = JoinSet::new();
    loop {
        tokio::select! {
            accepted = listener.accept() => {
                let Ok((stream, _)) = accepted else { continue };
                let journal = Arc::clone(&journal);
                let service = service_fn(move |request| {
                    let journal = Arc::clone(&journal);
                    async move { Ok::<_, Infallible>(answer(request, &journal).await) }
                });
                connections.spawn(http1::Builder::new().serve_connection(TokioIo::new(stream), service));
            }
            Some(_) = connections.join_next() => {}
        }
    }
}

async fn answer(request: Request<Incoming>, journal: &Journal) -> Response<Full<Bytes>> {
    let Ok(filter) = filter_of(request.uri().query()) else {
        return text(StatusCode::BAD_REQUEST, format!("the only query is path=TEXT\n\n{USAGE}"));
    };
    match (request.method(), request.uri().path()) {
        (&Method::GET, "/received") => {
            let wanted = |event: &Received| filter.as_ref().is_none_or(|filter| event.path.contains(filter));
            let events: Vec<Received> = journal.received().into_iter().filter(wanted).collect();
            json_of(&events)
        }
        (&Method::DELETE, "/received") => {
            journal.forget();
            text(StatusCode::NO_CONTENT, String::new())
        }
        (&Method::PUT, "/answer") => set_answer(request, filter, journal).await,
        (&Method::GET, "/health") => {
            let connections = journal.connections();
            json_of(&json!({
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
        _ => text(StatusCode::NOT_FOUND, USAGE.to_owned()),
    }
}

async fn set_answer(
    request: Request<Incoming>,
    filter: Option<String>,
    journal: &Journal,
) -> Response<Full<Bytes>> {
    let Ok(body) = Limited::new(request.into_body(), MAX_ANSWERS).collect().await else {
        return text(StatusCode::BAD_REQUEST, "the answers could not be read to their end\n".to_owned());
    };
    let body = body.to_bytes();
    let answers: Sequence = match String::from_utf8_lossy(&body).trim().parse() {
        Ok(answers) => answers,
        Err(error) => return text(StatusCode::BAD_REQUEST, error),
    };
    match filter {
        Some(substring) => journal.set_answer_for(AnswerFor { substring, answers }),
        None => journal.set_answers(Answers::from(answers)),
    }
    text(StatusCode::NO_CONTENT, String::new())
}

fn filter_of(query: Option<&str>) -> Result<Option<String>, ()> {
    let Some(query) = query.filter(|query| !query.is_empty()) else { return Ok(None) };
    query.strip_prefix("path=").and_then(percent_decoded).filter(|text| !text.is_empty()).map(Some).ok_or(())
}

fn json_of(value: &impl Serialize) -> Response<Full<Bytes>> {
    let json = serde_json::to_vec(value).expect("an event has text keys only, so it always is JSON");
    let mut response = Response::new(Full::from(json));
    response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
    response
}

fn text(status: StatusCode, text: String) -> Response<Full<Bytes>> {
    let mut response = Response::new(Full::from(text));
    *response.status_mut() = status;
    response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static("text/plain; charset=utf-8"));
    response
}
