//! An identity as the secret holds it.

use mtls::{Identity, KmsIdentityError, StoredIdentity};
use platform::aws::Keys;
use serde_json::Value;
use uuid::Uuid;

/// Reads an identity of the secret as dispatch does, and asks KMS for the public half of a key that it keeps.
pub(super) async fn open(identity: Value, keys: &Keys) -> Result<Identity, KmsIdentityError> {
    match StoredIdentity::from_value(identity)? {
        StoredIdentity::Whole(identity) => Ok(identity),
        StoredIdentity::InKms(identity) => identity.open(keys).await,
    }
}

/// Reads the id of an authorisation server, as the secret writes it.
pub(super) fn server_id(text: &str) -> Result<String, String> {
    let id = Uuid::try_parse(text).map_err(|_| "expected the UUID of an authorisation server".to_owned())?;
    Ok(id.hyphenated().to_string())
}
