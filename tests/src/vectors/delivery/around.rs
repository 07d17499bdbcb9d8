//! What happens around the attempts: copies, crashes, other events, other receivers.

use std::collections::HashMap;
use std::time::Duration;

use convention::delivery::{
    AttemptMessage, AttemptNumber, LEASE, Next, Progress, Resolution, Status, next, resolve,
};
use convention::notification::{
    ENDPOINTS, Endpoint, InteractionId, NotificationId, StateChange, Subject, WebhookVersion,
};
use devkit::receiver::{Answer, Answers, Settings};
use http::StatusCode;
use platform::rng::Rng;

use super::result::{Attempt, is_delivered};
use super::timeline::{Standing, Timeline, change};
use crate::vectors::example;
use crate::vectors::peers::{block_on, receiver, start_beside_hanging};

/// Counts the requests that copies of a business event become: in the order they come, and again after a delivery.
pub(super) fn requests_of_copies(copies: usize, same_event: bool) -> Result<usize, String> {
    let mut counts = Vec::new();
    // The caller may name its event, or leave it to us to recognise it.
    for named in [true, false] {
        let messages = (0..copies).map(|copy| {
            let number = if same_event { 0 } else { copy };
            let changed = example::Change::notified(
                Endpoint::PixPayment,
                example::api_version(),
                WebhookVersion::default(),
            )?;
            let event = i64::try_from(number).unwrap_or(i64::MAX);
            let changed = changed.with("event_instant", example::at(event).to_string());
            let named = named.then(|| format!("event-{number}"));
            let changed = changed.with_some("event_id", named).valid()?;
            let message = AttemptMessage::first(changed, example::at(event));
            message.ok_or_else(|| "nothing is queued".to_owned())
        });
        counts.push(requests(&messages.collect::<Result<Vec<_>, String>>()?));
    }
    match counts.as_slice() {
        [named, unnamed] if named == unnamed => Ok(*named),
        _ => Err(format!("http_requests: {counts:?} with and without an event_id")),
    }
}

/// Counts the attempts that begin, as the ledger lets them: the first of each notification, and no copy of it.
fn requests(messages: &[AttemptMessage]) -> usize {
    let mut ledger: HashMap<NotificationId, Progress> = HashMap::new();
    let mut requests = 0;
    let now = example::at(0);
    // The second round finds the notifications delivered.
    for _ in 0..2 {
        for message in messages {
            match ledger.get(&message.notification) {
                None => {
                    requests += 1;
                    let interaction_id = fresh_id(message);
                    let lease_until = now.saturating_add(LEASE).unwrap_or(now);
                    let attempt = message.attempt;
                    let progress = Progress {
                        status: Status::Attempting,
                        attempt,
                        interaction_id,
                        lease_until,
                        unlisted: None,
                    };
                    ledger.insert(message.notification.clone(), progress);
                }
                Some(progress) => match resolve(progress, message.attempt, message.before_failed_at(), now) {
                    Resolution::Done | Resolution::InProgress => {}
                    Resolution::Interrupted { .. } => requests += 1,
                },
            }
        }
        for progress in ledger.values_mut() {
            progress.status = Status::Delivered;
        }
    }
    requests
}

fn fresh_id(message: &AttemptMessage) -> InteractionId {
    InteractionId::new(message.notification.partition(), Rng::system().bits())
}

/// Says what comes after a process stopped with an attempt under way, as a sentence.
pub(super) fn after_a_crash(event_at_ms: i64, attempts: &[Attempt], crash_ms: i64) -> Result<String, String> {
    let begun: Vec<_> = attempts.iter().filter(|attempt| attempt.start_ms <= crash_ms).cloned().collect();
    let Some((_, before)) = begun.split_last() else { return Ok("nothing had begun".to_owned()) };
    let Standing::Due(message) = Timeline::play(event_at_ms, before)?.standing else {
        return Err("the attempt that crashes is not made".to_owned());
    };
    let made = Timeline::play(event_at_ms, &begun)?.made;
    let crashed = made.last().ok_or("the attempt that crashes is not made")?;
    let (sent, lease_until) =
        (fresh_id(&message), crashed.started.saturating_add(LEASE).unwrap_or(crashed.started));
    let progress = Progress {
        status: Status::Attempting,
        attempt: message.attempt,
        interaction_id: sent,
        lease_until,
        unlisted: None,
    };
    // The queue delivers the message again: too early at first, then after the lease.
    if resolve(&progress, message.attempt, message.before_failed_at(), example::at(crash_ms))
        != Resolution::InProgress
    {
        return Err("a copy does not wait for an attempt that may still be under way".to_owned());
    }
    let Resolution::Interrupted { attempt, ended, .. } =
        resolve(&progress, message.attempt, message.before_failed_at(), lease_until)
    else {
        return Err("an attempt whose process stopped is not taken up again".to_owned());
    };
    let accepted = is_delivered(&crashed.outcome);
    Ok(match next(attempt, ended) {
        Next::Attempt(number, due) if accepted => {
            let again = fresh_id(&message.again(number, due));
            let id = if again == sent { "the same" } else { "a new" };
            format!("one duplicate with {id} interaction id")
        }
        Next::Attempt(..) | Next::Exhausted => "no duplicate".to_owned(),
    })
}

