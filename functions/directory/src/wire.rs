//! Requests and answers of the directory function.

use std::fmt::Display;

use convention::directory::{
    DIFFERS_FROM_STATEMENT, INVALID_WEBHOOK_URIS, Operation, Refusal, Registration, Settings, StatementError,
    Suspension, Warning, check_removed_at,
};
use convention::notification::{AuthorisationServers, ClientId, EventInstant, ReceiverKey};
use convention::{FieldError, sentence};
use jiff::Timestamp;
use lambda_http::{Request, RequestExt, Response};
use percent_encoding::percent_decode_str;
use platform::answer::{BODY_LIMIT, Problem, json, read_json_up_to};
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::receiver_check::Seen;

/// The software statement in a call.
const STATEMENT: &str = "/software_statement";
/// The OAuth error code of a statement that cannot be read (RFC 7591, section 3.2.2).
const INVALID_STATEMENT: &str = "invalid_software_statement";

/// Finds the client of a request.
///
/// An HTTP API decodes the path once, before it matches the route and fills in path parameters: `a%2Fb` would become
/// two segments and match no route. A client id with such a character is therefore encoded twice, and decoded once
/// more here. An id without `%` is the same however often it is decoded.
fn client_id(request: &Request) -> Result<ClientId, Problem> {
    let parameters = request.path_parameters();
    let segment = parameters.first("clientId").or_else(|| segment_of(request.uri().path()));
    let segment = segment.ok_or_else(|| Problem::not_found("There is only /v1/clients/{clientId} here."))?;
    let text = percent_decode_str(segment).decode_utf8_lossy();
    text.parse().map_err(|error| Problem::malformed(format!("The path's client id is wrong: {error}.")))
}

/// The subject of a call: a client of one of our brands.
#[derive(Clone, Debug)]
pub(crate) struct Subject {
    /// The client.
    pub(crate) client_id: ClientId,
    /// The authorisation server that issued the client id, in lower case; absent for the default brand.
    pub(crate) authorisation_server: Option<String>,
    /// The receiver's key.
    pub(crate) key: ReceiverKey,
}

/// Finds the subject of a request: the client is in the path, the brand in the query parameter `brand` unless it is
/// the default.
pub(crate) fn subject(request: &Request, servers: &AuthorisationServers) -> Result<Subject, Problem> {
    let client_id = client_id(request)?;
    let brand = request.query_string_parameters_ref().and_then(|query| query.first("brand"));
    let authorisation_server = servers.server_of(brand).map_err(|_| {
        Problem::malformed("The query parameter brand is not one of the brands that this stack was given.")
    })?;
    let key = ReceiverKey::new(authorisation_server.as_deref(), &client_id);
    Ok(Subject { client_id, authorisation_server, key })
}

/// Says whether a request is about all clients rather than one.
pub(crate) fn is_of_all(request: &Request) -> bool {
    request.uri().path() == "/v1/clients"
}

/// Finds the client in a path without parsed parameters, as when no gateway is in front.
fn segment_of(path: &str) -> Option<&str> {
    let rest = path.strip_prefix("/v1/clients/")?;
    Some(rest.strip_suffix("/settings").unwrap_or(rest))
}

/// Reads the body of a request.
pub(crate) fn body(request: &Request) -> Result<Value, Problem> {
    body_up_to(BODY_LIMIT, request)
}

/// Reads the body of a request, which has at most so many bytes.
pub(crate) fn body_up_to(limit: usize, request: &Request) -> Result<Value, Problem> {
    let content_type = request.headers().get("content-type").and_then(|value| value.to_str().ok());
    read_json_up_to(limit, content_type, request.body())
}

/// Reads the time of a removal from the query parameter `called_at`; `None` if absent.
pub(crate) fn called_at(request: &Request, now: Timestamp) -> Result<Option<Timestamp>, Problem> {
    let query = request.query_string_parameters_ref();
    let Some(text) = query.and_then(|query| query.first("called_at")) else { return Ok(None) };
    let wrong =
        |error: &dyn Display| Problem::malformed(format!("The query parameter called_at is wrong: {error}."));
    // A "+" that was not percent-encoded arrives as a space, which no instant contains.
    let instant: EventInstant = text.replace(' ', "+").parse().map_err(|error| wrong(&error))?;
    check_removed_at(instant.timestamp(), now).map_err(|error| wrong(&error))?;
    Ok(Some(instant.timestamp()))
}

/// Answers that a client is not registered.
pub(crate) fn not_registered(client_id: &ClientId) -> Problem {
    Problem::not_found(format!("No client {client_id} is registered."))
}

