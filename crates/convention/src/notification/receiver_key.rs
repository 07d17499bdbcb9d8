//! The key of a receiver in a stack that serves several brands.

use std::fmt;

use super::authorisation_servers::{AuthorisationServers, MissingAuthorisationServerId};
use super::id::ClientId;

/// The key of a receiver: its client id and, unless it is the default brand's, the authorisation server that
/// issued that id.
///
/// For the default brand it is the client id alone, so the keys of a stack with one brand do not change. For
/// another brand it is the server's id in lower case, a space and the client id; neither id can contain a
/// space.
#[derive(Clone, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub struct ReceiverKey(String);

impl ReceiverKey {
    /// Creates the key of a client of this authorisation server, or of the default brand if `None`.
    pub fn new(server: Option<&str>, client_id: &ClientId) -> Self {
        Self(server.map_or_else(|| client_id.to_string(), |server| format!("{server} {client_id}")))
    }

    /// Returns the key as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl From<&ClientId> for ReceiverKey {
    fn from(client_id: &ClientId) -> Self {
        Self::new(None, client_id)
    }
}

impl fmt::Display for ReceiverKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl AuthorisationServers {
    /// Returns the authorisation server that issues the ids of a brand's clients, in lower case; `None` for
    /// the default brand.
    pub fn server_of(&self, brand: Option<&str>) -> Result<Option<String>, MissingAuthorisationServerId> {
        let Some(default) = self.ids().next() else { return Ok(None) };
        let id = self.of_brand(brand)?;
        Ok((!id.eq_ignore_ascii_case(default)).then(|| id.to_ascii_lowercase()))
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const A: &str = "11111111-aaaa-4000-8000-000000000001";
    const B: &str = "22222222-BBBB-4000-8000-000000000002";

    #[test]
    fn the_default_brand_has_the_keys_of_a_stack_with_one_brand() {
        let client_id: ClientId = "itp-1".parse().unwrap();
        let key = |servers: &str, brand| {
            let server = servers.parse::<AuthorisationServers>().unwrap().server_of(brand).unwrap();
            ReceiverKey::new(server.as_deref(), &client_id).to_string()
        };
        let two = format!("a={A},b={B}");
        for (servers, brand) in
            [("", None), ("", Some("any")), (A, None), (A, Some("any")), (&two, None), (&two, Some("a"))]
        {
            assert_eq!(key(servers, brand), "itp-1", "{servers} {brand:?}");
        }
        assert_eq!(key(&two, Some("b")), format!("{} itp-1", B.to_ascii_lowercase()));
        let same = format!("a={A},b={}", A.to_uppercase());
        assert_eq!(key(&same, Some("b")), "itp-1", "two brands of one server have its clients");
        assert!(two.parse::<AuthorisationServers>().unwrap().server_of(Some("c")).is_err());
    }

    proptest! {
        #[test]
        fn two_receivers_have_two_names(
            servers in prop::collection::vec(prop::option::of("[a-z0-9._-]{1,9}"), 2),
            clients in prop::collection::vec("[!-~]{1,12}", 2),
        ) {
            let ids: Vec<ClientId> = clients.iter().filter_map(|client| client.parse().ok()).collect();
            prop_assume!(ids.len() == 2);
            let keys = [0, 1].map(|index| ReceiverKey::new(servers[index].as_deref(), &ids[index]));
            prop_assert_eq!(keys[0] == keys[1], servers[0] == servers[1] && ids[0] == ids[1]);
        }
    }
}
