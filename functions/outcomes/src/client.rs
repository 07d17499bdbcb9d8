//! Events of receivers and registrations: a client's row before and after a change.

use std::collections::HashMap;

use convention::directory::Registration;
use jiff::{SignedDuration, Timestamp};
use platform::aws::{Change, image_row, read_slow_mark};
use serde_json::Value;

use crate::event::{ClientData, Data, Event, EventType, host};
use crate::scope::Unreadable;

/// A receiver that is marked anew is told anew only if its mark had run out for so long: attempts that are further
/// apart than a mark lasts would have it told each time.
const REPEAT_INTERVAL: SignedDuration = SignedDuration::from_hours(1);

type Image = HashMap<String, Value>;

/// Returns the events of a change of the receivers table. The result depends on the change only.
pub(crate) fn events(change: &Change) -> Result<Vec<Event>, Unreadable> {
    let Some(new) = change.dynamodb.new_image.as_ref() else { return Ok(vec![]) };
    // A removed client has neither mark nor suspension.
    let Some(now) = registration(new)? else { return Ok(vec![]) };
    let old = change.dynamodb.old_image.as_ref();
    let before = old.and_then(|old| registration(old).ok().flatten());
    let mut events = Vec::new();
    match (before.and_then(|before| before.suspension), now.suspension) {
        (Some(_), None) => events.push(event(change, &now, EventType::RegistrationResumed, "resumed")),
        (was, Some(suspension)) if was != Some(suspension) => {
            let mut suspended = event(change, &now, EventType::RegistrationSuspended, "suspended");
            if let Data::Client(data) = &mut suspended.data {
                data.reason = Some(suspension.code());
            }
            events.push(suspended);
        }
        _ => {}
    }
    match speed(change.dynamodb.written_at(), old, new) {
        Some(EventType::ReceiverSlow) => events.push(event(change, &now, EventType::ReceiverSlow, "slow")),
        Some(kind) => events.push(event(change, &now, kind, "recovered")),
        None => {}
    }
    Ok(events)
}

/// Says whether the mark of a slow receiver was set or cleared. One for another base URI tells of that base URI only.
fn speed(at: Timestamp, old: Option<&Image>, new: &Image) -> Option<EventType> {
    let (base_uri, until) = mark(new)?;
    let before = old.and_then(mark).filter(|(before, _)| *before == base_uri).and_then(|(_, until)| until);
    match (before, until) {
        (Some(before), Some(_)) if at.duration_since(before) < REPEAT_INTERVAL => None,
        (_, Some(_)) => Some(EventType::ReceiverSlow),
        (Some(_), None) => Some(EventType::ReceiverRecovered),
        (None, None) => None,
    }
}

/// Returns the base URI that a row's mark is about and when it ends; without an end for a receiver that is suspected
/// only.
fn mark(image: &Image) -> Option<(String, Option<Timestamp>)> {
    let mark = read_slow_mark(&image_row(image))?;
    Some((mark.base_uri, Some(mark.slow_until).filter(|until| *until > Timestamp::UNIX_EPOCH)))
}

/// Reads the registration of a row; `None` for a client that was removed.
fn registration(image: &Image) -> Result<Option<Registration>, Unreadable> {
    let Some(document) = image.get("registration") else { return Ok(None) };
    let document = document["S"].as_str().ok_or(Unreadable)?;
    serde_json::from_str(document).map(Some).map_err(|_| Unreadable)
}

fn event(change: &Change, of: &Registration, kind: EventType, told: &str) -> Event {
    let (key, sequence) = (change.dynamodb.key("client_id"), &change.dynamodb.sequence_number);
    let data = ClientData {
        client_id: of.client_id.to_string(),
        authorisation_server: of.authorisation_server.clone(),
        host: of.base_uri.as_deref().map(host),
        reason: None,
    };
    Event {
        id: format!("{key}.{told}.{sequence}"),
        kind,
        subject: key.to_owned(),
        time: change.dynamodb.written_at(),
        data: Data::Client(data),
    }
}
