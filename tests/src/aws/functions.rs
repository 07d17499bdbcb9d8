//! The three functions in this process, on the stand-in for AWS and on a clock that the test moves.

use std::collections::HashMap;
use std::sync::{Arc, LazyLock, Mutex, PoisonError};

use account::aws_http::ApiAnswer;
use aws_config::SdkConfig;
use aws_lambda_events::sqs::{SqsEvent, SqsMessage};
use aws_smithy_runtime_api::client::http::SharedHttpConnector;
use convention::address::AddressPolicy;
use convention::delivery::{AttemptMessage, LedgerWrites};
use convention::directory::{
    ClientState, Environment, Operation, Origin, Registration, RegistrationRequest, Software, StatementUris,
    target,
};
use convention::notification::{Choices, ClientId, Ecosystem, Endpoint, ReceiverKey, StateChange};
use convention::source::Envelope;
use devkit::local::{AUTHORISATION_SERVER_ID, change};
use devkit::pki::{ClientSubject, Identity, TestPki};
use devkit::receiver::{MockReceiver, Settings};
use directory::fetch::Fetcher;
use directory::revocation::Refresher;
use directory::{Directory, Parts as DirectoryParts};
use dispatch::{Dispatch, Parts};
use http::Method;
use intake::{Intake, Timers};
use jiff::{SignedDuration, Timestamp};
use lambda_http::request::RequestContext;
use lambda_http::{Body, Request, RequestExt};
use mtls::Network;
use mtls::revocation::{Revocation, RevocationStore};
use platform::aws::{
    AttemptLog, DirectoryTable, Http, Keys, Ledger, LedgerReader, Queues, Receivers, ResourceStates, Secrets,
    cloudwatch_logs, dynamodb, kms, secrets_manager, sqs,
};
use platform::clock::Clock;
use platform::rng::Rng;
use platform::telemetry::{Metrics, UsageMeter};
use serde_json::{Value, json};

use crate::dispatch::batch_of;
use crate::iam_usage::{Noted, Uses};

use super::{
    Aws, DIRECTORY, DISPATCH_LOG, LEDGER, NOTIFICATIONS, RECEIVERS, REJECTED, REJECTED_ARN, TIMERS_ARN,
    TIMERS_GROUP, TIMERS_ROLE_ARN, UNDELIVERED,
};

/// Making RSA keys takes most of a test's time, so all tests share theirs.
pub static PKI: LazyLock<TestPki> = LazyLock::new(|| {
    TestPki::new(&ClientSubject::default(), Clock::system().now()).expect("certificates can be made")
});

const POLICY: AddressPolicy = AddressPolicy::PublicAndLoopback;
/// How long it is tolerated not to know whether a receiver's certificate is revoked, unless a test says so.
const WINDOW: SignedDuration = SignedDuration::from_hours(1);
const IDENTITY_SECRET: &str = "identity";
const TRUST_SECRET: &str = "trust";
/// The secret of our software in the Directory; empty unless a test says so.
pub const DIRECTORY_IDENTITY_SECRET: &str = "directory-identity";

/// A clock that tests move. It starts at the machine's time, as certificates go by that, and then stands still.
#[derive(Clone, Debug)]
pub struct TestClock(Arc<Mutex<Timestamp>>);

impl TestClock {
    /// A clock that shows the machine's time, and stands still there.
    pub(crate) fn starting_now() -> Self {
        Self(Arc::new(Mutex::new(Clock::system().now())))
    }

    /// Returns what time it is.
    pub fn now(&self) -> Timestamp {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Moves the clock on.
    pub fn advance(&self, by: SignedDuration) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) += by;
    }

    /// Returns another clock, so much ahead.
    #[must_use]
    pub fn ahead(&self, by: SignedDuration) -> Self {
        Self(Arc::new(Mutex::new(self.now() + by)))
    }

    /// Returns a clock that shows what they show.
    pub fn clock(&self) -> Clock {
        let test_clock = self.clone();
        Clock::from_fn(move || test_clock.now())
    }
}

/// The metrics that functions recorded, as the lines they wrote. Copies are the same one.
#[derive(Clone, Debug, Default)]
pub struct Measured(Arc<Mutex<Vec<Value>>>);

