//! Timers: the changes that no call makes, and the latest state of each resource, which decides whether one still holds.
//!
//! The row of a resource is the truth, and a schedule only a reminder to read it: a timer holds if its name is still in
//! the row when its time comes. A schedule that fires twice, or while its end is on the way, so notifies nobody falsely
//! (`docs/adr/0042-timers.md`).

use std::fmt;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::change::{StateChange, Subject};
use super::name::digest;
use super::receiver_key::ReceiverKey;
use super::time::EventInstant;

/// The field of consents and enrollments that says when they end (OAS of automatic payments 2.2.0, enrollments 2.3.0).
const EXPIRATION: &str = "expirationDateTime";

/// The key of a resource's row: 32 hexadecimal digits of a hash of receiver, endpoint and identifier.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[serde(transparent)]
pub struct StateKey(String);

/// The name of a timer: 32 hexadecimal digits of a hash of its resource, the state that set it, its time and its state.
///
/// It is never the name of two timers, so a schedule is never overwritten by one that was set for an older state.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[serde(transparent)]
pub struct TimerName(String);

/// The latest state of a resource.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct ResourceState {
    /// The resource.
    pub key: StateKey,
    /// Since when it is in that state.
    pub since: EventInstant,
    /// What ends it by time alone.
    pub timer: Option<Timer>,
}

/// A change that follows by time alone.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Timer {
    /// Its name.
    pub name: TimerName,
    /// The change; its event instant is the timer's time.
    pub change: StateChange,
}

/// What a schedule sends when a timer's time comes. It holds nothing but hashes: the change is in the row.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[serde(deny_unknown_fields)]
pub struct TimerMessage {
    /// The resource.
    pub state: StateKey,
    /// The timer.
    pub timer: TimerName,
    /// Its time.
    pub due: Timestamp,
}

impl ResourceState {
    /// Returns the state that a change leads to; `None` for an API without webhook, and for an edit that leaves the state
    /// and its end as they are.
    pub fn of(change: &StateChange, receiver: &ReceiverKey) -> Option<Self> {
        let Subject::Resource(resource) = &change.subject else { return None };
        if is_edit(change) && change.expiry.is_none() && !edits_the_end(change) {
            return None;
        }
        let code = resource.endpoint.row().code;
        let key = StateKey(hash(&["state", receiver.as_str(), code, resource.id.as_str()]));
        let since = change.event_instant;
        let timer = change.expired().map(|expired| {
            let (from, at) = (since.to_string(), expired.event_instant.to_string());
            let name = hash(&["timer", &key.0, &from, &change.to, &at, &expired.to]);
            Timer { name: TimerName(name), change: expired }
        });
        Some(Self { key, since, timer })
    }
}

impl Timer {
    /// Returns the message of a resource's timer.
    pub fn message(&self, state: &StateKey) -> TimerMessage {
        let due = self.change.event_instant.timestamp();
        TimerMessage { state: state.clone(), timer: self.name.clone(), due }
    }
}

impl TimerMessage {
    /// Writes the message as JSON.
    pub fn to_json(&self) -> String {
        serde_json::to_string(self).expect("a message has texts only")
    }

    /// Parses a message; `None` for any other text, such as a state change.
    pub fn from_json(text: &str) -> Option<Self> {
        serde_json::from_str(text).ok()
    }
}

impl TimerName {
    /// Returns a name as it was stored.
    pub fn stored(text: &str) -> Self {
        Self(text.to_owned())
    }
}

impl fmt::Display for StateKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Display for TimerName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// Says whether a change leaves the state as it is. Without the state before, edited fields say so.
fn is_edit(change: &StateChange) -> bool {
    change.from.as_ref().map_or(!change.changed_fields.is_empty(), |from| *from == change.to)
}

/// Says whether a change edits when its state ends: if it names no other end, there is none.
fn edits_the_end(change: &StateChange) -> bool {
    change.changed_fields.iter().any(|field| field == EXPIRATION)
}

