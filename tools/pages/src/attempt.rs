//! What log lines of dispatch say (`docs/logging.md`, "dispatch"), as far as pages show it.

use std::sync::Arc;

use jiff::{SignedDuration, Timestamp};
use serde_json::{Map, Value};

/// The sentence of an attempt that ended.
pub const ATTEMPT_ENDED: &str = "An attempt ended.";
/// The sentence of an attempt whose process stopped.
pub const ATTEMPT_INTERRUPTED: &str = "An attempt was interrupted; whether it arrived is not known.";
/// The sentence of a message that a fault of ours returned to its queue.
pub const REQUEUED: &str = "The message returns to the queue: the fault is ours.";
/// The sentence of a notification given up after its last attempt.
pub const UNDELIVERED: &str = "The notification stays undelivered after three attempts.";
/// The sentence of a notification given up for a fault of ours.
pub const UNDELIVERED_BY_US: &str =
    "The notification stays undelivered for a fault of ours that lasted too long.";
/// All of them.
pub const SENTENCES: [&str; 5] =
    [ATTEMPT_ENDED, ATTEMPT_INTERRUPTED, REQUEUED, UNDELIVERED, UNDELIVERED_BY_US];
/// Phrases, each of which `CloudWatch` Logs is asked for: together they find all sentences.
pub const PHRASES: [&str; 4] =
    [ATTEMPT_ENDED, "An attempt was interrupted", REQUEUED, "The notification stays undelivered"];

/// A receiver, as log lines name it: the first characters of the client id, and the authorization server unless it is that of
/// the default brand.
#[derive(Clone, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub struct LoggedReceiver {
    /// The first characters of the client id.
    pub client_id: Arc<str>,
    /// The authorization server.
    pub authorisation_server: Option<Arc<str>>,
}

/// An attempt that ended.
#[derive(Clone, Debug, PartialEq)]
pub struct Attempt {
    /// When it ended.
    pub ended: Timestamp,
    /// To whom.
    pub receiver: LoggedReceiver,
    /// Of which notification.
    pub notification_id: Arc<str>,
    /// Its own id, which the receiver got.
    pub interaction_id: Arc<str>,
    /// `E1` to `E5`.
    pub endpoint: Arc<str>,
    /// 1 to 3.
    pub number: u8,
    /// `delivered`, or the code of its failure.
    pub outcome: Arc<str>,
    /// The HTTP status, where there was an answer.
    pub status: Option<u16>,
    /// Milliseconds from begin to end.
    pub duration_ms: Option<u32>,
    /// Whether it was a first attempt that began later than the convention allows.
    pub is_late: bool,
    /// Whether it was one of a replay.
    pub is_replay: bool,
    /// What an accepting receiver should correct, with commas.
    pub findings: Option<Arc<str>>,
}

/// What else is counted.
#[derive(Clone, Debug, PartialEq)]
pub enum Event {
    /// A fault of ours returned a message to its queue.
    OwnFault {
        /// The code of the fault.
        code: Arc<str>,
    },
    /// A process stopped during an attempt.
    Interrupted,
    /// A notification was given up.
    Undelivered {
        /// The code of its last failure.
        outcome: Arc<str>,
    },
}

/// What a line says.
#[derive(Clone, Debug, PartialEq)]
pub enum Line {
    /// An attempt.
    Attempt(Box<Attempt>),
    /// Something else that is counted.
    Event(Event, Option<LoggedReceiver>, Arc<str>),
}

impl Event {
    /// A number for each kind.
    pub(crate) fn kind(&self) -> u8 {
        match self {
            Self::OwnFault { .. } => 0,
            Self::Interrupted => 1,
            Self::Undelivered { .. } => 2,
        }
    }
}

impl Attempt {
    /// Whether the receiver accepted it.
    pub fn is_delivered(&self) -> bool {
        &*self.outcome == "delivered"
    }

    /// When it began.
    pub fn began(&self) -> Timestamp {
        let lasted = SignedDuration::from_millis(self.duration_ms.unwrap_or_default().into());
        self.ended.saturating_sub(lasted).unwrap_or(self.ended)
    }
}

