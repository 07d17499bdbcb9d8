//! The functions under test, each in an environment of its own: clients of the SDK, clock, chance and network.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, LazyLock, Mutex, PoisonError};
use std::time::{Duration, SystemTime};

use ::directory::fetch::Fetcher;
use ::directory::{Directory, Parts as DirectoryParts};
use aws_config::SdkConfig;
use aws_smithy_async::time::TimeSource;
use aws_smithy_runtime::client::identity::IdentityCache;
use aws_smithy_runtime::client::retries::RetryPartition;
use aws_smithy_runtime_api::client::http::SharedHttpConnector;
use convention::address::AddressPolicy;
use convention::directory::Environment;
use convention::notification::{Choices, Ecosystem};
use convention::source::Envelope;
use devkit::directory::{Signer, SigningKey, StatementClaims};
use dispatch::{Dispatch, Parts};
use intake::Intake;
use jiff::{SignedDuration, Timestamp};
use mtls::revocation::{Contents, RevocationStore};
use platform::aws::{
    AttemptLog, DirectoryTable, Document, Http, Keys, Ledger, LedgerReader, Queues, Receivers, Secrets,
    cloudwatch_logs,
};
use platform::clock::Clock;
use platform::rng::Rng;
use platform::telemetry::{Metrics, UsageMeter};
use serde_json::json;
use tokio::time::{Instant, sleep, sleep_until};

use super::breaks::Break;
use super::peers::{PKI, Peers};
use super::plan::{Storm, client_name};
use super::scenario::Scenario;
use super::sdk_transport::SdkTransport;
use super::time::SKEW_MS;
use super::world::World;
use crate::aws::{Aws, DIRECTORY, DISPATCH_LOG, LEDGER, NOTIFICATIONS, RECEIVERS, UNDELIVERED};

const IDENTITY: &str = "identity";
/// A name that must exist, as dispatch is given one.
const OWN_NAME: &str = "dynamodb.sa-east-1.amazonaws.com";
/// The list of participants in the directory table.
const PARTICIPANTS: &str = "participants#local";
const TRUST: &str = "trust";
const SERVER: &str = "123e4567-e89b-12d3-a456-426614174000";
/// The Directory's key, read once.
static SIGNER_KEY: LazyLock<String> = LazyLock::new(|| PKI.0.directory_key_pem.clone());
/// Fetches nothing in a run, and takes long to make.
static FETCHER: LazyLock<Arc<Fetcher>> =
    LazyLock::new(|| Arc::new(Fetcher::new(AddressPolicy::Public, |client| client).expect("a fetcher")));

/// What environments are made of.
#[derive(Clone)]
pub(super) struct Factory {
    pub(super) world: World,
    pub(super) peers: Peers,
    pub(super) storms: Arc<[Storm]>,
    /// Which clients the Directory lists, and whether as active.
    pub(super) statuses: Arc<Mutex<BTreeMap<usize, bool>>>,
    max_receives: u32,
}

impl Factory {
    pub(super) fn new(world: &World, peers: Peers, scenario: &Scenario) -> Self {
        let statuses = (0..scenario.receivers.len()).map(|client| (client, true)).collect();
        let (storms, statuses) = (Arc::from(scenario.storms.clone()), Arc::new(Mutex::new(statuses)));
        Self { world: world.clone(), peers, storms, statuses, max_receives: scenario.max_receives }
    }
}

/// One environment of a function.
pub(super) struct Housed<T> {
    pub(super) transport: SdkTransport,
    pub(super) function: Arc<T>,
}

/// The clients of one environment; they share no retries with another's.
struct Clients {
    sdk: SdkConfig,
    dynamodb: aws_sdk_dynamodb::Client,
    sqs: aws_sdk_sqs::Client,
    secrets: aws_sdk_secretsmanager::Client,
    kms: aws_sdk_kms::Client,
}

/// The SDK's way to ask for the time.
#[derive(Debug)]
struct Time(Clock);

impl TimeSource for Time {
    fn now(&self) -> SystemTime {
        self.0.now().try_into().expect("the clock of the simulator is within the years of the system")
    }
}

