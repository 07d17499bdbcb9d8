//! The event of dispatch: messages of SQS, or a task.

use convention::delivery::AttemptMessage;
use convention::delivery::ReceiveMetadata;
use convention::delivery::TraceHeader;
use convention::source::Source;
use jiff::Timestamp;
use serde::Deserialize;

use crate::examination::Examination;
use crate::origin::Origin;

/// The fields of an event that dispatch needs; others are not parsed. A task comes without messages.
///
/// Source: "Using Lambda with Amazon SQS", AWS Lambda Developer Guide, "Standard queue message event".
#[derive(Clone, Debug, Deserialize)]
pub struct Batch {
    #[serde(rename = "Records", default)]
    pub(crate) records: Vec<Record>,
    #[serde(default)]
    pub(crate) task: Option<String>,
    /// The receiver of the task that examines one.
    #[serde(default)]
    pub(crate) receiver: Option<Box<Examination>>,
}

/// The task of the schedule: check the identities and measure the remaining lifetime of their certificates.
pub(crate) const CHECK_IDENTITIES: &str = "check_identities";

/// The part of a batch's record that dispatch needs.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub(crate) struct Record {
    /// The id of the message, by which it is returned to the queue.
    pub(crate) message_id: String,
    /// The receipt handle, which proves that we received the message.
    pub(crate) receipt_handle: String,
    /// The JSON of an `AttemptMessage`, if it can be read. Of a source's record, once it was read as a state change.
    pub(crate) body: String,
    /// The queue that it comes from.
    #[serde(rename = "eventSourceARN")]
    pub(crate) queue_arn: Option<String>,
    attributes: Attributes,
    /// What it was read as, if it comes from a source.
    #[serde(skip)]
    pub(crate) origin: Origin,
}

/// Attributes of SQS ("Message", Amazon SQS API Reference): instants in milliseconds, all as text.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
struct Attributes {
    sent_timestamp: Option<String>,
    approximate_first_receive_timestamp: Option<String>,
    approximate_receive_count: Option<String>,
    #[serde(rename = "AWSTraceHeader")]
    trace_header: Option<String>,
}

impl Record {
    /// Returns how it came.
    pub(crate) fn metadata(&self) -> ReceiveMetadata {
        let number = |text: &Option<String>| text.as_ref()?.parse::<i64>().ok();
        let instant = |text| Timestamp::from_millisecond(number(text)?).ok();
        let Attributes { sent_timestamp, approximate_first_receive_timestamp, .. } = &self.attributes;
        let receives = number(&self.attributes.approximate_receive_count);
        ReceiveMetadata {
            sent: instant(sent_timestamp),
            first_received: instant(approximate_first_receive_timestamp),
            receives: receives.and_then(|count| u32::try_from(count).ok()).unwrap_or(1),
        }
    }

    /// Returns the message of an attempt, if its text is ours: of the notifications queue, or planned here for a state
    /// change. The text of any other record is its producer's, who could forge a message of ours.
    pub(crate) fn attempt_message(&self) -> Option<AttemptMessage> {
        match self.origin {
            Origin::Notifications | Origin::Change(_) => AttemptMessage::from_json(&self.body).ok(),
            Origin::NotNotifiable(..)
            | Origin::Invalid(..)
            | Origin::Timer(_)
            | Origin::Unread(_)
            | Origin::Panicked => None,
        }
    }

    /// Returns the record as the message of a timer's state change.
    pub(crate) fn of_timer(&self, message: &AttemptMessage) -> Self {
        Self { body: message.to_json(), origin: Origin::Change(Source::Timer), ..self.clone() }
    }

    /// Returns the trace of the state change.
    pub(crate) fn trace(&self) -> Option<TraceHeader> {
        self.attributes.trace_header.as_ref()?.parse().ok()
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    fn record(attributes: &Value) -> Record {
        let record =
            json!({ "messageId": "1", "receiptHandle": "r", "body": "{}", "attributes": attributes });
        let batch: Batch = serde_json::from_str(&json!({ "Records": [record] }).to_string()).unwrap();
        batch.records.into_iter().next().unwrap()
    }

    #[test]
    fn a_record_says_when_it_was_sent_and_how_often_it_was_handed_out() {
        let record = record(&json!({
            "SentTimestamp": "1795348800000",
            "ApproximateFirstReceiveTimestamp": "1795348800250",
            "ApproximateReceiveCount": "3",
            "MessageGroupId": "itp-1",
            "AWSTraceHeader": "Root=1-5759e988-bd862e3fe1be46a994272793;Parent=53995c3f42cd8ad8;Sampled=1",
        }));
        let ReceiveMetadata { sent, first_received, receives } = record.metadata();
        assert_eq!(record.trace().unwrap().id(), "1-5759e988-bd862e3fe1be46a994272793");
        assert_eq!(sent, "2026-11-22T12:00:00Z".parse().ok());
        assert_eq!(first_received, "2026-11-22T12:00:00.25Z".parse().ok());
        assert_eq!(receives, 3);
    }

    #[test]
    fn attributes_that_are_absent_or_odd_are_not_known() {
        let nothing = ReceiveMetadata { sent: None, first_received: None, receives: 1 };
        for attributes in [json!({}), json!({ "SentTimestamp": "yesterday", "AWSTraceHeader": null })] {
            assert_eq!(record(&attributes).metadata(), nothing);
        }
    }
}
