//! The Lambda function `directory`.

use std::sync::Arc;

use directory::fetch::Fetcher;
use directory::{Directory, DirectoryKeys};
use lambda_http::{Error, run, service_fn, tracing};
use webhook::aws::{DirectoryTable, Receivers, dynamodb, sdk_config};
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
    let kept = DirectoryTable::new(dynamodb(&sdk), settings.required("ARAUTO_DIRECTORY_TABLE")?);
    let fetcher = Arc::new(Fetcher::new(policy, |client| client)?);
    let environment = settings.directory_environment()?;
    let keys = DirectoryKeys { table: kept, fetcher, environment, clock: clock.clone() };
    let directory = Directory { receivers, keys, policy, clock };
    run(service_fn(|request| async {
        directory.handle(request).await.map_err(|error| {
            tracing::error!(error = %Chain(&error), "The receivers could not be looked over.");
            Error::from(error)
        })
    }))
    .await
}
