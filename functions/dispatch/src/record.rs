//! A message as SQS handed it over.

use std::collections::HashMap;

use aws_lambda_events::sqs::SqsMessage;
use jiff::Timestamp;
use webhook::delivery::Reception;
use webhook::telemetry::TraceHeader;

/// What dispatch needs of a record of its batch.
#[derive(Clone, Debug)]
pub(crate) struct Record {
    /// The name by which the message is kept.
    pub(crate) message_id: String,
    /// What proves that we have the message.
    pub(crate) receipt_handle: String,
    /// The text of an `AttemptMessage`, if it can be read.
    pub(crate) body: String,
    /// How it came.
    pub(crate) reception: Reception,
    /// The trace of the state change.
    pub(crate) trace: Option<TraceHeader>,
}

impl From<SqsMessage> for Record {
    fn from(message: SqsMessage) -> Self {
        Self {
            message_id: message.message_id.unwrap_or_default(),
            receipt_handle: message.receipt_handle.unwrap_or_default(),
            body: message.body.unwrap_or_default(),
            reception: reception(&message.attributes),
            trace: message.attributes.get("AWSTraceHeader").and_then(|header| header.parse().ok()),
        }
    }
}

/// Reads the attributes of SQS ("Message", Amazon SQS API Reference): instants in milliseconds, all of them as text.
fn reception(attributes: &HashMap<String, String>) -> Reception {
    let number = |name: &str| attributes.get(name)?.parse::<i64>().ok();
    let instant = |name| Timestamp::from_millisecond(number(name)?).ok();
    let receives = number("ApproximateReceiveCount").and_then(|count| u32::try_from(count).ok());
    Reception {
        sent: instant("SentTimestamp"),
        first_received: instant("ApproximateFirstReceiveTimestamp"),
        receives: receives.unwrap_or(1),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_record_says_when_it_was_sent_and_how_often_it_was_handed_out() {
        let mut message = SqsMessage::default();
        let attributes = [
            ("SentTimestamp", "1795348800000"),
            ("ApproximateFirstReceiveTimestamp", "1795348800250"),
            ("ApproximateReceiveCount", "3"),
            ("MessageGroupId", "itp-1"),
            ("AWSTraceHeader", "Root=1-5759e988-bd862e3fe1be46a994272793;Parent=53995c3f42cd8ad8;Sampled=1"),
        ];
        message.attributes = attributes.map(|(name, value)| (name.to_owned(), value.to_owned())).into();
        let Record { reception, trace, .. } = Record::from(message);
        let Reception { sent, first_received, receives } = reception;
        assert_eq!(trace.unwrap().id(), "1-5759e988-bd862e3fe1be46a994272793");
        assert_eq!(sent, "2026-11-22T12:00:00Z".parse().ok());
        assert_eq!(first_received, "2026-11-22T12:00:00.25Z".parse().ok());
        assert_eq!(receives, 3);
    }

    #[test]
    fn attributes_that_are_absent_or_odd_are_not_known() {
        let mut message = SqsMessage::default();
        message.attributes.insert("SentTimestamp".to_owned(), "yesterday".to_owned());
        let nothing = Reception { sent: None, first_received: None, receives: 1 };
        assert_eq!(Record::from(message).reception, nothing);
    }
}
