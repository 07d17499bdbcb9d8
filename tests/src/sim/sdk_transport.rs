//! Between the SDK and AWS: latency, faults, kills, and what is broken on purpose.

use std::fmt;
use std::future::pending;
use std::io;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use aws_smithy_runtime_api::client::http::{HttpConnector, HttpConnectorFuture};
use aws_smithy_runtime_api::client::orchestrator::{HttpRequest, HttpResponse};
use aws_smithy_runtime_api::client::result::ConnectorError;
use serde_json::{Value, json};
use tokio::time::sleep;

use super::breaks::Break;
use super::dice::Dice;
use super::invariants;
use super::life::Life;
use super::plan::Storm;
use super::time::since_epoch;
use super::world::{Begun, World};
use crate::aws::{Call, DIRECTORY, LEDGER, NOTIFICATIONS, RECEIVERS, is_over_capacity, respond};

/// The way of one environment to AWS. Copies are the same one.
#[derive(Clone)]
pub(super) struct SdkTransport {
    pub(super) world: World,
    pub(super) name: Arc<str>,
    pub(super) life: Life,
    pub(super) storms: Arc<[Storm]>,
    state: Arc<Mutex<State>>,
}

struct State {
    dice: Dice,
    /// How many requests it lives for, and whether the last is done.
    dies: Option<(u64, bool)>,
}

/// The row by which a refresh of what is known of revocation is claimed, and the one that it writes last.
const REFRESH: &str = "revocation-refresh";
const REFRESHED: &str = "revocation";

/// How a request goes wrong.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Fault {
    Throttled,
    Broken,
    AnswerLost,
    Silent,
    /// It is done after the client has given up.
    Late,
}

const FAULTS: [Fault; 5] = [Fault::Throttled, Fault::Broken, Fault::AnswerLost, Fault::Silent, Fault::Late];

impl fmt::Debug for SdkTransport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SdkTransport").field("name", &self.name).finish_non_exhaustive()
    }
}

impl HttpConnector for SdkTransport {
    fn call(&self, request: HttpRequest) -> HttpConnectorFuture {
        let (transport, call) = (self.clone(), Call::read(&request));
        HttpConnectorFuture::new(async move { transport.exchange(call).await })
    }
}

impl SdkTransport {
    pub(super) fn new(world: &World, name: &str, number: u64, storms: &Arc<[Storm]>) -> Self {
        let state = State { dice: world.dice(name, number), dies: None };
        Self {
            world: world.clone(),
            name: format!("{name}-{number}").into(),
            life: Life::default(),
            storms: Arc::clone(storms),
            state: Arc::new(Mutex::new(state)),
        }
    }

    /// Has the environment die at a request to come, before or after that is done.
    pub(super) fn dies_soon(&self) {
        self.with(|state| state.dies = Some((1 + state.dice.below(12), state.dice.per_cent(50))));
    }

    /// Ends the environment.
    pub(super) fn kill(&self, from: Duration, why: &str) {
        self.life.kill();
        let now = self.world.now();
        self.world.facts().deaths.insert(Arc::clone(&self.name), now);
        self.world.ours(from, format_args!("{} dies: {why}", self.name));
    }

    async fn exchange(self, call: Call) -> Result<HttpResponse, ConnectorError> {
        let function = self.name.split('-').next().unwrap_or_default();
        self.world.facts().uses.note(function, &call);
        let (began, broken) = (self.world.now(), ConnectorError::io(io::Error::other("it broke").into()));
        let (before, after) = self.with(|state| (state.dice.millis(1, 12), state.dice.millis(1, 8)));
        let (fault, dies) = (self.fault(&call), self.dies());
        self.tries_to_close(&call, began);
        self.life.awake().await;
        sleep(before).await;
        self.life.awake().await;
        if dies == Some(false) {
            self.kill(began, &format!("before {}", call.operation));
            return pending().await;
        }
        if let Some(fault) = fault {
            self.world.ours(began, format_args!("{} {} {fault:?}", self.name, call.operation));
        }
        match fault {
            Some(Fault::Throttled) => {
                return Ok(respond(400, &json!({ "__type": "ThrottlingException" })));
            }
            Some(Fault::Broken) => return Err(broken),
            Some(Fault::Silent) => return pending().await,
            Some(Fault::Late) => {
                let (late, transport) = (self.with(|state| state.dice.millis(500, 4_000)), self.clone());
                tokio::spawn(async move {
                    sleep(late).await;
                    transport.apply(call);
                });
                return pending().await;
            }
            Some(Fault::AnswerLost) | None => {}
        }
        let operation = call.operation.clone();
        let delivers = call.input["ExpressionAttributeValues"][":status"]["S"] == "delivered";
        let mut response = self.apply(call);
        if is_over_capacity(&response) {
            if delivers && self.world.is_broken(Break::ThrottledDeliveryForgotten) {
                response = respond(200, &json!({}));
            }
            self.world.ours(began, format_args!("{} {operation} over capacity", self.name));
        }
        if dies == Some(true) {
            self.kill(began, &format!("after {operation}"));
            return pending().await;
        }
        sleep(after).await;
        self.life.awake().await;
        if fault == Some(Fault::AnswerLost) { Err(broken) } else { Ok(response) }
    }

