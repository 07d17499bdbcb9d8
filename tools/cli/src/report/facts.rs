//! Facts from records of the evidence, and from rows of the ledger.

use convention::delivery::{AttemptView, NotificationView, Status};
use convention::notification::ClientId;
use evidence::{Kind, Record};
use jiff::Timestamp;
use mtls::is_server_id;
use report::{AttemptFact, Counter, End, Fact, InitiatorKey};

/// Adds what a record says. One that is in no figure says whose the notification is, of which the check may find something.
pub(super) fn take_record(counter: &mut Counter, record: &Record) {
    let is_fact = match record.kind {
        // What cannot be read says that something is there which is in no figure.
        Kind::AttemptBegan | Kind::AttemptEnded | Kind::NotificationEnded | Kind::RowUnreadable => true,
        Kind::AttemptErased
        | Kind::NotificationReopened
        | Kind::RowRewritten
        | Kind::ExpiryShortened
        | Kind::RowExpired
        | Kind::RowRemoved => false,
    };
    let Some(notification) = number(&record.notification_id) else { return };
    let initiator = initiator_of(record);
    if !is_fact {
        counter.note(notification, initiator.as_ref());
        return;
    }
    let attempt = record.attempt.as_ref().map(|attempt| AttemptFact {
        number: attempt.number,
        interaction_id: &attempt.interaction_id,
        started: attempt.started_at,
        outcome: attempt.outcome.as_deref().filter(|_| record.kind == Kind::AttemptEnded).map(code),
    });
    counter.take(&Fact {
        notification,
        initiator: initiator.as_ref().filter(|_| record.kind != Kind::RowUnreadable),
        at: record.recorded_at,
        event: record.event_instant.as_deref().and_then(instant),
        accepted: record.accepted_at,
        replay_of: record.replay_of.as_deref().and_then(number),
        end: record.notification_status.as_deref().and_then(end),
        reason: record.reason.as_deref().map(code),
        attempt,
    });
}

/// Whose notification a record is of; `None` if it says nothing that can be an id, as one that was tampered with.
fn initiator_of(record: &Record) -> Option<InitiatorKey> {
    let client_id: ClientId = record.client_id.as_ref()?.parse().ok()?;
    let server = record.authorisation_server.as_deref();
    server.is_none_or(is_server_id).then(|| InitiatorKey::new(server, client_id.as_str()))
}

/// Says whether a text can be the code of an outcome; one that was tampered with may hold anything.
fn is_code(text: &&str) -> bool {
    (1..=64).contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_')
}

/// What stands for a text that is no code.
const NO_CODE: &str = "not_a_code";

fn code(text: &str) -> &str {
    Some(text).filter(is_code).unwrap_or(NO_CODE)
}

/// Adds what a row of the ledger says.
pub(super) fn take_row(counter: &mut Counter, row: &NotificationView) {
    let Some(notification) = number(&row.notification_id) else { return };
    let initiator = InitiatorKey::new(row.authorisation_server.as_deref(), &row.client_id);
    let event = instant(&row.event_instant);
    let fact = |at, attempt| Fact {
        notification,
        initiator: Some(&initiator),
        at,
        event,
        accepted: row.accepted_at,
        replay_of: row.replay_of.as_deref().and_then(number),
        end: end(&row.status),
        reason: row.reason.as_deref().map(code),
        attempt,
    };
    for attempt in &row.attempts {
        let AttemptView { attempt: number, interaction_id, started_at, ended_at, outcome, .. } = attempt;
        let attempt = AttemptFact {
            number: *number,
            interaction_id,
            started: *started_at,
            outcome: outcome.as_deref().map(code),
        };
        counter.take(&fact(ended_at.unwrap_or(*started_at), Some(attempt)));
    }
    if row.attempts.is_empty() || end(&row.status).is_some() {
        // The row does not say when a notification without an attempt ended.
        let at = row.accepted_at.or(event).unwrap_or(Timestamp::UNIX_EPOCH);
        counter.take(&fact(at, None));
    }
}

/// Reads a notification's id, which is 32 hexadecimal digits.
fn number(id: &str) -> Option<u128> {
    u128::from_str_radix(id, 16).ok().filter(|_| id.len() == 32)
}

fn end(status: &str) -> Option<End> {
    match status.parse() {
        Ok(Status::Delivered) => Some(End::Delivered),
        Ok(Status::Undelivered) => Some(End::Undelivered),
        Ok(Status::Cancelled) => Some(End::Cancelled),
        Ok(Status::Attempting | Status::Waiting) | Err(()) => None,
    }
}

fn instant(text: &str) -> Option<Timestamp> {
    text.parse().ok()
}
