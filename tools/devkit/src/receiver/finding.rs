//! What is wrong with a request, judged against the published contract.

use std::fmt;

use jiff::Timestamp;
use serde::Serialize;
use serde_json::{Map, Value};

use super::contract::{Endpoint, WebhookVersion, is_timestamp, is_uuid, percent_decoded};
use super::message::{Body, Header};
use super::prefix::Prefix;

const INTERACTION_ID: &str = "x-webhook-interaction-id";
const AUTHORIZATION_SERVER_ID: &str = "x-authorization-server-id";
/// How the changelog of 2026-01-12 spells it; the contract does not.
const MISSPELT_SERVER_ID: &str = "x-authorisation-server-id";

/// One thing that is wrong with a request.
#[derive(Clone, Debug, Eq, PartialEq, Serialize)]
pub struct Finding {
    /// Which rule is broken.
    pub code: Code,
    /// What came and what the rule wants, for people.
    pub detail: String,
}

/// Which rule of the contract a request breaks.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq, Serialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum Code {
    /// The path is none of the five.
    UnknownPath,
    /// A path segment has a `%` that encodes nothing.
    MalformedPath,
    /// The path has a query, as an id with an unescaped `?` would make.
    UnexpectedQuery,
    /// The endpoint came with a later version of the contract.
    EndpointNotInVersion,
    /// The method is not POST.
    WrongMethod,
    /// `versionApi` does not match its pattern.
    MalformedApiVersion,
    /// The resource id does not match the pattern of its parameter.
    MalformedResourceId,
    /// No `x-webhook-interaction-id`.
    MissingInteractionId,
    /// More than one `x-webhook-interaction-id`.
    DuplicateInteractionId,
    /// `x-webhook-interaction-id` does not match its pattern.
    MalformedInteractionId,
    /// `x-webhook-interaction-id` is not a UUID.
    InteractionIdNotUuid,
    /// `x-webhook-interaction-id` was in an earlier request.
    RepeatedInteractionId,
    /// No `x-authorization-server-id` where one belongs.
    MissingAuthorizationServerId,
    /// More than one `x-authorization-server-id`.
    DuplicateAuthorizationServerId,
    /// An `x-authorization-server-id` where none belongs.
    UnexpectedAuthorizationServerId,
    /// The content type is not `application/json`.
    WrongContentType,
    /// The body was not read to its end: too long, or broken off.
    UnreadableBody,
    /// The body is not JSON.
    MalformedJson,
    /// The body is JSON, but not an object with an object `data`.
    MalformedBody,
    /// No `data.timestamp`.
    MissingTimestamp,
    /// `data.timestamp` does not match its pattern.
    MalformedTimestamp,
    /// `data.timestamp` matches the pattern, but is no date-time of RFC 3339.
    TimestampNotRfc3339,
    /// `data.timestamp` lies in the future.
    TimestampInFuture,
    /// No `data.eventType` where one belongs.
    MissingEventType,
    /// `data.eventType` is neither `STATE_CHANGED` nor `DATA_CHANGED`.
    MalformedEventType,
    /// A `data.eventType` where none belongs.
    UnexpectedEventType,
    /// A member that the contract does not know.
    UnexpectedMember,
}

/// The contract that a mock holds its callers to.
#[derive(Clone, Debug)]
pub(super) struct Contract {
    pub(super) version: WebhookVersion,
    pub(super) prefix: Prefix,
}

/// A request as it came.
#[derive(Clone, Copy, Debug)]
pub(super) struct Request<'a> {
    pub(super) method: &'a str,
    pub(super) path: &'a str,
    pub(super) query: Option<&'a str>,
    pub(super) headers: &'a [Header],
    pub(super) body: &'a Body,
    pub(super) received_at: Timestamp,
}

