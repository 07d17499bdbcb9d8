//! An event as it goes out: CloudEvents 1.0 in JSON (`cloudevents/spec`, "CloudEvents - Version 1.0.2").
//!
//! Only ids, codes, times and host names (guarantee G8). `infra/events.yaml` is the contract; a test holds every
//! event against it.

use jiff::Timestamp;
use serde::Serialize;

/// What an event tells.
#[derive(Clone, Copy, Debug, Eq, PartialEq, Serialize)]
pub enum EventType {
    /// A notification was given up, after three attempts or for a fault of ours that lasted too long.
    #[serde(rename = "arauto.notification.undelivered")]
    NotificationUndelivered,
    /// A notification was delivered.
    #[serde(rename = "arauto.notification.delivered")]
    NotificationDelivered,
    /// A notification ends without a further attempt, because its receiver must not be notified any more.
    #[serde(rename = "arauto.notification.cancelled")]
    NotificationCancelled,
    /// An attempt failed at its receiver.
    #[serde(rename = "arauto.attempt.failed")]
    AttemptFailed,
    /// An attempt ended by a fault of ours.
    #[serde(rename = "arauto.attempt.fault")]
    AttemptFault,
    /// A receiver keeps timing out; its attempts get a reduced timeout.
    #[serde(rename = "arauto.receiver.slow")]
    ReceiverSlow,
    /// A receiver that kept timing out responds again.
    #[serde(rename = "arauto.receiver.recovered")]
    ReceiverRecovered,
    /// A registration is suspended: the Directory does not list the client as active.
    #[serde(rename = "arauto.registration.suspended")]
    RegistrationSuspended,
    /// A suspended client is notified again.
    #[serde(rename = "arauto.registration.resumed")]
    RegistrationResumed,
    /// An alarm of the stack went on or off.
    #[serde(rename = "arauto.alarm.changed")]
    AlarmChanged,
}

impl EventType {
    /// Every type, in the order of the contract.
    pub const ALL: [Self; 10] = [
        Self::NotificationUndelivered,
        Self::NotificationDelivered,
        Self::NotificationCancelled,
        Self::AttemptFailed,
        Self::AttemptFault,
        Self::ReceiverSlow,
        Self::ReceiverRecovered,
        Self::RegistrationSuspended,
        Self::RegistrationResumed,
        Self::AlarmChanged,
    ];

    /// Returns the CloudEvents type, which is the detail type of the bus too.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::NotificationUndelivered => "arauto.notification.undelivered",
            Self::NotificationDelivered => "arauto.notification.delivered",
            Self::NotificationCancelled => "arauto.notification.cancelled",
            Self::AttemptFailed => "arauto.attempt.failed",
            Self::AttemptFault => "arauto.attempt.fault",
            Self::ReceiverSlow => "arauto.receiver.slow",
            Self::ReceiverRecovered => "arauto.receiver.recovered",
            Self::RegistrationSuspended => "arauto.registration.suspended",
            Self::RegistrationResumed => "arauto.registration.resumed",
            Self::AlarmChanged => "arauto.alarm.changed",
        }
    }
}

/// An event, without the stack that it comes from.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Event {
    /// The same in every copy of this event, and in no other of this stack: a consumer drops copies by it.
    pub id: String,
    /// What it tells.
    #[serde(rename = "type")]
    pub kind: EventType,
    /// What it is about: a notification, a receiver's key, or an alarm.
    pub subject: String,
    /// When it happened.
    pub time: Timestamp,
    /// What it says.
    pub data: Data,
}

/// What an event says.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(untagged)]
pub enum Data {
    /// Of a notification, or of one attempt of it.
    Notification(Box<NotificationData>),
    /// Of a receiver or its registration.
    Client(ClientData),
    /// Of an alarm.
    Alarm(AlarmData),
}

/// What is said of a notification.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct NotificationData {
    /// Its id.
    pub notification_id: String,
    /// Its status after the change.
    pub status: String,
    /// The client whose receiver it is for.
    pub client_id: String,
    /// The authorisation server that issued the client id, if not the default brand's.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub authorisation_server: Option<String>,
    /// The endpoint, `E1` to `E5`.
    pub endpoint: String,
    /// The resource that changed.
    pub resource_id: String,
    /// When the event happened, as posted.
    pub event_instant: String,
    /// The undelivered notification that this one replays, if it is a replay.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub replay_of: Option<String>,
    /// Why it came so, where something is wrong.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cause: Option<Cause>,
    /// The attempt that ended, or the last one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub attempt: Option<AttemptData>,
}

/// A stable code, and where the cause lies.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Cause {
    /// The code: `docs/outcomes.md` lists them.
    pub code: String,
    /// `receiver`, `network`, `tls`, `directory` or `ours`; absent for a code of another version.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub class: Option<&'static str>,
}

/// What is said of an attempt.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct AttemptData {
    /// Its number, 1 to 3.
    pub number: u8,
    /// Its id, sent as `x-webhook-interaction-id`.
    pub interaction_id: String,
    /// Host and port of its base URI; the path is the receiver's to choose, and may hold anything.
    pub host: String,
    /// When it started.
    pub started_at: Timestamp,
    /// When it ended.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub ended_at: Option<Timestamp>,
    /// The outcome's code.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub outcome: Option<String>,
    /// The HTTP status, where there was an answer.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub http_status: Option<u16>,
}

/// What is said of a receiver or its registration.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct ClientData {
    /// The client.
    pub client_id: String,
    /// The authorisation server that issued the client id, if not the default brand's.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub authorisation_server: Option<String>,
    /// Host and port of its base URI.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub host: Option<String>,
    /// Why it is suspended.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reason: Option<&'static str>,
}

/// What is said of an alarm.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct AlarmData {
    /// Its name in CloudWatch.
    pub alarm: String,
    /// `ALARM` or `OK`.
    pub state: String,
    /// The code of the fault of ours that it watches, if it watches one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub fault: Option<&'static str>,
    /// What it means, in English and Portuguese, and where its runbook is.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub description: Option<String>,
}

/// Returns host and port of a base URI, which has no user and no query.
pub(crate) fn host(base_uri: &str) -> String {
    let rest = base_uri.split_once("://").map_or(base_uri, |(_, rest)| rest);
    rest.split('/').next().unwrap_or_default().to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_type_is_written_as_it_is_named() {
        for kind in EventType::ALL {
            assert_eq!(serde_json::to_value(kind).unwrap(), kind.as_str());
        }
    }

    #[test]
    fn a_host_holds_nothing_of_the_path_that_a_receiver_chose() {
        assert_eq!(host("https://itp.example:8443/kong3/52998224725"), "itp.example:8443");
        assert_eq!(host("https://itp.example"), "itp.example");
    }
}
