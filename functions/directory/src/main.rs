//! The Lambda function `directory`.

use std::sync::Arc;

use directory::fetch::Fetcher;
use directory::first_sight::FirstSight;
use directory::revocation::Refresher;
use directory::{Directory, DirectoryKeys, ParticipantsList, Reconciler, SoftwareStatements};
use lambda_http::{Error, run, service_fn};
use tokio::sync::Mutex;
use webhook::aws::{
    DirectoryTable, Http, Receivers, Secrets, dynamodb, endpoint_name, sdk_config, secrets_manager,
};
use webhook::clock::Clock;
use webhook::config::{Settings, environment};
use webhook::mtls::Network;
use webhook::notification::AuthorisationServers;
use webhook::revocation::RevocationStore;
use webhook::rng::Rng;
use webhook::telemetry::ErrorChain;

/// A fifth: an answer that says more is more likely to be wrong than they are.
const MAX_SUSPENDED_PERCENT: u8 = 20;

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Error> {
    let settings = Settings::new(&environment);
    settings.start_logging();
    let (clock, policy) = (Clock::system(), settings.address_policy()?);
    let sdk = sdk_config(&settings, &Http::system(clock.clone()))?;
    let network =
        Network::system(policy).with_own_name(endpoint_name(&sdk)).exchanging_keys(settings.key_exchange()?);
    let table = settings.required("ARAUTO_RECEIVERS_TABLE")?;
    let receivers = Receivers::new(dynamodb(&sdk), table, policy, clock.clone());
    let kept = DirectoryTable::new(dynamodb(&sdk), settings.required("ARAUTO_DIRECTORY_TABLE")?);
    let fetcher = Arc::new(Fetcher::new(policy, |client| client)?);
    let environment = settings.directory_environment()?;
    let reconciler = Reconciler {
        participants: ParticipantsList {
            table: kept.clone(),
            fetcher: Arc::clone(&fetcher),
            environment: environment.clone(),
            clock: clock.clone(),
        },
        software: SoftwareStatements {
            table: kept.clone(),
            secrets: Secrets::new(secrets_manager(&sdk)),
            identity_secret: settings.required("ARAUTO_DIRECTORY_IDENTITY_SECRET")?,
            environment: environment.clone(),
            policy,
            clock: clock.clone(),
            session: Mutex::default(),
        },
        servers: settings.parsed_or("ARAUTO_AUTHORISATION_SERVERS", AuthorisationServers::default())?,
        max_percent: settings.parsed_or("ARAUTO_MAX_SUSPENDED_PERCENT", MAX_SUSPENDED_PERCENT)?,
        metrics: settings.metrics(),
        clock: clock.clone(),
    };
    let revocation = Refresher::new(
        RevocationStore::new(kept.clone()),
        Arc::clone(&fetcher),
        (clock.clone(), Rng::system()),
        settings.metrics(),
    );
    let first_sight = FirstSight {
        secrets: Secrets::new(secrets_manager(&sdk)),
        trust_secret: settings.required("ARAUTO_TRUST_SECRET")?,
        store: RevocationStore::new(kept.clone()),
        table: kept.clone(),
        network: network.clone(),
        metrics: settings.metrics(),
        clock: clock.clone(),
        anchors: Mutex::default(),
    };
    let keys = DirectoryKeys {
        table: kept,
        fetcher,
        environment,
        metrics: settings.metrics(),
        clock: clock.clone(),
    };
    let directory = Directory { receivers, keys, reconciler, revocation, first_sight, network, clock };
    run(service_fn(|request| async {
        directory.handle(request).await.map_err(|error| {
            tracing::error!(error = %ErrorChain(&error), "The receivers could not be looked over.");
            Error::from(error)
        })
    }))
    .await
}
