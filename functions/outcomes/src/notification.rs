//! Events of notifications: the ledger's row before and after a change.

use convention::codes::{Code, FailureClass};
use convention::delivery::{AttemptView, NotificationView, Status};
use platform::aws::{Change, LedgerReader, image_row};

use crate::event::{AttemptData, Cause, Data, Event, EventType, NotificationData, host};
use crate::scope::{Scope, Unreadable};

/// Returns the events of a change of the ledger. The result depends on the change and the scope only.
///
/// A row that was unreadable before counts as absent: an event may be told once more, under the same id.
pub(crate) fn events(change: &Change, scope: Scope) -> Result<Vec<Event>, Unreadable> {
    // A row that lists an undelivered notification; its own row says the same.
    if change.name == "REMOVE" || change.dynamodb.key("partition").contains('#') {
        return Ok(vec![]);
    }
    let images = &change.dynamodb;
    let view = |image| LedgerReader::view(&image_row(image));
    let new = images.new_image.as_ref().and_then(view).ok_or(Unreadable)?;
    let old = images.old_image.as_ref().and_then(view);
    let mut events: Vec<_> = new
        .attempts
        .iter()
        .filter(|attempt| has_just_ended(attempt, old.as_ref()))
        .filter_map(|attempt| of_attempt(change, &new, attempt, scope))
        .collect();
    events.extend(of_status(change, old.as_ref(), &new, scope));
    Ok(events)
}

fn has_just_ended(attempt: &AttemptView, old: Option<&NotificationView>) -> bool {
    let before = old.and_then(|old| old.attempts.iter().find(|before| before.attempt == attempt.attempt));
    let end = |view: &AttemptView| (view.interaction_id.clone(), view.outcome.clone());
    attempt.outcome.is_some() && before.map(end) != Some(end(attempt))
}

fn of_attempt(change: &Change, new: &NotificationView, attempt: &AttemptView, scope: Scope) -> Option<Event> {
    let code = attempt.outcome.as_deref()?;
    if code == Code::Delivered.as_str() {
        return None;
    }
    let is_ours = class(code) == Some(FailureClass::Ours);
    let (kind, told) =
        if is_ours { (EventType::AttemptFault, "fault") } else { (EventType::AttemptFailed, "failed") };
    if !is_ours && scope == Scope::Problems {
        return None;
    }
    let id = format!("{}.{told}", attempt.interaction_id);
    Some(event(change, new, (kind, id), Some(cause(code)), Some(attempt)))
}

fn of_status(
    change: &Change,
    old: Option<&NotificationView>,
    new: &NotificationView,
    scope: Scope,
) -> Option<Event> {
    let was = old.map(|old| old.status.as_str());
    if was == Some(&new.status) {
        return None;
    }
    let last = new.attempts.last();
    let (kind, cause) = match new.status.parse() {
        Ok(Status::Undelivered) => {
            let code = new.reason.as_deref().or_else(|| last?.outcome.as_deref());
            (EventType::NotificationUndelivered, code.map(cause))
        }
        // Whoever was told that it is undelivered is told that it was delivered after all.
        Ok(Status::Delivered) if scope == Scope::Everything || was == Some(Status::Undelivered.as_str()) => {
            (EventType::NotificationDelivered, None)
        }
        Ok(Status::Cancelled) if scope == Scope::Everything => {
            (EventType::NotificationCancelled, new.reason.as_deref().map(cause))
        }
        _ => return None,
    };
    let id = format!("{}.{}", new.notification_id, new.status);
    Some(event(change, new, (kind, id), cause, last))
}

fn event(
    change: &Change,
    new: &NotificationView,
    (kind, id): (EventType, String),
    cause: Option<Cause>,
    attempt: Option<&AttemptView>,
) -> Event {
    let data = NotificationData {
        notification_id: new.notification_id.clone(),
        status: new.status.clone(),
        client_id: new.client_id.clone(),
        authorisation_server: new.authorisation_server.clone(),
        endpoint: new.endpoint.clone(),
        resource_id: new.resource_id.clone(),
        event_instant: new.event_instant.clone(),
        replay_of: new.replay_of.clone(),
        cause,
        attempt: attempt.map(|attempt| AttemptData {
            number: attempt.attempt,
            interaction_id: attempt.interaction_id.clone(),
            host: host(&attempt.base_uri),
            started_at: attempt.started_at,
            ended_at: attempt.ended_at,
            outcome: attempt.outcome.clone(),
            http_status: attempt.status,
        }),
    };
    let time = change.dynamodb.written_at();
    Event { id, kind, subject: new.notification_id.clone(), time, data: Data::Notification(Box::new(data)) }
}

fn class(code: &str) -> Option<FailureClass> {
    Code::named(code)?.row().class
}

fn cause(code: &str) -> Cause {
    Cause { code: code.to_owned(), class: class(code).map(FailureClass::as_str) }
}
