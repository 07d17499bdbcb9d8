//! The settings of traces.

use std::sync::Mutex;

use aws_config::SdkConfig;
use http::Uri;
use platform::aws::{Http, Secrets, dns_suffix, secrets_manager};
use platform::clock::Clock;
use platform::rng::Rng;
use platform::telemetry::Metrics;
use thiserror::Error;

use super::authentication::{Authentication, Secret};
use super::collector::Collector;
use super::sender::Traces;

/// What stands for the endpoint of X-Ray in the region of the stack.
const XRAY: &str = "xray";

/// Maximum length of an answer in bytes. One says how many spans were rejected, and why in a sentence; of a longer one
/// nothing is read.
const MAX_ANSWER: usize = 16 * 1024;

/// Where spans go.
#[derive(Clone, Debug)]
pub struct TracesSettings {
    /// The URL of a collector, or `xray`.
    pub endpoint: String,
    /// The ARN of the secret with headers for it, if it wants any.
    pub secret: Option<String>,
    /// The name of the stack.
    pub stack: String,
}

impl TracesSettings {
    /// Creates the sender of spans.
    pub fn traces(
        self,
        (sdk, http): (&SdkConfig, &Http),
        (clock, rng): (Clock, Rng),
        metrics: Metrics,
    ) -> Result<Traces, EndpointError> {
        let Self { endpoint, secret, stack } = self;
        let (endpoint, authentication) = if endpoint == XRAY {
            xray(sdk)?
        } else {
            let secret = secret.map(|arn| Secret::new(Secrets::new(secrets_manager(sdk)), arn));
            let by_secret = |secret| Authentication::Secret(Box::new(secret));
            let endpoint: Uri = endpoint.parse().map_err(|_| EndpointError)?;
            endpoint.host().ok_or(EndpointError)?;
            (endpoint, secret.map_or(Authentication::None, by_secret))
        };
        let collector = Collector {
            connector: http.clone().with_max_answer(MAX_ANSWER).connector(),
            endpoint,
            authentication,
        };
        Ok(Traces { collector, stack, clock, rng, metrics, paused_until: Mutex::default() })
    }
}

/// Returns X-Ray's endpoint in the region ("OTLP Endpoint", Amazon CloudWatch User Guide), which asks for a signature.
fn xray(sdk: &SdkConfig) -> Result<(Uri, Authentication), EndpointError> {
    let region = sdk.region().ok_or(EndpointError)?.to_string();
    let suffix = dns_suffix(&region).ok_or(EndpointError)?;
    let endpoint = format!("https://xray.{region}.{suffix}/v1/traces").parse();
    let credentials = sdk.credentials_provider().ok_or(EndpointError)?;
    Ok((endpoint.map_err(|_| EndpointError)?, Authentication::Signature { credentials, region }))
}

/// A text that is no endpoint, or X-Ray's where it cannot be asked.
#[derive(Clone, Copy, Debug, Error, Eq, PartialEq)]
#[error("TracesEndpoint is no URL with a host, or X-Ray cannot be called here")]
pub struct EndpointError;
