//! A stand-in for SQS, DynamoDB, Secrets Manager, KMS and CloudWatch Logs behind the HTTP transport of the SDK: it
//! keeps rows and messages, counts what it is asked, and fails as it is told to.
//!
//! The clients before it are the real ones, with the retries and timeouts of [`platform::aws::sdk_config`].

pub mod expression;
mod functions;
mod kms;
mod logs;
mod queue;
mod sqs;
pub mod table;

use std::collections::{BTreeMap, HashMap};
use std::future::pending;
use std::io;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use aws_config::SdkConfig;
use aws_credential_types::Credentials;
use aws_credential_types::provider::SharedCredentialsProvider;
use aws_smithy_runtime_api::client::http::{HttpConnector, HttpConnectorFuture, SharedHttpConnector};
use aws_smithy_runtime_api::client::orchestrator::{HttpRequest, HttpResponse};
use aws_smithy_runtime_api::client::result::ConnectorError;
use aws_smithy_runtime_api::http::StatusCode;
use aws_smithy_types::body::SdkBody;
use jiff::Timestamp;
use platform::aws::Http;
use platform::config::Settings;
use serde_json::{Value, json};
use tokio::sync::Notify;
use tokio::time::Instant;

pub use self::functions::{
    DIRECTORY_IDENTITY_SECRET, Functions, Measured, PKI, TestClock, call, call_all, call_settings,
    call_with_query, from_queue, listed, post, requeued, requeued_until, requeued_with, review, reviewed,
    shown, verdicts,
};
use self::kms::Kms;
use self::logs::Logs;
use self::queue::Queue;
pub use self::queue::{Counts, Message, QueueSettings, Received};
use self::table::{Lag, MAX_LAG, THROTTLED, Table};

/// The table of receivers.
pub const RECEIVERS: &str = "receivers";
/// The table of notifications.
pub const LEDGER: &str = "ledger";
/// The table of what was fetched.
pub const DIRECTORY: &str = "directory";
/// The queue of notifications, by URL.
pub const NOTIFICATIONS: &str = "https://sqs.sa-east-1.amazonaws.com/123456789012/notifications";
/// The queue of notifications given up, by URL.
pub const UNDELIVERED: &str = "https://sqs.sa-east-1.amazonaws.com/123456789012/undelivered";

/// The log group of dispatch.
pub const DISPATCH_LOG: &str = "dispatch-log";

/// The queue that producers send state changes to, by URL.
pub const INTAKE: &str = "https://sqs.sa-east-1.amazonaws.com/123456789012/intake";
/// The same by ARN, as Lambda names it.
pub const INTAKE_ARN: &str = "arn:aws:sqs:sa-east-1:123456789012:intake";
/// The queue that a rule of an event bus sends to, by URL.
pub const INTAKE_EVENTS: &str = "https://sqs.sa-east-1.amazonaws.com/123456789012/intake-events";
/// The same by ARN.
pub const INTAKE_EVENTS_ARN: &str = "arn:aws:sqs:sa-east-1:123456789012:intake-events";
/// The queue of records that are no valid state changes, by URL.
pub const REJECTED: &str = "https://sqs.sa-east-1.amazonaws.com/123456789012/rejected";
/// The same by ARN.
pub const REJECTED_ARN: &str = "arn:aws:sqs:sa-east-1:123456789012:rejected";
/// The queue that timers send to, by URL.
pub const TIMERS: &str = "https://sqs.sa-east-1.amazonaws.com/123456789012/timers";
/// The same by ARN.
pub const TIMERS_ARN: &str = "arn:aws:sqs:sa-east-1:123456789012:timers";
/// The group of the timers' schedules.
pub const TIMERS_GROUP: &str = "timers";
/// The role of the timers' schedules.
pub const TIMERS_ROLE_ARN: &str = "arn:aws:iam::123456789012:role/timers";

/// AWS as the functions see it. Copies are the same one.
#[derive(Clone, Debug, Default)]
pub struct Aws(Arc<Mutex<State>>);

