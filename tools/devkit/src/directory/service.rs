//! What requests of the Directory are answered from.

use std::sync::Arc;
use std::time::Duration;

use platform::clock::Clock;
use platform::rng::Rng;

use super::signer::Signer;
use super::state::State;

/// All that a request needs to know.
#[derive(Clone)]
pub(super) struct Service {
    pub(super) signer: Signer,
    pub(super) state: Arc<State>,
    pub(super) jwks_max_age: Duration,
    pub(super) clock: Clock,
    pub(super) rng: Rng,
}
