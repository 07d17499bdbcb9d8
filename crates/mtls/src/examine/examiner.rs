//! Who examines: with which certificate, authorities, network and clock.

use std::sync::Arc;

use convention::directory::Settings;
use platform::clock::Clock;
use platform::rng::Rng;

use crate::identity::{Identity, TrustAnchors};
use crate::network::Network;
use crate::revocation::Revocation;

/// What an examination needs.
#[derive(Clone, Copy)]
pub struct Examiner<'a> {
    /// Our certificate and key; `None` leaves out what needs them.
    pub identity: Option<&'a Identity>,
    /// The authorities of receivers.
    pub trust: &'a TrustAnchors,
    /// The network, with the policy for addresses and the key exchange of notifications.
    pub network: &'a Network,
    /// What the stack knows of revoked certificates; `None` where it cannot be read.
    pub revocation: Option<&'a Arc<Revocation>>,
    /// The receiver's settings.
    pub settings: &'a Settings,
    /// Whether to send a notification of nobody's resource.
    pub posts: bool,
    /// The clock.
    pub clock: &'a Clock,
    /// The source of interaction ids.
    pub rng: &'a Rng,
    /// Is told what is done now.
    pub progress: &'a (dyn Fn(&str) + Sync),
}
