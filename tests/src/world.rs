//! The system under test: the real functions on the local stack, and the certificates of both sides.

use std::future::Future;
use std::io::Write as _;
use std::sync::Mutex;
use std::time::Duration;

use account::aws_http::{ApiAnswer, Caller, http_client};
use account::local_stack::{CREDENTIAL, REGION};
use anyhow::{Context, Result, bail, ensure};
use aws_credential_types::Credentials;
use aws_sdk_dynamodb::types::AttributeValue;
use convention::delivery::AttemptMessage;
use convention::directory::Operation;
use convention::notification::{Endpoint, NotificationId, StateChange};
use devkit::directory::{self, MockDirectory, StatementClaims};
use devkit::local::{AUTHORISATION_SERVER_ID, Bank, change, options, registration};
use devkit::pki::{ClientSubject, TestPki};
use devkit::receiver::{Answers, MockReceiver, Prefix, Received, Settings};
use devkit::stack::{Progress, Stack};
use http::Method;
use jiff::Timestamp;
use platform::clock::Clock;
use platform::rng::Rng;
use serde_json::{Value, json};
use tempfile::TempDir;
use tokio::runtime::Runtime;
use tokio::time::{Instant, sleep};

use crate::contract::Contract;
use crate::kms_identity::put_identity;

/// How much of the functions' logs is shown after a failure, in bytes.
const LOGS_SHOWN: usize = 20_000;
/// The path of a receiver's base URI in these tests.
pub const PREFIX: &str = "/kong3";
/// The bank's second brand.
pub const SECOND_BRAND: &str = "digital";
/// The common name of its certificate.
pub const SECOND_NAME: &str = "webhook.digital.example";
/// Its authorisation server.
pub const SECOND_SERVER: &str = "9b2e4f60-5c1d-4e8a-8f37-426614174001";
/// The bank's third brand, whose key KMS keeps.
pub const THIRD_BRAND: &str = "cofre";
/// The common name of its certificate.
pub const THIRD_NAME: &str = "webhook.cofre.example";
/// Its authorisation server.
pub const THIRD_SERVER: &str = "9b2e4f60-5c1d-4e8a-8f37-426614174002";

/// One stack for all tests of a run; each has a client and a receiver of its own.
pub struct World {
    /// The local stack.
    pub stack: Stack,
    /// The certificates.
    pub pki: TestPki,
    /// The Directory of participants that the stack asks.
    pub directory: MockDirectory,
    /// The contract that every answer is held against.
    pub contract: &'static Contract,
    runtime: Runtime,
    failures: Mutex<Vec<String>>,
    _folder: TempDir,
}

/// The stream of state changes. The stack only has its ARN; a test makes it.
pub const STREAM: &str = "state-changes";

impl World {
    /// Deploys the stack, with every source of state changes that MiniStack has.
    pub fn start(progress: Progress) -> Result<Self> {
        let stream = format!("arn:aws:kinesis:{REGION}:000000000000:stream/{STREAM}");
        let sources = [
            ("IntakeQueue", "true"),
            ("IntakeEventBusName", "default"),
            ("IntakeStreamArn", &*stream),
            ("Timers", "true"),
        ];
        Self::start_with(progress, &sources)
    }

    /// Deploys the stack with more parameters.
    pub fn start_with(progress: Progress, parameters: &[(&str, &str)]) -> Result<Self> {
        let runtime = Runtime::new().context("no runtime")?;
        let folder = tempfile::tempdir().context("no temporary folder")?;
        let pki = TestPki::new(&ClientSubject::default(), now())?;
        let subject = ClientSubject { common_name: SECOND_NAME.to_owned(), ..ClientSubject::default() };
        let second = pki.sender_authority.client(&subject)?;
        let (directory, stack) = runtime.block_on(async {
            let settings = directory::Settings {
                key_pem: Some(pki.directory_key_pem.clone()),
                ..directory::Settings::new(Clock::system(), Rng::system())
            };
            let directory = MockDirectory::start(settings).await?;
            let brands = format!(
                "bancoex={AUTHORISATION_SERVER_ID},{SECOND_BRAND}={SECOND_SERVER},{THIRD_BRAND}={THIRD_SERVER}"
            );
            let mut options =
                options(folder.path(), &directory.base_url()).parameter("AuthorisationServers", brands);
            for (name, value) in parameters {
                options = options.parameter(*name, *value);
            }
            options.progress = progress;
            let stack = Stack::start(&options).await?;
            let (sender, trust) = (&pki.sender, pki.receiver_authority.root_pem());
            let bank = Bank(&stack);
            bank.put_identity_of(AUTHORISATION_SERVER_ID, &sender.chain_pem, &sender.key_pem, trust).await?;
            bank.put_identity_of(SECOND_SERVER, &second.chain_pem, &second.key_pem, trust).await?;
            put_identity(&stack, &pki, THIRD_NAME, THIRD_SERVER).await?;
            Ok::<_, anyhow::Error>((directory, stack))
        })?;
        let (contract, failures) = (Contract::read()?, Mutex::default());
        Ok(Self { stack, pki, directory, contract, runtime, failures, _folder: folder })
    }

