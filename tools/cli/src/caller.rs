//! Whose credentials these are.

use aws_config::SdkConfig;
use aws_credential_types::provider::ProvideCredentials as _;

/// Names who acts, for the record: the ARN by STS, which each caller may ask; else the id of the access key, which an
/// administrator can look up. Never a secret.
pub(crate) async fn caller(sdk: &SdkConfig) -> String {
    let identity = aws_sdk_sts::Client::new(sdk).get_caller_identity().send().await;
    if let Ok(Some(arn)) = identity.map(|identity| identity.arn) {
        return arn;
    }
    let credentials = match sdk.credentials_provider() {
        Some(provider) => provider.provide_credentials().await.ok(),
        None => None,
    };
    credentials.map_or_else(
        || "unknown".to_owned(),
        |credentials| format!("access key {}", credentials.access_key_id()),
    )
}
