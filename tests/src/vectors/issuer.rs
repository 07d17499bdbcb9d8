//! Family ISS: whose software statements count in which environment of the Directory.

use convention::directory::Environment;
use serde::Deserialize;

use super::compare::{Comparison, read};
use super::{Judgement, Vector};

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Input {
    environment: String,
    iss: String,
    /// What the stack's parameter adds.
    #[serde(default)]
    more_issuers: String,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Expected {
    accepted: bool,
}

pub(super) fn judge(vector: &Vector) -> Judgement {
    let input: Input = read("input", &vector.input)?;
    let expected: Expected = read("expected", &vector.expected)?;
    let environment = match input.environment.as_str() {
        "production" => Environment::production(),
        "sandbox" => Environment::sandbox(),
        other => return Err(format!("input cannot be judged: unknown environment {other:?}")),
    };
    let more = input.more_issuers.parse().map_err(|error| format!("input cannot be judged: {error}"))?;
    let mut comparison = Comparison::default();
    let is_accepted = environment.with_issuers(more).issuers.contains(&input.iss);
    comparison.equal("accepted", &expected.accepted, &is_accepted);
    comparison.finish()
}
