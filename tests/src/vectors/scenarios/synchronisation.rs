//! Who is notified after a registration has changed, as far as pure code decides it.

use std::time::Duration;

use convention::address::AddressPolicy;
use convention::delivery::{AttemptMessage, Next, next};
use convention::directory::{Receiver, Registration, RegistrationRequest, StatementUris, target};
use convention::notification::{Choices, Endpoint, Plan, StateChange, WebhookVersion, plan};
use serde_json::{Value, json};

use super::play::Scenario::{self, OnStack, Played};
use super::play::compare;
use super::stack::on_stack;
use crate::vectors::{Judgement, Vector, example};
use crate::world::new_change;

const POLICY: AddressPolicy = AddressPolicy::Public;

pub(super) const SCENARIOS: &[(&str, Scenario)] = &[
    ("SYNC-001", Played(the_directory_alone_changes_nothing)),
    ("SYNC-002", Played(an_event_within_the_time_for_synchronisation_may_be_notified)),
    ("SYNC-003", Played(an_event_is_notified_from_the_registration_on)),
    ("SYNC-004", Played(an_event_is_notified_from_the_registration_on)),
    ("SYNC-005", Played(an_event_is_notified_from_the_registration_on)),
    ("SYNC-006", OnStack(a_pending_attempt_is_cancelled_when_its_receiver_is_removed)),
    ("SYNC-007", Played(a_later_attempt_goes_to_the_new_base)),
    ("SYNC-008", Played(only_the_owner_of_the_resource_is_told)),
];

/// Registers a client by DCM, as the directory function does.
fn register(
    uris: &Value,
    statement: StatementUris<'_>,
    previous: Option<&Registration>,
    second: i64,
) -> Result<Registration, String> {
    let asked = RegistrationRequest::from_json(&json!({ "webhook_uris": uris }), "");
    let asked = asked.map_err(|errors| format!("{errors:?}"))?;
    let decided = target(statement, asked.webhook_uris.as_deref(), POLICY);
    let decided = decided.map_err(|refusals| format!("{refusals:?}"))?;
    let client_id = "client-1".parse().map_err(|error| format!("{error}"))?;
    Ok(Registration::new(client_id, asked, decided, previous, example::at(second * 1000)))
}

fn change_at(second: i64) -> Result<StateChange, String> {
    let change =
        example::Change::notified(Endpoint::PixPayment, example::api_version(), WebhookVersion::default())?;
    change.with("event_instant", example::at(second * 1000).to_string()).valid()
}

/// Says where a receiver is told of a change, if at all.
fn told(change: &StateChange, receiver: Option<&Receiver>) -> Option<(String, bool)> {
    match plan(change, receiver, &example::servers(), &Choices::default()) {
        Plan::Notify(notification) => Some((notification.url, notification.required)),
        Plan::NotNotifiable(_) | Plan::NoReceiver | Plan::Misconfigured(_) => None,
    }
}

/// Returns the base of a URL that was composed.
fn base_of(url: &str) -> Option<&str> {
    url.split("/open-banking/webhook/").next()
}

fn second(vector: &Vector, field: &str) -> Result<i64, String> {
    vector.input[field].as_i64().ok_or_else(|| format!("input.{field} is no number"))
}

fn the_directory_alone_changes_nothing(vector: &Vector) -> Judgement {
    let (registered, directory) = (&vector.input["registered_uris"], &vector.input["directory_uris"]);
    let registration = register(registered, StatementUris::NotPresented, None, 0)?;
    // The Directory's value counts when a call brings it: then the old metadata is refused, and the registration stays.
    let claim: Vec<String> = serde_json::from_value(directory.clone()).map_err(|error| error.to_string())?;
    if register(registered, StatementUris::Presented(Some(&claim)), Some(&registration), 10).is_ok() {
        return Err("a call with another statement is not refused".to_owned());
    }
    let told = told(&change_at(20)?, registration.receiver(POLICY).as_ref());
    let base = told.as_ref().and_then(|(url, _)| base_of(url));
    compare(vector, &json!({ "target_base": base }))
}