/// What a request turned out to be.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub(super) struct Reading {
    pub(super) endpoint: Option<Endpoint>,
    pub(super) api_version: Option<String>,
    pub(super) resource_id: Option<String>,
    pub(super) interaction_id: Option<String>,
    pub(super) authorization_server_id: Option<String>,
    pub(super) findings: Vec<Finding>,
}

impl Contract {
    /// Reads a request and notes everything that is wrong with it.
    pub(super) fn read(&self, request: Request<'_>) -> Reading {
        let mut reading = Reading::default();
        if request.method != "POST" {
            reading.note(Code::WrongMethod, format!("{}: the only method is POST", request.method));
        }
        self.read_path(request, &mut reading);
        read_interaction_id(request.headers, self.version, &mut reading);
        self.read_authorization_server_id(request.headers, &mut reading);
        read_content_type(request.headers, &mut reading);
        self.read_body(request, &mut reading);
        reading
    }

    fn read_path(&self, request: Request<'_>, reading: &mut Reading) {
        if let Some(query) = request.query {
            reading.note(
                Code::UnexpectedQuery,
                format!("?{query}: the paths have none, an id's ? is written %3F"),
            );
        }
        let Some(rest) =
            request.path.strip_prefix(self.prefix.as_str()).and_then(|rest| rest.strip_prefix('/'))
        else {
            let wanted = format!("{} does not start with {}/", request.path, self.prefix.as_str());
            return reading.note(Code::UnknownPath, wanted);
        };
        let Some(segments) = rest.split('/').map(percent_decoded).collect::<Option<Vec<_>>>() else {
            let wanted = "a % in the path is followed by two hexadecimal digits, the whole is UTF-8";
            return reading.note(Code::MalformedPath, wanted.to_owned());
        };
        let segments: Vec<&str> = segments.iter().map(String::as_str).collect();
        let Some((endpoint, version, id)) = Endpoint::of(&segments, self.version) else {
            let found = format!("{} is none of the paths of the contract", request.path);
            return reading.note(Code::UnknownPath, found);
        };
        if !endpoint.exists_in(self.version) {
            let since =
                format!("{} exists since {}, not in {}", endpoint.as_str(), endpoint.since(), self.version);
            reading.note(Code::EndpointNotInVersion, since);
        }
        if !self.version.takes_api_version(version) {
            reading.note(
                Code::MalformedApiVersion,
                format!("{version:?} is not of {}", self.version.api_versions()),
            );
        }
        if !endpoint.takes_id(id) {
            let found = format!("{id:?} does not match the pattern of {}", endpoint.parameter());
            reading.note(Code::MalformedResourceId, found);
        }
        reading.endpoint = Some(endpoint);
        reading.api_version = Some(version.to_owned());
        reading.resource_id = Some(id.to_owned());
    }

    fn read_authorization_server_id(&self, headers: &[Header], reading: &mut Reading) {
        let values = values(headers, AUTHORIZATION_SERVER_ID);
        reading.authorization_server_id = values.first().map(|&value| value.to_owned());
        let Some(endpoint) = reading.endpoint else { return };
        let wanted = endpoint.has_authorization_server_id(self.version);
        match values.as_slice() {
            [] if wanted => {
                let misspelt = values_named(headers, MISSPELT_SERVER_ID);
                let hint = if misspelt { " (the header is spelt with z, not s)" } else { "" };
                let detail = format!("E3 of {} needs {AUTHORIZATION_SERVER_ID}{hint}", self.version);
                reading.note(Code::MissingAuthorizationServerId, detail);
            }
            [] => {}
            _ if !wanted => {
                let detail =
                    format!("{} of {} has no {AUTHORIZATION_SERVER_ID}", endpoint.as_str(), self.version);
                reading.note(Code::UnexpectedAuthorizationServerId, detail);
            }
            [""] => {
                let detail = format!("{AUTHORIZATION_SERVER_ID} is empty");
                reading.note(Code::MissingAuthorizationServerId, detail);
            }
            [_] => {}
            [_, _, ..] => {
                let detail = format!("{AUTHORIZATION_SERVER_ID} came {} times", values.len());
                reading.note(Code::DuplicateAuthorizationServerId, detail);
            }
        }
    }

