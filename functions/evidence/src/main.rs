//! The Lambda function `evidence`.

use std::time::Duration;

use aws_config::SdkConfig;
use aws_config::timeout::TimeoutConfig;
use evidence::{Archive, BUDGET, Evidence, Firehose, Sealer};
use lambda_runtime::{Error, LambdaEvent, run, service_fn};
use platform::aws::{Http, sdk_config};
use platform::clock::Clock;
use platform::config::{Settings, environment};
use platform::telemetry::ErrorChain;
use serde_json::Value;

/// Timeout of one try, which may carry two megabytes of records or a page of a listing; no caller waits for it.
const TRY_TIMEOUT: Duration = Duration::from_secs(10);
/// Timeout of a whole call with its tries.
const CALL_TIMEOUT: Duration = Duration::from_secs(30);

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Error> {
    let settings = Settings::new(&environment);
    settings.start_logging();
    let clock = Clock::system();
    let sdk = with_long_timeouts(&sdk_config(&settings, &Http::system(clock.clone()))?);
    let stream = settings.required("ARAUTO_EVIDENCE_STREAM")?;
    let bucket = settings.required("ARAUTO_EVIDENCE_BUCKET")?;
    let evidence = Evidence {
        firehose: Firehose::new(aws_sdk_firehose::Client::new(&sdk), stream),
        sealer: Sealer { archive: Archive::of(&sdk, bucket), clock: clock.clone(), budget: BUDGET },
        clock,
        metrics: settings.metrics(),
    };
    run(service_fn(|event: LambdaEvent<Value>| async {
        evidence.handle(event.payload).await.map_err(|error| {
            tracing::error!(error = %ErrorChain(&error), "The evidence could not be kept or sealed.");
            Error::from(error)
        })
    }))
    .await
}

fn with_long_timeouts(sdk: &SdkConfig) -> SdkConfig {
    let timeouts = TimeoutConfig::builder()
        .connect_timeout(Duration::from_secs(2))
        .operation_attempt_timeout(TRY_TIMEOUT)
        .operation_timeout(CALL_TIMEOUT)
        .build();
    sdk.to_builder().timeout_config(timeouts).build()
}
