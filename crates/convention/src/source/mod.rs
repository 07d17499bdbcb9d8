//! State changes that come as records of a queue, a bus or a stream.
//!
//! A record is judged as a change that is posted to the API: the same fields, rules and errors. Its order among
//! other records does not matter, since the id of a notification follows from the change alone.

mod envelope;
mod rejection;

use jiff::Timestamp;
use serde_json::Value;

pub use envelope::{Envelope, ParseEnvelopeError};
pub use rejection::{MAX_REJECTION, Rejection};

use crate::fields::FieldError;
use crate::json::UniqueJson;
use crate::notification::{AuthorisationServers, Ecosystem, StateChange};

/// Maximum size of a record in bytes, as of a request to the API.
pub const MAX_RECORD: usize = 256 * 1024;

/// Where a record comes from.
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub enum Source {
    /// A queue that producers send to.
    Sqs,
    /// A rule on an event bus.
    EventBridge,
    /// A Kinesis data stream.
    Kinesis,
    /// A Kafka topic.
    Kafka,
    /// A timer of our own.
    Timer,
}

impl Source {
    /// Every source.
    pub const ALL: [Self; 5] = [Self::Sqs, Self::EventBridge, Self::Kinesis, Self::Kafka, Self::Timer];

    /// Returns the source as logs and metrics name it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Sqs => "sqs",
            Self::EventBridge => "eventbridge",
            Self::Kinesis => "kinesis",
            Self::Kafka => "kafka",
            Self::Timer => "timer",
        }
    }
}

/// A state change of a record.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Posted {
    /// The change.
    pub change: StateChange,
    /// The authorisation server of its brand, in lower case; absent for the default brand.
    pub server: Option<String>,
    /// Its place in the record, as a JSON pointer.
    pub pointer: String,
}

/// What was read of a record.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Reading {
    /// Where it comes from.
    pub source: Source,
    /// The state change, or every error of every field. Pointers are from the root of the record.
    pub change: Result<Posted, Vec<FieldError>>,
}

/// Reads a record that is received now.
///
/// A message of SQS in the form of an EventBridge event counts as one of EventBridge, whose rule sends to a queue.
pub fn read(
    source: Source,
    record: &[u8],
    envelope: &Envelope,
    (ecosystem, servers): (Ecosystem, &AuthorisationServers),
    now: Timestamp,
) -> Reading {
    let document = match document(record) {
        Ok(document) => document,
        Err(error) => return Reading { source, change: Err(vec![error]) },
    };
    let is_event = source == Source::Sqs && is_event(&document);
    let source = if is_event { Source::EventBridge } else { source };
    let opened = envelope.open(document).map_err(|error| vec![error]);
    let change = opened.and_then(|(value, pointer)| {
        let change = StateChange::posted_in(ecosystem, &value, &pointer, now)?;
        let Ok(server) = servers.server_of(change.brand.as_deref()) else {
            return Err(vec![FieldError::unknown_brand(&pointer)]);
        };
        servers.check(&change, &pointer)?;
        Ok(Posted { change, server, pointer })
    });
    Reading { source, change }
}

/// Parses a record as the API does a body.
fn document(record: &[u8]) -> Result<Value, FieldError> {
    let refused = |code, detail| FieldError { pointer: String::new(), code, detail };
    if record.len() > MAX_RECORD {
        return Err(refused("too_large", format!("A record may have at most {MAX_RECORD} bytes.")));
    }
    let parsed = serde_json::from_slice(record).map(|UniqueJson(document)| document);
    parsed.map_err(|error| refused("not_json", format!("The record is not JSON: {error}.")))
}

/// Says whether a document has the form of an EventBridge event.
///
/// Source: "AWS service events metadata", Amazon EventBridge Event Reference.
fn is_event(document: &Value) -> bool {
    ["detail-type", "source", "detail", "account"].iter().all(|name| document.get(name).is_some())
}

#[cfg(test)]
mod tests;
