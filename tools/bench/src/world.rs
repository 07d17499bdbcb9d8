//! Receivers, services and what the functions are told of them.

use std::collections::{BTreeMap, HashMap};
use std::path::Path;

use anyhow::{Context as _, Result};
use convention::address::AddressPolicy;
use convention::delivery::AttemptMessage;
use convention::directory::{Registration, RegistrationRequest, StatementUris, target};
use convention::notification::{
    AuthorisationServers, Choices, Endpoint, InteractionId, Plan, StateChange, plan,
};
use devkit::local::change;
use devkit::pki::TestPki;
use platform::clock::Clock;
use platform::rng::Rng;
use serde_json::{Value, json};
use tempfile::TempDir;

use crate::receivers::{Conduct, Receivers};
use crate::stand_in::{Sample, StandIn};

/// How many messages a batch has, as the template sets it.
pub(crate) const BATCH: usize = 10;
const POLICY: AddressPolicy = AddressPolicy::PublicAndLoopback;
const IDENTITY_SECRET: &str = "identity";
const TRUST_SECRET: &str = "trust";

/// What one case is played on.
#[derive(Debug)]
pub(crate) struct World {
    pub(crate) receivers: Receivers,
    pub(crate) aws: StandIn,
    clients: Vec<String>,
    files: TempDir,
}

impl World {
    /// Starts receivers of this conduct, registered, for so many notifications.
    pub(crate) async fn start(pki: &TestPki, count: usize, conduct: Conduct, most: usize) -> Result<Self> {
        let receivers = Receivers::start(pki, count, conduct, most).await?;
        let clients: Vec<_> = (0..count).map(|number| format!("itp-{number}")).collect();
        let mut rows = HashMap::new();
        for (number, (client, base_uri)) in clients.iter().zip(&receivers.base_uris).enumerate() {
            let dead = conduct.first_is_dead && number == 0;
            rows.insert(client.clone(), row(client, base_uri, dead)?);
        }
        let identity =
            json!({ "certificate_chain": pki.sender.chain_pem, "private_key": pki.sender.key_pem });
        let secrets = HashMap::from([
            (IDENTITY_SECRET.to_owned(), identity.to_string()),
            (TRUST_SECRET.to_owned(), pki.receiver_authority.root_pem().to_owned()),
        ]);
        let aws = StandIn::start(secrets, rows).await?;
        let files = tempfile::tempdir().context("no folder for certificates")?;
        std::fs::write(files.path().join("chain.pem"), &pki.sender.chain_pem)?;
        std::fs::write(files.path().join("key.pem"), &pki.sender.key_pem)?;
        std::fs::write(files.path().join("trust.pem"), pki.receiver_authority.root_pem())?;
        Ok(Self { receivers, aws, clients, files })
    }

    /// What Lambda gives the functions: their settings, and its own.
    pub(crate) fn variables(&self) -> BTreeMap<String, String> {
        [
            (
                "ARAUTO_NOTIFICATIONS_QUEUE_URL",
                "https://sqs.us-east-1.amazonaws.com/000000000000/notifications",
            ),
            ("ARAUTO_DEAD_LETTER_QUEUE_URL", "https://sqs.us-east-1.amazonaws.com/000000000000/undelivered"),
            ("ARAUTO_REJECTED_QUEUE_URL", "https://sqs.us-east-1.amazonaws.com/000000000000/rejected"),
            ("ARAUTO_LEDGER_TABLE", "ledger"),
            ("ARAUTO_DISPATCH_LOG_GROUP", "/aws/lambda/dispatch"),
            ("ARAUTO_RECEIVERS_TABLE", "receivers"),
            ("ARAUTO_DIRECTORY_TABLE", "directory"),
            ("ARAUTO_IDENTITY_SECRET", IDENTITY_SECRET),
            ("ARAUTO_TRUST_SECRET", TRUST_SECRET),
            ("ARAUTO_DIRECTORY_IDENTITY_SECRET", "directory-identity"),
            ("ARAUTO_EVIDENCE_STREAM", "evidence"),
            ("ARAUTO_EVIDENCE_BUCKET", "evidence"),
            ("ARAUTO_ALLOW_LOOPBACK_RECEIVERS", "true"),
            ("AWS_ACCESS_KEY_ID", "AKIDBENCHBENCHBENCH0"),
            ("AWS_SECRET_ACCESS_KEY", "of-nothing-of-nothing-of-nothing-of-noth"),
            // Lambda's credentials are those of a role, which have a token of this length.
            ("AWS_SESSION_TOKEN", &"t".repeat(700)),
            ("AWS_REGION", "us-east-1"),
            ("AWS_ENDPOINT_URL", &self.aws.endpoint),
            ("AWS_LAMBDA_FUNCTION_NAME", "bench"),
            ("AWS_LAMBDA_FUNCTION_MEMORY_SIZE", "256"),
            ("AWS_LAMBDA_FUNCTION_VERSION", "1"),
            ("AWS_LAMBDA_LOG_GROUP_NAME", "bench"),
            ("AWS_LAMBDA_LOG_STREAM_NAME", "bench"),
            ("AWS_LAMBDA_LOG_FORMAT", "JSON"),
            ("AWS_LAMBDA_INITIALIZATION_TYPE", "on-demand"),
        ]
        .map(|(name, value)| (name.to_owned(), value.to_owned()))
        .into()
    }

