//! The AWS configuration of a person's shell.

use aws_config::{BehaviorVersion, Region, SdkConfig};
use aws_smithy_http_client::tls::Provider;
use aws_smithy_http_client::tls::rustls_provider::CryptoMode;

/// Loads region and credentials from the environment or the AWS profile, as the AWS CLI does.
pub async fn sdk_config() -> SdkConfig {
    sdk_config_of(None, None).await
}

/// The same with this profile and this region, where they are given.
pub async fn sdk_config_of(profile: Option<&str>, region: Option<&str>) -> SdkConfig {
    let http = aws_smithy_http_client::Builder::new().tls_provider(Provider::Rustls(CryptoMode::AwsLc));
    let mut loader = aws_config::defaults(BehaviorVersion::latest()).http_client(http.build_https());
    if let Some(profile) = profile {
        loader = loader.profile_name(profile);
    }
    if let Some(region) = region {
        loader = loader.region(Region::new(region.to_owned()));
    }
    loader.load().await
}