impl Line {
    /// Reads a line from its fields; `share` makes equal texts one.
    pub fn of_fields(
        at: Timestamp,
        fields: &Map<String, Value>,
        share: &mut impl FnMut(&str) -> Arc<str>,
    ) -> Option<Self> {
        let text = |name: &str| fields.get(name).and_then(Value::as_str);
        let number = |name: &str| fields.get(name).and_then(Value::as_i64);
        let is_true = |name: &str| fields.get(name) == Some(&Value::Bool(true));
        // A line of text has an id of digits alone as a number.
        let id = |name: &str| {
            fields.get(name).map(|id| id.as_str().map_or_else(|| Arc::from(id.to_string()), Arc::from))
        };
        let message = text("message")?;
        let client_id = id("client_id").map(|id| share(&id));
        let authorisation_server = id("authorisation_server").map(|server| share(&server));
        let receiver = client_id.map(|client_id| LoggedReceiver { client_id, authorisation_server });
        let notification_id = id("notification_id").unwrap_or_default();
        let event = |event| Some(Self::Event(event, receiver.clone(), notification_id.clone()));
        match message {
            ATTEMPT_ENDED => Some(Self::Attempt(Box::new(Attempt {
                ended: at,
                receiver: receiver?,
                notification_id,
                interaction_id: id("interaction_id")?,
                endpoint: share(text("endpoint")?),
                number: u8::try_from(number("attempt")?).ok()?,
                outcome: share(text("outcome")?),
                status: number("status").and_then(|status| u16::try_from(status).ok()),
                duration_ms: number("duration_ms").and_then(|lasted| u32::try_from(lasted).ok()),
                is_late: is_true("late"),
                is_replay: is_true("replay"),
                findings: text("findings").map(&mut *share),
            }))),
            ATTEMPT_INTERRUPTED => event(Event::Interrupted),
            REQUEUED => event(Event::OwnFault { code: share(text("code")?) }),
            UNDELIVERED => event(Event::Undelivered { outcome: share(text("outcome")?) }),
            UNDELIVERED_BY_US => event(Event::Undelivered { outcome: share(text("code")?) }),
            _ => None,
        }
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use serde_json::json;

    use super::*;

    /// An attempt to a client that ended at this second, with these fields besides.
    pub(crate) fn attempt(client: &str, second: i64, more: &Value) -> Attempt {
        let at = Timestamp::from_second(second).unwrap();
        let mut fields = json!({
            "message": ATTEMPT_ENDED, "client_id": client, "notification_id": format!("n-{client}-{second}"),
            "interaction_id": format!("i-{client}-{second}"), "endpoint": "E2", "attempt": 1, "outcome": "delivered",
            "status": 202, "duration_ms": 40, "since_event_ms": 200,
        });
        fields.as_object_mut().unwrap().extend(more.as_object().cloned().unwrap_or_default());
        match Line::of_fields(at, fields.as_object().unwrap(), &mut |text| Arc::from(text)) {
            Some(Line::Attempt(attempt)) => *attempt,
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn lines_that_are_counted_are_read_and_no_others() {
        let read = |fields: Value| {
            let fields = fields.as_object().unwrap().clone();
            Line::of_fields(Timestamp::UNIX_EPOCH, &fields, &mut |text| Arc::from(text))
        };
        let own = read(
            json!({ "message": REQUEUED, "code": "ledger_unavailable", "client_id": "itp-1", "notification_id": "n" }),
        );
        assert!(
            matches!(own, Some(Line::Event(Event::OwnFault { code }, Some(_), _)) if &*code == "ledger_unavailable")
        );
        let given_up = read(json!({ "message": UNDELIVERED, "outcome": "timeout", "client_id": "itp-1" }));
        assert!(
            matches!(given_up, Some(Line::Event(Event::Undelivered { outcome }, ..)) if &*outcome == "timeout")
        );
        let by_us = read(json!({ "message": UNDELIVERED_BY_US, "code": "signing_unavailable" }));
        assert!(matches!(by_us, Some(Line::Event(Event::Undelivered { .. }, None, _))));
        assert!(matches!(
            read(json!({ "message": ATTEMPT_INTERRUPTED })),
            Some(Line::Event(Event::Interrupted, ..))
        ));
        for other in [
            json!({}),
            json!({ "message": "A copy of a message is dropped." }),
            json!({ "message": ATTEMPT_ENDED }),
        ] {
            assert_eq!(read(other.clone()), None, "{other}");
        }
        for sentence in SENTENCES {
            assert!(PHRASES.iter().any(|phrase| sentence.contains(phrase)), "{sentence}");
        }
    }

    #[test]
    fn an_attempt_of_a_text_line_may_have_an_id_of_digits() {
        let read = attempt("itp-1", 60, &json!({ "notification_id": 12, "late": true, "status": null }));
        assert_eq!((&*read.notification_id, read.is_late, read.status), ("12", true, None));
        assert_eq!(read.began().as_millisecond(), 59_960);
    }
}