/// The answer with a registration.
#[derive(Serialize)]
pub(crate) struct RegistrationAnswer<'a> {
    client_id: &'a ClientId,
    #[serde(skip_serializing_if = "Option::is_none")]
    authorisation_server: Option<&'a str>,
    webhook: &'static str,
    base_uri: Option<&'a str>,
    webhook_uris: &'a [String],
    #[serde(flatten)]
    settings: &'a Settings,
    operation: Option<Operation>,
    called_at: Option<String>,
    software_id: Option<&'a str>,
    organisation_id: Option<&'a str>,
    suspension: Option<&'static str>,
    registered_at: String,
    notifies_since: Option<String>,
    warnings: Vec<Described>,
    /// The result of checking the receiver just now.
    #[serde(skip_serializing_if = "Option::is_none")]
    receiver_check: Option<Seen>,
}

#[derive(Serialize)]
struct Described {
    code: &'static str,
    detail: &'static str,
}

impl<'a> RegistrationAnswer<'a> {
    /// Shows a registration whose receiver was not checked.
    pub(crate) fn of(registration: &'a Registration) -> Self {
        let describe = |warning: Warning| Described { code: warning.code(), detail: warning.sentence() };
        Self {
            client_id: &registration.client_id,
            authorisation_server: registration.authorisation_server.as_deref(),
            webhook: registration.webhook(),
            base_uri: registration.base_uri.as_deref(),
            webhook_uris: &registration.webhook_uris,
            settings: &registration.settings,
            operation: registration.origin.as_ref().map(|origin| origin.operation),
            called_at: registration.origin.as_ref().map(|origin| origin.called_at.to_string()),
            software_id: registration.software().map(|software| software.software_id.as_str()),
            organisation_id: registration.software().map(|software| software.organisation_id.as_str()),
            suspension: registration.suspension.map(Suspension::code),
            registered_at: registration.registered_at.to_string(),
            notifies_since: registration.notifies_since.map(|since| since.to_string()),
            warnings: registration.all_warnings().map(describe).collect(),
            receiver_check: None,
        }
    }
}

/// Answers with a registration, and with the check of its receiver if one was made.
pub fn registered(registration: &Registration, receiver_check: Option<Seen>) -> Response<String> {
    json(200, &RegistrationAnswer { receiver_check, ..RegistrationAnswer::of(registration) })
}

/// Says whether a registration must only be validated: `?validate=true`.
pub(crate) fn is_dry_run(request: &Request) -> Result<bool, Problem> {
    match request.query_string_parameters_ref().and_then(|query| query.first("validate")) {
        None | Some("false") => Ok(false),
        Some("true") => Ok(true),
        Some(_) => Err(Problem::malformed("The query parameter validate is true or false.")),
    }
}

/// Answers why a software statement is refused, in the terms of RFC 7591.
pub fn refused_statement(refused: StatementError) -> Problem {
    statement_problem(refused.oauth_error(), refused.code(), sentence(&refused.to_string()))
}

/// Answers that notifications need a software statement.
pub(crate) fn missing_statement() -> Problem {
    let detail = "A client that is to be notified needs the software statement of its DCR or DCM call.";
    statement_problem(INVALID_STATEMENT, "missing", detail.to_owned())
}

fn statement_problem(error: &'static str, code: &'static str, detail: String) -> Problem {
    let pointer = STATEMENT.to_owned();
    Problem {
        error: Some(error),
        error_description: Some(detail.as_str().into()),
        ..Problem::invalid(vec![FieldError { pointer, code, detail }])
    }
}

/// Answers which fields of a registration are invalid.
pub(crate) fn refused_fields(errors: Vec<FieldError>) -> Problem {
    if let Some(of_statement) = errors.iter().find(|error| error.pointer == STATEMENT) {
        let error_description = Some(of_statement.detail.as_str().into());
        return Problem { error: Some(INVALID_STATEMENT), error_description, ..Problem::invalid(errors) };
    }
    let of_uris = errors.iter().any(|error| error.pointer.starts_with("/webhook_uris"));
    Problem { error: of_uris.then_some(INVALID_WEBHOOK_URIS), ..Problem::invalid(errors) }
}

/// Answers which rules the URIs of a registration break, in the terms of the DCR profile.
pub fn refused_uris(refusals: &[Refusal]) -> Problem {
    let differs = refusals.contains(&Refusal::DiffersFromStatement);
    Problem {
        error: Some(INVALID_WEBHOOK_URIS),
        error_description: differs.then(|| DIFFERS_FROM_STATEMENT.into()),
        ..Problem::invalid(refusals.iter().map(|refusal| refusal.field_error("/webhook_uris")).collect())
    }
}

/// Answers that a client is no longer registered.
pub fn removed() -> Response<String> {
    Response::builder().status(204).body(String::new()).expect("the status is valid")
}

/// Answers the schedule.
pub(crate) fn nothing() -> Response<String> {
    Response::new("null".to_owned())
}

/// Says whether an event of the schedule asks for the review.
pub(crate) fn is_review(event: &[u8]) -> bool {
    #[derive(Deserialize)]
    struct Task {
        task: String,
    }
    serde_json::from_slice(event).is_ok_and(|Task { task }| task == "review_receivers")
}
