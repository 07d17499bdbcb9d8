//! Attributes of spans. Those of OpenTelemetry are named as its semantic conventions name them, of the version that
//! the crate `opentelemetry-semantic-conventions` has; ours begin with `arauto.`.
//!
//! Only ids, codes, times and host names (guarantee G8): no URL, whose path a receiver chooses, though the
//! conventions want `url.full` of a client.

use opentelemetry_proto::tonic::common::v1::any_value::Value;
use opentelemetry_proto::tonic::common::v1::{AnyValue, KeyValue};

/// The notification's id.
pub(super) const NOTIFICATION_ID: &str = "arauto.notification_id";
/// The notification's status after the change.
pub(super) const STATUS: &str = "arauto.status";
/// The client whose receiver is notified.
pub(super) const CLIENT_ID: &str = "arauto.client_id";
/// The authorisation server that issued the client id, if not the default brand's.
pub(super) const AUTHORISATION_SERVER: &str = "arauto.authorisation_server";
/// The endpoint, `E1` to `E5`.
pub(super) const ENDPOINT: &str = "arauto.endpoint";
/// The resource that changed.
pub(super) const RESOURCE_ID: &str = "arauto.resource_id";
/// When the event happened, as posted.
pub(super) const EVENT_INSTANT: &str = "arauto.event_instant";
/// The undelivered notification that this one replays.
pub(super) const REPLAY_OF: &str = "arauto.replay_of";
/// The attempt's number, 1 to 3.
pub(super) const ATTEMPT: &str = "arauto.attempt";
/// The attempt's id, sent as `x-webhook-interaction-id`.
pub(super) const INTERACTION_ID: &str = "arauto.interaction_id";
/// The code of the outcome.
pub(super) const OUTCOME: &str = "arauto.outcome";
/// Who is at fault: `receiver`, `network`, `tls`, `directory` or `ours`, as in the log.
pub(super) const FAULT: &str = "arauto.fault";
/// The attempt's timeout in milliseconds.
pub(super) const DEADLINE_MS: &str = "arauto.deadline_ms";

/// Attributes under construction; absent values are left out.
#[derive(Debug, Default)]
pub(super) struct Attributes(Vec<KeyValue>);

impl Attributes {
    /// Adds a text.
    pub(super) fn text(self, key: &str, text: Option<impl Into<String>>) -> Self {
        self.with(key, text.map(|text| Value::StringValue(text.into())))
    }

    /// Adds a number.
    pub(super) fn number(self, key: &str, number: Option<impl Into<i64>>) -> Self {
        self.with(key, number.map(|number| Value::IntValue(number.into())))
    }

    fn with(mut self, key: &str, value: Option<Value>) -> Self {
        let Some(value) = value else { return self };
        let value = Some(AnyValue { value: Some(value) });
        self.0.push(KeyValue { key: key.to_owned(), value, ..KeyValue::default() });
        self
    }
}

impl From<Attributes> for Vec<KeyValue> {
    fn from(attributes: Attributes) -> Self {
        attributes.0
    }
}
