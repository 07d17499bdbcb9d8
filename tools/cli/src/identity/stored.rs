//! Opens an identity from the secret.

use mtls::{Identity, KmsIdentityError, StoredIdentity};
use platform::aws::Keys;
use serde_json::Value;
use uuid::Uuid;

/// Parses an identity of the secret as dispatch does, and gets the public key of a KMS key.
pub(crate) async fn open(identity: Value, keys: &Keys) -> Result<Identity, KmsIdentityError> {
    match StoredIdentity::from_value(identity)? {
        StoredIdentity::Whole(identity) => Ok(identity),
        StoredIdentity::InKms(identity) => identity.open(keys).await,
    }
}

/// Parses the id of an authorisation server to the form in the secret.
pub(super) fn server_id(text: &str) -> Result<String, String> {
    let id = Uuid::try_parse(text).map_err(|_| "expected the UUID of an authorisation server".to_owned())?;
    Ok(id.hyphenated().to_string())
}
