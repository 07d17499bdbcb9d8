//! The message that asks for one attempt, as it travels through the queue.

use jiff::Timestamp;
use serde::Deserialize;
use serde_json::{Value, json};
use thiserror::Error;

use super::attempt::AttemptNumber;
use super::schedule::failed_at;
use crate::delivery::TraceHeader;
use crate::fields::FieldError;
use crate::notification::{
    NotificationId, ParseNotificationIdError, QueuedChange, ReceiverKey, Resource, StateChange, Subject,
};

/// A request for one attempt at a notification.
#[derive(Clone, Debug, PartialEq)]
pub struct AttemptMessage {
    /// The notification.
    pub notification: NotificationId,
    /// The number of the attempt.
    pub attempt: AttemptNumber,
    /// When intake accepted the state change.
    pub accepted_at: Timestamp,
    /// The attempt must not start before this instant.
    pub not_before: Option<Timestamp>,
    /// The undelivered notification that this one replays; absent for an original.
    pub replay_of: Option<NotificationId>,
    /// The trace of the state change. It travels beside the message and is not part of its JSON.
    pub trace: Option<TraceHeader>,
    /// The authorisation server that issued the client id, in lower case; absent for the default brand.
    pub authorisation_server: Option<String>,
    /// What changed.
    pub change: StateChange,
    /// The resource that changed: [`StateChange::subject`], known to have an endpoint.
    pub resource: Resource,
}

/// Schema version of the default brand's messages. Raise it for a change that older readers must not accept.
const SCHEMA: u64 = 1;
/// Schema version of messages that name an authorisation server. A reader that does not know brands would
/// ignore that field and notify the default brand's client with the same id; it refuses this version instead,
/// and the message waits for a newer reader.
const SCHEMA_OF_BRAND: u64 = 2;

/// The fields that [`AttemptMessage::to_json`] writes.
#[derive(Deserialize)]
struct Queued<'a> {
    schema: u64,
    notification_id: &'a str,
    attempt: u64,
    accepted_at: Timestamp,
    not_before: Option<Timestamp>,
    #[serde(borrow)]
    replay_of: Option<&'a str>,
    authorisation_server: Option<String>,
    #[serde(borrow)]
    change: QueuedChange<'a>,
}

impl Queued<'_> {
    /// Returns the message; `None` if [`AttemptMessage::diagnosed`] would report an error.
    fn into_message(self) -> Option<AttemptMessage> {
        let has_server = self.authorisation_server.is_some();
        if self.schema != if has_server { SCHEMA_OF_BRAND } else { SCHEMA } {
            return None;
        }
        let replay_of = match self.replay_of {
            Some(original) => Some(original.parse().ok()?),
            None => None,
        };
        let change = self.change.into_change()?;
        let Subject::Resource(resource) = change.subject.clone() else { return None };
        Some(AttemptMessage {
            notification: self.notification_id.parse().ok()?,
            attempt: AttemptNumber::try_from(self.attempt).ok()?,
            accepted_at: self.accepted_at,
            not_before: self.not_before,
            replay_of,
            trace: None,
            authorisation_server: self.authorisation_server,
            change,
            resource,
        })
    }
}

impl AttemptMessage {
    /// Creates the message of the first attempt for a state change of the default brand; `None` for an API
    /// without webhook.
    pub fn first(change: StateChange, accepted_at: Timestamp) -> Option<Self> {
        Self::first_of(None, change, accepted_at)
    }

    /// Creates the message of the first attempt for a client of this authorisation server, or of the default
    /// brand if `None`.
    pub fn first_of(server: Option<String>, change: StateChange, accepted_at: Timestamp) -> Option<Self> {
        let Subject::Resource(resource) = change.subject.clone() else { return None };
        let receiver = ReceiverKey::new(server.as_deref(), &change.client_id);
        let notification = NotificationId::of(&change, &resource, &receiver);
        let attempt = AttemptNumber::FIRST;
        Some(Self {
            notification,
            attempt,
            accepted_at,
            not_before: None,
            replay_of: None,
            trace: None,
            authorisation_server: server,
            change,
            resource,
        })
    }

    /// Returns the receiver that the message is for.
    pub fn receiver(&self) -> ReceiverKey {
        ReceiverKey::new(self.authorisation_server.as_deref(), &self.change.client_id)
    }

