//! Family TRIG: which state changes are notified.

use std::collections::HashSet;

use convention::FieldError;
use convention::delivery::AttemptMessage;
use convention::directory::Settings;
use convention::notification::{
    Choices, EventType, Plan, StateChange, Subject, Trigger, WebhookVersion, plan, trigger,
};
use serde::Deserialize;

use super::compare::{Comparison, Field, read, there};
use super::{Judgement, Vector, body, example};

#[derive(Clone, Deserialize)]
#[serde(deny_unknown_fields)]
struct Input {
    api: String,
    resource: String,
    #[serde(default, deserialize_with = "there")]
    webhook_version: Option<String>,
    #[serde(default)]
    from: Field<String>,
    to: String,
    #[serde(default, deserialize_with = "there")]
    api_version: Option<String>,
    #[serde(default)]
    cause: Field<String>,
    #[serde(default)]
    actor: Field<String>,
    #[serde(default)]
    product: Field<String>,
    #[serde(default, deserialize_with = "there")]
    changed_fields: Option<Vec<String>>,
    #[serde(default, deserialize_with = "there")]
    passed_through_partially_accepted: Option<bool>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Expected {
    notify: String,
    #[serde(default)]
    endpoint: Field<String>,
    #[serde(default)]
    event_type: Field<String>,
    #[serde(default, deserialize_with = "there")]
    count: Option<usize>,
}

pub(super) fn judge(vector: &Vector) -> Judgement {
    let input: Input = read("input", &vector.input)?;
    let expected: Expected = read("expected", &vector.expected)?;
    let profile = example::profile(input.webhook_version.as_deref())?;
    let mut comparison = Comparison::default();
    let change = match posted(&input).parse() {
        Ok(change) => change,
        Err(errors) => {
            comparison.equal("notify", expected.notify.as_str(), refused(&errors));
            return comparison.finish();
        }
    };
    let decided = trigger(&change, profile);
    let notify = match decided {
        Trigger::Required(_) => "required",
        Trigger::Optional(_) => "optional",
        Trigger::None(_) => "none",
    };
    comparison.equal("notify", expected.notify.as_str(), notify);
    comparison.equal_field("endpoint", &expected.endpoint, endpoint_of(&change, decided).as_ref());
    if expected.event_type.is_there() {
        let carried = event_type_of(&change, profile, decided)?;
        comparison.equal_field("event_type", &expected.event_type, carried.as_ref());
    }
    comparison.equal_if("count", expected.count.as_ref(), &count(&input, &change, decided)?);
    let informed = Input { cause: Field::Absent, product: Field::Absent, ..input };
    let uninformed = posted(&informed).valid()?;
    if uninformed != change {
        comparison.differ("cause, product", "informative only", "another state change without them");
    }
    comparison.finish()
}

/// Builds the state change as a caller would post it.
fn posted(input: &Input) -> example::Change {
    example::Change::of(&input.api, &input.resource)
        .with_some("api_version", input.api_version.clone())
        .with_some("from", input.from.value().cloned())
        .with("to", input.to.as_str())
        .with_some("cause", input.cause.value().cloned())
        .with_some("actor", input.actor.value().cloned())
        .with_some("product", input.product.value().cloned())
        .with_some("changed_fields", input.changed_fields.clone())
        .with_some("passed_through_partially_accepted", input.passed_through_partially_accepted)
}

/// Says why a state change is refused: by what the vector says, or by what this test has filled in.
fn refused(errors: &[FieldError]) -> &'static str {
    let ours = ["/client_id", "/resource_id", "/event_instant"];
    if errors.iter().any(|error| ours.contains(&error.pointer.as_str())) {
        "an error in what the vector does not say"
    } else {
        "invalid_event"
    }
}

fn endpoint_of(change: &StateChange, decided: Trigger) -> Option<String> {
    match (&change.subject, decided) {
        (Subject::Resource(resource), Trigger::Required(_) | Trigger::Optional(_)) => {
            Some(resource.endpoint.to_string())
        }
        _ => None,
    }
}

/// Returns the `eventType` that the body carries, if it does, to a receiver that wants everything.
fn event_type_of(
    change: &StateChange,
    profile: WebhookVersion,
    decided: Trigger,
) -> Result<Option<String>, String> {
    let mut receiver = example::receiver(example::BASE, profile)?;
    receiver.settings = Settings { notify_optional: true, ..receiver.settings };
    let carried = match plan(change, Some(&receiver), &example::servers(), &Choices::default()) {
        Plan::Notify(notification) => body::body(&notification)?["data"]["eventType"].clone(),
        other => return Err(format!("event_type: nothing is sent: {other:?}")),
    };
    match decided {
        Trigger::Required(event) | Trigger::Optional(event)
            if carried.is_null() || carried == EventType::as_str(event) =>
        {
            Ok(carried.as_str().map(str::to_owned))
        }
        _ => Err(format!("event_type: the body says {carried}, the rules say {decided:?}")),
    }
}

/// Counts the notifications that one act becomes, posted twice with its fields in either order.
fn count(input: &Input, change: &StateChange, decided: Trigger) -> Result<usize, String> {
    if matches!(decided, Trigger::None(_)) {
        return Ok(0);
    }
    let mut turned = input.clone();
    turned.changed_fields.iter_mut().for_each(|fields| fields.reverse());
    let messages = [change.clone(), posted(&turned).valid()?].into_iter();
    let names =
        messages.filter_map(|change| Some(AttemptMessage::first(change, example::at(0))?.notification));
    Ok(names.collect::<HashSet<_>>().len())
}