struct State {
    calls: Vec<Call>,
    faults: Vec<Rule>,
    held: Vec<Held>,
    refused_messages: Option<Refused>,
    tables: HashMap<&'static str, Table>,
    queues: BTreeMap<String, Queue>,
    secrets: HashMap<String, String>,
    schedules: BTreeMap<String, Value>,
    logs: Logs,
    kms: Kms,
    /// Chooses among so many messages; without it the oldest comes first.
    rng: Option<Box<dyn FnMut(usize) -> usize + Send>>,
    /// How far behind the next read is that need not be consistent; without it none is.
    lag: Option<Box<dyn FnMut() -> Duration + Send>>,
    /// Told of each message that is sent.
    changed: Arc<Notify>,
}

impl std::fmt::Debug for State {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("State")
            .field("faults", &self.faults)
            .field("queues", &self.queues)
            .finish_non_exhaustive()
    }
}

/// One request that came, each of the SDK's tries counted.
#[derive(Clone, Debug, PartialEq)]
pub struct Call {
    /// What is asked, for example `UpdateItem`.
    pub operation: String,
    /// The request's body.
    pub input: Value,
}

/// How a request fails.
#[derive(Clone, Copy, Debug)]
pub enum Fault {
    /// Answered with this status and this type of error; nothing is done.
    Refused(u16, &'static str),
    /// No connection; nothing is done.
    Unreachable,
    /// It is done, and the connection breaks before the answer.
    AnswerLost,
    /// Nothing is done and no answer ever comes.
    Silent,
}

impl Fault {
    /// What a service answers that wants to be asked less; the SDK tries again.
    pub const THROTTLED: Self = Self::Refused(400, "ThrottlingException");
    /// What IAM answers; the SDK does not try again.
    pub const DENIED: Self = Self::Refused(400, "AccessDeniedException");
}

struct Rule {
    operation: &'static str,
    holds: Box<dyn Fn(&Value) -> bool + Send>,
    fault: Fault,
    once: bool,
}

impl std::fmt::Debug for Rule {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{} {:?}", self.operation, self.fault)
    }
}

/// Messages that a batch does not take.
struct Refused {
    text: String,
    code: &'static str,
    times: usize,
}

/// One request that is held back: it has come, and is served when the test lets it go. Copies are the same one.
#[derive(Clone, Debug)]
pub struct Held {
    operation: &'static str,
    table: &'static str,
    arrived: Arc<Notify>,
    released: Arc<Notify>,
}

impl Held {
    /// Waits until the request has come.
    pub async fn arrived(&self) {
        self.arrived.notified().await;
    }

    /// Has it served.
    pub fn release(&self) {
        self.released.notify_one();
    }
}

impl Aws {
    /// Returns what clients are made of: the configuration of the functions, with this stand-in for a network.
    pub fn sdk_config(&self) -> SdkConfig {
        Self::sdk_config_over(self.clone())
    }

    /// The same with another network, which may lead here.
    pub fn sdk_config_over(network: impl HttpConnector + 'static) -> SdkConfig {
        let http = Http::over(SharedHttpConnector::new(network));
        let credentials = Credentials::new("AKIDTESTS", "of-nothing", None, None, "tests");
        let set = |name: &str| (name == "AWS_REGION").then(|| "sa-east-1".to_owned());
        platform::aws::sdk_config(&Settings::new(&set), &http)
            .expect("a region is all it needs")
            .to_builder()
            .credentials_provider(SharedCredentialsProvider::new(credentials))
            .build()
    }

    /// Fails every request for an operation from now on.
    pub fn fails(&self, operation: &'static str, fault: Fault) {
        self.fails_where(operation, |_| true, fault);
    }

    /// Fails the next request for an operation.
    pub fn fails_once(&self, operation: &'static str, fault: Fault) {
        self.state().faults.push(Rule { operation, holds: Box::new(|_| true), fault, once: true });
    }

