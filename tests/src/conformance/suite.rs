//! What the modules share: an initiator that registers and receives, the bank's resources, and the suite's checks.

use std::future::Future;
use std::pin::Pin;
use std::time::Duration;

use anyhow::{Context, Result, bail, ensure};
use convention::directory::Operation;
use devkit::receiver::{MockReceiver, Received};
use http::Method;
use jiff::{SignedDuration, Timestamp};
use platform::config::environment;
use serde_json::{Map, Value, json};

use crate::world::{World, now, tag};

/// How the suite waits.
#[derive(Clone, Copy, Debug)]
pub struct Timeouts {
    /// `webhookWaitTime`: after a registration is changed, before anything is expected of it.
    pub registration: Duration,
    /// Within which a message is expected.
    pub message: Duration,
    /// For how long nothing more may come.
    pub silence: Duration,
}

impl Timeouts {
    /// As the suite waits: `webhookWaitTime` is 600 s unless its configuration says otherwise, and a message is waited for at
    /// most 60 s (steps of `dcr_api_dcm-pagto-remove-webhook_test-module-v4`).
    pub const REAL: Self = Self {
        registration: Duration::from_mins(10),
        message: Duration::from_mins(1),
        silence: Duration::from_mins(1),
    };
    /// As long as the local stack needs: a registration counts within eight seconds, and a retry comes after ten.
    pub const SHORT: Self =
        Self { registration: Duration::from_secs(9), silence: Duration::from_secs(14), ..Self::REAL };

    /// The suite's own waits where `ARAUTO_CONFORMANCE` is `real`; short ones where it is `short` or missing.
    pub fn from_environment() -> Result<Self> {
        match environment("ARAUTO_CONFORMANCE").as_deref() {
            None | Some("short") => Ok(Self::SHORT),
            Some("real") => Ok(Self::REAL),
            Some(other) => bail!("ARAUTO_CONFORMANCE is {other}; expected short or real"),
        }
    }
}

/// What came of a module, in the words of the vectors.
pub type Told = Value;

/// A module.
pub type Play = for<'a> fn(&'a Suite<'a>) -> Pin<Box<dyn Future<Output = Result<Told>> + 'a>>;

/// The suite before a stack.
pub struct Suite<'a> {
    /// The stack.
    pub world: &'a World,
    /// How it waits.
    pub timeouts: Timeouts,
}

impl std::fmt::Debug for Suite<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Suite").field("timeouts", &self.timeouts).finish_non_exhaustive()
    }
}

/// An initiator of a test: a client, its receiver, and when the test began.
pub(super) struct Initiator<'a> {
    pub(super) suite: &'a Suite<'a>,
    pub(super) client: String,
    pub(super) mock: MockReceiver,
    pub(super) began: Timestamp,
}

impl<'a> Initiator<'a> {
    /// Starts a receiver that answers so; its client is not registered yet.
    pub(super) async fn new(suite: &'a Suite<'a>, answers: &str) -> Result<Self> {
        let mock = suite.world.mock(answers).await?;
        Ok(Self { suite, client: tag("itp"), mock, began: now() })
    }

    /// The same, registered by DCR with the URI of its statement, and past the time for synchronisation.
    pub(super) async fn registered(suite: &'a Suite<'a>, answers: &str) -> Result<Self> {
        let initiator = Self::new(suite, answers).await?;
        let uri = [initiator.mock.base_uri()];
        let (status, _) = initiator.call(Operation::Dcr, Some(&uri), &uri).await?;
        ensure!(status == 200, "the registration was answered {status}");
        initiator.wait().await;
        Ok(initiator)
    }

    /// Passes a DCR or DCM call on, with `uris` in its metadata and `claim` in its statement.
    pub(super) async fn call(
        &self,
        operation: Operation,
        uris: Option<&[String]>,
        claim: &[String],
    ) -> Result<(u16, Value)> {
        let statement = self.suite.world.statement(&self.client, claim);
        let body = devkit::local::registration(operation, uris, &statement).to_string();
        let path = format!("/v1/clients/{}", self.client);
        let route = "/v1/clients/{clientId}";
        let answer = self.suite.world.call(Method::PUT, &path, route, "application/json", &body).await?;
        Ok((answer.status, serde_json::from_slice(&answer.body)?))
    }