    /// The event of a batch of these notifications, which happened now. Each goes to the receiver that its number leads to.
    pub(crate) fn event(&self, numbers: std::ops::Range<usize>) -> Value {
        let now = Clock::system().now();
        let records = numbers.map(|number| {
            let millis = now.as_millisecond().to_string();
            json!({
                "messageId": format!("00000000-0000-4000-8000-{number:012}"),
                "receiptHandle": format!("{}{number}", "r".repeat(180)),
                "body": self.message(number).to_json(),
                "attributes": {
                    "ApproximateReceiveCount": "1", "SentTimestamp": millis, "SenderId": "AROABENCH:intake",
                    "ApproximateFirstReceiveTimestamp": millis, "MessageGroupId": self.client(number),
                    "AWSTraceHeader": "Root=1-5759e988-bd862e3fe1be46a994272793;Parent=53995c3f42cd8ad8;Sampled=0",
                },
                "messageAttributes": {}, "md5OfBody": "00000000000000000000000000000000",
                "eventSource": "aws:sqs", "eventSourceARN": "arn:aws:sqs:us-east-1:000000000000:notifications",
                "awsRegion": "us-east-1",
            })
        });
        json!({ "Records": records.collect::<Vec<_>>() })
    }

    /// The event of a call of the API that posts these changes.
    pub(crate) fn intake_event(&self, numbers: std::ops::Range<usize>) -> Value {
        let changes: Vec<_> = numbers.map(|number| self.change(number)).collect();
        json!({
            "version": "2.0", "routeKey": "POST /v1/state-changes", "rawPath": "/v1/state-changes", "rawQueryString": "",
            "headers": { "content-type": "application/json", "host": "bench" },
            "requestContext": {
                "accountId": "000000000000", "apiId": "bench", "domainName": "bench", "domainPrefix": "bench",
                "http": { "method": "POST", "path": "/v1/state-changes", "protocol": "HTTP/1.1", "sourceIp": "127.0.0.1", "userAgent": "bench" },
                "requestId": "bench", "routeKey": "POST /v1/state-changes", "stage": "$default",
                "time": "22/Nov/2026:12:00:00 +0000", "timeEpoch": 1_795_348_800_000_i64,
            },
            "body": json!({ "changes": changes }).to_string(), "isBase64Encoded": false,
        })
    }

    /// What the floor is told.
    pub(crate) fn floor_setup(&self, sample: &Sample) -> Result<Value> {
        let file = |name: &str| -> Result<String> { path(&self.files.path().join(name)) };
        let message = self.message(0);
        let receiver = self.registration(0)?.receiver(POLICY).context("the client is notified")?;
        let Plan::Notify(notification) =
            plan(&message.change, Some(&receiver), &AuthorisationServers::default(), &Choices::default())
        else {
            anyhow::bail!("the change is not notified");
        };
        let id = InteractionId::new(message.notification.partition(), Rng::system().bits());
        let headers: Vec<_> =
            notification.headers_of_attempt(id).map(|(name, value)| (name.to_string(), value)).collect();
        let urls = self.receivers.base_uris.iter().map(|base| {
            let (_, path) = notification.url.split_once("/bench").unwrap_or_default();
            let path = path.rsplit_once('/').map_or(path, |(folder, _)| folder);
            format!("{base}{path}/")
        });
        let variables = self.variables();
        Ok(json!({
            "chain": file("chain.pem")?, "key": file("key.pem")?, "trust": file("trust.pem")?, "aws": self.aws.endpoint,
            "receivers": urls.collect::<Vec<_>>(), "headers": headers, "body": notification.body,
            "aws_headers": sample.headers, "aws_body": sample.body,
            // What dispatch signs with.
            "aws_region": variables.get("AWS_REGION"),
            "aws_credentials": {
                "access_key_id": variables.get("AWS_ACCESS_KEY_ID"),
                "secret_access_key": variables.get("AWS_SECRET_ACCESS_KEY"),
                "session_token": variables.get("AWS_SESSION_TOKEN"),
            },
        }))
    }

    fn registration(&self, number: usize) -> Result<Registration> {
        registration(self.client(number), &self.receivers.base_uris[number % self.clients.len()])
    }

    fn client(&self, number: usize) -> &str {
        &self.clients[number % self.clients.len()]
    }

    fn change(&self, number: usize) -> Value {
        change(Endpoint::PixPayment, self.client(number), &number.to_string(), Clock::system().now())
    }

    fn message(&self, number: usize) -> AttemptMessage {
        let change = StateChange::from_json(&self.change(number), "").expect("a state change");
        AttemptMessage::first(change, Clock::system().now()).expect("it is notified")
    }
}

fn registration(client: &str, base_uri: &str) -> Result<Registration> {
    let metadata = json!({ "webhook_uris": [base_uri] });
    let request = RegistrationRequest::from_json(&metadata, "").ok().context("a registration")?;
    let decided = target(StatementUris::NotPresented, request.webhook_uris.as_deref(), POLICY);
    let decided = decided.ok().context("a base URI")?;
    let now = Clock::system().now() - jiff::SignedDuration::from_hours(1);
    Ok(Registration::new(client.parse()?, request, decided, None, now))
}

/// The row that directory writes; of a dead receiver with the mark that dispatch leaves there.
fn row(client: &str, base_uri: &str, dead: bool) -> Result<Value> {
    let registration = registration(client, base_uri)?;
    let mut row = json!({
        "client_id": { "S": client },
        "registration": { "S": serde_json::to_string(&registration)? },
        "revision": { "N": "1" },
    });
    if dead {
        let hour = Clock::system().now().as_millisecond() + 3_600_000;
        row["slow_until"] = json!({ "N": hour.to_string() });
        row["probe_after"] = json!({ "N": hour.to_string() });
        row["slow_base_uri"] = json!({ "S": base_uri });
        row["slow_hangs"] = json!({ "N": "3" });
    }
    Ok(row)
}

fn path(path: &Path) -> Result<String> {
    path.to_str().map(str::to_owned).context("the folder of temporary files has an odd name")
}
