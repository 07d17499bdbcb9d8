//! The AWS configuration of a person's shell.

use aws_config::{BehaviorVersion, SdkConfig};
use aws_smithy_http_client::tls::Provider;
use aws_smithy_http_client::tls::rustls_provider::CryptoMode;

/// Loads region and credentials from the environment or the AWS profile, as the AWS CLI does.
pub async fn sdk_config() -> SdkConfig {
    let http = aws_smithy_http_client::Builder::new().tls_provider(Provider::Rustls(CryptoMode::AwsLc));
    aws_config::defaults(BehaviorVersion::latest()).http_client(http.build_https()).load().await
}
