//! The Lambda function `directory`.

use directory::Directory;
use lambda_http::{Error, run, service_fn, tracing};
use webhook::aws::{Receivers, dynamodb, sdk_config};
use webhook::config::{Settings, environment};
use webhook::edge::Clock;
use webhook::telemetry::Chain;

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Error> {
    tracing::init_default_subscriber();
    let settings = Settings::new(&environment);
    let sdk = sdk_config().await;
    let (clock, policy) = (Clock::system(), settings.address_policy()?);
    let table = settings.required("ARAUTO_RECEIVERS_TABLE")?;
    let receivers = Receivers::new(dynamodb(&sdk), table, policy, clock.clone());
    let directory = Directory { receivers, policy, clock };
    run(service_fn(|request| async {
        directory.handle(request).await.map_err(|error| {
            tracing::error!(error = %Chain(&error), "The receivers could not be looked over.");
            Error::from(error)
        })
    }))
    .await
}
