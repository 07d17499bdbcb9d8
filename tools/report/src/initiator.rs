//! Initiators, and which of them a report is of.

use std::collections::BTreeSet;

use serde::Serialize;

/// An initiator: its client id and, unless it is the default brand's, the authorisation server that issued the id.
///
/// The same client id of two brands may be two initiators.
#[derive(Clone, Debug, Default, Eq, Hash, Ord, PartialEq, PartialOrd, Serialize)]
pub struct InitiatorKey {
    /// The authorisation server, in lower case; `None` for the default brand.
    pub authorisation_server: Option<String>,
    /// The client id.
    pub client_id: String,
}

impl InitiatorKey {
    /// Creates a key.
    pub fn new(authorisation_server: Option<&str>, client_id: &str) -> Self {
        Self {
            authorisation_server: authorisation_server.map(str::to_ascii_lowercase),
            client_id: client_id.to_owned(),
        }
    }
}

/// Which initiators a report is of.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub enum Selection {
    /// All of them.
    #[default]
    All,
    /// These, and nothing of others.
    Only(BTreeSet<InitiatorKey>),
}

impl Selection {
    /// Says whether the report is of this initiator.
    pub fn has(&self, key: &InitiatorKey) -> bool {
        match self {
            Self::All => true,
            Self::Only(keys) => keys.contains(key),
        }
    }

    /// Says whether it is of all initiators.
    pub fn is_all(&self) -> bool {
        matches!(self, Self::All)
    }
}