    fn read_body(&self, request: Request<'_>, reading: &mut Reading) {
        let body = match request.body {
            Body::Json(body) => body,
            Body::Empty => return reading.note(Code::MalformedJson, "the body is empty".to_owned()),
            Body::Text(_) => return reading.note(Code::MalformedJson, "the body is not JSON".to_owned()),
            Body::Unreadable(reason) => return reading.note(Code::UnreadableBody, reason.clone()),
        };
        let Some((body, data)) =
            body.as_object().and_then(|body| Some((body, body.get("data")?.as_object()?)))
        else {
            let wanted = "the body is an object whose member data is an object".to_owned();
            return reading.note(Code::MalformedBody, wanted);
        };
        read_timestamp(data, request.received_at, reading);
        self.read_event_type(data, reading);
        let others = body.keys().filter(|key| *key != "data").map(|key| format!("/{key}"));
        let inner = data.keys().filter(|key| *key != "timestamp" && *key != "eventType");
        for member in others.chain(inner.map(|key| format!("/data/{key}"))) {
            reading.note(Code::UnexpectedMember, format!("{member} is not in the contract"));
        }
    }

    fn read_event_type(&self, data: &Map<String, Value>, reading: &mut Reading) {
        let Some(endpoint) = reading.endpoint else { return };
        let place = format!("{} of {}", endpoint.as_str(), self.version);
        match (data.get("eventType"), endpoint.has_event_type(self.version)) {
            (None, true) => reading.note(Code::MissingEventType, format!("{place} needs data.eventType")),
            (Some(value), true) if value != "STATE_CHANGED" && value != "DATA_CHANGED" => {
                let detail = format!("{value} is neither STATE_CHANGED nor DATA_CHANGED");
                reading.note(Code::MalformedEventType, detail);
            }
            (Some(_), false) => {
                reading.note(Code::UnexpectedEventType, format!("{place} has no data.eventType"));
            }
            (None, false) | (Some(_), true) => {}
        }
    }
}

impl Reading {
    pub(super) fn note(&mut self, code: Code, detail: String) {
        self.findings.push(Finding { code, detail });
    }
}

impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.code.serialize(&mut *f)?;
        write!(f, ": {}", self.detail)
    }
}

fn read_interaction_id(headers: &[Header], version: WebhookVersion, reading: &mut Reading) {
    let values = values(headers, INTERACTION_ID);
    match values.as_slice() {
        [] => reading.note(Code::MissingInteractionId, format!("every request needs {INTERACTION_ID}")),
        [id] if !version.takes_interaction_id(id) => {
            let detail = format!("{id:?} does not match the pattern of {version}");
            reading.note(Code::MalformedInteractionId, detail);
        }
        [id] if !is_uuid(id) => {
            reading.note(Code::InteractionIdNotUuid, format!("{id:?} is not a UUID (RFC 4122)"));
        }
        [_] => {}
        [_, _, ..] => {
            reading
                .note(Code::DuplicateInteractionId, format!("{INTERACTION_ID} came {} times", values.len()));
        }
    }
    reading.interaction_id = values.first().map(|&value| value.to_owned());
}

fn read_content_type(headers: &[Header], reading: &mut Reading) {
    let values = values(headers, "content-type");
    let media_type = values.first().and_then(|value| value.split(';').next()).map(str::trim);
    if !media_type.is_some_and(|media_type| media_type.eq_ignore_ascii_case("application/json")) {
        let found = values.first().copied().unwrap_or("none");
        reading.note(Code::WrongContentType, format!("content-type is {found}, not application/json"));
    }
}

