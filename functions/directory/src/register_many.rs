//! Many DCR and DCM calls in one request: each is decided and written by itself, and no other client is touched.

use std::collections::BTreeMap;
use std::time::Duration;

use convention::directory::{Registration, RegistrationCall};
use convention::notification::{ClientId, ReceiverKey};
use convention::{FieldError, refuse_unknown_fields};
use futures_util::{StreamExt as _, stream};
use jiff::Timestamp;
use lambda_http::{Request, Response};
use platform::answer::{Problem, json, problem};
use serde::Serialize;
use serde_json::Value;
use tokio::time::{Instant, timeout_at};

use crate::wire::{RegistrationAnswer, Subject};
use crate::{Directory, wire};

/// Maximum number of calls in one request.
const MAX_CALLS: usize = 100;
/// Maximum size of a request in bytes: ten kibibytes for each call, which is mostly its software statement.
const MAX_BYTES: usize = 1024 * 1024;
/// Maximum number of clients registered concurrently.
const AT_ONCE: usize = 16;
/// A call that has no answer after this time is to be sent again. The HTTP API waits 30 s.
pub const BUDGET: Duration = Duration::from_secs(20);

/// A call of a request.
struct Call {
    subject: Subject,
    call: RegistrationCall,
}

impl Call {
    /// The client and the time of the call; no two calls of a request may share both.
    fn client_and_time(&self) -> (ReceiverKey, Option<Timestamp>) {
        (self.subject.key.clone(), self.call.called_at)
    }
}

/// A call's place in the request, and its result.
type Numbered = (usize, Result<Registration, Problem>);

/// The verdict about one call, in the answer.
#[derive(Serialize)]
struct CallResult<'a> {
    index: usize,
    #[serde(skip_serializing_if = "Option::is_none")]
    client_id: Option<&'a ClientId>,
    verdict: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    client: Option<RegistrationAnswer<'a>>,
    /// What a call alone would have been answered.
    #[serde(skip_serializing_if = "Option::is_none")]
    problem: Option<&'a Problem>,
}

impl Directory {
    /// Answers many calls with a verdict for each. Nothing is looked at but the clients that they name.
    pub(crate) async fn register_many(&self, request: &Request) -> Result<Response<String>, Problem> {
        let dry_run = wire::is_dry_run(request)?;
        let document = wire::body_up_to(MAX_BYTES, request)?;
        let now = self.clock.now();
        let mut calls: Vec<_> =
            calls(&document)?.iter().enumerate().map(|(index, value)| self.read(index, value, now)).collect();
        refuse_repeated(&mut calls);
        // Calls about one client are made one after the other, in the order of the request.
        let mut of_client: BTreeMap<&ReceiverKey, Vec<(usize, &Call)>> = BTreeMap::new();
        for (index, call) in calls.iter().enumerate() {
            if let Ok(call) = call {
                of_client.entry(&call.subject.key).or_default().push((index, call));
            }
        }
        let until = Instant::now() + BUDGET;
        let made: Vec<_> = of_client
            .into_values()
            .map(|calls| self.register_in_order(calls, dry_run, (now, until)))
            .collect();
        let made: Vec<Vec<Numbered>> = stream::iter(made).buffer_unordered(AT_ONCE).collect().await;
        let mut made: BTreeMap<_, _> = made.into_iter().flatten().collect();
        let results: Vec<_> = calls
            .iter()
            .enumerate()
            .map(|(index, call)| match call {
                Ok(call) => {
                    let result = made.remove(&index).unwrap_or_else(|| Err(too_late()));
                    let result = result.map_err(|refused| within(index, refused));
                    (Some(&call.subject.client_id), result)
                }
                Err(refused) => (None, Err(refused.clone())),
            })
            .collect();
        Ok(answer(&results))
    }

    async fn register_in_order(
        &self,
        calls: Vec<(usize, &Call)>,
        dry_run: bool,
        (now, until): (Timestamp, Instant),
    ) -> Vec<Numbered> {
        let mut made = Vec::with_capacity(calls.len());
        for (index, Call { subject, call }) in calls {
            // A write that is cut off here may still arrive. Sent again it changes nothing, as its time is the same.
            let result = timeout_at(until, self.register_call(subject, call, dry_run, now)).await;
            made.push((index, result.unwrap_or_else(|_| Err(too_late()))));
        }
        made
    }