impl Measured {
    /// Returns the values of a metric, oldest first.
    pub fn values(&self, name: &str) -> Vec<f64> {
        let values = self.lines().into_iter().flat_map(|mut line| match line[name].take() {
            Value::Array(values) => values,
            value => vec![value],
        });
        values.filter_map(|value| value.as_f64()).collect()
    }

    /// Returns the lines as they were written, oldest first.
    pub fn lines(&self) -> Vec<Value> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Returns the codes by which a metric was counted, oldest first.
    pub fn codes(&self, name: &str) -> Vec<String> {
        let lines = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let counted = lines.iter().filter(|line| line.get(name).is_some());
        counted.map(|line| line["Code"].as_str().unwrap_or_default().to_owned()).collect()
    }

    /// Returns what a function records its metrics with.
    pub fn writer(&self, function: &str) -> Metrics {
        let lines = Arc::clone(&self.0);
        Metrics::to(function.to_owned(), move |written| {
            let written = written.lines().map(|line| serde_json::from_str(line).expect("a metric is JSON"));
            lines.lock().unwrap_or_else(PoisonError::into_inner).extend(written);
        })
    }
}

/// The functions of one account.
#[derive(Debug)]
pub struct Functions {
    /// The account.
    pub aws: Aws,
    /// What time it is.
    pub test_clock: TestClock,
    /// The ecosystem that the stack serves.
    pub ecosystem: Ecosystem,
    /// Our authorisation servers, as the parameter of the template names them.
    pub servers: &'static str,
    /// What the stack chooses where the convention leaves a choice.
    pub choices: Choices,
    /// Whether attempts to slow receivers get a reduced timeout.
    pub adaptive_timeout: bool,
    /// How often the ledger is written of what is delivered at once.
    pub ledger_writes: LedgerWrites,
    /// Whether the stack has timers.
    pub timers: bool,
    /// What the functions measured.
    pub metrics: Measured,
    /// The Directory of participants; nobody listens there unless a test says so.
    pub environment: Environment,
    /// How many of a hundred clients it may suspend.
    pub max_suspended_percent: u8,
    /// Where receivers are.
    pub network: Network,
    /// What the functions asked of the account; not what a test did in their place.
    pub uses: Uses,
}

impl Default for Functions {
    fn default() -> Self {
        crate::log::install();
        let test_clock = TestClock::starting_now();
        let environment = Environment::local("http://127.0.0.1:9");
        Self {
            aws: Aws::default(),
            test_clock,
            ecosystem: Ecosystem::default(),
            servers: AUTHORISATION_SERVER_ID,
            choices: Choices::default(),
            adaptive_timeout: true,
            ledger_writes: LedgerWrites::default(),
            timers: false,
            metrics: Measured::default(),
            environment,
            max_suspended_percent: 20,
            network: Network::system(POLICY),
            uses: Uses::default(),
        }
    }
}

impl Functions {
    /// Stores the bank's identity, and the authority it trusts.
    pub fn put_identity(&self, identity: &Identity) {
        let document = json!({ "certificate_chain": identity.chain_pem, "private_key": identity.key_pem });
        self.put_identity_text(&document.to_string());
    }

    /// Stores an identity for each of these authorisation servers, and the authority they trust.
    pub fn put_identities(&self, identities: &[(&str, &Identity)]) {
        let document = |identity: &Identity| json!({ "certificate_chain": identity.chain_pem, "private_key": identity.key_pem });
        let map: serde_json::Map<_, _> =
            identities.iter().map(|(id, identity)| ((*id).to_owned(), document(identity))).collect();
        self.put_identity_text(&Value::Object(map).to_string());
    }

    /// Stores a text where the bank's identity should be.
    pub fn put_identity_text(&self, text: &str) {
        self.aws.put_secret(IDENTITY_SECRET, text);
        self.aws.put_secret(TRUST_SECRET, PKI.receiver_authority.root_pem());
    }

    /// Stores the authorities that receivers' certificates must descend from.
    pub fn put_trust(&self, pem: &str) {
        self.aws.put_secret(TRUST_SECRET, pem);
    }

    /// Puts a registration in the place of another; `false` if that is not the one in the table.
    pub async fn put_registration(&self, after: &Registration, before: &Registration) -> bool {
        let (key, before) = (after.key(), ClientState::from(before.clone()));
        let revision = before.revision() + 1;
        let after = ClientState::from(Registration { revision, ..after.clone() });
        let replaced = self.receivers(&self.test_clock).replace(&key, &after, Some(&before)).await;
        replaced.expect("the stand-in stores it")
    }