    /// Fails the requests for an operation of which something holds.
    pub fn fails_where(
        &self,
        operation: &'static str,
        holds: impl Fn(&Value) -> bool + Send + 'static,
        fault: Fault,
    ) {
        self.state().faults.push(Rule { operation, holds: Box::new(holds), fault, once: false });
    }

    /// Holds back the next request for an operation on a table, so that others come before it.
    pub fn holds_back(&self, operation: &'static str, table: &'static str) -> Held {
        let (arrived, released) = (Arc::default(), Arc::default());
        let held = Held { operation, table, arrived, released };
        self.state().held.push(held.clone());
        held
    }

    /// Refuses the entries of a batch whose body contains this text, and takes the others.
    pub fn refuses_messages_with(&self, text: &str) {
        self.fails_messages_with(text, "InternalError", usize::MAX);
    }

    /// Fails the entries of a batch whose body contains this text so often with this code.
    pub fn fails_messages_with(&self, text: &str, code: &'static str, times: usize) {
        self.state().refused_messages = Some(Refused { text: text.to_owned(), code, times });
    }

    /// Works again.
    pub fn recovers(&self) {
        let mut state = self.state();
        state.faults.clear();
        state.held.clear();
        state.refused_messages = None;
    }

    /// Stores a secret.
    pub fn put_secret(&self, name: &str, text: &str) {
        self.state().secrets.insert(name.to_owned(), text.to_owned());
    }

    /// Writes a line into the log group of dispatch.
    pub fn log(&self, at: Timestamp, line: &str) {
        self.state().logs.put(at, line);
    }

    /// Ends each answer with lines of a log after it has looked at so many.
    pub fn looks_at_lines(&self, at_once: usize) {
        self.state().logs.looks_at(at_once);
    }

    /// Gives KMS a private key.
    pub fn put_key(&self, arn: &str, pem: &str) {
        self.state().kms.put(arn, pem);
    }

    /// The requests since the start or the last [`Aws::forget_calls`], oldest first.
    pub fn calls(&self) -> Vec<Call> {
        self.state().calls.clone()
    }

    /// How many requests there were for each operation, by name; `UpdateItem 20` reads as it is written.
    pub fn counted(&self) -> Vec<String> {
        let mut counts = BTreeMap::new();
        for call in &self.state().calls {
            *counts.entry(call.operation.clone()).or_insert(0) += 1;
        }
        counts.into_iter().map(|(operation, count)| format!("{operation} {count}")).collect()
    }

    /// Starts to count anew.
    pub fn forget_calls(&self) {
        self.state().calls.clear();
    }

    /// A notification's row of the ledger, if there is one.
    pub fn ledger_row(&self, notification: &str) -> Option<Row> {
        let state = self.state();
        let mut rows = state.tables[LEDGER].rows();
        rows.find(|row| row["notification"]["S"] == notification && !is_of_an_hour(row)).cloned().map(Row)
    }

    /// Sets a number of a notification's row of the ledger, which is there.
    pub fn set_ledger_number(&self, notification: &str, name: &str, number: &str) {
        let Row(mut row) = self.ledger_row(notification).expect("the ledger has a row");
        row[name] = json!({ "N": number });
        self.put_row(LEDGER, row);
    }

    /// The rows of notifications given up, oldest hour first.
    pub fn undelivered_rows(&self) -> Vec<Row> {
        self.state().tables[LEDGER].rows().filter(|row| is_of_an_hour(row)).cloned().map(Row).collect()
    }

    /// The row of a table whose only key has this value, if there is one, as it is stored.
    pub fn row(&self, table: &str, key: &str) -> Option<Value> {
        self.state().tables[table].find(key).cloned()
    }

    /// The requests that would write to this table, since the start or the last [`Aws::forget_calls`].
    pub fn writes(&self, table: &str) -> Vec<Call> {
        let mut calls = self.calls();
        calls.retain(|call| {
            call.input["TableName"] == table
                && !matches!(call.operation.as_str(), "GetItem" | "BatchGetItem" | "Query" | "Scan")
        });
        calls
    }

