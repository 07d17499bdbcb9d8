//! The account holder's authorisation servers, and which identity notifies for a brand.

use std::fmt;
use std::str::FromStr;

use thiserror::Error;

use crate::codes::Code;

/// The account holder's authorisation servers in the Directory: one for each brand.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct AuthorisationServers(Vec<(Option<String>, String)>);

impl AuthorisationServers {
    /// Lists the ids, the default brand's first.
    pub fn ids(&self) -> impl Iterator<Item = &str> {
        self.0.iter().map(|(_, id)| id.as_str())
    }

    /// Returns the id of a brand's authorisation server. The first is the default brand's; one without a
    /// brand name serves every brand.
    pub fn of_brand(&self, brand: Option<&str>) -> Result<&str, MissingAuthorisationServerId> {
        let found = match brand {
            None => self.0.first(),
            Some(brand) => self.0.iter().find(|(name, _)| name.as_deref().is_none_or(|name| name == brand)),
        };
        found.map(|(_, id)| id.as_str()).ok_or_else(|| MissingAuthorisationServerId(brand.map(str::to_owned)))
    }

    /// Returns the owner of the identity that notifies for a brand. If no authorisation server is configured
    /// there is one identity, whatever the brand.
    pub fn identity_owner(&self, brand: Option<&str>) -> Result<IdentityOwner, MissingAuthorisationServerId> {
        if self.0.is_empty() {
            return Ok(IdentityOwner(None));
        }
        self.of_brand(brand).map(|id| IdentityOwner(Some(id.to_ascii_lowercase())))
    }

    /// Returns the owner of the default brand's identity.
    pub fn default_identity_owner(&self) -> IdentityOwner {
        IdentityOwner(self.0.first().map(|(_, id)| id.to_ascii_lowercase()))
    }
}

/// The owner of an identity: an authorisation server, by its id in lower case, or the account holder itself
/// if none is configured.
#[derive(Clone, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub struct IdentityOwner(Option<String>);

impl IdentityOwner {
    /// Creates an owner with exactly this id.
    pub fn named(id: String) -> Self {
        Self(Some(id))
    }

    /// Returns the authorisation server's id, if there is one.
    pub fn id(&self) -> Option<&str> {
        self.0.as_deref()
    }
}

impl fmt::Display for IdentityOwner {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.0.as_deref().unwrap_or("default"))
    }
}

impl FromStr for AuthorisationServers {
    type Err = ParseAuthorisationServersError;

    /// Reads `id`, or `brand=id,brand=id`. An empty text means no authorisation server.
    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let mut servers = Vec::new();
        for item in text.split(',').map(str::trim).filter(|item| !item.is_empty()) {
            let (brand, id) = match item.split_once('=') {
                Some((brand, id)) => (Some(brand.trim()), id.trim()),
                None => (None, item),
            };
            let word = |word: &str| {
                (1..=100).contains(&word.len())
                    && word.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-_.".contains(&byte))
            };
            if !word(id) || !brand.is_none_or(word) {
                return Err(ParseAuthorisationServersError(item.to_owned()));
            }
            servers.push((brand.map(str::to_owned), id.to_owned()));
        }
        Ok(Self(servers))
    }
}

/// A text that does not name authorisation servers.
#[derive(Debug, Error, Eq, PartialEq)]
#[error("{0:?} is not an authorisation server: expected an id, or brand=id, separated by commas")]
pub struct ParseAuthorisationServersError(String);

/// A fault of ours: `x-authorization-server-id` is needed and none is configured.
#[derive(Clone, Debug, Error, Eq, PartialEq)]
#[error("no authorisation server id is configured for {}", .0.as_deref().map_or_else(|| "the default brand".to_owned(), |brand| format!("brand {brand:?}")))]
pub struct MissingAuthorisationServerId(pub Option<String>);

impl MissingAuthorisationServerId {
    /// The fault's stable code.
    pub const CODE: Code = Code::MissingAuthorisationServerId;
}