impl Clients {
    fn new(transport: &SdkTransport, clock: &Clock) -> Self {
        static NUMBER: AtomicU64 = AtomicU64::new(0);
        let sdk: SdkConfig = Aws::sdk_config_over(transport.clone());
        let number = NUMBER.fetch_add(1, Ordering::Relaxed);
        // A bucket of retry tokens is shared by all clients of a process that have the same partition.
        let partition = |service: &str| RetryPartition::custom(format!("{service}-{number}")).build();
        // Nothing of a run goes by the time of the machine, or keeps what another has drawn.
        let sdk = sdk.into_builder().time_source(Time(clock.clone())).build();
        let identities = IdentityCache::no_cache;
        let dynamodb = aws_sdk_dynamodb::config::Builder::from(&sdk)
            .identity_cache(identities())
            .retry_partition(partition("dynamodb"));
        let sqs = aws_sdk_sqs::config::Builder::from(&sdk)
            .identity_cache(identities())
            .retry_partition(partition("sqs"));
        let secrets = aws_sdk_secretsmanager::config::Builder::from(&sdk)
            .identity_cache(identities())
            .retry_partition(partition("secrets"));
        // No run has a key there, so nothing of it is drawn or timed.
        let kms = aws_sdk_kms::Client::new(&sdk);
        Self {
            sdk,
            kms,
            dynamodb: aws_sdk_dynamodb::Client::from_conf(dynamodb.build()),
            sqs: aws_sdk_sqs::Client::from_conf(sqs.build()),
            secrets: aws_sdk_secretsmanager::Client::from_conf(secrets.build()),
        }
    }
}

impl Factory {
    /// Stores the identity, the Directory's keys and what is known of revocation, which is nothing.
    pub(super) async fn furnish(&self) {
        let (pki, _) = &*PKI;
        let identity =
            json!({ "certificate_chain": pki.sender.chain_pem, "private_key": pki.sender.key_pem });
        self.world.aws().put_secret(IDENTITY, &identity.to_string());
        self.world.aws().put_secret(TRUST, pki.receiver_authority.root_pem());
        let sdk = self.world.aws().sdk_config();
        let table = DirectoryTable::new(aws_sdk_dynamodb::Client::new(&sdk), DIRECTORY.to_owned());
        let now = World::instant(self.world.now());
        let bytes = self.signer().jwks().to_string().into_bytes();
        let fresh_until = now + SignedDuration::from_hours(24);
        let keys = Document { bytes, fetched_at: now, fresh_until, etag: None };
        table.put("jwks#local", &keys, SignedDuration::from_hours(24)).await.expect("the table works");
        table
            .put(PARTICIPANTS, &self.list(now), SignedDuration::from_hours(24))
            .await
            .expect("the table works");
        RevocationStore::new(table).put_contents(&Contents::default(), now).await.expect("the table works");
    }

    /// The list of participants as the Directory publishes it at that time.
    fn list(&self, now: Timestamp) -> Document {
        let statuses = self.statuses.lock().unwrap_or_else(PoisonError::into_inner);
        let entry = |(client, active): (&usize, &bool)| {
            let organisation = StatementClaims::of(&client_name(*client)).org_id;
            (organisation, json!(if *active { "active" } else { "not_active" }))
        };
        let organisations: serde_json::Map<_, _> = statuses.iter().map(entry).collect();
        let list =
            json!({ "organisations": organisations, "authorisation_servers": [SERVER], "odd_entries": 0 });
        let fresh_until = now + SignedDuration::from_hours(24);
        Document { bytes: list.to_string().into_bytes(), fetched_at: now, fresh_until, etag: None }
    }

    /// Has the Directory call a client active, or not, from then on.
    pub(super) async fn lists(self, start: Instant, at: Duration, client: usize, is_active: bool) {
        sleep_until(start + at).await;
        self.statuses.lock().unwrap_or_else(PoisonError::into_inner).insert(client, is_active);
        self.world.note(format_args!("the Directory lists {} as active: {is_active}", client_name(client)));
        if !is_active {
            self.world.facts().inactive.insert(client);
        }
        let table = DirectoryTable::new(
            aws_sdk_dynamodb::Client::new(&self.world.aws().sdk_config()),
            DIRECTORY.to_owned(),
        );
        let list = self.list(World::instant(self.world.now()));
        // A table that takes few writes takes this one later.
        while table.put(PARTICIPANTS, &list, SignedDuration::from_hours(24)).await.is_err() {
            sleep(Duration::from_secs(1)).await;
        }
    }

    /// Who signs software statements.
    pub(super) fn signer(&self) -> Signer {
        let key = SigningKey::from_pem(&SIGNER_KEY).expect("a key");
        Signer::new(key, self.world.clock(0))
    }