    /// Runs one test.
    pub fn run(&self, test: impl Future<Output = Result<()>>) -> Result<(), String> {
        self.runtime.block_on(test).map_err(|error| format!("{error:#}"))
    }

    /// Runs a test that has the stack to itself, and stops the stack. After a failure the end of the functions' log is shown.
    pub fn run_alone(self, test: impl AsyncFnOnce(&Self) -> Result<()>) -> Result<(), String> {
        let result = self.run(test(&self));
        if result.is_err() {
            self.show_logs();
        }
        let stopped = self.stop().map_err(|error| format!("{error:#}"));
        result.and(stopped)
    }

    /// Keeps what failed, for [`show_failures`](Self::show_failures).
    pub fn keep_failure(&self, test: &str, error: &str) {
        self.failures.lock().expect("nothing panics while it is held").push(format!("{test}: {error}"));
    }

    /// Shows what failed once more, below logs that hide where the test runner said it.
    pub fn show_failures(&self) {
        for failure in self.failures.lock().expect("nothing panics while it is held").iter() {
            writeln!(std::io::stderr(), "failed: {failure}").ok();
        }
    }

    /// Shows what the functions wrote, for whoever looks into a failure.
    pub fn show_logs(&self) {
        let logs =
            self.runtime.block_on(self.stack.function_logs()).unwrap_or_else(|error| format!("{error:#}"));
        let from = logs.len().saturating_sub(LOGS_SHOWN);
        let from = (from..logs.len()).find(|at| logs.is_char_boundary(*at)).unwrap_or(0);
        let (_, end) = logs.split_at(from);
        writeln!(std::io::stderr(), "the end of what the functions wrote:\n{end}").ok();
    }

    /// Stops the stack and the Directory.
    pub fn stop(self) -> Result<()> {
        self.runtime.block_on(async {
            self.directory.stop().await;
            self.stack.stop().await
        })
    }