    /// Creates the message of a later attempt at the same notification.
    #[must_use]
    pub fn again(&self, attempt: AttemptNumber, not_before: Timestamp) -> Self {
        Self { attempt, not_before: Some(not_before), ..self.clone() }
    }

    /// Creates the message of the first attempt at a replay: a new notification of the same change.
    #[must_use]
    pub fn replay(&self) -> Self {
        Self {
            notification: self.notification.replay(),
            attempt: AttemptNumber::FIRST,
            not_before: None,
            replay_of: Some(self.notification.clone()),
            ..self.clone()
        }
    }

    /// Returns when the previous attempt failed, which is what caused this message to be queued.
    pub fn before_failed_at(&self) -> Option<Timestamp> {
        Some(failed_at(self.attempt.previous()?, self.not_before?))
    }

    fn schema(&self) -> u64 {
        if self.authorisation_server.is_some() { SCHEMA_OF_BRAND } else { SCHEMA }
    }

    /// Writes the message as JSON.
    pub fn to_json(&self) -> String {
        let mut message = json!({
            "schema": self.schema(),
            "notification_id": self.notification.as_str(),
            "attempt": self.attempt.get(),
            "accepted_at": self.accepted_at.to_string(),
            "not_before": self.not_before.map(|at| at.to_string()),
            "change": self.change.to_json(),
        });
        if let Some(original) = &self.replay_of {
            message["replay_of"] = original.as_str().into();
        }
        if let Some(server) = &self.authorisation_server {
            message["authorisation_server"] = server.as_str().into();
        }
        message.to_string()
    }

    /// Reads a message.
    pub fn from_json(text: &str) -> Result<Self, ParseMessageError> {
        // Nearly all are as this version writes them. The other reader is slower, and names what is wrong.
        let queued: Option<Queued<'_>> = serde_json::from_str(text).ok();
        queued.and_then(Queued::into_message).map_or_else(|| Self::diagnosed(text), Ok)
    }

    /// Reads any message, or returns its first error.
    fn diagnosed(text: &str) -> Result<Self, ParseMessageError> {
        let value: Value =
            serde_json::from_str(text).map_err(|error| ParseMessageError::NotJson(error.to_string()))?;
        let part = |name: &'static str| value.get(name).filter(|part| !part.is_null());
        let text = |name| part(name).and_then(Value::as_str);
        let instant =
            |name| text(name).map(str::parse).transpose().map_err(|_| ParseMessageError::Field(name));
        let authorisation_server =
            match (part("schema").and_then(Value::as_u64), part("authorisation_server")) {
                (Some(SCHEMA), None) => None,
                (Some(SCHEMA_OF_BRAND), Some(Value::String(server))) => Some(server.clone()),
                (Some(SCHEMA | SCHEMA_OF_BRAND), _) => {
                    return Err(ParseMessageError::Field("authorisation_server"));
                }
                _ => return Err(ParseMessageError::Field("schema")),
            };
        let notification: NotificationId = text("notification_id").unwrap_or_default().parse()?;
        let attempt =
            part("attempt").and_then(Value::as_u64).and_then(|number| AttemptNumber::try_from(number).ok());
        let change = part("change").ok_or(ParseMessageError::Field("change"))?;
        let change = StateChange::from_json(change, "/change").map_err(ParseMessageError::Change)?;
        let Subject::Resource(resource) = change.subject.clone() else {
            return Err(ParseMessageError::Field("change"));
        };
        Ok(Self {
            notification,
            attempt: attempt.ok_or(ParseMessageError::Field("attempt"))?,
            accepted_at: instant("accepted_at")?.ok_or(ParseMessageError::Field("accepted_at"))?,
            not_before: instant("not_before")?,
            replay_of: part("replay_of")
                .map(|id| id.as_str().unwrap_or_default().parse())
                .transpose()
                .map_err(|_| ParseMessageError::Field("replay_of"))?,
            trace: None,
            authorisation_server,
            change,
            resource,
        })
    }
}