    /// Waits until a change of the registration must be in force.
    pub(super) async fn wait(&self) {
        tokio::time::sleep(self.suite.timeouts.registration).await;
    }

    /// Takes a resource of this client through states, as the bank's systems do: they post every one of them.
    pub(super) async fn moves(&self, resource: &Resource, states: &[&str]) -> Result<()> {
        for pair in states.windows(2) {
            self.posts(&resource.moved(&self.client, pair[0], pair[1])).await?;
        }
        Ok(())
    }

    /// Posts a state change.
    pub(super) async fn posts(&self, change: &Value) -> Result<()> {
        let (status, answer) = self.suite.world.post(change).await?;
        ensure!(status == 202, "the state change was answered {status}: {answer}");
        Ok(())
    }

    /// Waits until so many messages have come, and checks each as the suite does.
    pub(super) async fn receives(&self, count: usize) -> Result<Vec<Received>> {
        let received = self.mock.wait_for(count, self.suite.timeouts.message).await?;
        for message in &received {
            self.check(message)?;
        }
        Ok(received)
    }

    /// The checks of every module: mutual TLS, `x-webhook-interaction-id`, and a timestamp between the test's start and now.
    /// Beside them, what the published contract says of the endpoint.
    pub(super) fn check(&self, message: &Received) -> Result<()> {
        ensure!(message.client_certificate.is_some(), "no client certificate with {message}");
        ensure!(message.interaction_id.is_some(), "no x-webhook-interaction-id in {message}");
        let body = message.body.json().context("the body is no JSON")?;
        let timestamp: Timestamp =
            body["data"]["timestamp"].as_str().context("no data.timestamp")?.parse()?;
        // Whole seconds: the one the test began in counts.
        ensure!(timestamp.as_second() >= self.began.as_second(), "timestamp before the test");
        ensure!(timestamp <= message.received_at, "timestamp after now");
        ensure!(message.findings.is_empty(), "{message} breaks the contract: {:?}", message.findings);
        Ok(())
    }

    /// Makes sure that nothing comes, and says how many messages there are.
    pub(super) async fn stays_at(&self) -> usize {
        tokio::time::sleep(self.suite.timeouts.silence).await;
        self.mock.count()
    }

    /// Counts messages at an endpoint for a resource.
    pub(super) fn count(&self, endpoint: &str, resource: &Resource) -> usize {
        let at = |message: &&Received| {
            message.endpoint.is_some_and(|of| of.as_str() == endpoint)
                && message.resource_id.as_deref() == Some(resource.id.as_str())
        };
        self.mock.received().iter().filter(at).count()
    }
}

/// Reads `data.eventType` of a message; null where it has none.
pub(super) fn event_type(message: &Received) -> Result<Value> {
    let body = message.body.json().context("the body is no JSON")?;
    Ok(body["data"]["eventType"].clone())
}

/// A consent, payment or enrollment of the bank.
pub(super) struct Resource {
    pub(super) id: String,
    fields: Map<String, Value>,
}

impl Resource {
    /// Makes a resource of an API, in this version of it.
    pub(super) fn new(api: &str, resource: &str, api_version: &str) -> Self {
        let id = match resource {
            "pix_payment" | "recurring_payment" => tag("p"),
            _ => format!("urn:bancoex:{}", tag("c")),
        };
        let fields =
            json!({ "api": api, "resource": resource, "api_version": api_version, "resource_id": id });
        Self { id, fields: fields.as_object().cloned().unwrap_or_default() }
    }

    /// A change of state that happens now.
    pub(super) fn moved(&self, client: &str, from: &str, to: &str) -> Value {
        self.change(client, &json!({ "from": from, "to": to }))
    }

    /// A change that happens now; `more` says which.
    pub(super) fn change(&self, client: &str, more: &Value) -> Value {
        self.change_at(client, now(), more)
    }

    /// The same at another instant, for a clock that is wrong.
    pub(super) fn change_in(&self, client: &str, ahead: SignedDuration, more: &Value) -> Value {
        self.change_at(client, now() + ahead, more)
    }

    fn change_at(&self, client: &str, instant: Timestamp, more: &Value) -> Value {
        let mut change = self.fields.clone();
        change.insert("client_id".to_owned(), client.into());
        change.insert("event_instant".to_owned(), instant.to_string().into());
        change.extend(more.as_object().cloned().unwrap_or_default());
        Value::Object(change)
    }
}
