//! The new content of the secret when an identity is stored.

use anyhow::{Context as _, Result, bail, ensure};
use mtls::IdentityDocument;
use serde_json::{Map, Value};

/// Maximum size of a secret in Secrets Manager, in bytes.
const MAX_BYTES: usize = 65_536;

/// Returns the secret's text with this identity added.
///
/// `server` is the authorisation server of the identity, unless it is the only one; `of_present` is the authorisation
/// server of an identity that was stored as the only one.
pub(crate) fn merge(
    present: Option<&str>,
    identity: Value,
    server: Option<&str>,
    of_present: Option<&str>,
) -> Result<String> {
    let document = match server {
        None => only(present, identity)?,
        Some(server) => {
            let mut identities = beside(present, of_present)?;
            identities.insert(server.to_owned(), identity);
            IdentityDocument::ByServer(identities)
        }
    };
    let text = document.to_json();
    ensure!(
        text.len() <= MAX_BYTES,
        "the identities would take {} bytes and a secret holds {MAX_BYTES}, so nothing is stored: leave out of the chain what \
         receivers have already (the root), or give some brands a stack of their own",
        text.len()
    );
    Ok(text)
}

/// Returns the document with one identity only.
fn only(present: Option<&str>, identity: Value) -> Result<IdentityDocument> {
    // An unreadable document holds nothing to keep, and is replaced.
    if let Some(Ok(IdentityDocument::ByServer(identities))) = present.map(IdentityDocument::from_json) {
        bail!(
            "the secret holds identities by authorisation server ({}): give this one's id with --authorisation-server-id",
            identities.keys().map(String::as_str).collect::<Vec<_>>().join(", ")
        );
    }
    Ok(IdentityDocument::Single(identity))
}

/// Returns the identities to keep, by authorisation server.
fn beside(present: Option<&str>, of_present: Option<&str>) -> Result<Map<String, Value>> {
    let Some(present) = present else { return Ok(Map::new()) };
    let document = IdentityDocument::from_json(present).context(
        "the secret's unreadable content would be lost; without --authorisation-server-id the command replaces it",
    )?;
    match (document, of_present) {
        (IdentityDocument::ByServer(identities), _) => Ok(identities),
        (IdentityDocument::Single(identity), Some(id)) => Ok(Map::from_iter([(id.to_owned(), identity)])),
        (IdentityDocument::Single(_), None) => bail!(
            "the secret holds one identity without an authorisation server id: give its id, the first of the parameter \
             AuthorisationServers, with --default-authorisation-server-id"
        ),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    const A: &str = "11111111-aaaa-4000-8000-000000000001";
    const B: &str = "22222222-bbbb-4000-8000-000000000002";

    fn identity(name: &str) -> Value {
        json!({ "certificate_chain": name, "private_key": name })
    }

    fn merged(
        present: Option<&Value>,
        server: Option<&str>,
        of_present: Option<&str>,
    ) -> Result<Value, String> {
        let present = present.map(Value::to_string);
        let text = merge(present.as_deref(), identity("new"), server, of_present);
        text.map(|text| serde_json::from_str(&text).unwrap()).map_err(|error| format!("{error:#}"))
    }

    #[test]
    fn without_an_id_it_is_the_only_identity() {
        let new = Ok(identity("new"));
        assert_eq!(merged(None, None, None), new);
        assert_eq!(merged(Some(&identity("old")), None, None), new);
        assert_eq!(merged(Some(&json!("garbage")), None, None), new);
        let error = merged(Some(&json!({ A: identity("old") })), None, None).unwrap_err();
        assert!(error.contains("--authorisation-server-id") && error.contains(A), "{error}");
    }

    #[test]
    fn with_an_id_it_comes_beside_the_others() {
        assert_eq!(merged(None, Some(B), None), Ok(json!({ B: identity("new") })));
        let both = json!({ A: identity("a"), B: identity("b") });
        assert_eq!(merged(Some(&both), Some(B), None), Ok(json!({ A: identity("a"), B: identity("new") })));
    }

    #[test]
    fn an_only_identity_moves_under_its_id_once_that_is_said() {
        let old = identity("present PEM");
        let error = merged(Some(&old), Some(B), None).unwrap_err();
        assert!(error.contains("--default-authorisation-server-id") && !error.contains("PEM"), "{error}");
        assert_eq!(merged(Some(&old), Some(B), Some(A)), Ok(json!({ A: old, B: identity("new") })));
        assert_eq!(merged(Some(&old), Some(A), Some(A)), Ok(json!({ A: identity("new") })));
    }

    #[test]
    fn what_cannot_be_read_is_not_merged_with_nor_quoted() {
        let error = merged(Some(&json!("garbage")), Some(A), None).unwrap_err();
        assert!(error.contains("would be lost") && !error.contains("garbage"), "{error}");
    }

    #[test]
    fn what_does_not_fit_is_refused_with_its_size() {
        let empty = merge(None, identity(""), Some(A), None).unwrap().len();
        let of_bytes = |bytes: usize| {
            let identity = json!({ "certificate_chain": "a".repeat(bytes - empty), "private_key": "" });
            merge(None, identity, Some(A), None)
        };
        assert_eq!(of_bytes(65_536).unwrap().len(), 65_536);
        let error = of_bytes(65_537).unwrap_err().to_string();
        assert!(error.contains("would take 65537 bytes and a secret holds 65536"), "{error}");
    }
}
