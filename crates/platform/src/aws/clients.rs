//! Configuration of all AWS clients.

use std::time::Duration;

use aws_config::environment::EnvironmentVariableCredentialsProvider;
use aws_config::retry::RetryConfig;
use aws_config::timeout::TimeoutConfig;
use aws_config::{BehaviorVersion, Region, SdkConfig};
use aws_credential_types::provider::SharedCredentialsProvider;
use aws_smithy_runtime_api::client::http::http_client_fn;
use http::Uri;
use http::uri::Scheme;

use super::http::Http;
use crate::config::{SettingError, Settings};

/// Timeout of one try of a call. The services used here answer in milliseconds.
pub(super) const TRY_TIMEOUT: Duration = Duration::from_secs(1);
/// Maximum number of tries.
pub(super) const TRIES: u32 = 3;
/// Timeout of a whole call with its tries. The function timeouts in `template.yaml` are sums of it.
pub const CALL_TIMEOUT: Duration = Duration::from_secs(3);
/// The time left after one try.
pub(super) const AFTER_ONE_TRY: Duration = Duration::from_secs(2);

/// Creates the configuration shared by all clients from the variables that Lambda sets.
///
/// The SDK's own loader is not used: it looks for profiles and other sources of credentials, which takes longer than
/// the rest of a start. Lambda has the credentials in the environment only.
pub fn sdk_config(settings: &Settings<'_>, http: &Http) -> Result<SdkConfig, SettingError> {
    let connector = http.connector();
    let timeouts = TimeoutConfig::builder()
        .operation_attempt_timeout(TRY_TIMEOUT)
        .operation_timeout(CALL_TIMEOUT)
        .build();
    let mut config = SdkConfig::builder()
        .behavior_version(BehaviorVersion::latest())
        .region(Region::new(settings.required("AWS_REGION")?))
        .credentials_provider(SharedCredentialsProvider::new(EnvironmentVariableCredentialsProvider::new()))
        .http_client(http_client_fn(move |_, _| connector.clone()))
        .timeout_config(timeouts)
        .retry_config(RetryConfig::standard().with_max_attempts(TRIES))
        .use_fips(settings.parsed_or("AWS_USE_FIPS_ENDPOINT", false)?)
        .use_dual_stack(settings.parsed_or("AWS_USE_DUALSTACK_ENDPOINT", false)?);
    config.set_endpoint_url(settings.optional("AWS_ENDPOINT_URL"));
    Ok(config.build())
}

/// Returns a host that the functions call themselves, with its port: a name that must exist. `None` in a partition
/// whose names are unknown here.
pub fn endpoint_name(config: &SdkConfig) -> Option<(String, u16)> {
    let uri: Uri = if let Some(url) = config.endpoint_url() {
        url.parse().ok()?
    } else {
        let region = config.region()?.as_ref();
        format!("https://dynamodb.{region}.{}", dns_suffix(region)?).parse().ok()?
    };
    let is_plain = uri.scheme() == Some(&Scheme::HTTP);
    let port = uri.port_u16().unwrap_or(if is_plain { 80 } else { 443 });
    Some((uri.host()?.trim_matches(['[', ']']).to_owned(), port))
}

/// Returns the domain of a region's services; `None` in a partition whose names are unknown here.
///
/// Source: "AWS service endpoints", AWS General Reference. Isolated partitions have domains of their own.
pub fn dns_suffix(region: &str) -> Option<&'static str> {
    match region {
        isolated if isolated.contains("-iso") => None,
        china if china.starts_with("cn-") => Some("amazonaws.com.cn"),
        _ => Some("amazonaws.com"),
    }
}

/// Creates a client of DynamoDB.
pub fn dynamodb(config: &SdkConfig) -> aws_sdk_dynamodb::Client {
    aws_sdk_dynamodb::Client::new(config)
}

/// Creates a client of SQS.
pub fn sqs(config: &SdkConfig) -> aws_sdk_sqs::Client {
    aws_sdk_sqs::Client::new(config)
}

/// Creates a client of KMS.
pub fn kms(config: &SdkConfig) -> aws_sdk_kms::Client {
    aws_sdk_kms::Client::new(config)
}

/// Creates a client of Secrets Manager.
pub fn secrets_manager(config: &SdkConfig) -> aws_sdk_secretsmanager::Client {
    aws_sdk_secretsmanager::Client::new(config)
}

/// Timeout of one request for log lines, tries included: the service looks through megabytes before it answers.
pub const LOGS_TIMEOUT: Duration = Duration::from_secs(5);

/// Creates a client of CloudWatch Logs.
pub fn cloudwatch_logs(config: &SdkConfig) -> aws_sdk_cloudwatchlogs::Client {
    let timeouts = TimeoutConfig::builder()
        .operation_attempt_timeout(LOGS_TIMEOUT)
        .operation_timeout(LOGS_TIMEOUT)
        .build();
    let config = aws_sdk_cloudwatchlogs::config::Builder::from(config).timeout_config(timeouts);
    aws_sdk_cloudwatchlogs::Client::from_conf(config.build())
}
