//! The dependencies of dispatch: from environment variables for the function, or provided by tests and the simulator.

use convention::delivery::LedgerWrites;
use convention::notification::{AuthorisationServers, Choices, Ecosystem};
use convention::source::Envelope;
use jiff::SignedDuration;
use lambda_runtime::Error;
use mtls::{KeyExchange, Network};
use platform::aws::{
    DirectoryTable, Http, Keys, Ledger, Queues, Receivers, ResourceStates, Secrets, dynamodb, endpoint_name,
    kms, sdk_config, secrets_manager, sqs,
};
use platform::clock::Clock;
use platform::config::Settings;
use platform::rng::Rng;
use platform::telemetry::{Metrics, UsageMeter};

use crate::batch_metrics::Monitoring;
use crate::source::Timers;

/// Default retention: five years, as for consent-sharing records.
const RETENTION_DAYS: i64 = 5 * 365;
/// Default tolerance window: the shortest that the guideline on certificates allows.
const WINDOW_MINUTES: i64 = 60;

/// The dependencies of [`Dispatch::new`](crate::Dispatch::new).
pub struct Parts {
    /// The ledger.
    pub ledger: Ledger,
    /// Number of ledger writes of an immediate delivery.
    pub ledger_writes: LedgerWrites,
    /// The receivers.
    pub receivers: Receivers,
    /// Where later attempts and dead letters go.
    pub queues: Queues,
    /// The directory table: revocation data and first deliveries.
    pub directory: DirectoryTable,
    /// The secrets with our identities and the trust anchors.
    pub secrets: Secrets,
    /// The private keys in KMS.
    pub keys: Keys,
    /// The secret with our identities.
    pub identity_secret: String,
    /// The secret with the trust anchors.
    pub trust_secret: String,
    /// The network to receivers.
    pub network: Network,
    /// How long a receiver's chain is accepted after its last revocation data expired.
    pub revocation_window: SignedDuration,
    /// The ecosystem whose state changes the sources bring.
    pub ecosystem: Ecosystem,
    /// Our authorisation servers.
    pub servers: AuthorisationServers,
    /// What the stack chooses where the convention leaves a choice.
    pub choices: Choices,
    /// Whether attempts to slow receivers get a reduced timeout.
    pub adaptive_timeout: bool,
    /// How often the queue delivers a message before it moves it to the dead-letter queue (`maxReceiveCount`).
    pub max_receives: u32,
    /// Where a source's record holds its state change.
    pub envelope: Envelope,
    /// The timers, on a stack that has them.
    pub timers: Option<Timers>,
    /// Counts billable usage.
    pub meter: UsageMeter,
    /// Where metrics are written.
    pub metrics: Metrics,
    /// How long a busy environment keeps metrics that are as usual, at most; zero writes them at once.
    pub metrics_interval: SignedDuration,
    /// The clock.
    pub clock: Clock,
    /// The source of interaction ids and jitter.
    pub rng: Rng,
}

impl Parts {
    /// Creates the parts from the function's environment variables.
    ///
    /// Fails if one is missing or invalid.
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
        let timers = settings.optional("ARAUTO_TIMERS_QUEUE_ARN").map(|queue| {
            let states = ResourceStates::new(dynamodb(&sdk), table("ARAUTO_LEDGER_TABLE")?);
            Ok::<_, Error>(Timers { queue, states })
        });
        let notifications = settings.required("ARAUTO_NOTIFICATIONS_QUEUE_URL")?;
        let dead_letters = settings.required("ARAUTO_DEAD_LETTER_QUEUE_URL")?;
        let rejected = settings.required("ARAUTO_REJECTED_QUEUE_URL")?;
        Ok(Self {
            ledger: ledger.with_fast_path(&sdk, &http, clock.clone()),
            ledger_writes: settings.parsed_or("ARAUTO_LEDGER_WRITES", LedgerWrites::default())?,
            receivers: Receivers::new(
                dynamodb(&sdk),
                table("ARAUTO_RECEIVERS_TABLE")?,
                policy,
                clock.clone(),
            ),
            queues: Queues::new(sqs(&sdk), notifications, Some(dead_letters)).with_rejected(rejected),
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
            ecosystem: settings.ecosystem()?,
            servers: settings.parsed_or("ARAUTO_AUTHORISATION_SERVERS", AuthorisationServers::default())?,
            choices: settings.choices()?,
            adaptive_timeout: settings.parsed_or("ARAUTO_ADAPTIVE_TIMEOUT", true)?,
            // Without it, only SQS moves messages to the dead-letter queue.
            max_receives: settings.parsed_or("ARAUTO_NOTIFICATIONS_MAX_RECEIVES", u32::MAX)?,
            envelope: settings.parsed_or("ARAUTO_INTAKE_ENVELOPE", Envelope::default())?,
            timers: timers.transpose()?,
            meter,
            metrics_interval: settings
                .parsed_or("ARAUTO_MONITORING", Monitoring::default())?
                .metrics_interval(),
            metrics: settings.metrics(),
            clock,
            rng: Rng::system(),
        })
    }
}