fn read_timestamp(data: &Map<String, Value>, received_at: Timestamp, reading: &mut Reading) {
    let Some(value) = data.get("timestamp") else {
        return reading.note(Code::MissingTimestamp, "every body needs data.timestamp".to_owned());
    };
    let Some(text) = value.as_str().filter(|text| is_timestamp(text)) else {
        let detail = format!("{value} does not match YYYY-MM-DDThh:mm:ssZ");
        return reading.note(Code::MalformedTimestamp, detail);
    };
    let has_two_digits = text.len() == "YYYY-MM-DDThh:mm:ssZ".len();
    match text.parse::<Timestamp>() {
        Ok(instant) if has_two_digits => {
            if instant > received_at {
                reading.note(Code::TimestampInFuture, format!("{text} is later than {received_at:.3}"));
            }
        }
        Ok(_) | Err(_) => {
            reading.note(Code::TimestampNotRfc3339, format!("{text} is not a date-time of RFC 3339"));
        }
    }
}

fn values<'a>(headers: &'a [Header], name: &str) -> Vec<&'a str> {
    headers.iter().filter(|header| header.name == name).map(|header| header.value.as_str()).collect()
}

fn values_named(headers: &[Header], name: &str) -> bool {
    headers.iter().any(|header| header.name == name)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    const E1: &str = "/open-banking/webhook/v1/payments/v5/consents/urn:bancoex:C1DD33123";
    const E3: &str = "/open-banking/webhook/v1/enrollments/v2/enrollments/urn:bancoex:77b1a0c2";
    const E4: &str = "/open-banking/webhook/v1/automatic-payments/v2/recurring-consents/urn:bancoex:C1";
    const ID: &str = "7f1c2b1e-5a0e-4a9e-9d6b-0c8f5a3e1d22";

    fn header(name: &str, value: &str) -> Header {
        Header { name: name.to_owned(), value: value.to_owned() }
    }

    fn good_headers() -> Vec<Header> {
        vec![header("content-type", "application/json"), header(INTERACTION_ID, ID)]
    }

    fn timestamp_only() -> Body {
        Body::Json(json!({"data": {"timestamp": "2026-11-23T12:00:00Z"}}))
    }

    fn read(version: WebhookVersion, method: &str, path: &str, headers: &[Header], body: &Body) -> Reading {
        let (path, query) = path.split_once('?').map_or((path, None), |(path, query)| (path, Some(query)));
        let received_at = "2026-11-23T12:00:00.250Z".parse().unwrap();
        Contract { version, prefix: Prefix::default() }.read(Request {
            method,
            path,
            query,
            headers,
            body,
            received_at,
        })
    }

    fn codes(version: WebhookVersion, path: &str, headers: &[Header], body: &Body) -> Vec<Code> {
        read(version, "POST", path, headers, body).findings.into_iter().map(|finding| finding.code).collect()
    }

    fn latest(path: &str, headers: &[Header], body: &Body) -> Vec<Code> {
        codes(WebhookVersion::V1_3_0, path, headers, body)
    }

    #[test]
    fn a_good_request_has_no_findings_and_is_read() {
        let reading = read(WebhookVersion::V1_3_0, "POST", E1, &good_headers(), &timestamp_only());
        let expected = Reading {
            endpoint: Some(Endpoint::E1),
            api_version: Some("v5".to_owned()),
            resource_id: Some("urn:bancoex:C1DD33123".to_owned()),
            interaction_id: Some(ID.to_owned()),
            ..Reading::default()
        };
        assert_eq!(reading, expected);
    }

    #[test]
    fn the_resource_id_is_read_decoded() {
        let path = "/open-banking/webhook/v1/payments/v5/consents/urn:b:a%2Fb%3Fc%23d%25e";
        let reading = read(WebhookVersion::V1_3_0, "POST", path, &good_headers(), &timestamp_only());
        assert_eq!(reading.resource_id.as_deref(), Some("urn:b:a/b?c#d%e"));
        assert_eq!(reading.findings, []);
    }

    #[test]
    fn paths_outside_the_contract_are_found() {
        let cases = [
            ("/open-banking/webhook/v1/payments/v5/consents/urn:b:a/b", Code::UnknownPath),
            ("/open-banking/webhook/v1/payments/v5/consents/urn:b:%zz", Code::MalformedPath),
            ("/open-banking/webhook/v1/payments/v0/consents/urn:b:a", Code::MalformedApiVersion),
            ("/open-banking/webhook/v1/payments/v5/consents/a", Code::MalformedResourceId),
            ("/open-banking/webhook/v1/payments/v5/consents/urn:b:a?b", Code::UnexpectedQuery),
        ];
        for (path, code) in cases {
            assert_eq!(latest(path, &good_headers(), &timestamp_only()), [code], "{path}");
        }
        let got = read(WebhookVersion::V1_3_0, "GET", E1, &good_headers(), &timestamp_only());
        assert_eq!(got.findings[0].to_string(), "wrong_method: GET: the only method is POST");
    }

    #[test]
    fn endpoints_are_as_old_as_the_contract_that_brought_them() {
        let late = [Code::EndpointNotInVersion];
        assert_eq!(codes(WebhookVersion::V1_0_0, E3, &good_headers(), &timestamp_only()), late);
        assert_eq!(codes(WebhookVersion::V1_1_0, E4, &good_headers(), &timestamp_only()), late);
        assert_eq!(codes(WebhookVersion::V1_1_0, E3, &good_headers(), &timestamp_only()), []);
        assert_eq!(codes(WebhookVersion::V1_2_0, E4, &good_headers(), &timestamp_only()), []);
    }

    #[test]
    fn the_interaction_id_is_one_uuid() {
        let with = |ids: &[&str]| {
            let mut headers = vec![header("content-type", "application/json; charset=utf-8")];
            headers.extend(ids.iter().map(|id| header(INTERACTION_ID, id)));
            latest(E1, &headers, &timestamp_only())
        };
        assert_eq!(with(&[ID]), []);
        assert_eq!(with(&[]), [Code::MissingInteractionId]);
        assert_eq!(with(&[""]), [Code::MalformedInteractionId]);
        assert_eq!(with(&["a_b"]), [Code::MalformedInteractionId]);
        assert_eq!(with(&["attempt-1"]), [Code::InteractionIdNotUuid]);
        assert_eq!(with(&[ID, ID]), [Code::DuplicateInteractionId]);
        // A UUID is asked for in words in all versions, and by the pattern from 2.0.0 of Open Insurance on.
        for (version, code) in [
            (WebhookVersion::Insurance1_1_0, Code::InteractionIdNotUuid),
            (WebhookVersion::Insurance1_2_0, Code::InteractionIdNotUuid),
            (WebhookVersion::Insurance2_0_0, Code::MalformedInteractionId),
        ] {
            let mut reading = Reading::default();
            read_interaction_id(&[header(INTERACTION_ID, "attempt-1")], version, &mut reading);
            assert_eq!(
                reading.findings.iter().map(|found| found.code).collect::<Vec<_>>(),
                [code],
                "{version}"
            );
        }
    }

    #[test]
    fn the_authorisation_server_is_named_on_e3_of_1_3_0_only() {
        let body =
            Body::Json(json!({"data": {"timestamp": "2026-11-23T12:00:00Z", "eventType": "DATA_CHANGED"}}));
        let mut named = good_headers();
        named.push(header(AUTHORIZATION_SERVER_ID, "123e4567-e89b-12d3-a456-426614174000"));
        assert_eq!(latest(E3, &named, &body), []);
        assert_eq!(latest(E3, &good_headers(), &body), [Code::MissingAuthorizationServerId]);
        assert_eq!(latest(E4, &good_headers(), &body), []);
        assert_eq!(latest(E4, &named, &body), [Code::UnexpectedAuthorizationServerId]);
        assert_eq!(
            codes(WebhookVersion::V1_2_0, E3, &named, &timestamp_only()),
            [Code::UnexpectedAuthorizationServerId]
        );
        named.push(header(AUTHORIZATION_SERVER_ID, "b"));
        assert_eq!(latest(E3, &named, &body), [Code::DuplicateAuthorizationServerId]);
    }

    #[test]
    fn the_event_type_is_in_the_body_of_e3_and_e4_of_1_3_0_only() {
        let with = |event_type: &str| {
            Body::Json(json!({"data": {"timestamp": "2026-11-23T12:00:00Z", "eventType": event_type}}))
        };
        assert_eq!(latest(E4, &good_headers(), &timestamp_only()), [Code::MissingEventType]);
        assert_eq!(latest(E4, &good_headers(), &with("STATE_CHANGED")), []);
        assert_eq!(latest(E4, &good_headers(), &with("STATUS_CHANGED")), [Code::MalformedEventType]);
        assert_eq!(latest(E1, &good_headers(), &with("STATE_CHANGED")), [Code::UnexpectedEventType]);
        let older = codes(WebhookVersion::V1_2_0, E4, &good_headers(), &with("STATE_CHANGED"));
        assert_eq!(older, [Code::UnexpectedEventType]);
    }

    #[test]
    fn bodies_outside_the_contract_are_found() {
        let at = |timestamp: &str| Body::Json(json!({"data": {"timestamp": timestamp}}));
        let cases = [
            (Body::Empty, vec![Code::MalformedJson]),
            (Body::Text("{".to_owned()), vec![Code::MalformedJson]),
            (Body::Unreadable("longer".to_owned()), vec![Code::UnreadableBody]),
            (Body::Json(json!([])), vec![Code::MalformedBody]),
            (Body::Json(json!({"data": 1})), vec![Code::MalformedBody]),
            (Body::Json(json!({"data": {}})), vec![Code::MissingTimestamp]),
            (Body::Json(json!({"data": {"timestamp": 1}})), vec![Code::MalformedTimestamp]),
            (at("2026-11-23T12:00:00.000Z"), vec![Code::MalformedTimestamp]),
            (at("2026-2-3T12:00:00Z"), vec![Code::TimestampNotRfc3339]),
            (at("2026-02-30T12:00:00Z"), vec![Code::TimestampNotRfc3339]),
            (at("2026-11-23T12:00:01Z"), vec![Code::TimestampInFuture]),
            (
                Body::Json(
                    json!({"data": {"timestamp": "2026-11-23T12:00:00Z", "status": "ACSC"}, "meta": {}}),
                ),
                vec![Code::UnexpectedMember, Code::UnexpectedMember],
            ),
        ];
        for (body, expected) in cases {
            assert_eq!(latest(E1, &good_headers(), &body), expected, "{body:?}");
        }
    }

    #[test]
    fn the_content_type_is_json() {
        let with = |value: &str| {
            let headers = [header("content-type", value), header(INTERACTION_ID, ID)];
            latest(E1, &headers, &timestamp_only())
        };
        assert_eq!(with("Application/JSON;charset UTF-8"), []);
        assert_eq!(with("text/plain"), [Code::WrongContentType]);
        assert_eq!(latest(E1, &[header(INTERACTION_ID, ID)], &timestamp_only()), [Code::WrongContentType]);
    }

    #[test]
    fn the_prefix_belongs_to_the_path() {
        let contract =
            Contract { version: WebhookVersion::V1_3_0, prefix: "/kong3".parse().expect("a good prefix") };
        let headers = good_headers();
        let body = timestamp_only();
        let received_at = "2026-11-23T12:00:00Z".parse().unwrap();
        let read = |path: &str| {
            let request =
                Request { method: "POST", path, query: None, headers: &headers, body: &body, received_at };
            contract.read(request)
        };
        assert_eq!(read(&format!("/kong3{E1}")).findings, []);
        assert_eq!(read(E1).findings[0].code, Code::UnknownPath);
        assert_eq!(read(&format!("/kong33{E1}")).findings[0].code, Code::UnknownPath);
    }
}
