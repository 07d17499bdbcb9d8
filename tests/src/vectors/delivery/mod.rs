//! Family DLV: how a notification is attempted, on a time line of milliseconds.

mod around;
mod result;
mod timeline;

use convention::delivery::{AttemptMessage, BODY_LIMIT, FIRST_ATTEMPT_WITHIN, is_late};
use convention::notification::{Choices, Plan, plan};
use serde::Deserialize;
use serde_json::Value;

use super::compare::{Comparison, Field, read, there};
use super::{Judgement, Vector, example};
use timeline::{Standing, Timeline};

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Input {
    #[serde(default)]
    event_at_ms: i64,
    attempts: Vec<result::Attempt>,
    #[serde(default, deserialize_with = "there")]
    received_at_ms: Option<i64>,
    #[serde(default, deserialize_with = "there")]
    bus_copies: Option<usize>,
    #[serde(default, deserialize_with = "there")]
    same_event_key: Option<bool>,
    #[serde(default, deserialize_with = "there")]
    crash_after_ms: Option<i64>,
    #[serde(default, deserialize_with = "there")]
    second_event_at_ms: Option<i64>,
    #[serde(default, deserialize_with = "there")]
    events: Option<Vec<String>>,
    #[serde(default, deserialize_with = "there")]
    post_response_at_ms: Option<i64>,
    #[serde(default, deserialize_with = "there")]
    attempt_1_at_ms: Option<i64>,
    #[serde(rename = "receiver_A", default, deserialize_with = "there")]
    dead: Option<String>,
    #[serde(rename = "receiver_B", default, deserialize_with = "there")]
    healthy: Option<String>,
    #[serde(default, deserialize_with = "there")]
    itp_get_at_ms: Option<i64>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Expected {
    #[serde(rename = "final", default, deserialize_with = "there")]
    ending: Option<String>,
    #[serde(default, deserialize_with = "there")]
    attempts: Option<usize>,
    #[serde(default)]
    next: Field<u8>,
    #[serde(default, deserialize_with = "there")]
    next_attempt: Option<u8>,
    #[serde(default, deserialize_with = "there")]
    next_start_ms: Option<i64>,
    #[serde(default, deserialize_with = "there")]
    window_ms: Option<i64>,
    #[serde(default, deserialize_with = "there")]
    followed: Option<bool>,
    #[serde(default, deserialize_with = "there")]
    outcome_class: Option<String>,
    #[serde(default, deserialize_with = "there")]
    configurable: Option<bool>,
    #[serde(default, deserialize_with = "there")]
    bytes_read_max: Option<usize>,
    #[serde(default, deserialize_with = "there")]
    attempt_1: Option<String>,
    #[serde(default, deserialize_with = "there")]
    attempt_1_start_max_ms: Option<i64>,
    #[serde(default, deserialize_with = "there")]
    sla_breach_recorded: Option<bool>,
    #[serde(default, deserialize_with = "there")]
    sla_met: Option<bool>,
    #[serde(default, deserialize_with = "there")]
    http_requests: Option<usize>,
    #[serde(default, deserialize_with = "there")]
    allowed: Option<Value>,
    #[serde(default, deserialize_with = "there")]
    other_event: Option<String>,
    #[serde(default, deserialize_with = "there")]
    order_required: Option<bool>,
    #[serde(rename = "receiver_B_attempt_1_start_max_ms", default, deserialize_with = "there")]
    healthy_start_max_ms: Option<i64>,
}

pub(super) fn judge(vector: &Vector) -> Judgement {
    let input: Input = read("input", &vector.input)?;
    let expected: Expected = read("expected", &vector.expected)?;
    let timeline = Timeline::play(input.event_at_ms, &input.attempts)?;
    let mut comparison = Comparison::default();
    compare_schedule(&mut comparison, &expected, &timeline);
    compare_last(&mut comparison, &expected, &timeline);
    compare_start(&mut comparison, &expected, &input, &timeline)?;
    compare_around(&mut comparison, &expected, &input)?;
    comparison.finish()
}

/// Compares what follows the attempts.
fn compare_schedule(comparison: &mut Comparison, expected: &Expected, timeline: &Timeline) {
    let ending = match timeline.standing {
        Standing::Due(_) => None,
        Standing::Delivered => Some("delivered".to_owned()),
        Standing::Exhausted => Some("exhausted".to_owned()),
    };
    comparison.equal_if("final", expected.ending.clone().map(Some).as_ref(), &ending);
    comparison.equal_if("attempts", expected.attempts.as_ref(), &timeline.made.len());
    let due = match &timeline.standing {
        Standing::Due(message) => Some(message),
        Standing::Delivered | Standing::Exhausted => None,
    };
    let number = due.map(|message| message.attempt.get());
    comparison.equal_field("next", &expected.next, number.as_ref());
    comparison.equal_if("next_attempt", expected.next_attempt.map(Some).as_ref(), &number);
    let start = due.and_then(|message| message.not_before).map(example::millis);
    comparison.equal_if("next_start_ms", expected.next_start_ms.map(Some).as_ref(), &start);
    comparison.equal_if("window_ms", expected.window_ms.map(Some).as_ref(), &timeline.window_ms());
}

/// Compares what came of the last attempt.
fn compare_last(comparison: &mut Comparison, expected: &Expected, timeline: &Timeline) {
    let last = timeline.made.last();
    let followed = last.and_then(|made| made.followed);
    comparison.equal_if("followed", expected.followed.map(Some).as_ref(), &followed);
    let class = last.map(|made| made.outcome.code().to_owned());
    comparison.equal_if("outcome_class", expected.outcome_class.clone().map(Some).as_ref(), &class);
    let configurable = last.and_then(|made| made.outcome.status()).map(result::can_be_a_success);
    comparison.equal_if("configurable", expected.configurable.map(Some).as_ref(), &configurable);
    if let Some(most) = expected.bytes_read_max {
        comparison.equal("bytes_read_max", &most, &BODY_LIMIT);
        let cut = last.is_some_and(|made| made.body_cut);
        let long = last.is_some_and(|made| made.body_bytes > BODY_LIMIT as u64);
        comparison.equal("bytes_read_max (a longer body is cut)", &long, &cut);
    }
}

/// Compares when the first attempt is made.
fn compare_start(
    comparison: &mut Comparison,
    expected: &Expected,
    input: &Input,
    timeline: &Timeline,
) -> Judgement {
    let event = example::at(input.event_at_ms);
    if let Some(latest) = expected.attempt_1_start_max_ms {
        let limit = i64::try_from(FIRST_ATTEMPT_WITHIN.as_millis()).unwrap_or(i64::MAX);
        comparison.equal("attempt_1_start_max_ms", &latest, &(input.event_at_ms + limit));
        comparison.equal("late at its limit", &false, &is_late(event, example::at(latest)));
        comparison.equal("late after its limit", &true, &is_late(event, example::at(latest + 1)));
    }
    let started = timeline.made.first().map(|made| made.started);
    let started = started.or_else(|| input.received_at_ms.map(example::at));
    let late = started.map(|started| is_late(event, started));
    comparison.equal_if("sla_breach_recorded", expected.sla_breach_recorded.map(Some).as_ref(), &late);
    let met = late.map(|late| !late);
    comparison.equal_if("sla_met", expected.sla_met.map(Some).as_ref(), &met);
    if let Some(expected) = &expected.attempt_1 {
        comparison.equal("attempt_1", expected.as_str(), first_start(input)?);
    }
    Ok(())
}

/// Says when an event that reaches us so late is first attempted.
fn first_start(input: &Input) -> Result<&'static str, String> {
    let change = timeline::change(input.event_at_ms)?;
    let receiver = example::receiver(example::BASE, convention::notification::WebhookVersion::default())?;
    if let Plan::Notify(_) = plan(&change, Some(&receiver), &example::servers(), &Choices::default()) {
        let arrival = example::at(input.received_at_ms.unwrap_or(input.event_at_ms));
        let message = AttemptMessage::first(change, arrival).ok_or("nothing is queued")?;
        let waits = message.not_before.is_some_and(|due| due > arrival);
        Ok(if waits { "later" } else { "immediately" })
    } else {
        Ok("never")
    }
}

