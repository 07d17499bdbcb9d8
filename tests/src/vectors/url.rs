//! Family URL: what a notification's URL is composed of.

use convention::notification::Notification;
use serde::Deserialize;

use super::compare::{Comparison, read, there};
use super::{Judgement, Vector, example};

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Input {
    base_uri: String,
    endpoint: String,
    api_version: String,
    resource_id: String,
    #[serde(default, deserialize_with = "there")]
    webhook_version: Option<String>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Expected {
    method: String,
    url: String,
    #[serde(default)]
    accept_also: Vec<String>,
}

pub(super) fn judge(vector: &Vector) -> Judgement {
    let input: Input = read("input", &vector.input)?;
    let expected: Expected = read("expected", &vector.expected)?;
    let profile = example::profile(input.webhook_version.as_deref())?;
    let version =
        input.api_version.parse().map_err(|error| format!("input.api_version is refused: {error}"))?;
    let change = example::Change::notified(example::endpoint(&input.endpoint)?, version, profile)?
        .with("resource_id", input.resource_id)
        .valid()?;
    let receiver = example::receiver(&input.base_uri, profile)?;
    let came = example::notification(&change, &receiver)?.url.clone();
    let mut comparison = Comparison::default();
    comparison.equal("method", expected.method.as_str(), Notification::METHOD);
    if !expected.accept_also.contains(&came) {
        comparison.equal("url", &expected.url, &came);
    }
    comparison.finish()
}
