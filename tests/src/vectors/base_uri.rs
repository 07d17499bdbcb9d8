//! Family BASE: which base URIs are registered, and which of them are connected to.

use std::net::{IpAddr, SocketAddr};

use convention::address::AddressPolicy;
use convention::delivery::{Failure, Outcome};
use convention::directory::{BaseUri, StatementUris, Warning, matches_published_pattern, target};
use convention::notification::{ENDPOINTS, Subject, WebhookVersion, compose_url};
use mtls::check_addresses;
use serde::Deserialize;

use super::compare::{Comparison, Field, read, there};
use super::{Judgement, Vector, example};

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Input {
    uri: String,
    #[serde(default, deserialize_with = "there")]
    uri_length: Option<usize>,
    #[serde(default, deserialize_with = "there")]
    resolved: Option<Vec<IpAddr>>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Expected {
    #[serde(default, deserialize_with = "there")]
    regex_match: Option<bool>,
    accepted: bool,
    #[serde(default, deserialize_with = "there")]
    reason: Option<String>,
    #[serde(default, deserialize_with = "there")]
    connect: Option<bool>,
    #[serde(default, deserialize_with = "there")]
    attempt_outcome: Option<String>,
    #[serde(default)]
    warning: Field<String>,
    #[serde(default, deserialize_with = "there")]
    composed_example: Option<String>,
}

pub(super) fn judge(vector: &Vector) -> Judgement {
    let input: Input = read("input", &vector.input)?;
    let expected: Expected = read("expected", &vector.expected)?;
    if let Some(length) = input.uri_length
        && length != input.uri.chars().count()
    {
        return Err(format!("input contradicts itself: uri_length {length}, uri {:?}", input.uri));
    }
    let parsed = BaseUri::parse(&input.uri, AddressPolicy::Public);
    let mut comparison = Comparison::default();
    comparison.equal_if("regex_match", expected.regex_match.as_ref(), &matches_published_pattern(&input.uri));
    comparison.equal("accepted", &expected.accepted, &parsed.is_ok());
    let connection = input.resolved.as_deref().map(connection);
    let failure = connection.and_then(Result::err);
    comparison.equal_if("connect", expected.connect.map(Some).as_ref(), &connection.map(|made| made.is_ok()));
    let reason = match &parsed {
        Ok(_) => failure.map(|failure| failure.code().to_owned()),
        // The vectors give a reason in words or as a code; both are the product's own.
        Err(refusal) if expected.reason.as_deref() == Some(refusal.code()) => Some(refusal.code().to_owned()),
        Err(refusal) => Some(refusal.to_string()),
    };
    comparison.equal_if("reason", expected.reason.map(Some).as_ref(), &reason);
    let outcome = failure.map(|failure| match Outcome::Failed(failure) {
        Outcome::Delivered { .. } => "delivered".to_owned(),
        Outcome::Failed(_) => "failed".to_owned(),
    });
    comparison.equal_if("attempt_outcome", expected.attempt_outcome.map(Some).as_ref(), &outcome);
    comparison.equal_field("warning", &expected.warning, warnings(&input.uri).as_ref());
    if let Some(composed) = expected.composed_example {
        let came = parsed.as_ref().ok().and_then(|base| compose_like(base, &composed));
        comparison.equal("composed_example", &Some(composed), &came);
    }
    comparison.finish()
}

fn connection(addresses: &[IpAddr]) -> Result<(), Failure> {
    let addresses: Vec<_> = addresses.iter().map(|address| SocketAddr::new(*address, 443)).collect();
    check_addresses(&addresses, AddressPolicy::Public)
}

/// Returns the codes of what the owner of a registration of this URI is told to look at, if there is anything.
fn warnings(uri: &str) -> Option<String> {
    let registered = target(StatementUris::NotPresented, Some(&[uri.to_owned()]), AddressPolicy::Public);
    let warnings = registered.map(|(_, warnings)| warnings).unwrap_or_default();
    let codes: Vec<_> = warnings.into_iter().map(Warning::code).collect();
    (!codes.is_empty()).then(|| codes.join(","))
}

/// Composes the URL of the resource that an example is about, which is told from the end of the example.
fn compose_like(base: &BaseUri, url: &str) -> Option<String> {
    let (rest, id) = url.rsplit_once('/')?;
    ENDPOINTS.iter().find_map(|row| {
        let rest = rest.strip_suffix(row.path)?.strip_suffix('/')?;
        let (rest, version) = rest.rsplit_once('/')?;
        rest.ends_with(row.api).then_some(())?;
        let change = example::Change::of(row.api, row.resource)
            .with("resource_id", id)
            .with("api_version", version)
            .with("to", row.states.last()?.name)
            .parse();
        match change.ok()?.subject {
            Subject::Resource(resource) => {
                Some(compose_url(base, &resource, resource.api_version, WebhookVersion::default()))
            }
            Subject::ApiWithoutWebhook | Subject::UnknownApi(_) => None,
        }
    })
}
