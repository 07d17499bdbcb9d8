//! Family OPIN: what Open Insurance Brasil asks for, from what its stack is posted to what it sends.

use convention::directory::{RegistrationRequest, StatementUris, target_in};
use convention::notification::{
    Choices, Ecosystem, InteractionId, Notification, Plan, Scope, StateChange, plan,
};
use devkit::receiver::WebhookVersion;
use serde::Deserialize;
use serde_json::{Value, json};

use super::compare::{Comparison, read, there};
use super::{Judgement, Vector, example};

const OPIN: Ecosystem = Ecosystem::OpenInsurance;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Input {
    webhook_version: String,
    #[serde(default, deserialize_with = "there")]
    base_uri: Option<String>,
    #[serde(default, deserialize_with = "there")]
    api: Option<String>,
    #[serde(default, deserialize_with = "there")]
    resource: Option<String>,
    #[serde(default, deserialize_with = "there")]
    api_version: Option<String>,
    #[serde(default, rename = "consentId", deserialize_with = "there")]
    consent_id: Option<String>,
    #[serde(default, rename = "authorisationServerId", deserialize_with = "there")]
    authorisation_server_id: Option<String>,
    #[serde(default, rename = "x-webhook-interaction-id", deserialize_with = "there")]
    interaction_id: Option<String>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Expected {
    #[serde(default, deserialize_with = "there")]
    url: Option<String>,
    #[serde(default, deserialize_with = "there")]
    absent_headers: Option<Vec<String>>,
    #[serde(default, deserialize_with = "there")]
    oas_valid: Option<bool>,
}

pub(super) fn judge(vector: &Vector) -> Judgement {
    let input: Input = read("input", &vector.input)?;
    let expected: Expected = read("expected", &vector.expected)?;
    let mut comparison = Comparison::default();
    if let Some(oas_valid) = expected.oas_valid {
        // The mock receiver's reading of the contract, which shares no code with the product.
        let contract: WebhookVersion = format!("open-insurance-{}", input.webhook_version).parse()?;
        let id = input.interaction_id.as_deref().ok_or("input cannot be judged: no id")?;
        comparison.equal("oas_valid", &oas_valid, &contract.takes_interaction_id(id));
        // Whatever the version, the product's own are valid.
        let sent = InteractionId::new(example::partition(), u64::MAX);
        comparison.equal("sent id", &true, &contract.takes_interaction_id(sent.as_str()));
    }
    if expected.url.is_some() || expected.absent_headers.is_some() {
        let sent = sent(&input)?;
        comparison.equal_if("url", expected.url.as_ref(), &sent.url);
        let names: Vec<_> = sent
            .headers_of_attempt(InteractionId::new(example::partition(), 0))
            .map(|(name, _)| name.to_string())
            .collect();
        for absent in expected.absent_headers.iter().flatten() {
            comparison.equal(absent, &false, &names.contains(absent));
        }
    }
    comparison.finish()
}

/// Registers a receiver and posts a change on a stack of Open Insurance, and returns what is sent.
fn sent(input: &Input) -> Result<Notification, String> {
    let base = input.base_uri.as_deref().unwrap_or(example::BASE);
    let asked = json!({ "webhook_uris": [base], "webhook_version": input.webhook_version });
    let asked =
        RegistrationRequest::from_json_in(OPIN, &asked, "").map_err(|errors| format!("{errors:?}"))?;
    let uris = asked.webhook_uris.as_deref();
    let decided = target_in(OPIN, StatementUris::NotPresented, uris, example::POLICY);
    let decided = decided.map_err(|refusals| format!("the base URI is refused: {refusals:?}"))?;
    let registration = example::registration(asked, decided);
    let receiver = registration.receiver(example::POLICY).ok_or("the receiver is not notified")?;
    let change = StateChange::posted_in(OPIN, &posted(input)?, "", example::at(0));
    let change = change.map_err(|errors| format!("the state change is refused: {errors:?}"))?;
    let servers = input.authorisation_server_id.as_deref().unwrap_or(example::SERVER);
    match plan(
        &change,
        Some(&receiver),
        &servers.parse().map_err(|error| format!("{error}"))?,
        &Choices::default(),
    ) {
        Plan::Notify(notification) => Ok(*notification),
        other => Err(format!("nothing is sent: {other:?}")),
    }
}

/// What the insurer posts for a vector. Where a vector names an API alone, the first of its resources is meant.
fn posted(input: &Input) -> Result<Value, String> {
    let api = input.api.as_deref().ok_or("input cannot be judged: no api")?;
    let is_meant = |resource: &str| input.resource.as_deref().is_none_or(|named| named == resource);
    let row = OPIN.endpoints().iter().find(|row| row.api == api && is_meant(row.resource));
    let row = row.ok_or_else(|| format!("input cannot be judged: no endpoint of {api:?}"))?;
    let (id, to) = match row.scope {
        Scope::Resource => (&input.consent_id, "ACKN"),
        Scope::Server => (&input.authorisation_server_id, "UPDATED"),
    };
    Ok(json!({
        "client_id": "client-1",
        "api": api,
        "resource": row.resource,
        "resource_id": id.as_deref().ok_or_else(|| format!("input cannot be judged: no {}", row.id_name))?,
        "api_version": input.api_version,
        "to": to,
        "event_instant": example::at(0).to_string(),
    }))
}
