//! The Lambda function `evidence`.

// The SDK's futures inside a repeated call nest deeper than the compiler's default of 128.
#![recursion_limit = "256"]

use evidence::{Archive, BUDGET, Evidence, Firehose, Sealer, with_long_timeouts};
use lambda_runtime::{Error, LambdaEvent, run, service_fn};
use platform::aws::{Http, sdk_config};
use platform::clock::Clock;
use platform::config::{Settings, environment};
use platform::telemetry::ErrorChain;
use serde_json::Value;

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