    /// Registers a client as the directory function does.
    pub async fn register(&self, client: &str, base_uri: &str) {
        let metadata = json!({ "webhook_uris": [base_uri] });
        let request = RegistrationRequest::from_json(&metadata, "").expect("a registration");
        let decided = target(StatementUris::NotPresented, request.webhook_uris.as_deref(), POLICY);
        let decided = decided.expect("a base URI");
        let made = Registration::new(client_id(client), request, decided, None, self.test_clock.now());
        let receivers = self.receivers(&self.test_clock);
        let key = made.key();
        if receivers.replace(&key, &made.clone().into(), None).await.expect("the stand-in stores it") {
            return;
        }
        // It was removed before.
        let found = receivers.state(&key).await.expect("the stand-in reads it");
        let revision = found.as_ref().map_or(0, ClientState::revision) + 1;
        let again = ClientState::from(Registration { revision, ..made });
        let stored = receivers.replace(&key, &again, found.as_ref()).await;
        assert!(stored.expect("the stand-in stores it"), "nobody else writes it");
        assert!(found.is_none_or(|found| found.registration().is_none()), "a client is registered once");
    }

    /// A receiver as [`Self::receiver`] starts one, and dispatch with its identity read.
    pub async fn with_receiver(&self, client: &str, answers: &str) -> (MockReceiver, Arc<Dispatch>) {
        self.put_identity(&PKI.sender);
        let mock = self.receiver(client, answers).await;
        let dispatch = self.dispatch(&self.test_clock);
        dispatch.identities.prepare().await.expect("the identity can be used");
        (mock, dispatch)
    }

    /// Starts a receiver that gives these answers, and registers a client there.
    pub async fn receiver(&self, client: &str, answers: &str) -> MockReceiver {
        let settings = Settings {
            answers: answers.parse().expect("answers that the receiver knows"),
            ..Settings::new(PKI.receiver.clone(), PKI.sender_authority.root_pem())
        };
        let mock = MockReceiver::start(settings).await.expect("the receiver starts");
        self.register(client, &mock.base_uri()).await;
        mock
    }

    /// The message of the first attempt at what a change becomes that is posted now.
    pub fn message_of(&self, posted: &Value) -> AttemptMessage {
        let change = StateChange::from_json(posted, "").expect("a state change");
        AttemptMessage::first(change, self.test_clock.now()).expect("it is notified")
    }

    /// The same of a change of a client's payment.
    pub fn payment(&self, client: &str, resource: &str) -> AttemptMessage {
        self.message_of(&change(Endpoint::PixPayment, client, resource, self.test_clock.now()))
    }

    /// Registers a client with the software of a statement.
    pub async fn register_software(&self, client: &str, base_uri: &str, software: Software) {
        self.register(client, base_uri).await;
        let before = self.registration(client).await.expect("it is registered");
        let origin = Origin {
            operation: Operation::Dcr,
            called_at: before.registered_at,
            software: Some(software),
            statement_sha256: None,
        };
        self.change(before.clone(), before.from_call(origin)).await;
    }

    /// Has a client notified at another place.
    pub async fn moves(&self, client: &str, base_uri: &str) {
        let before = self.registration(client).await.expect("it is registered");
        let base_uri = Some(base_uri.to_owned());
        self.change(before.clone(), Registration { base_uri, ..before }).await;
    }

    async fn change(&self, before: Registration, after: Registration) {
        let after = Registration { revision: before.revision + 1, ..after };
        let (key, before, after) = (before.key(), before.into(), after.into());
        let stored = self.receivers(&self.test_clock).replace(&key, &after, Some(&before)).await;
        assert!(stored.expect("the stand-in stores it"));
    }

    /// Reads a client's registration.
    pub async fn registration(&self, client: &str) -> Option<Registration> {
        let receivers = self.receivers(&self.test_clock);
        receivers.registration(&ReceiverKey::from(&client_id(client))).await.expect("the stand-in reads it")
    }

    /// Removes a client as the directory function does.
    pub async fn remove(&self, client: &str) {
        let answer = call(&self.directory(), Method::DELETE, client, "").await;
        assert_eq!(answer.status, 204, "{}", answer.text());
    }

