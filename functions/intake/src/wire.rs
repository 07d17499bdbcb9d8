//! Requests and answers of intake.

use convention::{FieldError, refuse_unknown_fields};
use lambda_http::http::{Response, StatusCode};
use platform::answer::{Problem, json, problem};
use serde::Serialize;
use serde_json::Value;

use crate::verdict::{ChangeResult, status};

/// Maximum number of changes in one request.
const MAX_CHANGES: usize = 100;

/// A change and its place in the request.
pub(crate) struct Change<'a> {
    pub(crate) value: &'a Value,
    pub(crate) pointer: String,
}

/// Finds the changes of a request: one object, or `{"changes": […]}`.
pub(crate) fn changes(document: &Value) -> Result<Vec<Change<'_>>, Problem> {
    let Some(list) = document.get("changes") else {
        return Ok(vec![Change { value: document, pointer: String::new() }]);
    };
    refuse_unknown_fields(document, "", &["changes"]).map_err(Problem::invalid)?;
    match list.as_array() {
        Some(list) if (1..=MAX_CHANGES).contains(&list.len()) => Ok(list
            .iter()
            .enumerate()
            .map(|(index, value)| Change { value, pointer: format!("/changes/{index}") })
            .collect()),
        _ => {
            let detail = format!("Expected a list of 1 to {MAX_CHANGES} state changes.");
            Err(Problem::invalid(vec![FieldError {
                pointer: "/changes".to_owned(),
                code: "invalid",
                detail,
            }]))
        }
    }
}

/// Answers with the result of each change.
pub(crate) fn answer(judged: &[ChangeResult]) -> Response<String> {
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
    verdicts: &'a [ChangeResult],
}

fn with_verdicts(refused: &Problem, judged: &[ChangeResult]) -> Response<String> {
    #[derive(Serialize)]
    struct WithVerdicts<'a> {
        #[serde(flatten)]
        problem: &'a Problem,
        verdicts: &'a [ChangeResult],
    }
    problem(refused.status, &WithVerdicts { problem: refused, verdicts: judged })
}