    /// The changes of a table since the first call, as Lambda hands them over from its stream, all written at this time.
    pub fn stream(&self, table: &str, at: Timestamp) -> Vec<Value> {
        let mut state = self.state();
        let mut changes = state.tables.get_mut(table).expect("the table is there").stream().to_vec();
        for change in &mut changes {
            change["dynamodb"]["ApproximateCreationDateTime"] = at.as_second().into();
        }
        changes
    }

    /// Deletes a notification's row of the ledger, as its expiry does.
    pub fn forget_row(&self, notification: &str) {
        let mut state = self.state();
        let table = state.tables.get_mut(LEDGER).expect("the table is there from the start");
        table.retain(|row| row["notification"]["S"] != notification || is_of_an_hour(row));
    }

    /// Deletes all rows of a table.
    pub fn forget_rows(&self, table: &str) {
        self.state().tables.get_mut(table).expect("the table is there from the start").retain(|_| false);
    }

    /// For how many seconds each message was hidden that was kept, by its receipt handle, oldest first.
    pub fn hidden(&self) -> Vec<(String, u64)> {
        let mut calls = self.calls();
        calls.retain(|call| call.operation == "ChangeMessageVisibility");
        let seconds = |call: &Call| call.input["VisibilityTimeout"].as_u64().unwrap_or_default();
        let handle = |call: &Call| call.input["ReceiptHandle"].as_str().unwrap_or_default().to_owned();
        calls.iter().map(|call| (handle(call), seconds(call))).collect()
    }

    /// The schedules that are there, by their names.
    pub fn schedules(&self) -> BTreeMap<String, Value> {
        self.state().schedules.clone()
    }

    /// Takes all messages out of a queue.
    pub fn take_messages(&self, queue: &str) -> Vec<Message> {
        self.state().queue(queue).take_all()
    }

    /// The messages of a queue that nobody holds, delayed ones too; they stay there.
    pub fn visible_messages(&self, queue: &str) -> Vec<Message> {
        self.state().queue(queue).not_in_flight(Instant::now())
    }

    /// Puts a message into a queue.
    pub fn put_message(&self, queue: &str, message: Message) {
        self.state().queue(queue).send(message, Instant::now());
    }

    /// Sets a queue up.
    pub fn set_up(&self, queue: &str, settings: QueueSettings) {
        self.state().queue(queue).settings = settings;
    }

    /// Serves the messages of a queue in any order: this chooses among so many.
    pub fn serves_in_any_order(&self, rng: impl FnMut(usize) -> usize + Send + 'static) {
        self.state().rng = Some(Box::new(rng));
    }

    /// Lets reads lag that are not consistent: this says how far behind each row is, three seconds at most.
    pub fn lets_reads_lag(&self, mut lag: impl FnMut() -> Duration + Send + 'static) {
        self.state().lag = Some(Box::new(move || lag().min(MAX_LAG)));
    }

    /// Limits the writes a second that a table takes from all callers together; `None` takes the limit away.
    pub fn limits_writes(&self, table: &str, per_second: Option<u32>) {
        let mut state = self.state();
        state.tables.get_mut(table).expect("the table is there").set_limit(per_second, Instant::now());
    }

    /// Receives from a queue as Lambda does; `None` if too many messages are in flight.
    pub fn receive(&self, queue: &str, most: usize) -> Option<Vec<Received>> {
        self.state().receive(queue, most, None, Instant::now())
    }

    /// Deletes a message that was received.
    pub fn delete(&self, queue: &str, received: &Received) {
        self.state().queue(queue).delete(&received.receipt);
    }

    /// Lets a message be received once more after a while, whatever became of it: at least once.
    pub fn show_again(&self, queue: &str, received: &Received, after: Duration) {
        let mut state = self.state();
        state.queue(queue).show_again(received, Instant::now() + after);
        state.changed.notify_one();
    }

