//! The secret with our identities: a single one, or one for each authorisation server.

use std::collections::BTreeMap;

use convention::notification::IdentityOwner;
use serde_json::{Map, Value};
use uuid::Uuid;

use super::identity::{IdentityError, StoredIdentity};

/// The parsed secret, its contents not checked. No `Debug`: it holds keys.
#[derive(Clone)]
pub enum IdentityDocument {
    /// `{"certificate_chain": …, "private_key": …}`, or `kms_key_id` instead of the key: the identity of the default
    /// brand.
    Single(Value),
    /// `{"<authorisation server id>": {"certificate_chain": …, "private_key": …}, …}`.
    ByServer(Map<String, Value>),
}

impl IdentityDocument {
    /// Parses the secret's text.
    ///
    /// Errors never quote the secret.
    pub fn from_json(text: &str) -> Result<Self, IdentityError> {
        let document: Map<String, Value> =
            serde_json::from_str(text).map_err(|_| IdentityError::NotDocument)?;
        if document.is_empty() {
            return Err(IdentityError::NotDocument);
        }
        if ["certificate_chain", "private_key", "kms_key_id"]
            .into_iter()
            .any(|name| document.contains_key(name))
        {
            return Ok(Self::Single(Value::Object(document)));
        }
        Ok(Self::ByServer(document))
    }

    /// Returns the text to store in the secret.
    pub fn to_json(&self) -> String {
        match self {
            Self::Single(identity) => identity.to_string(),
            Self::ByServer(identities) => serde_json::to_string(identities).expect("strings serialise"),
        }
    }
}

/// Says whether a text is the id of an authorisation server as the secret contains it: a UUID in lower case.
pub fn is_server_id(text: &str) -> bool {
    Uuid::try_parse(text).is_ok_and(|id| id.hyphenated().to_string() == text)
}

/// Our identities, each parsed independently: an unusable one does not affect the others.
pub struct Identities(BTreeMap<IdentityOwner, Result<StoredIdentity, IdentityError>>);

impl Identities {
    /// Parses the identities of the secret; `default` owns the one without an owner.
    pub fn from_json(text: &str, default: &IdentityOwner) -> Result<Self, IdentityError> {
        let identities = match IdentityDocument::from_json(text)? {
            IdentityDocument::Single(identity) => {
                BTreeMap::from([(default.clone(), StoredIdentity::from_value(identity))])
            }
            IdentityDocument::ByServer(identities) => {
                // Without a configured authorisation server, the owner of one among several is unknown.
                let only = default.id().is_none() && identities.len() == 1;
                let mut read = BTreeMap::new();
                for (id, identity) in identities {
                    let identity = named(&id, identity);
                    read.insert(if only { default.clone() } else { IdentityOwner::named(id) }, identity);
                }
                read
            }
        };
        Ok(Self(identities))
    }

    /// Returns the result of parsing an owner's identity, if the secret holds one.
    pub fn of(&self, owner: &IdentityOwner) -> Option<Result<&StoredIdentity, &IdentityError>> {
        self.0.get(owner).map(Result::as_ref)
    }
}

impl IntoIterator for Identities {
    type Item = (IdentityOwner, Result<StoredIdentity, IdentityError>);
    type IntoIter =
        std::collections::btree_map::IntoIter<IdentityOwner, Result<StoredIdentity, IdentityError>>;

    fn into_iter(self) -> Self::IntoIter {
        self.0.into_iter()
    }
}

/// Parses the identity under this id.
fn named(id: &str, identity: Value) -> Result<StoredIdentity, IdentityError> {
    if is_server_id(id) { StoredIdentity::from_value(identity) } else { Err(IdentityError::Owner) }
}

#[cfg(test)]
mod tests {
    use convention::notification::AuthorisationServers;
    use serde_json::json;

    use super::*;
    use crate::pem::PemError;

    const NO_PEM: PemError = PemError::Nothing { wanted: "CERTIFICATE" };
    const A: &str = "11111111-aaaa-4000-8000-000000000001";
    const B: &str = "22222222-bbbb-4000-8000-000000000002";

    /// The owners of a secret's identities, each with its error.
    fn read(secret: &Value, servers: &str) -> Vec<(String, IdentityError)> {
        let default = servers.parse::<AuthorisationServers>().unwrap().default_identity_owner();
        let identities = Identities::from_json(&secret.to_string(), &default).ok().unwrap();
        let found = |(owner, read): (IdentityOwner, Result<_, _>)| (owner.to_string(), read.err().unwrap());
        identities.into_iter().map(found).collect()
    }

    fn identity() -> Value {
        json!({ "certificate_chain": "no PEM", "private_key": "no PEM" })
    }

    #[test]
    fn one_identity_is_the_default_brands_and_no_others() {
        assert_eq!(read(&identity(), ""), [("default".to_owned(), IdentityError::ErrorChain(NO_PEM))]);
        assert_eq!(read(&identity(), A), [(A.to_owned(), IdentityError::ErrorChain(NO_PEM))]);
        let two = format!("b={B},a={A}");
        assert_eq!(read(&identity(), &two), [(B.to_owned(), IdentityError::ErrorChain(NO_PEM))]);
    }

    #[test]
    fn each_identity_of_a_map_is_read_by_itself() {
        let secret = json!({ A: identity(), B: "nothing", B.to_uppercase(): identity(), "b": identity() });
        let found = read(&secret, A);
        let expected = [
            (A, IdentityError::ErrorChain(NO_PEM)),
            (B, IdentityError::NotIdentity),
            (&B.to_uppercase(), IdentityError::Owner),
            ("b", IdentityError::Owner),
        ];
        let mut expected = expected.map(|(owner, error)| (owner.to_owned(), error));
        expected.sort_by(|one, other| one.0.cmp(&other.0));
        assert_eq!(found, expected);
    }

    #[test]
    fn without_authorisation_servers_the_only_identity_of_a_map_is_the_default() {
        assert_eq!(
            read(&json!({ A: identity() }), ""),
            [("default".to_owned(), IdentityError::ErrorChain(NO_PEM))]
        );
        let owners: Vec<_> =
            read(&json!({ A: identity(), B: identity() }), "").into_iter().map(|(o, _)| o).collect();
        assert_eq!(owners, [A, B]);
    }

    #[test]
    fn an_invalid_secret_is_refused_and_never_quoted() {
        let default = AuthorisationServers::default().default_identity_owner();
        for secret in ["", "{}", "[]", "secret", "{\"private_key\": \"secret\"", "7"] {
            let error = Identities::from_json(secret, &default).err().unwrap();
            assert_eq!(error, IdentityError::NotDocument);
            assert!(!error.to_string().contains("\"secret\""));
        }
    }
}
