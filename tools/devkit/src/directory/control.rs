//! What is under `/mock/`: how scripts and other commands tell a running Directory what to do.

use hyper::{Method, StatusCode};
use serde::Deserialize;
use serde_json::{Value, json};

use super::answer::{Answer, SYNTAX};
use super::ask::StatementRequest;
use super::form::field;
use super::reply::Reply;
use super::signer::Signer;
use super::state::State;

const USAGE: &str = "\
POST /mock/statements             signs {\"client\": NAME, \"webhook_uris\": [URI]} and lists its organisation
PUT /mock/organisations/{id}      sets {\"status\": \"Withdrawn\"}
PUT /mock/software/{id}           sets {\"status\": \"Inactive\", \"webhook_uris\": [URI]}, either or both
PUT /mock/answer?path=/token      answers what is at and under the path so from now on
DELETE /mock/answer               answers everything as usual again
POST /mock/key                    makes a key that signs from now on
GET /mock/requests[?path=/token]  what it was asked, oldest first
";

/// What may be changed of a software statement.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Change {
    status: Option<String>,
    webhook_uris: Option<Vec<String>>,
}

/// Carries out one instruction; `path` is what follows `/mock/`.
pub(super) fn answer(
    state: &State,
    signer: &Signer,
    method: &Method,
    path: &str,
    query: &str,
    body: &str,
) -> Reply {
    let about = field(query, "path");
    let segments: Vec<&str> = path.split('/').collect();
    match (method, segments.as_slice()) {
        (&Method::POST, ["statements"]) => match serde_json::from_str::<StatementRequest>(body) {
            Ok(asked) => {
                let claims = asked.claims();
                state.records().enrol(&claims);
                Reply::text(StatusCode::OK, signer.statement(&claims))
            }
            Err(error) => refuse(&error.to_string()),
        },
        (&Method::PUT, [kind @ ("organisations" | "software"), id]) => {
            match serde_json::from_str::<Change>(body) {
                Ok(change) => change_record(state, kind, id, change),
                Err(error) => refuse(&error.to_string()),
            }
        }
        (&Method::PUT, ["answer"]) => match (about, body.trim().parse::<Answer>()) {
            (Some(path), Ok(answer)) => {
                state.records().answer_always(&path, answer);
                done()
            }
            (None, _) => refuse("say which path, as in ?path=/openbanking.jwks"),
            (_, Err(error)) => refuse(&error.to_string()),
        },
        (&Method::DELETE, ["answer"]) => {
            state.records().answer_as_usual();
            done()
        }
        (&Method::POST, ["key"]) => match signer.rotate_key() {
            Ok(kid) => Reply::json(StatusCode::OK, &json!({ "kid": kid })),
            Err(error) => Reply::text(StatusCode::INTERNAL_SERVER_ERROR, format!("{error:#}\n")),
        },
        (&Method::GET, ["requests"]) => {
            let requests = state.records().requests(about.as_deref().unwrap_or("/"));
            Reply::json(StatusCode::OK, &serde_json::to_value(requests).unwrap_or(Value::Null))
        }
        _ => Reply::text(StatusCode::NOT_FOUND, format!("{USAGE}\nAn answer is one of\n{SYNTAX}\n")),
    }
}

fn change_record(state: &State, kind: &str, id: &str, change: Change) -> Reply {
    let mut records = state.records();
    let (status, webhook_uris) = if kind == "software" {
        let Some(software) = records.software.get_mut(id) else { return unknown(kind, id) };
        (&mut software.status, Some(&mut software.webhook_uris))
    } else {
        let Some(organisation) = records.organisations.get_mut(id) else { return unknown(kind, id) };
        (&mut organisation.status, None)
    };
    match (change.webhook_uris, webhook_uris) {
        (Some(_), None) => return refuse("an organisation has no webhook_uris: its software has"),
        (Some(uris), Some(known)) => *known = uris,
        (None, _) => {}
    }
    if let Some(to) = change.status {
        *status = to;
    }
    done()
}

fn done() -> Reply {
    Reply::text(StatusCode::NO_CONTENT, "")
}

fn refuse(why: &str) -> Reply {
    Reply::text(StatusCode::BAD_REQUEST, format!("{why}\n\n{USAGE}"))
}

fn unknown(kind: &str, id: &str) -> Reply {
    Reply::text(StatusCode::NOT_FOUND, format!("no {kind} has the id {id}: ask for a statement first\n"))
}
