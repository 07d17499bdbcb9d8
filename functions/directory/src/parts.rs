//! The parts of the directory function and their assembly, shared by function, tests and simulator.

use std::sync::Arc;

use convention::address::AddressPolicy;
use convention::directory::Environment;
use convention::notification::AuthorisationServers;
use lambda_http::Error;
use mtls::revocation::RevocationStore;
use mtls::{KeyExchange, Network};
use platform::aws::{
    DirectoryTable, Http, Receivers, Secrets, dynamodb, endpoint_name, sdk_config, secrets_manager,
};
use platform::clock::Clock;
use platform::config::Settings;
use platform::rng::Rng;
use platform::telemetry::Metrics;
use tokio::sync::Mutex;

use crate::fetch::Fetcher;
use crate::receiver_check::ReceiverCheck;
use crate::revocation::Refresher;
use crate::{Directory, DirectoryKeys, ParticipantsList, Reconciler, SoftwareStatements};

/// The default share of clients that may be suspended at once, a fifth: an answer that suspends more is more likely
/// to be wrong.
const MAX_SUSPENDED_PERCENT: u8 = 20;

/// The dependencies of [`Directory::new`].
pub struct Parts {
    /// The registrations.
    pub receivers: Receivers,
    /// Documents fetched from others.
    pub table: DirectoryTable,
    /// Fetches them.
    pub fetcher: Arc<Fetcher>,
    /// The environment of the Directory that this stack belongs to.
    pub environment: Environment,
    /// The secrets with our software's identity at the Directory and the trust anchors.
    pub secrets: Secrets,
    /// The secret with our software's identity at the Directory.
    pub identity_secret: String,
    /// The secret with the trust anchors.
    pub trust_secret: String,
    /// Our authorisation servers.
    pub servers: AuthorisationServers,
    /// Maximum percentage of clients that the Directory may suspend at once.
    pub max_percent: u8,
    /// The policy for addresses of the Directory's API.
    pub policy: AddressPolicy,
    /// The network to receivers.
    pub network: Network,
    /// Where metrics are written.
    pub metrics: Metrics,
    /// The clock.
    pub clock: Clock,
    /// Randomises the order in which authorities are asked.
    pub rng: Rng,
}

impl Parts {
    /// Creates the parts from the function's environment variables.
    ///
    /// Fails if one is missing or invalid.
    pub fn of(settings: &Settings<'_>) -> Result<Self, Error> {
        let (clock, policy) = (Clock::system(), settings.address_policy()?);
        let sdk = sdk_config(settings, &Http::system(clock.clone()))?;
        let receivers = settings.required("ARAUTO_RECEIVERS_TABLE")?;
        Ok(Self {
            receivers: Receivers::new(dynamodb(&sdk), receivers, policy, clock.clone()),
            table: DirectoryTable::new(dynamodb(&sdk), settings.required("ARAUTO_DIRECTORY_TABLE")?),
            fetcher: Arc::new(Fetcher::new(policy, |client| client)?),
            environment: settings.directory_environment()?,
            secrets: Secrets::new(secrets_manager(&sdk)),
            identity_secret: settings.required("ARAUTO_DIRECTORY_IDENTITY_SECRET")?,
            trust_secret: settings.required("ARAUTO_TRUST_SECRET")?,
            servers: settings.parsed_or("ARAUTO_AUTHORISATION_SERVERS", AuthorisationServers::default())?,
            max_percent: settings.parsed_or("ARAUTO_MAX_SUSPENDED_PERCENT", MAX_SUSPENDED_PERCENT)?,
            policy,
            network: Network::system(policy)
                .with_own_name(endpoint_name(&sdk))
                .exchanging_keys(KeyExchange::of_settings(settings)?),
            metrics: settings.metrics(),
            clock,
            rng: Rng::system(),
        })
    }
}

impl Directory {
    /// Assembles the function.
    pub fn new(parts: Parts) -> Self {
        let Parts { table, fetcher, environment, secrets, network, metrics, clock, .. } = parts;
        let reconciler = Reconciler {
            participants: ParticipantsList {
                table: table.clone(),
                fetcher: Arc::clone(&fetcher),
                environment: environment.clone(),
                clock: clock.clone(),
            },
            software: SoftwareStatements {
                table: table.clone(),
                secrets: secrets.clone(),
                identity_secret: parts.identity_secret,
                environment: environment.clone(),
                policy: parts.policy,
                clock: clock.clone(),
                session: Mutex::default(),
            },
            servers: parts.servers,
            max_percent: parts.max_percent,
            metrics: metrics.clone(),
            clock: clock.clone(),
        };
        let store = RevocationStore::new(table.clone());
        let revocation =
            Refresher::new(store.clone(), Arc::clone(&fetcher), (clock.clone(), parts.rng), metrics.clone());
        let receiver_check = ReceiverCheck {
            secrets,
            trust_secret: parts.trust_secret,
            store,
            table: table.clone(),
            network: network.clone(),
            metrics: metrics.clone(),
            clock: clock.clone(),
            anchors: Mutex::default(),
        };
        let keys = DirectoryKeys { table, fetcher, environment, metrics, clock: clock.clone() };
        Self { receivers: parts.receivers, keys, reconciler, revocation, receiver_check, network, clock }
    }
}
