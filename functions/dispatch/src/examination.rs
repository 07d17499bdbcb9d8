//! An examination of a receiver from this function's network and with its identity, for `arauto doctor receiver`.
//!
//! It comes as a task, as those of the schedule do, and only from who may invoke the function. It touches neither ledger
//! nor queue.

use std::sync::Arc;

use convention::directory::Settings;
use mtls::examine::{Examiner, Facts, examine};
use platform::clock::Clock;
use platform::rng::Rng;
use serde::{Deserialize, Serialize};

use crate::identity_store::IdentityStore;

/// The task.
pub(crate) const EXAMINE_RECEIVER: &str = "examine_receiver";

/// Whom to examine.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Examination {
    base_uri: String,
    /// The authorisation server whose identity is presented; the default brand's if absent.
    #[serde(default)]
    authorisation_server: Option<String>,
    #[serde(default)]
    settings: Settings,
    /// Whether to send a notification of nobody's resource.
    #[serde(default)]
    posts: bool,
}

/// What came of it.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Examined {
    /// What was found.
    Facts(Box<Facts>),
    /// The code of the fault of ours that kept us from looking.
    Fault(&'static str),
}

impl Examination {
    /// Examines the receiver.
    pub(crate) async fn run(
        &self,
        identities: &Arc<IdentityStore>,
        (clock, rng): (&Clock, &Rng),
    ) -> Examined {
        let server = self.authorisation_server.as_deref();
        let (trust, identity) = match identities.for_examination(server).await {
            Ok(parts) => parts,
            Err(error) => return Examined::Fault(error.code().as_str()),
        };
        let examiner = Examiner {
            identity: identity.as_ref().ok(),
            trust: &trust,
            network: &identities.network,
            revocation: Some(&identities.revocation),
            settings: &self.settings,
            posts: self.posts,
            clock,
            rng,
            progress: &|_| (),
        };
        let facts = Box::pin(examine(&self.base_uri, examiner)).await;
        let identity_fault = identity.err().map(|error| error.code().as_str().to_owned());
        tracing::info!(
            host = facts.host,
            connections = facts.connections,
            took_ms = facts.took_ms,
            posted = facts.is_notified(),
            "A receiver was examined."
        );
        Examined::Facts(Box::new(Facts { identity_fault, ..facts }))
    }
}