    /// Starts intake.
    pub fn intake(&self) -> Intake {
        let meter = UsageMeter::default();
        let sdk = Aws::sdk_config_over(Http::over(self.network_of("intake")).metered(&meter));
        Intake {
            receivers: receivers_of(&sdk, &self.test_clock),
            ledger: LedgerReader::new(dynamodb(&sdk), LEDGER.to_owned()),
            attempt_log: AttemptLog::new(cloudwatch_logs(&sdk), DISPATCH_LOG.to_owned(), 365),
            queues: Queues::new(sqs(&sdk), NOTIFICATIONS.to_owned(), None).with_rejected(REJECTED.to_owned()),
            ecosystem: self.ecosystem,
            servers: self.servers.parse().expect("authorisation servers"),
            choices: self.choices.clone(),
            envelope: Envelope::default(),
            timers: self.timers.then(|| {
                let places = format!("{TIMERS_GROUP},{TIMERS_ARN},{TIMERS_ROLE_ARN},{REJECTED_ARN}");
                Timers::of(&sdk, LEDGER.to_owned(), places.parse().expect("places of timers"))
            }),
            metrics: self.metrics.writer("intake"),
            clock: self.test_clock.clock(),
            meter,
        }
    }

    /// Starts directory.
    pub fn directory(&self) -> Directory {
        let sdk = self.sdk_config_of("directory");
        Directory::new(DirectoryParts {
            receivers: receivers_of(&sdk, &self.test_clock),
            table: DirectoryTable::new(dynamodb(&sdk), DIRECTORY.to_owned()),
            fetcher: Arc::new(Fetcher::new(POLICY, |client| client).expect("a fetcher")),
            environment: self.environment.clone(),
            secrets: Secrets::new(secrets_manager(&sdk)),
            identity_secret: DIRECTORY_IDENTITY_SECRET.to_owned(),
            trust_secret: TRUST_SECRET.to_owned(),
            servers: self.servers.parse().expect("authorisation servers"),
            max_percent: self.max_suspended_percent,
            policy: POLICY,
            network: self.network.clone(),
            metrics: self.metrics.writer("directory"),
            clock: self.test_clock.clock(),
            rng: Rng::system(),
        })
    }

    /// Starts what keeps revocation lists and statuses.
    pub fn refresher(&self) -> Refresher {
        Refresher::new(
            revocation_store_of(&self.sdk_config_of("directory")),
            Arc::new(Fetcher::new(POLICY, |client| client).expect("a fetcher")),
            (self.test_clock.clock(), Rng::system()),
            self.metrics.writer("directory"),
        )
    }

    /// What is known of revocation, as it is kept.
    pub fn revocation_store(&self) -> RevocationStore {
        revocation_store_of(&self.aws.sdk_config())
    }

    /// The same as the directory function has it: what it asks for is noted.
    pub fn revocation_store_of_directory(&self) -> RevocationStore {
        revocation_store_of(&self.sdk_config_of("directory"))
    }

    /// What dispatch knows of revocation, in an environment of its own that has this clock. Nothing is read yet.
    pub fn revocation(&self, test_clock: &TestClock, window: SignedDuration) -> Arc<Revocation> {
        let metrics = self.metrics.writer("dispatch");
        let store = revocation_store_of(&self.sdk_config_of("dispatch"));
        Arc::new(Revocation::new(store, window, test_clock.clock(), metrics))
    }

    /// Starts dispatch, in an environment of its own that has this clock. Its identity is not loaded yet.
    pub fn dispatch(&self, test_clock: &TestClock) -> Arc<Dispatch> {
        Dispatch::new(self.parts(test_clock))
    }

