//! Events of notifications: the ledger's row before and after a change.

use convention::codes::{Code, FailureClass};
use convention::delivery::{AttemptView, Status};

use crate::event::{AttemptData, Cause, Data, Event, EventType, NotificationData, host};
use crate::ledger_change::LedgerChange;
use crate::scope::Scope;

/// Returns the events of a change of the ledger. The result depends on the change and the scope only.
pub(crate) fn events(change: &LedgerChange, scope: Scope) -> Vec<Event> {
    let of_attempts = change.ended_attempts().filter_map(|attempt| of_attempt(change, attempt, scope));
    of_attempts.chain(of_status(change, scope)).collect()
}

fn of_attempt(change: &LedgerChange, attempt: &AttemptView, scope: Scope) -> Option<Event> {
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
    Some(event(change, (kind, id), Some(cause(code)), Some(attempt)))
}

fn of_status(change: &LedgerChange, scope: Scope) -> Option<Event> {
    let (was, new) = (change.old_status(), &change.new);
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
    Some(event(change, (kind, id), cause, last))
}

fn event(
    change: &LedgerChange,
    (kind, id): (EventType, String),
    cause: Option<Cause>,
    attempt: Option<&AttemptView>,
) -> Event {
    let LedgerChange { new, written_at: time, .. } = change;
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
    Event {
        id,
        kind,
        subject: new.notification_id.clone(),
        time: *time,
        data: Data::Notification(Box::new(data)),
    }
}

/// Returns where the cause of a code lies.
pub(crate) fn class(code: &str) -> Option<FailureClass> {
    Code::named(code)?.row().class
}

fn cause(code: &str) -> Cause {
    Cause { code: code.to_owned(), class: class(code).map(FailureClass::as_str) }
}
