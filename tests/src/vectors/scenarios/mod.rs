//! Families TLS, SYNC, CONF and OBS: what no data can say, each vector with a test that plays it.

mod conformance;
mod looked_up;
mod observability;
mod play;
mod secrecy;
mod stack;
mod synchronisation;
mod tls;

pub use self::play::{Play, Scenario};
pub use self::stack::stop;

use super::peers::is_installed;
use crate::contract::nothing_may_be_skipped;

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