    /// What dispatch is made of in such an environment.
    pub fn parts(&self, test_clock: &TestClock) -> Parts {
        let meter = UsageMeter::default();
        let network = Http::over(self.network_of("dispatch")).metered(&meter);
        let sdk = Aws::sdk_config_over(network.clone());
        let clock = test_clock.clock();
        Parts {
            ledger: Ledger::new(dynamodb(&sdk), LEDGER.to_owned(), SignedDuration::from_hours(24))
                .with_fast_path(&sdk, &network, clock.clone()),
            ledger_writes: self.ledger_writes,
            receivers: receivers_of(&sdk, test_clock),
            queues: Queues::new(sqs(&sdk), NOTIFICATIONS.to_owned(), Some(UNDELIVERED.to_owned()))
                .with_rejected(REJECTED.to_owned()),
            directory: DirectoryTable::new(dynamodb(&sdk), DIRECTORY.to_owned()),
            secrets: Secrets::new(secrets_manager(&sdk)),
            keys: Keys::new(kms(&sdk)),
            identity_secret: IDENTITY_SECRET.to_owned(),
            trust_secret: TRUST_SECRET.to_owned(),
            network: self.network.clone().metered(&meter),
            revocation_window: WINDOW,
            ecosystem: self.ecosystem,
            servers: self.servers.parse().expect("authorisation servers"),
            choices: self.choices.clone(),
            adaptive_timeout: self.adaptive_timeout,
            max_receives: 150,
            envelope: Envelope::default(),
            timers: self.timers.then(|| dispatch::Timers {
                queue: TIMERS_ARN.to_owned(),
                states: ResourceStates::new(dynamodb(&sdk), LEDGER.to_owned()),
            }),
            meter,
            metrics: self.metrics.writer("dispatch"),
            // Each invocation, so that what it writes is of it alone.
            metrics_interval: SignedDuration::ZERO,
            clock,
            rng: Rng::system(),
        }
    }

    fn receivers(&self, test_clock: &TestClock) -> Receivers {
        receivers_of(&self.aws.sdk_config(), test_clock)
    }

    /// What a function's clients are made of.
    fn sdk_config_of(&self, function: &'static str) -> SdkConfig {
        Aws::sdk_config_over(self.network_of(function))
    }

    /// The network as a function has it: what it asks for is noted.
    fn network_of(&self, function: &'static str) -> SharedHttpConnector {
        let (aws, uses) = (self.aws.clone(), self.uses.clone());
        SharedHttpConnector::new(Noted { aws, function, uses })
    }
}

fn receivers_of(sdk: &SdkConfig, test_clock: &TestClock) -> Receivers {
    Receivers::new(dynamodb(sdk), RECEIVERS.to_owned(), POLICY, test_clock.clock())
}

fn revocation_store_of(sdk: &SdkConfig) -> RevocationStore {
    RevocationStore::new(DirectoryTable::new(dynamodb(sdk), DIRECTORY.to_owned()))
}

fn client_id(text: &str) -> ClientId {
    text.parse().expect("a client id")
}

/// Hands dispatch a batch and returns the positions of the messages that it keeps.
pub async fn requeued(dispatch: &Arc<Dispatch>, bodies: &[String]) -> Vec<usize> {
    requeued_with(dispatch, bodies, &[]).await
}

/// The same with attributes that SQS gives each message.
pub async fn requeued_with(
    dispatch: &Arc<Dispatch>,
    bodies: &[String],
    attributes: &[(&str, String)],
) -> Vec<usize> {
    // No time to repeat what fails: a test that wants that says so.
    requeued_until(dispatch, bodies, attributes, tokio::time::Instant::now()).await
}

/// The same in an invocation that may work until this instant.
pub async fn requeued_until(
    dispatch: &Arc<Dispatch>,
    bodies: &[String],
    attributes: &[(&str, String)],
    until: tokio::time::Instant,
) -> Vec<usize> {
    batch(dispatch, None, bodies, attributes, until).await
}

/// Hands dispatch a batch of this queue, by ARN, and returns the positions of the messages that it keeps.
pub async fn from_queue(
    dispatch: &Arc<Dispatch>,
    arn: &str,
    bodies: &[String],
    attributes: &[(&str, String)],
) -> Vec<usize> {
    batch(dispatch, Some(arn), bodies, attributes, tokio::time::Instant::now()).await
}

async fn batch(
    dispatch: &Arc<Dispatch>,
    arn: Option<&str>,
    bodies: &[String],
    attributes: &[(&str, String)],
    until: tokio::time::Instant,
) -> Vec<usize> {
    let mut event = SqsEvent::default();
    for (index, body) in bodies.iter().enumerate() {
        let mut record = SqsMessage::default();
        record.message_id = Some(index.to_string());
        record.receipt_handle = Some(format!("receipt-{index}"));
        record.event_source_arn = arn.map(str::to_owned);
        record.body = Some(body.clone());
        let attributes = attributes.iter().map(|(name, value)| ((*name).to_owned(), value.clone()));
        record.attributes.extend(attributes);
        event.records.push(record);
    }
    let answer = dispatch.handle_until(batch_of(&event), until).await;
    let kept = answer.batch_item_failures.into_iter();
    kept.map(|failure| failure.item_identifier.parse().expect("a position")).collect()
}