/// Says which schedule a second event on the same resource gets.
pub(super) fn schedule_of_second_event(
    event_at_ms: i64,
    second_at_ms: i64,
    attempts: &[Attempt],
) -> Result<&'static str, String> {
    let first = change(event_at_ms)?;
    let Subject::Resource(resource) = &first.subject else {
        return Err("the example has an endpoint".to_owned());
    };
    let states = resource.endpoint.row().states_of(resource.api_version);
    let newer = states.map(|state| state.name).filter(|state| *state != first.to).last();
    let second = StateChange {
        from: Some(first.to.clone()),
        to: newer.unwrap_or_default().to_owned(),
        event_instant: example::at(second_at_ms).into(),
        ..first.clone()
    };
    let message = |change: StateChange, at| AttemptMessage::first(change, at).ok_or("nothing is queued");
    let (first, second) =
        (message(first, example::at(event_at_ms))?, message(second, example::at(second_at_ms))?);
    let starts_anew = second.attempt == AttemptNumber::FIRST && second.not_before.is_none();
    // Moving the first along its attempts leaves the message of the second as it was.
    let pending = match Timeline::play(event_at_ms, attempts)?.standing {
        Standing::Due(pending) => pending.notification,
        Standing::Delivered | Standing::Exhausted => first.notification.clone(),
    };
    let apart = second.notification != first.notification && pending == first.notification;
    Ok(if starts_anew && apart { "own independent schedule" } else { "the schedule of the first event" })
}

/// Says whether any of these events waits for another, each written as a resource and a state.
pub(super) fn is_order_required(events: &[String]) -> Result<bool, String> {
    let messages: Vec<_> = events.iter().map(|event| message_of(event)).collect::<Result<_, _>>()?;
    let names = messages.iter().map(|message| &message.notification);
    let apart = names.collect::<std::collections::HashSet<_>>().len() == messages.len();
    Ok(!apart || messages.iter().any(|message| message.not_before.is_some()))
}

fn message_of(event: &str) -> Result<AttemptMessage, String> {
    let unknown = || format!("input.events cannot be judged: {event:?}");
    let (resource, state) = event.rsplit_once(' ').ok_or_else(unknown)?;
    let resource = resource.replace(' ', "_");
    let named = ENDPOINTS.iter().find(|row| row.resource == resource);
    let row = named.or_else(|| ENDPOINTS.iter().find(|row| row.resource.ends_with(&resource)));
    let row = row.ok_or_else(unknown)?;
    let change = example::Change::of(row.api, row.resource)
        .with("to", state)
        .with("passed_through_partially_accepted", false)
        .valid()?;
    AttemptMessage::first(change, example::at(0)).ok_or_else(unknown)
}

/// Returns after how many milliseconds a healthy receiver has its first attempt, while a dead one has a second's worth of
/// attempts hanging.
pub(super) fn start_beside_a_dead_receiver(dead: &str, healthy: &str) -> Result<i64, String> {
    let number = |text: &str, unit: &str| {
        let before = text.split(unit).next()?;
        before.rsplit(|c: char| !c.is_ascii_digit()).find(|part| !part.is_empty())?.parse::<u64>().ok()
    };
    let rate = number(dead, " events/s").filter(|_| dead.contains("timeout") && dead.contains(" events/s"));
    let rate = rate.and_then(|rate| usize::try_from(rate).ok());
    let (status, after) =
        (healthy.split(' ').next().and_then(|status| status.parse().ok()), number(healthy, " ms"));
    let (Some(rate), Some(status), Some(after)) = (rate, status, after) else {
        return Err(format!("input cannot be judged: receiver_A {dead:?}, receiver_B {healthy:?}"));
    };
    let status = StatusCode::from_u16(status).map_err(|error| error.to_string())?;
    let answers = Answers::always(Answer::from(status).after(Duration::from_millis(after)));
    block_on(start_beside_hanging(rate, Settings { answers, ..receiver() }))?
}