/// Compares what happens around the attempts.
fn compare_around(comparison: &mut Comparison, expected: &Expected, input: &Input) -> Judgement {
    if let Some(requests) = expected.http_requests {
        let copies = input.bus_copies.ok_or("expected.http_requests cannot be judged without bus_copies")?;
        let came = around::requests_of_copies(copies, input.same_event_key.unwrap_or(true))?;
        comparison.equal("http_requests", &requests, &came);
    }
    if let Some(allowed) = &expected.allowed {
        comparison.equal("allowed", allowed, &allowed_by_the_product(input)?);
    }
    if let Some(other) = &expected.other_event {
        let second =
            input.second_event_at_ms.ok_or("expected.other_event cannot be judged without an event")?;
        let came = around::schedule_of_second_event(input.event_at_ms, second, &input.attempts)?;
        comparison.equal("other_event", other.as_str(), came);
    }
    if let Some(required) = expected.order_required {
        let events =
            input.events.as_deref().ok_or("expected.order_required cannot be judged without events")?;
        comparison.equal("order_required", &required, &around::is_order_required(events)?);
    }
    if let Some(latest) = expected.healthy_start_max_ms {
        let (Some(dead), Some(healthy)) = (&input.dead, &input.healthy) else {
            return Err(
                "expected.receiver_B_attempt_1_start_max_ms cannot be judged without both receivers".into()
            );
        };
        let came = around::start_beside_a_dead_receiver(dead, healthy)?;
        if came > latest {
            let field = "receiver_B_attempt_1_start_max_ms";
            comparison.differ(field, &format!("{latest} at most"), &came.to_string());
        }
    }
    if let Some(at) = input.itp_get_at_ms {
        // Nothing that decides on attempts takes such an event: what was compared above holds with it and without it.
        comparison.equal("itp_get_at_ms lies after the event", &true, &(at >= input.event_at_ms));
    }
    Ok(())
}

/// Says what the product allows itself in the situation of the vector.
fn allowed_by_the_product(input: &Input) -> Result<Value, String> {
    match (input.crash_after_ms, input.post_response_at_ms, input.attempt_1_at_ms) {
        (Some(crash), None, None) => {
            around::after_a_crash(input.event_at_ms, &input.attempts, crash).map(Value::from)
        }
        (None, Some(_), Some(attempt)) => {
            // The first attempt waits for nothing, so also not for the answer to the initiator's POST.
            let change = timeline::change(input.event_at_ms)?;
            let event = change.event_instant.timestamp();
            let message = AttemptMessage::first(change, event).ok_or("nothing is queued")?;
            let attempt = example::at(attempt);
            Ok((attempt >= event && message.not_before.is_none_or(|due| due <= attempt)).into())
        }
        _ => {
            Err("expected.allowed cannot be judged: the input says nothing that could be allowed".to_owned())
        }
    }
}
