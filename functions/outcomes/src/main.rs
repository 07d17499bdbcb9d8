//! The Lambda function `outcomes`.

// The futures of the SDK, in that of a call that is repeated, nest deeper than the 128 of the compiler.
#![recursion_limit = "256"]

use lambda_runtime::{Error, LambdaEvent, run, service_fn};
use outcomes::{Bus, Outcomes, Scope};
use platform::aws::{Http, sdk_config};
use platform::clock::Clock;
use platform::config::{Settings, environment};
use platform::telemetry::ErrorChain;
use serde_json::Value;

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Error> {
    let settings = Settings::new(&environment);
    settings.start_logging();
    let sdk = sdk_config(&settings, &Http::system(Clock::system()))?;
    let client = aws_sdk_eventbridge::Client::new(&sdk);
    let bus = settings.required("ARAUTO_OUTCOME_EVENT_BUS")?;
    let stack = settings.required("ARAUTO_OUTCOME_EVENT_SOURCE")?;
    let scope = settings.parsed_or("ARAUTO_OUTCOME_EVENTS", Scope::Problems)?;
    let outcomes = Outcomes { bus: Bus::new(client, bus, stack), scope };
    run(service_fn(|event: LambdaEvent<Value>| async {
        outcomes.handle(event.payload).await.map_err(|error| {
            tracing::error!(error = %ErrorChain(&error), "An event could not be told.");
            Error::from(error)
        })
    }))
    .await
}