    /// Reads one call; its errors name their places in the request.
    fn read(&self, index: usize, value: &Value, now: Timestamp) -> Result<Call, Problem> {
        let refused = |errors| within(index, wire::refused_fields(errors));
        let Some(object) = value.as_object() else {
            let detail = "Expected a JSON object.".to_owned();
            return Err(refused(vec![FieldError { pointer: String::new(), code: "wrong_type", detail }]));
        };
        let mut call = object.clone();
        let mut errors = Vec::new();
        let mut take = |name: &str| call.remove(name).filter(|value| !value.is_null());
        let (client_id, brand) = (take("client_id"), take("brand"));
        let client_id = client_id.map(serde_json::from_value::<ClientId>);
        match &client_id {
            None => errors.push(field_error("client_id", "missing", "This field is required.")),
            Some(Err(_)) => errors.push(field_error("client_id", "invalid", NOT_A_CLIENT_ID)),
            Some(Ok(_)) => {}
        }
        let is_text = brand.as_ref().is_none_or(Value::is_string);
        let server = self.reconciler.servers.server_of(brand.as_ref().and_then(Value::as_str));
        if !is_text || server.is_err() {
            errors.push(FieldError::unknown_brand(""));
        }
        // Without it a call that is sent again would pass for a new one.
        if call.get("called_at").is_none_or(Value::is_null) {
            errors.push(field_error("called_at", "missing", CALLED_AT_MISSING));
        }
        let read = RegistrationCall::from_json_in(self.keys.environment.ecosystem, &call.into(), now);
        match (client_id, server, read) {
            (Some(Ok(client_id)), Ok(server), Ok(call)) if errors.is_empty() => {
                let key = ReceiverKey::new(server.as_deref(), &client_id);
                Ok(Call { subject: Subject { client_id, authorisation_server: server, key }, call })
            }
            (_, _, read) => {
                errors.extend(read.err().into_iter().flatten());
                Err(refused(errors))
            }
        }
    }
}

const NOT_A_CLIENT_ID: &str = "Expected 1 to 255 visible ASCII characters, and not one dot or two alone.";
const CALLED_AT_MISSING: &str =
    "This field is required among many calls, so that a request that is sent again changes nothing.";

const CALLED_AT_REPEATED: &str =
    "Another call about this client has the same time. Send the later one alone, or give each its own time.";

fn field_error(field: &str, code: &'static str, detail: &str) -> FieldError {
    FieldError { pointer: format!("/{field}"), code, detail: detail.to_owned() }
}

/// Finds the calls of a request.
fn calls(document: &Value) -> Result<&Vec<Value>, Problem> {
    refuse_unknown_fields(document, "", &["clients"]).map_err(Problem::invalid)?;
    let list = document.get("clients").and_then(Value::as_array);
    list.filter(|list| (1..=MAX_CALLS).contains(&list.len())).ok_or_else(|| {
        let (pointer, detail) =
            ("/clients".to_owned(), format!("Expected a list of 1 to {MAX_CALLS} calls."));
        Problem::invalid(vec![FieldError { pointer, code: "invalid", detail }])
    })
}

/// Refuses calls about one client that have the same `called_at`: which of them counts cannot be told.
fn refuse_repeated(calls: &mut [Result<Call, Problem>]) {
    let mut counts: BTreeMap<_, usize> = BTreeMap::new();
    for call in calls.iter().flatten() {
        *counts.entry(call.client_and_time()).or_default() += 1;
    }
    let is_repeated = |call: &Call| counts.get(&call.client_and_time()).is_some_and(|count| *count > 1);
    for (index, result) in calls.iter_mut().enumerate() {
        if result.as_ref().is_ok_and(is_repeated) {
            let error = field_error("called_at", "repeated", CALLED_AT_REPEATED);
            *result = Err(within(index, wire::refused_fields(vec![error])));
        }
    }
}

/// Names the places of errors in the whole request.
fn within(index: usize, mut refused: Problem) -> Problem {
    for error in &mut refused.errors {
        error.pointer = format!("/clients/{index}{}", error.pointer);
    }
    refused
}

fn too_late() -> Problem {
    Problem::unavailable(
        "It was not registered in time. Send the call again; it changes nothing that was done.",
    )
}

/// Answers with the verdicts: 200 if nothing is left to do, 400 if each call is invalid, 503 if none could be decided,
/// else 207.
fn answer(results: &[(Option<&ClientId>, Result<Registration, Problem>)]) -> Response<String> {
    let verdicts: Vec<_> = results
        .iter()
        .enumerate()
        .map(|(index, (client_id, result))| {
            let (client, problem) = (result.as_ref().ok(), result.as_ref().err());
            let verdict = match problem.map(|problem| problem.status) {
                None => "registered",
                Some(409) => "superseded",
                Some(503) => "unavailable",
                Some(_) => "invalid",
            };
            let client = client.map(RegistrationAnswer::of);
            CallResult { index, client_id: *client_id, verdict, client, problem }
        })
        .collect();
    let all = |verdict| verdicts.iter().all(|one| one.verdict == verdict);
    let refused = if all("invalid") {
        let detail = "Correct the fields named in the verdicts and send the calls again.";
        Problem { detail: detail.to_owned(), ..Problem::invalid(Vec::new()) }
    } else if all("unavailable") {
        Problem::unavailable("No call could be decided. Send them again; that changes nothing that was done.")
    } else {
        let is_left = |one: &CallResult<'_>| ["invalid", "unavailable"].contains(&one.verdict);
        let status = if verdicts.iter().any(is_left) { 207 } else { 200 };
        return json(status, &Answer { problem: None, verdicts });
    };
    problem(refused.status, &Answer { problem: Some(&refused), verdicts })
}

#[derive(Serialize)]
struct Answer<'a> {
    #[serde(flatten)]
    problem: Option<&'a Problem>,
    verdicts: Vec<CallResult<'a>>,
}
