//! Timers: the changes that no call makes, and the latest state of each resource, which decides whether one still holds.
//!
//! The row of a resource is the truth, and a schedule only a reminder to read it: a timer holds if its name is still in
//! the row when its time comes. A schedule that fires twice, or while its end is on the way, so notifies nobody falsely
//! (`docs/adr/0042-timers.md`).

use std::fmt;

use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};

use super::change::{StateChange, Subject};
use super::name::digest;
use super::receiver_key::ReceiverKey;
use super::time::EventInstant;

/// The field of consents and enrollments that says when they end (OAS of automatic payments 2.2.0, enrollments 2.3.0).
const EXPIRATION: &str = "expirationDateTime";

/// A state that is received later than this after its instant is part of a backlog: the records of a stream from its start,
/// or what waited for the end of an outage.
const LIVE: SignedDuration = SignedDuration::from_mins(1);
/// How long the end of such a state waits after it was received, as later states may follow. A stream that is read in order,
/// or an outbox that is emptied, passes the states of one resource well within this.
const GRACE: SignedDuration = SignedDuration::from_mins(15);
/// An end that is longer past than this sets no timer.
const OVERDUE: SignedDuration = SignedDuration::from_hours(24);

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
    /// The name of the state.
    pub reached: String,
    /// Since when it is in that state.
    pub since: EventInstant,
    /// What the change says of the state.
    pub reported: Reported,
    /// What ends it by time alone.
    pub timer: Option<Timer>,
}

/// What a change says of a resource's state.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Reported {
    /// It is a state, with its end or without one.
    State,
    /// It edits a resource in this state. A row of another state shows that a state was not reported.
    Edit,
    /// It edits a resource, or reports a state along with edited fields: only the row tells, as `from` is missing.
    EditOrState,
}

/// A change that follows by time alone.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Timer {
    /// Its name.
    pub name: TimerName,
    /// The change; its event instant is the end of the state.
    pub change: StateChange,
    /// When it is notified: at that instant, or later if the state came too late for its later states to be known.
    pub due: Timestamp,
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
    /// Returns the state that a change leads to, which is received at `now`; `None` for an API without webhook.
    ///
    /// An end that was over a day ago sets no timer.
    pub fn of(change: &StateChange, receiver: &ReceiverKey, now: Timestamp) -> Option<Self> {
        let Subject::Resource(resource) = &change.subject else { return None };
        let code = resource.endpoint.row().code;
        let key = StateKey(hash(&["state", receiver.as_str(), code, resource.id.as_str()]));
        let since = change.event_instant;
        let expired = change.expired().filter(|expired| !is_overdue(expired, now));
        let timer = expired.map(|expired| {
            let (from, at) = (since.to_string(), expired.event_instant.to_string());
            let name = hash(&["timer", &key.0, &from, &change.to, &at, &expired.to]);
            Timer { name: TimerName(name), due: due(since, expired.event_instant, now), change: expired }
        });
        let (reached, reported) = (change.to.clone(), reported(change));
        Some(Self { key, reached, since, reported, timer })
    }
}

impl Timer {
    /// Returns the message of a resource's timer.
    pub fn message(&self, state: &StateKey) -> TimerMessage {
        TimerMessage { state: state.clone(), timer: self.name.clone(), due: self.due }
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

/// Returns when the end of a state that is received at `now` is notified.
fn due(since: EventInstant, ends: EventInstant, now: Timestamp) -> Timestamp {
    let ends = ends.timestamp();
    if now.duration_since(since.timestamp()) <= LIVE {
        return ends;
    }
    ends.max(now.saturating_add(GRACE).unwrap_or(Timestamp::MAX))
}

/// Says whether an end is over for so long that it sets no timer.
fn is_overdue(expired: &StateChange, now: Timestamp) -> bool {
    now.duration_since(expired.event_instant.timestamp()) > OVERDUE
}

/// Says what a change says of the state. One that names its end, or edits it, is a state in any case.
fn reported(change: &StateChange) -> Reported {
    if change.expiry.is_some() || edits_the_end(change) {
        return Reported::State;
    }
    match &change.from {
        Some(from) if *from == change.to => Reported::Edit,
        None if !change.changed_fields.is_empty() => Reported::EditOrState,
        _ => Reported::State,
    }
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
        let now = "2026-03-10T12:00:01Z".parse().unwrap();
        ResourceState::of(&change, &ReceiverKey::from(&change.client_id), now).unwrap()
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
        let now = "2026-03-10T12:00:01Z".parse().unwrap();
        let edited = |from: Option<&str>, fields: &[&str], expires: bool| {
            let mut edit = consent(&[("from", "AUTHORISED"), ("to", "AUTHORISED")]);
            edit.from = from.map(str::to_owned);
            edit.changed_fields = fields.iter().map(|field| (*field).to_owned()).collect();
            edit.expiry = edit.expiry.filter(|_| expires);
            let state = ResourceState::of(&edit, &ReceiverKey::from(&edit.client_id), now).unwrap();
            (state.reported, state.timer.is_some())
        };
        let edit = |fields: &[&str], expires: bool| edited(Some("AUTHORISED"), fields, expires);
        assert_eq!(edit(&["useOverdraftLimit"], false), (Reported::Edit, false));
        assert_eq!(edit(&[], false), (Reported::Edit, false));
        assert_eq!(edit(&["useOverdraftLimit"], true), (Reported::State, true));
        assert_eq!(edit(&["expirationDateTime"], true), (Reported::State, true));
        assert_eq!(edit(&["expirationDateTime"], false), (Reported::State, false));
        assert_eq!(edited(None, &["useOverdraftLimit"], false), (Reported::EditOrState, false));
        assert_eq!(edited(None, &[], false), (Reported::State, false));
        let from = Some("AWAITING_AUTHORISATION");
        assert_eq!(edited(from, &["useOverdraftLimit"], false), (Reported::State, false));
        assert!(state(&[]).timer.is_some());
    }

    #[test]
    fn the_end_of_a_state_that_comes_late_waits_for_the_states_behind_it() {
        let due = |now: &str| {
            let change = consent(&[]);
            let receiver = ReceiverKey::from(&change.client_id);
            let timer = ResourceState::of(&change, &receiver, now.parse().unwrap()).unwrap().timer;
            timer.map(|timer| timer.due.to_string())
        };
        let at = |due: &str| Some(due.to_owned());
        assert_eq!(due("2026-03-10T12:00:00.3Z"), at("2026-03-10T12:05:00Z"));
        assert_eq!(due("2026-03-10T12:01:00Z"), at("2026-03-10T12:05:00Z"));
        assert_eq!(due("2026-03-10T12:02:00Z"), at("2026-03-10T12:17:00Z"));
        assert_eq!(due("2026-03-10T12:06:00Z"), at("2026-03-10T12:21:00Z"));
        assert_eq!(due("2026-03-11T12:05:00Z"), at("2026-03-11T12:20:00Z"));
        assert_eq!(due("2026-03-11T12:05:01Z"), None);
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
