//! Families TLS, SYNC, CONF and OBS: what no data can say, each vector with a test that plays it.

mod conformance;
mod looked_up;
mod observability;
mod secrecy;
mod stack;
mod synchronisation;
mod tls;

use serde_json::Value;

pub use self::stack::stop;

use super::compare::Comparison;
use super::peers::is_installed;
use super::{Judgement, Vector};
use crate::contract::nothing_may_be_skipped;

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

/// Finds what there is for a vector of the project's own file.
pub fn of(id: &str) -> Scenario {
    let found =
        [tls::SCENARIOS, synchronisation::SCENARIOS, conformance::SCENARIOS, observability::SCENARIOS]
            .into_iter()
            .flatten()
            .find(|(name, _)| *name == id);
    match found {
        Some((id, Scenario::Played(_)))
            if tls::WITH_OPENSSL.contains(id) && !is_installed() && !nothing_may_be_skipped() =>
        {
            Scenario::Needs("openssl")
        }
        Some((_, scenario)) => *scenario,
        None => Scenario::Needs("a test that plays it"),
    }
}

/// Compares everything that a vector expects with what came. What did not come was not judged, and differs.
fn compare(vector: &Vector, came: &Value) -> Judgement {
    let mut comparison = Comparison::default();
    let expected = vector.expected.as_object().ok_or("expected is no object")?;
    for (field, expected) in expected {
        comparison.equal_if(field, Some(&Some(expected)), &came.get(field));
    }
    comparison.finish()
}
