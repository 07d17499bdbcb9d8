//! Family CLI: which client ids there are, and how a path names them.

use convention::notification::ClientId;
use serde::Deserialize;

use super::compare::{Comparison, Field, read};
use super::{Judgement, Vector};

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Input {
    client_id: String,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Expected {
    valid: bool,
    /// Encoded twice, as API Gateway decodes the path once; null for what is no client id.
    path_segment: Field<String>,
}

pub(super) fn judge(vector: &Vector) -> Judgement {
    let input: Input = read("input", &vector.input)?;
    let expected: Expected = read("expected", &vector.expected)?;
    let client_id = input.client_id.parse::<ClientId>().ok();
    let mut comparison = Comparison::default();
    comparison.equal("valid", &expected.valid, &client_id.is_some());
    let segment = client_id.as_ref().map(ClientId::to_path_segment);
    comparison.equal_field("path_segment", &expected.path_segment, segment.as_ref());
    comparison.finish()
}
