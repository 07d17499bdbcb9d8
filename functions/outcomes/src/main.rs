//! The Lambda function `outcomes`.

// The SDK's futures inside a repeated call nest deeper than the compiler's default of 128.
#![recursion_limit = "256"]

use lambda_runtime::{Error, LambdaEvent, run, service_fn};
use outcomes::{Bus, Outcomes, Scope, TracesSettings};
use platform::aws::{Http, sdk_config};
use platform::clock::Clock;
use platform::config::{Settings, environment};
use platform::rng::Rng;
use platform::telemetry::ErrorChain;
use serde_json::Value;

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Error> {
    let settings = Settings::new(&environment);
    settings.start_logging();
    let clock = Clock::system();
    let http = Http::system(clock.clone());
    let sdk = sdk_config(&settings, &http)?;
    let stack = settings.required("ARAUTO_STACK")?;
    let client = aws_sdk_eventbridge::Client::new(&sdk);
    let bus = settings.optional("ARAUTO_OUTCOME_EVENT_BUS");
    let bus = bus.map(|name| Bus::new(client, name, format!("/arauto/{stack}")));
    let scope = settings.parsed_or("ARAUTO_OUTCOME_EVENTS", Scope::Problems)?;
    let secret = settings.optional("ARAUTO_TRACES_SECRET_ARN");
    let traces = settings.optional("ARAUTO_TRACES_ENDPOINT");
    let traces = traces.map(|endpoint| {
        let traces = TracesSettings { endpoint, secret, stack };
        traces.traces((&sdk, &http), (clock, Rng::system()), settings.metrics())
    });
    let outcomes = Outcomes { bus, scope, traces: traces.transpose()? };
    run(service_fn(|event: LambdaEvent<Value>| async {
        outcomes.handle(event.payload).await.map_err(|error| {
            tracing::error!(error = %ErrorChain(&error), "An event could not be told.");
            Error::from(error)
        })
    }))
    .await
}
