//! What intake reads and answers.

use jiff::{SignedDuration, Timestamp};
use lambda_http::http::{Response, StatusCode};
use serde::Serialize;
use serde_json::Value;
use webhook::FieldError;
use webhook::answer::{Problem, json, problem};
use webhook::notification::StateChange;

use crate::verdict::{Judged, status};

/// The most changes of one request.
const MOST_CHANGES: usize = 100;
/// How far ahead of ours the clock of the bank's systems may run. A receiver refuses what has not happened yet.
const CLOCK_SKEW: SignedDuration = SignedDuration::from_mins(5);

/// A change and where it stands in the request.
pub(crate) struct Change<'a> {
    value: &'a Value,
    pointer: String,
}

/// Finds the changes of a request: one object, or `{"changes": […]}`.
pub(crate) fn changes(document: &Value) -> Result<Vec<Change<'_>>, Problem> {
    let Some(list) = document.get("changes") else {
        return Ok(vec![Change { value: document, pointer: String::new() }]);
    };
    let refused = |pointer: &str, code, detail: String| {
        Problem::invalid(vec![FieldError { pointer: pointer.to_owned(), code, detail }])
    };
    if let Some(name) = document.as_object().and_then(|object| object.keys().find(|name| *name != "changes"))
    {
        let pointer = format!("/{}", name.replace('~', "~0").replace('/', "~1"));
        return Err(refused(
            &pointer,
            "unknown_field",
            "Unknown field. Beside changes there is none.".to_owned(),
        ));
    }
    match list.as_array() {
        Some(list) if (1..=MOST_CHANGES).contains(&list.len()) => Ok(list
            .iter()
            .enumerate()
            .map(|(index, value)| Change { value, pointer: format!("/changes/{index}") })
            .collect()),
        _ => Err(refused(
            "/changes",
            "invalid",
            format!("Expected a list of 1 to {MOST_CHANGES} state changes."),
        )),
    }
}

/// Parses one change. An event that has not happened yet is an error too.
pub(crate) fn parse(change: &Change<'_>, now: Timestamp) -> Result<StateChange, Vec<FieldError>> {
    let parsed = StateChange::from_json(change.value, &change.pointer)?;
    if parsed.event_instant.timestamp().duration_since(now) > CLOCK_SKEW {
        let pointer = format!("{}/event_instant", change.pointer);
        let detail =
            format!("The event is more than {CLOCK_SKEW:#} in the future: check the clock that wrote it.");
        return Err(vec![FieldError { pointer, code: "in_the_future", detail }]);
    }
    Ok(parsed)
}

/// Answers with what became of each change.
pub(crate) fn answer(judged: &[Judged]) -> Response<String> {
    match status(judged) {
        StatusCode::BAD_REQUEST => {
            let errors = judged.iter().flat_map(|judged| judged.errors.clone()).collect();
            with_verdicts(&Problem::invalid(errors), judged)
        }
        StatusCode::SERVICE_UNAVAILABLE => with_verdicts(
            &Problem::unavailable("Nothing could be queued. Send it again; a copy does no harm."),
            judged,
        ),
        status => json(status.as_u16(), &Verdicts { verdicts: judged }),
    }
}

#[derive(Serialize)]
struct Verdicts<'a> {
    verdicts: &'a [Judged],
}

fn with_verdicts(refused: &Problem, judged: &[Judged]) -> Response<String> {
    #[derive(Serialize)]
    struct WithVerdicts<'a> {
        #[serde(flatten)]
        problem: &'a Problem,
        verdicts: &'a [Judged],
    }
    problem(refused.status, &WithVerdicts { problem: refused, verdicts: judged })
}
