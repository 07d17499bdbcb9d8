//! Family PARAM: what the published patterns admit, and what the product does.

use convention::notification::{ApiVersion, ENDPOINTS, InteractionId, is_plain, is_urn};
use serde::Deserialize;

use super::compare::{Comparison, read, there};
use super::{Judgement, Vector, example};

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Input {
    parameter: String,
    value: String,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Expected {
    #[serde(default, deserialize_with = "there")]
    oas_valid: Option<bool>,
    #[serde(default, deserialize_with = "there")]
    accepted_by_sender: Option<bool>,
}

pub(super) fn judge(vector: &Vector) -> Judgement {
    let input: Input = read("input", &vector.input)?;
    let expected: Expected = read("expected", &vector.expected)?;
    let value = input.value.as_str();
    // Patterns of the webhook OAS 1.3.0, `components.parameters`.
    let (published, accepted) = match input.parameter.as_str() {
        name @ ("consentId" | "recurringConsentId") => (is_urn(value), is_accepted_id(name, value)),
        name @ ("paymentId" | "recurringPaymentId" | "enrollmentId") => {
            (is_plain(value), is_accepted_id(name, value))
        }
        "versionApi" => (value.parse::<ApiVersion>().is_ok(), is_accepted_version(value)),
        "x-webhook-interaction-id" => (is_plain(value), value.parse::<InteractionId>().is_ok()),
        other => return Err(format!("input cannot be judged: unknown parameter {other:?}")),
    };
    let mut comparison = Comparison::default();
    comparison.equal_if("oas_valid", expected.oas_valid.as_ref(), &published);
    comparison.equal_if("accepted_by_sender", expected.accepted_by_sender.as_ref(), &accepted);
    comparison.finish()
}

/// Says whether a state change of a resource with this identifier is taken in.
fn is_accepted_id(parameter: &str, value: &str) -> bool {
    ENDPOINTS.iter().any(|row| {
        let change = example::Change::of(row.api, row.resource).with("to", row.states[0].name);
        row.id_name == parameter && change.with("resource_id", value).parse().is_ok()
    })
}

/// Says whether a state change of a resource of this API version is taken in.
fn is_accepted_version(value: &str) -> bool {
    ENDPOINTS.iter().all(|row| {
        let change = example::Change::of(row.api, row.resource).with("to", row.states[0].name);
        change.with("api_version", value).parse().is_ok()
    })
}
