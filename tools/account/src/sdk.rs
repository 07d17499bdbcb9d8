//! The AWS configuration of a person's shell.

use std::time::Duration;

use anyhow::{Context as _, Result};
use aws_config::profile::ProfileFileCredentialsProvider;
use aws_config::provider_config::ProviderConfig;
use aws_config::timeout::TimeoutConfig;
use aws_config::{BehaviorVersion, Region, SdkConfig};
use aws_credential_types::provider::SharedCredentialsProvider;
use aws_smithy_http_client::tls::Provider;
use aws_smithy_http_client::tls::rustls_provider::CryptoMode;

use crate::args::AccountArgs;
use crate::credentials::Opened;

/// Timeout of connecting. A command may run far from its region, and nothing waits behind it. A receive may
/// long-poll, so the functions' timeout of one second would end every receive from an empty queue.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);
/// Timeout of one try of a call.
const TRY_TIMEOUT: Duration = Duration::from_secs(10);
/// Timeout of a whole call with its tries.
const CALL_TIMEOUT: Duration = Duration::from_secs(30);

const NO_REGION: &str = "no AWS region is set: give --region, or set AWS_REGION, or a region in the profile";

/// Loads region and credentials as the AWS CLI does: by option, from the environment, or from the profile, which may be
/// one of Identity Center or of a credential process.
///
/// As with the AWS CLI, a profile that an option names goes before keys in the environment. The credentials are fetched
/// at once, so that what is wrong with them is said before anything is done.
pub async fn sdk_config(args: &AccountArgs) -> Result<SdkConfig> {
    let http = aws_smithy_http_client::Builder::new()
        .tls_provider(Provider::Rustls(CryptoMode::AwsLc))
        .build_https();
    let mut loader = aws_config::defaults(BehaviorVersion::latest()).http_client(http.clone());
    if let Some(region) = &args.region {
        loader = loader.region(Region::new(region.clone()));
    }
    if let Some(profile) = &args.profile {
        loader = loader.profile_name(profile);
    }
    let mut sdk = loader.load().await;
    let region = sdk.region().cloned().context(NO_REGION)?;
    if let Some(profile) = &args.profile {
        let config = ProviderConfig::default().with_http_client(http).with_region(Some(region));
        let profile =
            ProfileFileCredentialsProvider::builder().configure(&config).profile_name(profile).build();
        sdk = sdk.into_builder().credentials_provider(SharedCredentialsProvider::new(profile)).build();
    }
    let opened = Opened::with(&sdk, args).await?;
    Ok(with_timeouts(
        &sdk.into_builder().credentials_provider(SharedCredentialsProvider::new(opened)).build(),
    ))
}

/// Sets the timeouts of a command.
pub fn with_timeouts(sdk: &SdkConfig) -> SdkConfig {
    let timeouts = TimeoutConfig::builder()
        .connect_timeout(CONNECT_TIMEOUT)
        .operation_attempt_timeout(TRY_TIMEOUT)
        .operation_timeout(CALL_TIMEOUT)
        .build();
    sdk.to_builder().timeout_config(timeouts).build()
}