/// Why a message cannot be read. The error names the place and quotes nothing of the message.
#[derive(Debug, Error, PartialEq)]
pub enum ParseMessageError {
    /// The text is not JSON.
    #[error("the message is not JSON: {0}")]
    NotJson(String),
    /// A field is missing or cannot be read.
    #[error("the message's field {0:?} is missing or cannot be read")]
    Field(&'static str),
    /// The notification id cannot be read.
    #[error("the message's notification_id cannot be read")]
    Notification(#[from] ParseNotificationIdError),
    /// The state change cannot be read.
    #[error("the message's state change is invalid at {}", .0.iter().map(|error| error.pointer.as_str()).collect::<Vec<_>>().join(", "))]
    Change(Vec<FieldError>),
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn message() -> AttemptMessage {
        let change = json!({
            "client_id": "c-1", "api": "payments", "resource": "pix_payment", "resource_id": "p-1", "api_version": "v5",
            "from": "RCVD", "to": "ACSC", "event_instant": "2026-03-10T12:00:00.123456789Z"
        });
        let change = StateChange::from_json(&change, "").unwrap();
        AttemptMessage::first(change, "2026-03-10T12:00:00.2Z".parse().unwrap()).unwrap()
    }

    #[test]
    fn a_message_is_read_back_the_same() {
        let first = message();
        let again = first.again(AttemptNumber::try_from(3).unwrap(), "2026-03-10T12:01:11Z".parse().unwrap());
        let replay = again.replay();
        for message in [first, again, replay] {
            assert_eq!(AttemptMessage::from_json(&message.to_json()).unwrap(), message);
        }
    }

    fn queued(text: &str) -> Option<AttemptMessage> {
        serde_json::from_str(text).ok().and_then(Queued::into_message)
    }

    #[test]
    fn a_message_that_is_written_here_needs_no_diagnosis() {
        let first = message();
        let brand = Some("11111111-1111-4111-8111-111111111111".to_owned());
        let change = json!({
            "client_id": "c-1", "api": "enrollments", "resource": "enrollment", "resource_id": "urn:b:1",
            "api_version": "v2", "from": "AUTHORISED", "to": "AUTHORISED", "changed_fields": ["dailyLimit"],
            "actor": "DETENTORA", "brand": "B \"1\"", "event_instant": "2026-03-10T12:00:00.25-03:00", "event_id": "e-1"
        });
        let edited = StateChange::from_json(&change, "").unwrap();
        let edited = AttemptMessage::first_of(brand, edited, first.accepted_at).unwrap();
        let again = first.again(AttemptNumber::try_from(3).unwrap(), "2026-03-10T12:01:11Z".parse().unwrap());
        for message in [again.replay(), again, edited, first] {
            let text = message.to_json();
            assert_eq!(queued(&text).as_ref(), Some(&message), "{text}");
            assert_eq!(AttemptMessage::diagnosed(&text), Ok(message));
        }
    }

    #[test]
    fn a_message_that_needs_no_diagnosis_is_read_the_same_with_it() {
        let (long, name) = ("x".repeat(257), "x".repeat(129));
        let values = [
            json!(null),
            json!(0),
            json!(1),
            json!(2),
            json!(4),
            json!(-1),
            json!(1.5),
            json!(true),
            json!([]),
            json!({}),
            json!(["x"]),
            json!([""]),
            json!([&name]),
            json!(["a\nb"]),
            json!(vec!["x"; 51]),
            json!(""),
            json!("x"),
            json!("a\nb"),
            json!("a\u{ffff}"),
            json!(&name),
            json!(&long),
            json!("c d"),
            json!("v0"),
            json!("v3"),
            json!("urn:b:1"),
            json!("-x"),
            json!("payments"),
            json!("automatic-payments"),
            json!("accounts"),
            json!("consent"),
            json!("ACSC"),
            json!("RCVD"),
            json!("INICIADORA"),
            json!("AUTHORISED"),
            json!("PARTIALLY_ACCEPTED"),
            json!("2026-03-10"),
            json!("2026-03-10T12:00:00-03:00"),
            json!(format!("2026-03-10T12:00:00.{}Z", "0".repeat(240))),
            json!("0123456789abcdef0123456789abcdef"),
            json!("11111111-1111-4111-8111-111111111111"),
        ];
        let message: Value = serde_json::from_str(&message().to_json()).unwrap();
        let mut accepted = 0;
        let mut check = |changed: &Value| {
            let text = changed.to_string();
            if let Some(message) = queued(&text) {
                accepted += 1;
                assert_eq!(AttemptMessage::diagnosed(&text), Ok(message), "{text}");
            }
        };
        let outer = [
            "schema",
            "notification_id",
            "attempt",
            "accepted_at",
            "not_before",
            "replay_of",
            "authorisation_server",
            "more",
        ];
        let inner = [
            "client_id",
            "api",
            "resource",
            "resource_id",
            "api_version",
            "from",
            "to",
            "passed_through_partially_accepted",
            "changed_fields",
            "actor",
            "brand",
            "event_instant",
            "event_id",
            "expires_at",
            "expires_to",
            "cause",
            "more",
        ];
        for value in &values {
            for field in outer {
                let mut changed = message.clone();
                changed[field] = value.clone();
                check(&changed);
            }
            for (field, other) in inner.iter().flat_map(|field| inner.iter().map(move |other| (field, other)))
            {
                let mut changed = message.clone();
                changed["change"][*other] = json!(null);
                changed["change"][*field] = value.clone();
                check(&changed);
            }
        }
        assert!(accepted > 100, "{accepted}");
    }

    #[test]
    fn a_message_of_another_brand_has_a_version_that_readers_without_brands_refuse() {
        let brand = "11111111-1111-4111-8111-111111111111";
        let of_default = message();
        let of_brand = AttemptMessage::first_of(
            Some(brand.to_owned()),
            of_default.change.clone(),
            of_default.accepted_at,
        )
        .unwrap();
        let read = |message: &AttemptMessage| -> Value { serde_json::from_str(&message.to_json()).unwrap() };
        assert_eq!(
            (read(&of_default)["schema"].clone(), read(&of_brand)["schema"].clone()),
            (json!(1), json!(2))
        );
        for message in
            [&of_brand, &of_brand.again(AttemptNumber::FIRST, of_brand.accepted_at), &of_brand.replay()]
        {
            assert_eq!(read(message)["schema"], 2);
            assert_eq!(AttemptMessage::from_json(&message.to_json()).unwrap(), *message);
        }
    }

    #[test]
    fn the_version_says_whether_there_is_an_authorisation_server() {
        let brand = json!("11111111-1111-4111-8111-111111111111");
        let rows = [
            (json!(1), brand.clone(), "authorisation_server"),
            (json!(2), Value::Null, "authorisation_server"),
            (json!(2), json!(7), "authorisation_server"),
            (json!(0), Value::Null, "schema"),
            (json!(3), brand, "schema"),
            (json!("1"), Value::Null, "schema"),
            (Value::Null, Value::Null, "schema"),
        ];
        for (schema, server, field) in rows {
            let mut text: Value = serde_json::from_str(&message().to_json()).unwrap();
            (text["schema"], text["authorisation_server"]) = (schema, server);
            let read = AttemptMessage::from_json(&text.to_string());
            assert_eq!(read, Err(ParseMessageError::Field(field)), "{text}");
        }
    }

    #[test]
    fn a_replay_begins_anew_with_the_same_change_and_says_what_it_replays() {
        let third =
            message().again(AttemptNumber::try_from(3).unwrap(), "2026-03-10T12:01:11Z".parse().unwrap());
        let replay = third.replay();
        assert_eq!(replay.notification, third.notification.replay());
        assert_eq!((replay.attempt, replay.not_before), (AttemptNumber::FIRST, None));
        assert_eq!(replay.replay_of.as_ref(), Some(&third.notification));
        assert_eq!((&replay.change, replay.accepted_at), (&third.change, third.accepted_at));
        assert_eq!(replay, third.replay());
    }

    #[test]
    fn a_message_that_replays_something_without_a_name_is_refused() {
        for value in [json!(""), json!(7), json!("0123")] {
            let mut text: Value = serde_json::from_str(&message().to_json()).unwrap();
            text["replay_of"] = value;
            assert_eq!(
                AttemptMessage::from_json(&text.to_string()),
                Err(ParseMessageError::Field("replay_of"))
            );
        }
    }

    proptest! {
        #[test]
        fn no_text_makes_the_reader_panic(text in any::<String>(), cut in 0usize..400) {
            prop_assert!(AttemptMessage::from_json(&text).is_err());
            let json = message().to_json();
            let cut: String = json.chars().take(cut.min(json.len() - 1)).collect();
            prop_assert!(AttemptMessage::from_json(&cut).is_err());
        }
    }
}