    /// The bank.
    pub fn bank(&self) -> Bank<'_> {
        Bank(&self.stack)
    }

    /// Starts a receiver that answers so, and registers it for a client of its own.
    pub async fn receiver(&self, answers: &str) -> Result<(String, MockReceiver)> {
        let (client, mock) = (tag("itp"), self.mock(answers).await?);
        self.register_new(&client, &[mock.base_uri()]).await?;
        Ok((client, mock))
    }

    /// Starts a receiver that answers so.
    pub async fn mock(&self, answers: &str) -> Result<MockReceiver> {
        let settings = Settings {
            prefix: PREFIX.parse::<Prefix>().map_err(anyhow::Error::msg)?,
            answers: answers.parse::<Answers>().map_err(anyhow::Error::msg)?,
            ..Settings::new(self.pki.receiver.clone(), self.pki.sender_authority.root_pem())
        };
        MockReceiver::start(settings).await
    }

    /// Has the Directory sign a statement for a client's software, which is its own.
    pub fn statement(&self, client: &str, uris: &[String]) -> String {
        self.directory.statement(&StatementClaims::of(client).webhook_uris(uris))
    }

    /// Writes a registration whose statement has the same URIs; `settings` is an object.
    pub fn registration(
        &self,
        client: &str,
        operation: Operation,
        uris: Option<&[String]>,
        settings: Value,
    ) -> Value {
        let mut body = registration(operation, uris, &self.statement(client, uris.unwrap_or_default()));
        if let (Value::Object(body), Value::Object(settings)) = (&mut body, settings) {
            body.extend(settings);
        }
        body
    }

    /// Registers a client for the first time (DCR).
    pub async fn register_new(&self, client: &str, uris: &[String]) -> Result<Value> {
        self.bank().register(client, uris, &self.statement(client, uris)).await
    }

    /// Changes the registration of a client (DCM); without URIs it is not notified any more.
    pub async fn register(&self, client: &str, uris: Option<&[String]>) -> Result<Value> {
        self.register_with(client, uris, json!({})).await
    }

    /// The same with settings.
    pub async fn register_with(
        &self,
        client: &str,
        uris: Option<&[String]>,
        settings: Value,
    ) -> Result<Value> {
        let body = self.registration(client, Operation::Dcm, uris, settings);
        self.bank().put_client(client, None, &body).await
    }

    /// Lets the directory function do what the schedule asks for, and returns its answer.
    pub async fn review(&self) -> Result<ApiAnswer> {
        self.invoke("DirectoryFunctionName", r#"{"task":"review_receivers"}"#).await
    }

    /// Asks a service of AWS that has the JSON protocol.
    pub async fn ask(&self, service: &str, target: &str, content: &Value) -> Result<Value> {
        let credentials = Credentials::new(CREDENTIAL, CREDENTIAL, None, None, "tests");
        let caller = Caller::new(http_client(None)?, credentials, REGION, service);
        let headers = [("content-type", "application/x-amz-json-1.1"), ("x-amz-target", target)];
        let body = content.to_string().into_bytes();
        let answer = caller.call_with(Method::POST, &self.stack.endpoint(), &headers, body).await?;
        ensure!(answer.status == 200, "{target} answered {}: {}", answer.status, answer.text());
        Ok(serde_json::from_slice(&answer.body).unwrap_or_default())
    }

    /// Waits for a message of the rejected queue whose body contains a text.
    pub async fn rejected(&self, containing: &str, timeout: Duration) -> Result<Value> {
        let client = aws_sdk_sqs::Client::new(&self.stack.sdk_config());
        let queue = self.stack.output("RejectedQueueUrl")?;
        let deadline = Instant::now() + timeout;
        loop {
            let receive =
                client.receive_message().queue_url(queue).max_number_of_messages(10).visibility_timeout(0);
            let answer = receive.send().await?;
            let mut bodies = answer.messages().iter().filter_map(|message| message.body());
            if let Some(body) = bodies.find(|body| body.contains(containing)) {
                return Ok(serde_json::from_str(body)?);
            }
            ensure!(Instant::now() < deadline, "nothing with {containing:?} is in the rejected queue");
            sleep(Duration::from_millis(300)).await;
        }
    }

    /// Sends a text to the queue of producers.
    pub async fn produce(&self, body: &str) -> Result<()> {
        let client = aws_sdk_sqs::Client::new(&self.stack.sdk_config());
        let queue = self.stack.output("IntakeQueueUrl")?;
        client.send_message().queue_url(queue).message_body(body).send().await?;
        Ok(())
    }

    /// Invokes the function that an output names.
    pub async fn invoke(&self, output: &str, event: &str) -> Result<ApiAnswer> {
        let credentials = Credentials::new(CREDENTIAL, CREDENTIAL, None, None, "tests");
        let caller = Caller::new(http_client(None)?, credentials, REGION, "lambda");
        let function = self.stack.output(output)?;
        let url = format!("{}/2015-03-31/functions/{function}/invocations", self.stack.endpoint());
        caller.call(Method::POST, &url, "application/json", event.into()).await
    }

    /// The names of what the directory function keeps of others.
    pub async fn requeued(&self) -> Result<Vec<String>> {
        let client = aws_sdk_dynamodb::Client::new(&self.stack.sdk_config());
        let rows = client.scan().table_name(self.stack.output("DirectoryTableName")?).send().await?;
        let name =
            |row: &std::collections::HashMap<String, AttributeValue>| text_of(row.get("name")).to_owned();
        Ok(rows.items().iter().map(name).collect())
    }

    /// Calls the API and holds the answer against the contract; `route` is the path as the contract writes it.
    pub async fn call(
        &self,
        method: Method,
        path: &str,
        route: &str,
        content_type: &str,
        body: &str,
    ) -> Result<ApiAnswer> {
        let answer =
            self.stack.call_api(method.clone(), path, content_type, body.as_bytes().to_vec()).await?;
        self.contract.check(&method.as_str().to_lowercase(), route, &answer)?;
        Ok(answer)
    }

    /// Posts state changes, holds the answer against the contract, and returns status and body.
    pub async fn post(&self, document: &Value) -> Result<(u16, Value)> {
        let text = document.to_string();
        let answer = self
            .call(Method::POST, "/v1/state-changes", "/v1/state-changes", "application/json", &text)
            .await?;
        Ok((answer.status, serde_json::from_slice(&answer.body)?))
    }

    /// Posts one state change, which must be accepted, and returns the name of its notification.
    pub async fn notify(&self, change: &Value) -> Result<NotificationId> {
        let (status, answer) = self.post(change).await?;
        ensure!(status == 202 && answer["verdicts"][0]["verdict"] == "accepted", "not accepted: {answer}");
        Ok(answer["verdicts"][0]["notification_id"].as_str().unwrap_or_default().parse()?)
    }

    /// Waits until the ledger says that a notification has ended so, and returns its row.
    pub async fn ended(&self, id: &NotificationId, status: &str, timeout: Duration) -> Result<Row> {
        let deadline = Instant::now() + timeout;
        loop {
            let row = self.row(id).await?;
            match &row {
                Some(row) if row.text("status") == status => return Ok(Row(row.0.clone())),
                _ if Instant::now() > deadline => bail!("the ledger says {row:?}, not {status}"),
                _ => sleep(Duration::from_millis(200)).await,
            }
        }
    }

    async fn row(&self, id: &NotificationId) -> Result<Option<Row>> {
        let client = aws_sdk_dynamodb::Client::new(&self.stack.sdk_config());
        let answer = client
            .get_item()
            .table_name(self.stack.output("LedgerTableName")?)
            .key("partition", AttributeValue::S(id.partition().to_string()))
            .key("notification", AttributeValue::S(id.to_string()))
            .send()
            .await?;
        Ok(answer.item.map(Row))
    }

    /// Looks for a message of the dead-letter queue whose body contains a text; returns body and reason.
    pub async fn undelivered(&self, containing: &str, timeout: Duration) -> Result<(String, String)> {
        let client = aws_sdk_sqs::Client::new(&self.stack.sdk_config());
        let queue = self.stack.output("DeadLetterQueueUrl")?;
        let deadline = Instant::now() + timeout;
        loop {
            let receive =
                client.receive_message().queue_url(queue).max_number_of_messages(10).visibility_timeout(0);
            let answer = receive.message_attribute_names("All").send().await?;
            let found = answer
                .messages()
                .iter()
                .find(|message| message.body().is_some_and(|b| b.contains(containing)));
            if let Some(message) = found {
                let reason = message.message_attributes().and_then(|attributes| attributes.get("reason"));
                let reason = reason.and_then(|reason| reason.string_value()).unwrap_or_default();
                return Ok((message.body().unwrap_or_default().to_owned(), reason.to_owned()));
            }
            ensure!(Instant::now() < deadline, "nothing with {containing:?} is in the dead-letter queue");
            sleep(Duration::from_millis(300)).await;
        }
    }

    /// Puts texts into the queue of notifications, as one batch.
    pub async fn enqueue(&self, bodies: &[String]) -> Result<()> {
        let client = aws_sdk_sqs::Client::new(&self.stack.sdk_config());
        let mut request = client.send_message_batch().queue_url(self.stack.output("NotificationsQueueUrl")?);
        for (index, body) in bodies.iter().enumerate() {
            let entry = aws_sdk_sqs::types::SendMessageBatchRequestEntry::builder();
            request = request.entries(entry.id(index.to_string()).message_body(body).build()?);
        }
        let answer = request.send().await?;
        ensure!(answer.failed().is_empty(), "the queue refused a message");
        Ok(())
    }
}