/// Posts a text to intake.
pub async fn post(intake: &Intake, content_type: &str, body: &str) -> ApiAnswer {
    answer(intake.handle(request(&Method::POST, "/v1/state-changes", content_type, body)).await)
}

/// Asks intake what became of a notification.
pub async fn shown(intake: &Intake, id: &str) -> ApiAnswer {
    answer(intake.handle(request(&Method::GET, &format!("/v1/notifications/{id}"), "", "")).await)
}

/// Asks intake which notifications a client was sent.
pub async fn listed(intake: &Intake, query: &[(&str, &str)]) -> ApiAnswer {
    answer(intake.handle(with_query(request(&Method::GET, "/v1/notifications", "", ""), query)).await)
}

/// Calls directory about all clients.
pub async fn call_all(
    directory: &Directory,
    method: Method,
    query: &[(&str, &str)],
    body: &str,
) -> ApiAnswer {
    let request = with_query(request(&method, "/v1/clients", "application/json", body), query);
    answered(directory, request).await
}

async fn answered(directory: &Directory, request: Request) -> ApiAnswer {
    answer(Box::pin(directory.handle(request)).await.expect("a request is always answered"))
}

fn with_query(request: Request, query: &[(&str, &str)]) -> Request {
    let query: HashMap<_, _> =
        query.iter().map(|(name, value)| ((*name).to_owned(), vec![(*value).to_owned()])).collect();
    request.with_query_string_parameters(query)
}

/// Posts state changes to intake and returns the status and each verdict.
pub async fn verdicts(intake: &Intake, document: &Value) -> (u16, Vec<String>) {
    let answer = post(intake, "application/json", &document.to_string()).await;
    let body: Value = serde_json::from_slice(&answer.body).expect("answers are JSON");
    let verdicts = body["verdicts"].as_array().into_iter().flatten();
    let verdict = |judged: &Value| judged["verdict"].as_str().unwrap_or_default().to_owned();
    (answer.status, verdicts.map(verdict).collect())
}

/// Calls directory about a client.
pub async fn call(directory: &Directory, method: Method, client: &str, body: &str) -> ApiAnswer {
    let request = request(&method, &format!("/v1/clients/{client}"), "application/json", body);
    answered(directory, request).await
}

/// Calls directory about a client with one query parameter.
pub async fn call_with_query(
    directory: &Directory,
    method: Method,
    client: &str,
    query: (&str, &str),
    body: &str,
) -> ApiAnswer {
    let request = request(&method, &format!("/v1/clients/{client}"), "application/json", body);
    let request = with_query(request, &[query]);
    answered(directory, request).await
}

/// Calls directory to change a client's settings.
pub async fn call_settings(directory: &Directory, client: &str, body: &str) -> ApiAnswer {
    let path = format!("/v1/clients/{client}/settings");
    let request = request(&Method::PATCH, &path, "application/json", body);
    answered(directory, request).await
}

/// Lets directory do what the schedule asks for; `false` if that failed, and is to be tried again.
pub async fn reviewed(directory: &Directory) -> bool {
    let event = Request::new(Body::from(r#"{"task":"review_receivers"}"#));
    let event = event.with_request_context(RequestContext::PassThrough);
    Box::pin(directory.handle(event)).await.is_ok_and(|answer| answer.body() == "null")
}

/// Lets directory do what the schedule asks for, which it can.
pub async fn review(directory: &Directory) {
    assert!(reviewed(directory).await, "a review that reads the table ends");
}

fn request(method: &Method, path: &str, content_type: &str, body: &str) -> Request {
    http::Request::builder()
        .method(method)
        .uri(path)
        .header("content-type", content_type)
        .body(Body::from(body.to_owned()))
        .expect("method, path and header are valid")
}

fn answer(response: http::Response<String>) -> ApiAnswer {
    let (head, body) = response.into_parts();
    ApiAnswer { status: head.status.as_u16(), headers: head.headers, body: body.into_bytes() }
}