fn an_event_within_the_time_for_synchronisation_may_be_notified(vector: &Vector) -> Judgement {
    // Ten minutes are allowed, none are taken.
    let told = told_after_registration(vector)?;
    compare(vector, &json!({ "notify": if told.is_some() { "allowed" } else { "none" } }))
}

fn an_event_is_notified_from_the_registration_on(vector: &Vector) -> Judgement {
    let notify = match told_after_registration(vector)? {
        Some((_, true)) => "required",
        Some((_, false)) => "optional",
        None => "none",
    };
    compare(vector, &json!({ "notify": notify }))
}

/// A resource's age is no part of a state change: what counts is when the event happened.
fn told_after_registration(vector: &Vector) -> Result<Option<(String, bool)>, String> {
    let dcm = second(vector, "dcm_at_s")?;
    let registration = register(&json!([example::BASE]), StatementUris::NotPresented, None, dcm)?;
    let change = change_at(second(vector, "event_at_s")?)?;
    Ok(told(&change, registration.receiver(POLICY).as_ref()))
}

fn a_pending_attempt_is_cancelled_when_its_receiver_is_removed(vector: &Vector) -> Judgement {
    let status = vector.input["attempt_1"].as_u64().ok_or("input.attempt_1 is no status")?;
    let removed_at = vector.input["removed_at_ms"].as_u64().ok_or("input.removed_at_ms is no number")?;
    let told = on_stack(async |suite| {
        let (client, mock) = suite.world.receiver(&status.to_string()).await?;
        let id = suite.world.notify(&new_change(Endpoint::PixPayment, &client)).await?;
        mock.wait_for(1, suite.timeouts.message).await?;
        tokio::time::sleep(Duration::from_millis(removed_at)).await;
        suite.world.register(&client, None).await?;
        let row = suite.world.ended(&id, "cancelled", suite.timeouts.message).await?;
        let second = if mock.count() == 1 { row.text("status") } else { "sent" };
        Ok(json!({ "attempt_2": second }))
    })?;
    compare(vector, &told)
}

fn a_later_attempt_goes_to_the_new_base(vector: &Vector) -> Judgement {
    let before = register(&json!([example::BASE]), StatementUris::NotPresented, None, -3600)?;
    let first = AttemptMessage::first(change_at(0)?, example::at(0)).ok_or("nothing is queued")?;
    let Next::Attempt(number, due) = next(first.attempt, example::at(500)) else {
        return Err("there is no second attempt".to_owned());
    };
    let changed_at = second(vector, "changed_at_ms")?;
    if example::at(changed_at) >= due {
        return Err("the change comes after the second attempt".to_owned());
    }
    let new = json!([vector.input["new_base"]]);
    let after = register(&new, StatementUris::NotPresented, Some(&before), changed_at / 1000)?;
    let second =
        AttemptMessage::from_json(&first.again(number, due).to_json()).map_err(|error| error.to_string())?;
    let told = told(&second.change, after.receiver(POLICY).as_ref());
    let base = told.as_ref().and_then(|(url, _)| base_of(url));
    compare(vector, &json!({ "attempt_2_base": base }))
}

fn only_the_owner_of_the_resource_is_told(vector: &Vector) -> Judgement {
    let owner = vector.input["resource_client"].as_str().ok_or("input.resource_client is no text")?;
    let registered = vector.input["registered"].as_object().ok_or("input.registered is no object")?;
    let mut receivers = std::collections::HashMap::new();
    for (client, uri) in registered {
        let uris = uri.as_str().map_or(Value::Null, |uri| json!([uri]));
        let receiver = register(&uris, StatementUris::NotPresented, None, -3600)?.receiver(POLICY);
        receivers.insert(client.as_str(), receiver);
    }
    let change =
        example::Change::notified(Endpoint::PixPayment, example::api_version(), WebhookVersion::default())?
            .with("client_id", owner)
            .valid()?;
    let receiver = receivers.get(change.client_id.as_str()).and_then(Option::as_ref);
    let notify = if told(&change, receiver).is_some() { "required" } else { "none" };
    compare(vector, &json!({ "notify": notify }))
}