    fn transport(&self, name: &str, number: u64) -> (SdkTransport, Clock) {
        let transport = SdkTransport::new(&self.world, name, number, &self.storms);
        let mut dice = self.world.dice("skew", number);
        let skew = i64::try_from(dice.below(2 * SKEW_MS + 1)).unwrap_or(0) - SKEW_MS.cast_signed();
        (transport, self.world.clock(skew))
    }

    fn receivers(&self, clients: &Clients, clock: &Clock) -> Receivers {
        let clock = if self.world.is_broken(Break::CopyNeverExpires) {
            let stands_at = clock.now();
            Clock::from_fn(move || stands_at)
        } else {
            clock.clone()
        };
        Receivers::new(clients.dynamodb.clone(), RECEIVERS.to_owned(), AddressPolicy::Public, clock)
    }

    pub(super) fn intake(&self, number: u64) -> Housed<Intake> {
        let (transport, clock) = self.transport("intake", number);
        let clients = Clients::new(&transport, &clock);
        let function = Intake {
            receivers: self.receivers(&clients, &clock),
            ledger: LedgerReader::new(clients.dynamodb.clone(), LEDGER.to_owned()),
            attempt_log: AttemptLog::new(cloudwatch_logs(&clients.sdk), DISPATCH_LOG.to_owned(), 1),
            queues: Queues::new(clients.sqs, NOTIFICATIONS.to_owned(), None),
            ecosystem: Ecosystem::default(),
            servers: SERVER.parse().expect("a server"),
            choices: Choices::default(),
            envelope: Envelope::default(),
            timers: None,
            metrics: metrics(),
            clock,
            meter: UsageMeter::default(),
        };
        Housed { transport, function: Arc::new(function) }
    }

    pub(super) fn dispatch(&self, number: u64) -> Housed<Dispatch> {
        let (transport, clock) = self.transport("dispatch", number);
        let clients = Clients::new(&transport, &clock);
        let dice = Mutex::new(self.world.dice("chance", number));
        let http = Http::over(SharedHttpConnector::new(transport.clone()));
        let function = Dispatch::new(Parts {
            ledger: Ledger::new(clients.dynamodb.clone(), LEDGER.to_owned(), SignedDuration::from_hours(24))
                .with_fast_path(&clients.sdk, &http, clock.clone()),
            ledger_writes: self.world.ledger_writes(),
            receivers: self.receivers(&clients, &clock),
            queues: Queues::new(clients.sqs, NOTIFICATIONS.to_owned(), Some(UNDELIVERED.to_owned())),
            directory: DirectoryTable::new(clients.dynamodb, DIRECTORY.to_owned()),
            secrets: Secrets::new(clients.secrets),
            keys: Keys::new(clients.kms),
            identity_secret: IDENTITY.to_owned(),
            trust_secret: TRUST.to_owned(),
            network: self.peers.network(&transport).with_own_name(Some((OWN_NAME.to_owned(), 443))),
            revocation_window: SignedDuration::from_hours(24),
            ecosystem: Ecosystem::default(),
            servers: SERVER.parse().expect("a server"),
            choices: Choices::default(),
            adaptive_timeout: true,
            max_receives: self.max_receives,
            envelope: Envelope::default(),
            timers: None,
            meter: UsageMeter::default(),
            metrics: metrics(),
            metrics_interval: SignedDuration::ZERO,
            clock,
            rng: Rng::from_fn(move || dice.lock().unwrap_or_else(PoisonError::into_inner).bits()),
        });
        Housed { transport, function }
    }

    pub(super) fn directory(&self, number: u64) -> Housed<Directory> {
        let (transport, clock) = self.transport("directory", number);
        let clients = Clients::new(&transport, &clock);
        let function = Directory::new(DirectoryParts {
            receivers: self.receivers(&clients, &clock),
            table: DirectoryTable::new(clients.dynamodb, DIRECTORY.to_owned()),
            fetcher: Arc::clone(&*FETCHER),
            // Nobody is asked there: what the Directory says is in the table, as if another environment had just fetched it.
            environment: Environment::local("http://127.0.0.1:9"),
            secrets: Secrets::new(clients.secrets),
            identity_secret: "directory-identity".to_owned(),
            trust_secret: TRUST.to_owned(),
            servers: SERVER.parse().expect("a server"),
            // There are four clients at most, of whom any may be suspended.
            max_percent: 100,
            policy: AddressPolicy::Public,
            network: self.peers.network(&transport),
            metrics: metrics(),
            clock,
            rng: Rng::from_fn(|| 0),
        });
        Housed { transport, function: Arc::new(function) }
    }
}

fn metrics() -> Metrics {
    Metrics::to("simulated".to_owned(), |_| ())
}
