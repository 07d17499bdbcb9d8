//! What directory reads and answers.

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
use platform::answer::{Problem, json, read_json};
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::first_sight::Seen;

/// Where a call has its software statement.
const STATEMENT: &str = "/software_statement";
/// The OAuth error code of a statement that cannot be read (RFC 7591, section 3.2.2).
const INVALID_STATEMENT: &str = "invalid_software_statement";

/// Finds the client a request is about.
///
/// An HTTP API decodes the path once, before it looks for the route and fills in the path's parameters: of `a%2Fb` it makes
/// two segments, which lead nowhere. A client id with such a character is therefore encoded twice, and decoded here once
/// more. One that has no `%` of its own reads the same, however often it was decoded.
fn client_id(request: &Request) -> Result<ClientId, Problem> {
    let parameters = request.path_parameters();
    let segment = parameters.first("clientId").or_else(|| segment_of(request.uri().path()));
    let segment = segment.ok_or_else(|| Problem::not_found("There is only /v1/clients/{clientId} here."))?;
    let text = percent_decode_str(segment).decode_utf8_lossy();
    text.parse().map_err(|error| Problem::malformed(format!("The path's client id is wrong: {error}.")))
}

/// Who a call is about: a client of one of our brands.
#[derive(Clone, Debug)]
pub(crate) struct Subject {
    /// The client.
    pub(crate) client_id: ClientId,
    /// The authorisation server that gave it that id, in lower case; absent, the default brand's.
    pub(crate) authorisation_server: Option<String>,
    /// The name of its receiver.
    pub(crate) key: ReceiverKey,
}

/// Finds out who a request is about: the path has the client, the query parameter `brand` the brand where it is not the default.
pub(crate) fn subject(request: &Request, servers: &AuthorisationServers) -> Result<Subject, Problem> {
    let client_id = client_id(request)?;
    let brand = request.query_string_parameters_ref().and_then(|query| query.first("brand"));
    let authorisation_server = servers.server_of(brand).map_err(|_| {
        Problem::malformed("The query parameter brand is not one of the brands that this stack was given.")
    })?;
    let key = ReceiverKey::new(authorisation_server.as_deref(), &client_id);
    Ok(Subject { client_id, authorisation_server, key })
}

/// Finds the client in a path that came without parameters, as it does where no gateway is in front.
fn segment_of(path: &str) -> Option<&str> {
    let rest = path.strip_prefix("/v1/clients/")?;
    Some(rest.strip_suffix("/settings").unwrap_or(rest))
}

/// Reads the body of a request.
pub(crate) fn body(request: &Request) -> Result<Value, Problem> {
    let content_type = request.headers().get("content-type").and_then(|value| value.to_str().ok());
    read_json(content_type, request.body())
}

/// Says when a removal was made, in the query parameter `called_at`; absent, nobody said.
pub(crate) fn called_at(request: &Request, now: Timestamp) -> Result<Option<Timestamp>, Problem> {
    let query = request.query_string_parameters_ref();
    let Some(text) = query.and_then(|query| query.first("called_at")) else { return Ok(None) };
    let wrong =
        |error: &dyn Display| Problem::malformed(format!("The query parameter called_at is wrong: {error}."));
    // A "+" that was not percent-encoded arrives as a space, and no instant has one.
    let instant: EventInstant = text.replace(' ', "+").parse().map_err(|error| wrong(&error))?;
    check_removed_at(instant.timestamp(), now).map_err(|error| wrong(&error))?;
    Ok(Some(instant.timestamp()))
}

/// Says that a client is not registered.
pub(crate) fn not_registered(client_id: &ClientId) -> Problem {
    Problem::not_found(format!("No client {client_id} is registered."))
}

/// A registration as it is answered.
#[derive(Serialize)]
struct RegistrationAnswer<'a> {
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
    /// What the receiver showed just now.
    #[serde(skip_serializing_if = "Option::is_none")]
    first_sight: Option<Seen>,
}

#[derive(Serialize)]
struct Described {
    code: &'static str,
    detail: &'static str,
}

/// Answers with a registration, and what its receiver showed where it was looked at.
pub fn registered(registration: &Registration, first_sight: Option<Seen>) -> Response<String> {
    let describe = |warning: Warning| Described { code: warning.code(), detail: warning.sentence() };
    let answer = RegistrationAnswer {
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
        first_sight,
    };
    json(200, &answer)
}

/// Says whether a registration is only to be judged: `?validate=true`.
pub(crate) fn is_dry_run(request: &Request) -> Result<bool, Problem> {
    match request.query_string_parameters_ref().and_then(|query| query.first("validate")) {
        None | Some("false") => Ok(false),
        Some("true") => Ok(true),
        Some(_) => Err(Problem::malformed("The query parameter validate is true or false.")),
    }
}

/// Says why a software statement is refused, in the terms of RFC 7591.
pub fn refused_statement(refused: StatementError) -> Problem {
    statement_problem(refused.oauth_error(), refused.code(), sentence(&refused.to_string()))
}

/// Says that a client cannot be notified without a software statement.
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

/// Says which fields of a registration cannot be read.
pub(crate) fn refused_fields(errors: Vec<FieldError>) -> Problem {
    if let Some(of_statement) = errors.iter().find(|error| error.pointer == STATEMENT) {
        let error_description = Some(of_statement.detail.as_str().into());
        return Problem { error: Some(INVALID_STATEMENT), error_description, ..Problem::invalid(errors) };
    }
    let of_uris = errors.iter().any(|error| error.pointer.starts_with("/webhook_uris"));
    Problem { error: of_uris.then_some(INVALID_WEBHOOK_URIS), ..Problem::invalid(errors) }
}

/// Says which rules the URIs of a registration break, in the terms of the DCR profile.
pub fn refused_uris(refusals: &[Refusal]) -> Problem {
    let differs = refusals.contains(&Refusal::DiffersFromStatement);
    Problem {
        error: Some(INVALID_WEBHOOK_URIS),
        error_description: differs.then(|| DIFFERS_FROM_STATEMENT.into()),
        ..Problem::invalid(refusals.iter().map(|refusal| refusal.field_error("/webhook_uris")).collect())
    }
}

/// Answers that a client is not registered any more.
pub fn removed() -> Response<String> {
    Response::builder().status(204).body(String::new()).expect("the status is valid")
}

/// Answers the schedule.
pub(crate) fn nothing() -> Response<String> {
    Response::new("null".to_owned())
}

/// Says whether an event of the schedule asks for a look over the receivers.
pub(crate) fn is_review(event: &[u8]) -> bool {
    #[derive(Deserialize)]
    struct Task {
        task: String,
    }
    serde_json::from_slice(event).is_ok_and(|Task { task }| task == "review_receivers")
}