/// A row of the ledger.
#[derive(Debug)]
pub struct Row(std::collections::HashMap<String, AttributeValue>);

impl Row {
    /// A text or number of the row; nothing where there is none.
    pub fn text(&self, name: &str) -> &str {
        text_of(self.0.get(name))
    }

    /// A text or number of one attempt.
    pub fn attempt(&self, number: u8, name: &str) -> &str {
        let attempt = self.0.get(&format!("attempt_{number}")).and_then(|value| value.as_m().ok());
        text_of(attempt.and_then(|attempt| attempt.get(name)))
    }
}

fn text_of(value: Option<&AttributeValue>) -> &str {
    match value {
        Some(AttributeValue::S(text) | AttributeValue::N(text)) => text,
        _ => "",
    }
}

/// A state change that must be notified, happening now, of a resource of its own.
pub fn new_change(endpoint: Endpoint, client: &str) -> Value {
    change(endpoint, client, &tag("r"), now())
}

/// A state change that must be notified, of this resource and at this instant.
pub fn change_of(endpoint: Endpoint, client: &str, resource_id: &str, at: Timestamp) -> Value {
    let mut change = change(endpoint, client, "r", at);
    change["resource_id"] = resource_id.into();
    change
}

/// The message of the first attempt at what such a change of a client's payment becomes.
pub fn first_message(client: &str) -> Result<AttemptMessage> {
    let change = StateChange::from_json(&new_change(Endpoint::PixPayment, client), "");
    let change = change.map_err(|errors| anyhow::anyhow!("{errors:?}"))?;
    AttemptMessage::first(change, now()).context("it is notified")
}

/// A text that no other test has.
pub fn tag(prefix: &str) -> String {
    format!("{prefix}-{:016x}", Rng::system().bits())
}

/// What time it is.
pub fn now() -> Timestamp {
    Clock::system().now()
}

/// The milliseconds from one request's arrival to another's.
pub fn between(earlier: &Received, later: &Received) -> i128 {
    later.received_at.duration_since(earlier.received_at).as_millis()
}
