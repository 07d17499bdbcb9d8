//! The secrets with our identities and the trust anchors.

use anyhow::{Context as _, Result};
use aws_config::SdkConfig;
use mtls::TrustAnchors;
use platform::aws::{KeyArn, secrets_manager};
use serde_json::{Value, json};

use crate::merge::merge;

/// Stores an identity in its secret: as the only one, or as that of an authorisation server next to the others.
pub async fn put(
    sdk: &SdkConfig,
    secret: &str,
    (chain, key): (&str, &str),
    server: Option<&str>,
) -> Result<()> {
    put_merged(sdk, secret, document(chain, key), server, None).await
}

/// Stores an identity with a key in KMS, as that of an authorisation server next to the others.
pub async fn put_in_kms(
    sdk: &SdkConfig,
    secret: &str,
    (chain, key): (&str, &KeyArn),
    server: &str,
) -> Result<()> {
    put_merged(sdk, secret, document_in_kms(chain, &key.to_string()), Some(server), None).await
}

/// Stores trust anchors in their secret.
pub async fn put_trust(sdk: &SdkConfig, secret: &str, bundle: &str) -> Result<()> {
    TrustAnchors::from_pem(bundle)?;
    put_text(sdk, secret, bundle.to_owned()).await
}

/// Returns one identity in the format of the secret.
pub fn document(chain: &str, key: &str) -> Value {
    json!({ "certificate_chain": chain, "private_key": key })
}

/// Returns one identity with a key in KMS in the format of the secret.
pub fn document_in_kms(chain: &str, key: &str) -> Value {
    json!({ "certificate_chain": chain, "kms_key_id": key })
}

async fn put_merged(
    sdk: &SdkConfig,
    secret: &str,
    identity: Value,
    server: Option<&str>,
    of_present: Option<&str>,
) -> Result<()> {
    put_text(sdk, secret, merged(sdk, secret, identity, server, of_present).await?).await
}

/// Returns the new text of the secret without storing it.
pub async fn merged(
    sdk: &SdkConfig,
    secret: &str,
    identity: Value,
    server: Option<&str>,
    of_present: Option<&str>,
) -> Result<String> {
    let present = get_text(sdk, secret).await?;
    merge(present.as_deref(), identity, server, of_present)
}

/// Reads a secret; `None` if it has no value yet.
pub async fn get_text(sdk: &SdkConfig, secret: &str) -> Result<Option<String>> {
    let got = secrets_manager(sdk).get_secret_value().secret_id(secret).send().await;
    match got.map_err(aws_sdk_secretsmanager::Error::from) {
        // MiniStack gives a secret without a value an empty one.
        Ok(answer) => Ok(answer.secret_string.filter(|text| !text.is_empty())),
        Err(aws_sdk_secretsmanager::Error::ResourceNotFoundException(_)) => Ok(None),
        Err(error) => Err(error).with_context(|| {
            format!("failed to read the secret {secret}: check its ARN, your region and your credentials")
        }),
    }
}

/// Stores the text of a secret.
pub async fn put_text(sdk: &SdkConfig, secret: &str, text: String) -> Result<()> {
    let put = secrets_manager(sdk).put_secret_value().secret_id(secret).secret_string(text);
    put.send().await.map_err(aws_sdk_secretsmanager::Error::from).with_context(|| {
        format!("failed to put the secret {secret}: check its ARN, your region and your credentials")
    })?;
    Ok(())
}