    /// Says how many messages of a queue are in which state.
    pub fn counts(&self, queue: &str) -> Counts {
        self.state().queue(queue).counts(Instant::now())
    }

    /// Looks at all messages of a queue.
    pub fn messages(&self, queue: &str) -> Vec<Message> {
        self.state().queue(queue).all().cloned().collect()
    }

    /// Waits until a queue has a message that can be received.
    pub async fn has_message(&self, queue: &str) {
        loop {
            let (next, changed) = {
                let mut state = self.state();
                (state.queue(queue).next_visible(), Arc::clone(&state.changed))
            };
            match next {
                Some(at) if at <= Instant::now() => return,
                // Whether it is that message's time or another came first, the queue is looked at again.
                Some(at) => drop(tokio::time::timeout_at(at, changed.notified()).await),
                None => changed.notified().await,
            }
        }
    }

    /// Does what a request asks for, now and without fault.
    pub fn serve(&self, call: &Call) -> HttpResponse {
        let mut state = self.state();
        state.answer(call)
    }

    /// Puts a row into a table.
    pub fn put_row(&self, table: &str, row: Value) {
        self.state().tables.get_mut(table).expect("the table is there").put_row(row);
    }

    /// Gives a message that was received another text.
    pub fn rewrite(&self, queue: &str, received: &Received, body: &str) {
        self.state().queue(queue).rewrite(&received.receipt, body);
    }

