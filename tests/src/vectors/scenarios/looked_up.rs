//! What is found in the ledger by what somebody else knows: an interaction id from a ticket, or a resource.

use std::time::Duration;

use anyhow::{Context as _, Result, ensure};
use arauto::show::of_resource;
use convention::delivery::{AttemptView, NotificationView};
use convention::notification::Endpoint;
use devkit::receiver::{MockReceiver, Received};
use jiff::{SignedDuration, Timestamp};
use platform::aws::{LedgerReader, dynamodb};
use serde_json::{Value, json};

use super::play::compare;
use super::stack::on_stack;
use crate::vectors::{Judgement, Vector};
use crate::world::{World, change_of, new_change, now};

/// Two clocks of one machine, read one after the other.
const TOLERANCE: SignedDuration = SignedDuration::from_secs(1);
/// By which order the ledger is asked for more than one notification.
const ALL: &str = "all events and attempts in time order";

fn reader(world: &World) -> Result<LedgerReader> {
    let table = world.stack.output("LedgerTableName")?.to_owned();
    Ok(LedgerReader::new(dynamodb(&world.stack.sdk_config()), table))
}

/// A receiver quotes the id of the second of two attempts, and is told all of it.
pub(super) fn an_attempt_is_found_by_its_interaction_id(vector: &Vector) -> Judgement {
    let asked =
        vector.input["query"]["x-webhook-interaction-id"].as_str().ok_or("input.query names no id")?;
    let unknown = asked.parse().map_err(|error| format!("{asked} cannot be asked for: {error}"))?;
    let wanted: Vec<String> =
        serde_json::from_value(vector.expected["returns"].clone()).map_err(|error| error.to_string())?;
    let told = on_stack(async |suite| {
        let (client, mock) = suite.world.receiver("503,202").await?;
        let posted = new_change(Endpoint::PixPayment, &client);
        let id = suite.world.notify(&posted).await?;
        let received = mock.wait_for(2, suite.timeouts.message).await?;
        suite.world.ended(&id, "delivered", suite.timeouts.message).await?;
        let reader = reader(suite.world)?;
        ensure!(reader.attempt(unknown).await?.is_none(), "an attempt was found that nobody made");
        let quoted = received[1].interaction_id.as_deref().context("a request without id")?;
        let found = reader.attempt(quoted.parse()?).await?.context("nothing was found")?;
        let attempt = found.attempts.iter().find(|attempt| attempt.interaction_id == quoted);
        let attempt = attempt.context("the attempt is not among those that were found")?;
        let truth = Truth { posted: &posted, client: &client, mock: &mock, request: &received[1] };
        let returns: Vec<_> = wanted.iter().filter(|what| truth.is_told(what, &found, attempt)).collect();
        Ok(json!({ "returns": returns }))
    })?;
    compare(vector, &told)
}

/// What the bank and the receiver know of the attempt.
struct Truth<'a> {
    posted: &'a Value,
    client: &'a str,
    mock: &'a MockReceiver,
    request: &'a Received,
}

impl Truth<'_> {
    /// Whether the answer has this, and has it right. What no one here knows of is not told.
    fn is_told(&self, what: &str, found: &NotificationView, attempt: &AttemptView) -> bool {
        let received = self.request.received_at;
        let posted = |field: &str| self.posted[field].as_str().unwrap_or_default();
        match what {
            "event" => {
                let instant = posted("event_instant").parse::<Timestamp>().ok();
                found.event_instant.parse().ok() == instant && instant.is_some()
            }
            "resource id" => found.resource_id == posted("resource_id"),
            "receiver" => found.client_id == self.client && attempt.base_uri == self.mock.base_uri(),
            "attempt number" => attempt.attempt == 2,
            "start" => within(attempt.started_at, received),
            "end" => {
                attempt.ended_at.is_some_and(|ended| within(received, ended) && ended >= attempt.started_at)
            }
            "status" => attempt.status == Some(202) && attempt.outcome.as_deref() == Some("delivered"),
            "tls peer" => {
                let peer = attempt.address.as_deref().unwrap_or_default();
                let port = peer.rsplit(':').next().unwrap_or_default();
                let host = self.mock.base_uri();
                attempt.tls.as_deref().is_some_and(|tls| tls.starts_with("TLSv1"))
                    && host.contains(&format!(":{port}/"))
                    && peer.parse::<std::net::SocketAddr>().is_ok()
            }
            _ => false,
        }
    }
}

fn within(before: Timestamp, after: Timestamp) -> bool {
    let took = after.duration_since(before);
    -TOLERANCE < took && took < SignedDuration::from_secs(15)
}

/// Three events of one identifier, posted in no order, one of them for another kind of consent; one is attempted twice.
pub(super) fn a_resource_has_all_its_events_and_attempts_in_time_order(vector: &Vector) -> Judgement {
    let id = vector.input["query"]["consentId"].as_str().ok_or("input.query names no consent")?;
    let told = on_stack(async |suite| {
        let (client, mock) = suite.world.receiver("503,202").await?;
        let mut events = Vec::new();
        for endpoint in [Endpoint::PaymentConsent, Endpoint::RecurringConsent, Endpoint::PaymentConsent] {
            events.push(change_of(endpoint, &client, id, now()));
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        let mut names = Vec::new();
        for event in [&events[2], &events[0], &events[1]] {
            names.push(suite.world.notify(event).await?);
        }
        for name in &names {
            suite.world.ended(name, "delivered", suite.timeouts.message).await?;
        }
        let found = of_resource(&reader(suite.world)?, id, None).await?;
        let seen = mock.received();
        let is_all = is_all_in_order(&events, &found, &seen);
        Ok(json!({ "returns": if is_all { ALL.to_owned() } else { format!("{found:#?}") } }))
    })?;
    compare(vector, &told)
}

/// The events as they happened, and the attempts of each as they were made: those that the receiver saw, and no others.
fn is_all_in_order(events: &[Value], found: &[NotificationView], seen: &[Received]) -> bool {
    let happened: Vec<_> = found.iter().map(|shown| json!(shown.event_instant)).collect();
    let posted: Vec<_> = events.iter().map(|event| event["event_instant"].clone()).collect();
    let in_order = found.iter().all(|shown| {
        let attempts = shown.attempts.iter();
        attempts.is_sorted_by_key(|attempt| (attempt.started_at, attempt.attempt))
    });
    let ids = |ids: &mut dyn Iterator<Item = Option<&String>>| {
        let mut ids: Vec<_> = ids.flatten().cloned().collect();
        ids.sort();
        ids
    };
    let attempts = found.iter().flat_map(|shown| &shown.attempts);
    let told = ids(&mut attempts.map(|attempt| Some(&attempt.interaction_id)));
    let received = ids(&mut seen.iter().map(|request| request.interaction_id.as_ref()));
    // The first request for each of the two paths was refused.
    happened == posted && in_order && told == received && told.len() == 5
}