fn hash(parts: &[&str]) -> String {
    let digest = digest(parts);
    let first = digest.as_ref().first_chunk().expect("SHA-256 has 32 bytes");
    format!("{:032x}", u128::from_be_bytes(*first))
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    fn consent(with: &[(&str, &str)]) -> StateChange {
        let mut value = json!({
            "client_id": "c-1", "api": "payments", "resource": "consent", "resource_id": "urn:b:1",
            "api_version": "v5", "from": Value::Null, "to": "AWAITING_AUTHORISATION", "actor": "USUARIO",
            "event_instant": "2026-03-10T12:00:00Z", "event_id": "e-1",
            "expires_at": "2026-03-10T12:05:00Z", "expires_to": "REJECTED"
        });
        for (field, text) in with {
            value[field] = json!(text);
        }
        StateChange::from_json(&value, "").unwrap()
    }

    fn state(with: &[(&str, &str)]) -> ResourceState {
        let change = consent(with);
        ResourceState::of(&change, &ReceiverKey::from(&change.client_id)).unwrap()
    }

    #[test]
    fn an_expiry_is_the_change_that_a_timer_posts() {
        let expired = consent(&[]).expired().unwrap();
        let text = expired.to_json().unwrap();
        assert_eq!(text["from"], "AWAITING_AUTHORISATION");
        assert_eq!(text["to"], "REJECTED");
        assert_eq!(text["event_instant"], "2026-03-10T12:05:00Z");
        assert!(text["event_id"].is_null() && text["actor"].is_null());
        assert_eq!(expired.expired(), None);
        assert_eq!(StateChange::from_json(&text, "").unwrap(), expired);
    }

    #[test]
    fn a_timer_is_named_after_all_that_makes_it_another() {
        let name = |with: &[(&str, &str)]| state(with).timer.unwrap().name;
        let same = name(&[]);
        assert_eq!(name(&[("event_id", "e-2")]), same);
        for other in [
            ("resource_id", "urn:b:2"),
            ("client_id", "c-2"),
            ("event_instant", "2026-03-10T12:00:00.5Z"),
            ("expires_at", "2026-03-10T12:06:00Z"),
            ("expires_to", "CONSUMED"),
            ("to", "AUTHORISED"),
        ] {
            let with = [other, ("from", "AWAITING_AUTHORISATION")];
            assert_ne!(name(&with), same, "{other:?}");
        }
    }

    #[test]
    fn an_edit_leaves_the_end_of_a_state_unless_it_edits_that() {
        let edit = |fields: &[&str], expires: bool| {
            let mut edit = consent(&[("from", "AUTHORISED"), ("to", "AUTHORISED")]);
            edit.changed_fields = fields.iter().map(|field| (*field).to_owned()).collect();
            edit.expiry = edit.expiry.filter(|_| expires);
            ResourceState::of(&edit, &ReceiverKey::from(&edit.client_id)).map(|state| state.timer.is_some())
        };
        assert_eq!(edit(&["useOverdraftLimit"], false), None);
        assert_eq!(edit(&[], false), None);
        assert_eq!(edit(&["useOverdraftLimit"], true), Some(true));
        assert_eq!(edit(&["expirationDateTime"], true), Some(true));
        assert_eq!(edit(&["expirationDateTime"], false), Some(false));
        assert!(state(&[]).timer.is_some());
    }

    #[test]
    fn states_of_one_resource_have_one_key_and_a_message_says_nothing_of_it() {
        let (before, after) =
            (state(&[]), state(&[("to", "AUTHORISED"), ("from", "AWAITING_AUTHORISATION")]));
        assert_eq!(before.key, after.key);
        assert_ne!(before.key, state(&[("client_id", "c-2")]).key);
        let message = before.timer.unwrap().message(&before.key);
        let text = message.to_json();
        assert!(!text.contains("urn") && !text.contains("c-1"), "{text}");
        assert_eq!(TimerMessage::from_json(&text), Some(message));
        assert_eq!(TimerMessage::from_json(&consent(&[]).to_json().unwrap().to_string()), None);
    }
}
