//! What there is to play a vector, and how what came is judged.

use serde_json::Value;

use crate::vectors::compare::Comparison;
use crate::vectors::{Judgement, Vector};

/// A test that plays a vector, and judges it by what the vector expects.
pub type Play = fn(&Vector) -> Judgement;

/// What there is for a vector.
#[derive(Clone, Copy, Debug)]
pub enum Scenario {
    /// A test.
    Played(Play),
    /// A test on the local stack, which waits more than it computes.
    OnStack(Play),
    /// No test here, as it needs something that is not at hand.
    Needs(&'static str),
}

/// Compares everything that a vector expects with what came. What did not come was not judged, and differs.
pub(super) fn compare(vector: &Vector, came: &Value) -> Judgement {
    let mut comparison = Comparison::default();
    let expected = vector.expected.as_object().ok_or("expected is no object")?;
    for (field, expected) in expected {
        comparison.equal_if(field, Some(&Some(expected)), &came.get(field));
    }
    comparison.finish()
}