    fn fault(&self, call: &Call) -> Option<Fault> {
        let now = self.world.now();
        let per_cent = self.storms.iter().find_map(|storm| {
            let is_hit = storm.operation.is_none_or(|operation| operation == call.operation);
            (is_hit && storm.from <= now && now < storm.until).then_some(storm.per_cent)
        })?;
        let fault = self.with(|state| state.dice.per_cent(per_cent).then(|| state.dice.choose(&FAULTS)))?;
        // A table throttles by its capacity, which all callers share.
        let is_table = call.input.get("TableName").is_some();
        Some(if is_table && fault == Fault::Throttled { Fault::Broken } else { fault })
    }

    /// Notes that somebody tries to write down a delivery.
    fn tries_to_close(&self, call: &Call, now: Duration) {
        let values = &call.input["ExpressionAttributeValues"];
        if values[":status"]["S"] == "delivered"
            && let Some(id) = values[":id"]["S"].as_str()
        {
            self.world.facts().closings.entry(id.to_owned()).or_default().push(now);
        }
    }

    fn dies(&self) -> Option<bool> {
        self.with(|state| {
            let (left, done) = state.dies.take()?;
            // Others may be under way beside the one that it dies at.
            state.dies = left.checked_sub(1).filter(|left| *left > 0).map(|left| (left, done));
            (left == 1).then_some(done)
        })
    }

    /// Does what is asked for, unless that is broken on purpose, and looks at what it did.
    fn apply(&self, mut call: Call) -> HttpResponse {
        if let Some(response) = self.sabotage(&mut call) {
            return response;
        }
        let response = self.world.aws().serve(&call);
        let taken = response.status().as_u16() == 200;
        self.world.note(format_args!(
            "{} {} {}{}",
            self.name,
            call.operation,
            summary(&call.input),
            if taken { "" } else { " refused" }
        ));
        if call.operation == "UpdateItem" && call.input["TableName"] == LEDGER && taken {
            self.wrote_ledger(&call.input);
        }
        if call.input["TableName"] == DIRECTORY && taken {
            self.wrote_directory(&call.input);
        }
        response
    }

    /// Notes when a refresh of what is known of revocation begins, and when it is done.
    fn wrote_directory(&self, input: &Value) {
        let now = self.world.now();
        let refreshes = &mut self.world.facts().refreshes;
        let (began, done) = refreshes.entry(Arc::clone(&self.name)).or_default();
        if input["Key"]["name"]["S"] == REFRESH {
            *began = Some(now);
        } else if input["Item"]["name"]["S"] == REFRESHED {
            *done = Some(now);
        }
    }

    fn wrote_ledger(&self, input: &Value) {
        let values = &input["ExpressionAttributeValues"];
        let text = |value: &Value| value["S"].as_str().unwrap_or_default().to_owned();
        let (notification, id) = (text(&input["Key"]["notification"]), text(&values[":id"]));
        let now = self.world.now();
        if values.get(":lease").is_some() {
            let attempt = values[":attempt"]["N"].as_str().and_then(|n| n.parse().ok()).unwrap_or(0);
            let record = &values[":record"]["M"];
            let base_uri = text(&record["base_uri"]);
            let notification = notification.clone();
            if record.get("ended_at").is_some() {
                // Written after its request, so it began when it says.
                let at = record["started_at"]["N"].as_str().and_then(since_epoch).unwrap_or_default();
                let begun = Begun { at, notification, attempt, base_uri };
                invariants::begun_after_its_request(&self.world, &begun);
                self.world.facts().begun.insert(id, begun);
            } else {
                let begun = Begun { at: now, notification, attempt, base_uri };
                invariants::begun(&self.world, &id, &begun);
                self.world.facts().begun.insert(id, begun);
            }
        }
        let expression = input["UpdateExpression"].as_str().unwrap_or_default();
        if expression.contains("attempt = :previous") {
            invariants::rolled_back(&self.world, &text(&values[":id"]));
        }
        if text(&values[":status"]) == "delivered" {
            self.world.facts().delivered.entry(notification).or_insert(now);
        }
    }

