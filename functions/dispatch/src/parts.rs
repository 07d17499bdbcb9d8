//! What dispatch needs of the world: for the function from its environment variables, for tests and the simulator from theirs.

use convention::delivery::LedgerWrites;
use convention::notification::AuthorisationServers;
use jiff::SignedDuration;
use lambda_runtime::Error;
use mtls::{KeyExchange, Network};
use platform::aws::{
    DirectoryTable, Http, Keys, Ledger, Queues, Receivers, Secrets, dynamodb, endpoint_name, kms, sdk_config,
    secrets_manager, sqs,
};
use platform::clock::Clock;
use platform::config::Settings;
use platform::rng::Rng;
use platform::telemetry::{Metrics, UsageMeter};

/// Five years, as sharing records are kept.
const RETENTION_DAYS: i64 = 5 * 365;
/// The shortest that the guideline on certificates allows.
const WINDOW_MINUTES: i64 = 60;

/// What [`Dispatch::new`](crate::Dispatch::new) needs of the world.
pub struct Parts {
    /// What happened to each notification.
    pub ledger: Ledger,
    /// How often that is written of what is delivered at once.
    pub ledger_writes: LedgerWrites,
    /// Who is notified where.
    pub receivers: Receivers,
    /// Where later attempts and dead letters go.
    pub queues: Queues,
    /// What was fetched from others: revocation, and first deliveries beside it.
    pub directory: DirectoryTable,
    /// Where our identities and the authorities that we trust are.
    pub secrets: Secrets,
    /// Where private keys are that stay in KMS.
    pub keys: Keys,
    /// The secret of our identities.
    pub identity_secret: String,
    /// The secret of the authorities that we trust.
    pub trust_secret: String,
    /// How receivers are reached.
    pub network: Network,
    /// How long a receiver's chain is accepted after the last evidence about it ended.
    pub revocation_window: SignedDuration,
    /// Our authorisation servers.
    pub servers: AuthorisationServers,
    /// How often the queue hands a message out before it moves it to the dead-letter queue (`maxReceiveCount`).
    pub max_receives: u32,
    /// What counts billable usage.
    pub meter: UsageMeter,
    /// Where metrics are written.
    pub metrics: Metrics,
    /// What time it is.
    pub clock: Clock,
    /// Where interaction ids and jitter come from.
    pub rng: Rng,
}

impl Parts {
    /// Makes the parts of the function, by its environment variables.
    ///
    /// Fails where one is missing or cannot be read.
    pub fn of(settings: &Settings<'_>) -> Result<Self, Error> {
        let (meter, clock) = (UsageMeter::default(), Clock::system());
        let http = Http::system(clock.clone()).metered(&meter);
        let sdk = sdk_config(settings, &http)?;
        let policy = settings.address_policy()?;
        let retention = settings.parsed_or("ARAUTO_LEDGER_RETENTION_DAYS", RETENTION_DAYS)?;
        let window = settings.parsed_or("ARAUTO_REVOCATION_WINDOW_MINUTES", WINDOW_MINUTES)?;
        let table = |name| settings.required(name);
        let ledger = Ledger::new(
            dynamodb(&sdk),
            table("ARAUTO_LEDGER_TABLE")?,
            SignedDuration::from_hours(24 * retention),
        );
        let notifications = settings.required("ARAUTO_NOTIFICATIONS_QUEUE_URL")?;
        let dead_letters = settings.required("ARAUTO_DEAD_LETTER_QUEUE_URL")?;
        Ok(Self {
            ledger: ledger.with_fast_path(&sdk, &http, clock.clone()),
            ledger_writes: settings.parsed_or("ARAUTO_LEDGER_WRITES", LedgerWrites::default())?,
            receivers: Receivers::new(
                dynamodb(&sdk),
                table("ARAUTO_RECEIVERS_TABLE")?,
                policy,
                clock.clone(),
            ),
            queues: Queues::new(sqs(&sdk), notifications, Some(dead_letters)),
            directory: DirectoryTable::new(dynamodb(&sdk), table("ARAUTO_DIRECTORY_TABLE")?),
            secrets: Secrets::new(secrets_manager(&sdk)),
            keys: Keys::new(kms(&sdk)),
            identity_secret: settings.required("ARAUTO_IDENTITY_SECRET")?,
            trust_secret: settings.required("ARAUTO_TRUST_SECRET")?,
            network: Network::system(policy)
                .with_own_name(endpoint_name(&sdk))
                .exchanging_keys(KeyExchange::of_settings(settings)?)
                .metered(&meter),
            revocation_window: SignedDuration::from_mins(window),
            servers: settings.parsed_or("ARAUTO_AUTHORISATION_SERVERS", AuthorisationServers::default())?,
            // Without it, SQS alone sets messages aside.
            max_receives: settings.parsed_or("ARAUTO_NOTIFICATIONS_MAX_RECEIVES", u32::MAX)?,
            meter,
            metrics: settings.metrics(),
            clock,
            rng: Rng::system(),
        })
    }
}