    /// Takes out of a queue what holds this text, received or not.
    pub fn forget_messages(&self, queue: &str, text: &str) {
        self.state().queue(queue).forget(text);
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A row of the ledger.
#[derive(Clone, Debug, PartialEq)]
pub struct Row(Value);

impl Row {
    /// Says whether there is such an attempt.
    pub fn has_attempt(&self, number: u8) -> bool {
        self.0.get(format!("attempt_{number}")).is_some()
    }

    /// The names of all that it says, those of its attempts included.
    pub fn names(&self) -> Vec<String> {
        let mut names = Vec::new();
        for (name, value) in self.0.as_object().into_iter().flatten() {
            let inside = value["M"].as_object().into_iter().flatten();
            names.extend(inside.map(|(inner, _)| format!("{name}.{inner}")));
            names.push(name.clone());
        }
        names
    }

    /// A text or number of the row; nothing where there is none.
    pub fn text(&self, name: &str) -> &str {
        text_of(&self.0[name])
    }

    /// Returns its size as DynamoDB counts it for units of reading and writing; what is stored has 100 bytes more.
    ///
    /// Source: "Amazon DynamoDB Developer Guide", "DynamoDB item sizes and formats".
    pub fn bytes(&self) -> usize {
        fields_bytes(&self.0)
    }

    /// A text or number of one attempt; nothing where there is none.
    pub fn attempt(&self, number: u8, name: &str) -> &str {
        text_of(&self.0[format!("attempt_{number}")]["M"][name])
    }
}

fn fields_bytes(fields: &Value) -> usize {
    fields.as_object().into_iter().flatten().map(|(name, value)| name.len() + value_bytes(value)).sum()
}

fn value_bytes(value: &Value) -> usize {
    let (kind, value) = value.as_object().and_then(|value| value.iter().next()).expect("a typed value");
    match (kind.as_str(), value) {
        ("S", Value::String(text)) => text.len(),
        // Two digits a byte, one for the exponent; one more for a sign, which is not looked for.
        ("N", Value::String(digits)) => digits.len().div_ceil(2) + 2,
        ("BOOL" | "NULL", _) => 1,
        ("M", Value::Object(fields)) => 3 + fields.len() + fields_bytes(value),
        other => panic!("{other:?} is in no row"),
    }
}

/// Says whether a row of the ledger lists a notification that was given up.
fn is_of_an_hour(row: &Value) -> bool {
    row["partition"]["S"].as_str().is_some_and(|partition| partition.starts_with("undelivered#"))
}

fn text_of(value: &Value) -> &str {
    value["S"].as_str().or_else(|| value["N"].as_str()).unwrap_or_default()
}

impl HttpConnector for Aws {
    fn call(&self, request: HttpRequest) -> HttpConnectorFuture {
        let broken = || ConnectorError::io(io::Error::from(io::ErrorKind::ConnectionReset).into());
        let mut state = self.state();
        let call = Call::read(&request);
        let fault = state.fault(&call);
        state.calls.push(call.clone());
        if let Some(held) = state.take_held(&call) {
            let aws = self.clone();
            return HttpConnectorFuture::new(async move {
                held.arrived.notify_one();
                held.released.notified().await;
                Ok(aws.state().answer(&call))
            });
        }
        match fault {
            None => HttpConnectorFuture::ready(Ok(state.answer(&call))),
            Some(Fault::Refused(status, kind)) => {
                HttpConnectorFuture::ready(Ok(respond(status, &json!({ "__type": kind }))))
            }
            Some(Fault::Unreachable) => HttpConnectorFuture::ready(Err(broken())),
            Some(Fault::AnswerLost) => {
                state.answer(&call);
                HttpConnectorFuture::ready(Err(broken()))
            }
            Some(Fault::Silent) => HttpConnectorFuture::new(pending()),
        }
    }
}

impl Call {
    /// Reads a request of the SDK.
    pub fn read(request: &HttpRequest) -> Self {
        if let Some(call) = Self::of_scheduler(request) {
            return call;
        }
        let target = request.headers().get("x-amz-target").expect("the other services here speak AWS JSON");
        let (_, operation) = target.split_once('.').expect("a target names service and operation");
        let body = request.body().bytes().expect("requests are not streamed");
        let mut input: Value = serde_json::from_slice(body).expect("AWS JSON is JSON");
        // A batch that reads one table, as all of them do here, names it like any other read.
        if let Some(table) =
            input["RequestItems"].as_object().and_then(|tables| tables.keys().next()).cloned()
        {
            input["TableName"] = table.into();
        }
        Self { operation: operation.to_owned(), input }
    }

    /// Reads a request to the scheduler, which names a schedule in its path.
    ///
    /// Source: EventBridge Scheduler API Reference, `CreateSchedule` and `DeleteSchedule`.
    fn of_scheduler(request: &HttpRequest) -> Option<Self> {
        let (_, path) = request.uri().split_once("/schedules/")?;
        let (name, query) = path.split_once('?').unwrap_or((path, ""));
        let body = request.body().bytes().unwrap_or_default();
        let mut input: Value = serde_json::from_slice(body).unwrap_or_else(|_| json!({}));
        input["Name"] = name.into();
        if let Some(group) = query.split('&').find_map(|pair| pair.strip_prefix("groupName=")) {
            input["GroupName"] = group.into();
        }
        let operation = if request.method() == "DELETE" { "DeleteSchedule" } else { "CreateSchedule" };
        Some(Self { operation: operation.to_owned(), input })
    }
}

/// Says whether a table answered that its capacity is used up.
pub(crate) fn is_over_capacity(answer: &HttpResponse) -> bool {
    answer.status().as_u16() == 400
        && answer.body().bytes().is_some_and(|body| {
            serde_json::from_slice(body).is_ok_and(|body: Value| body["__type"] == THROTTLED)
        })
}

/// Makes an answer of AWS.
pub(crate) fn respond(status: u16, body: &Value) -> HttpResponse {
    let status = StatusCode::try_from(status).expect("a status");
    let mut response = HttpResponse::new(status, SdkBody::from(body.to_string()));
    response.headers_mut().insert("content-type", "application/x-amz-json-1.0");
    response
}

impl Default for State {
    fn default() -> Self {
        let tables = HashMap::from([
            (RECEIVERS, Table::new(&["client_id"])),
            (LEDGER, Table::new(&["partition", "notification"])),
            (DIRECTORY, Table::new(&["name"])),
        ]);
        Self {
            calls: Vec::new(),
            faults: Vec::new(),
            held: Vec::new(),
            refused_messages: None,
            tables,
            queues: BTreeMap::new(),
            secrets: HashMap::new(),
            schedules: BTreeMap::new(),
            logs: Logs::default(),
            kms: Kms::default(),
            rng: None,
            lag: None,
            changed: Arc::default(),
        }
    }
}

impl State {
    fn fault(&mut self, call: &Call) -> Option<Fault> {
        let applies = |rule: &Rule| rule.operation == call.operation && (rule.holds)(&call.input);
        let at = self.faults.iter().position(applies)?;
        let fault = self.faults[at].fault;
        if self.faults[at].once {
            self.faults.remove(at);
        }
        Some(fault)
    }

    fn take_held(&mut self, call: &Call) -> Option<Held> {
        let is_it = |held: &Held| held.operation == call.operation && call.input["TableName"] == held.table;
        let at = self.held.iter().position(is_it)?;
        Some(self.held.remove(at))
    }

    fn answer(&mut self, call: &Call) -> HttpResponse {
        let (status, body) = self.answer_json(call);
        respond(status, &body)
    }

    fn answer_json(&mut self, Call { operation, input }: &Call) -> (u16, Value) {
        match operation.as_str() {
            "CreateSchedule" | "DeleteSchedule" => self.answer_scheduler(operation, input),
            "GetSecretValue" => {
                let name = input["SecretId"].as_str().unwrap_or_default();
                match self.secrets.get(name) {
                    Some(text) => (200, json!({ "ARN": name, "Name": name, "SecretString": text })),
                    None => (400, json!({ "__type": "ResourceNotFoundException" })),
                }
            }
            "FilterLogEvents" if input["logGroupName"] == DISPATCH_LOG => self.logs.filter(input),
            other => {
                if let Some(answer) = self.kms.answer(other, input) {
                    return answer;
                }
                if let Some(answer) = self.answer_sqs(other, input, Instant::now()) {
                    return answer;
                }
                let name = input["TableName"].as_str().unwrap_or_default();
                match self.tables.get_mut(name) {
                    Some(table) => {
                        let mut none = || Duration::ZERO;
                        let lag: Lag<'_> = match &mut self.lag {
                            Some(lag) => lag.as_mut(),
                            None => &mut none,
                        };
                        let now = Instant::now();
                        if operation != "BatchGetItem" {
                            return table.answer(operation, input, now, lag);
                        }
                        let asked = &input["RequestItems"][name];
                        let mut rows = Vec::new();
                        for key in asked["Keys"].as_array().into_iter().flatten() {
                            let one = json!({ "Key": key, "ConsistentRead": asked["ConsistentRead"] });
                            let (_, answer) = table.answer("GetItem", &one, now, &mut *lag);
                            rows.extend(answer.get("Item").cloned());
                        }
                        (200, json!({ "Responses": { name: rows }, "UnprocessedKeys": {} }))
                    }
                    None => (400, json!({ "__type": "ResourceNotFoundException" })),
                }
            }
        }
    }

    fn answer_scheduler(&mut self, operation: &str, input: &Value) -> (u16, Value) {
        let name = input["Name"].as_str().expect("a schedule has a name").to_owned();
        if operation == "DeleteSchedule" {
            return match self.schedules.remove(&name) {
                Some(_) => (200, json!({})),
                None => (404, json!({ "__type": "ResourceNotFoundException", "Message": name })),
            };
        }
        if self.schedules.contains_key(&name) {
            return (409, json!({ "__type": "ConflictException", "Message": name }));
        }
        self.schedules.insert(name.clone(), input.clone());
        (200, json!({ "ScheduleArn": format!("arn:aws:scheduler:::schedule/{TIMERS_GROUP}/{name}") }))
    }

    fn queue(&mut self, url: &str) -> &mut Queue {
        self.queues.entry(url.to_owned()).or_default()
    }
}