    fn sabotage(&self, call: &mut Call) -> Option<HttpResponse> {
        let begins = call.input["ExpressionAttributeValues"].get(":lease").is_some();
        if begins && self.world.is_broken(Break::NoConditionOnBegin) {
            call.input["ConditionExpression"] = json!("attribute_not_exists(nothing)");
            for value in [":waiting", ":previous"] {
                call.input["ExpressionAttributeValues"].as_object_mut()?.remove(value);
            }
        }
        let delivers = call.input["ExpressionAttributeValues"][":status"]["S"] == "delivered";
        if delivers && self.world.is_broken(Break::SuccessNotRecorded) {
            return Some(respond(200, &json!({})));
        }
        let asks = call.operation == "GetItem" && call.input["TableName"] == LEDGER;
        if asks && self.world.is_broken(Break::LedgerKnowsNothing) {
            return Some(respond(200, &json!({})));
        }
        if self.name.starts_with("directory")
            && let Some(response) = self.sabotage_directory(call)
        {
            return Some(response);
        }
        if begins && self.world.is_broken(Break::CopiesShareAnAttempt) {
            let response = self.world.aws().serve(call);
            let is_ok = response.status().as_u16() == 200;
            // Served already: what succeeded is looked at as ever.
            if is_ok {
                self.wrote_ledger(&call.input);
            }
            return Some(respond(200, &json!({})));
        }
        let retries = call.operation == "SendMessage" && call.input["QueueUrl"] == NOTIFICATIONS;
        if retries && self.world.is_broken(Break::AcknowledgedBeforeRetry) {
            let body: Value = serde_json::from_str(call.input["MessageBody"].as_str()?).ok()?;
            self.world.aws().forget_messages(NOTIFICATIONS, body["notification_id"].as_str()?);
            if self.with(|state| state.dice.per_cent(30)) {
                self.kill(self.world.now(), "between the acknowledgement and the retry");
            }
            return self.life.is_over().then(|| respond(500, &json!({})));
        }
        None
    }

    /// What is broken on purpose in the directory function.
    fn sabotage_directory(&self, call: &mut Call) -> Option<HttpResponse> {
        let (is_broken, input) = (|by| self.world.is_broken(by), &mut call.input);
        let of_receivers = input["TableName"] == RECEIVERS;
        if of_receivers && is_broken(Break::StaleReadBelieved) {
            match call.operation.as_str() {
                "GetItem" => input["ConsistentRead"] = json!(false),
                "UpdateItem" => {
                    input["ConditionExpression"] = json!("attribute_not_exists(nothing)");
                    let values = input["ExpressionAttributeValues"].as_object_mut()?;
                    values.retain(|name, _| name != ":previous");
                }
                _ => {}
            }
        }
        let reads_all = call.operation == "Scan" && input["TableName"] == DIRECTORY;
        if reads_all && is_broken(Break::HostileRowStopsRefresh) && self.world.facts().is_hostile_row_there {
            return Some(respond(400, &json!({ "__type": "ValidationException" })));
        }
        if is_broken(Break::RemovalForgotten) {
            let removes =
                input["UpdateExpression"].as_str().is_some_and(|text| text.contains("SET #removal"));
            if of_receivers && removes {
                let input = json!({ "TableName": RECEIVERS, "Key": input["Key"] });
                return Some(self.world.aws().serve(&Call { operation: "DeleteItem".to_owned(), input }));
            }
        }
        None
    }

    fn with<T>(&self, act: impl FnOnce(&mut State) -> T) -> T {
        act(&mut self.state.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

/// The part of a request that tells it from others.
fn summary(input: &Value) -> String {
    let values = &input["ExpressionAttributeValues"];
    let text = |value: &Value| value["S"].as_str().or_else(|| value["N"].as_str()).unwrap_or("").to_owned();
    let queue = input["QueueUrl"].as_str().and_then(|url| url.rsplit('/').next()).unwrap_or_default();
    let message: Value =
        input["MessageBody"].as_str().and_then(|body| serde_json::from_str(body).ok()).unwrap_or_default();
    let parts = [
        input["TableName"].as_str().unwrap_or_default().to_owned(),
        input["SecretId"].as_str().unwrap_or_default().to_owned(),
        queue.to_owned(),
        text(&input["Key"]["client_id"]),
        text(&input["Key"]["name"]),
        text(&input["Key"]["notification"]),
        message["notification_id"].as_str().unwrap_or_default().to_owned(),
        message["attempt"].as_u64().map(|attempt| format!("attempt {attempt}")).unwrap_or_default(),
        input["DelaySeconds"].as_u64().map(|delay| format!("in {delay} s")).unwrap_or_default(),
        if values.get(":lease").is_some() {
            format!("begins {} {}", text(&values[":attempt"]), text(&values[":status"]))
        } else {
            text(&values[":status"])
        },
        text(&values[":id"]),
    ];
    parts.into_iter().filter(|part| !part.is_empty()).collect::<Vec<_>>().join(" ")
}
