//! One line of evidence: what a write of the ledger says of a notification, without its content.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

/// An event as one write of the ledger shows it. Only ids, codes, times and addresses (guarantee G8).
#[derive(Clone, Debug, Deserialize, Eq, Hash, PartialEq, Serialize)]
pub struct Record {
    /// Identical in every copy of this record: notification, attempt and phase. Copies have the same
    /// [`Record::sequence`] too.
    pub id: String,
    /// What happened.
    pub kind: Kind,
    /// The notification.
    pub notification_id: String,
    /// The number of the ledger's write: later writes of one notification have greater numbers.
    pub sequence: String,
    /// When the ledger was written, by DynamoDB's clock.
    pub recorded_at: Timestamp,
    /// The status of the notification after it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub notification_status: Option<String>,
    /// Why it was cancelled, if it was.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
    /// The client whose receiver it is for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub client_id: Option<String>,
    /// The authorisation server that issued the client id, if not the default brand's.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub authorisation_server: Option<String>,
    /// The endpoint, `E1` to `E5`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub endpoint: Option<String>,
    /// The resource that changed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub resource_id: Option<String>,
    /// The API version that the resource was created through, which URLs name unless an attempt says otherwise.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub api_version: Option<String>,
    /// When the event happened, as posted.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub event_instant: Option<String>,
    /// When the state change was accepted.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub accepted_at: Option<Timestamp>,
    /// The undelivered notification that this one replays, if it is a replay.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub replay_of: Option<String>,
    /// When the ledger may delete the notification.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub expires_at: Option<Timestamp>,
    /// The attempt, if the record is about one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub attempt: Option<Attempt>,
}

/// An attempt in a record.
#[derive(Clone, Debug, Deserialize, Eq, Hash, PartialEq, Serialize)]
pub struct Attempt {
    /// Its number, 1 to 3.
    pub number: u8,
    /// Its id, sent as `x-webhook-interaction-id`.
    pub interaction_id: String,
    /// Host and port of its base URI.
    pub host: String,
    /// The API version that its URL named, if it was not that of the resource.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub url_api_version: Option<String>,
    /// When it started.
    pub started_at: Timestamp,
    /// When it ended.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ended_at: Option<Timestamp>,
    /// The outcome's code.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub outcome: Option<String>,
    /// The HTTP status, where there was an answer.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub status: Option<u16>,
    /// The address connected to.
    #[serde(rename = "peer", default, skip_serializing_if = "Option::is_none")]
    pub address: Option<String>,
    /// TLS version and cipher suite.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tls: Option<String>,
}

/// The kind of a record.
#[derive(Clone, Copy, Debug, Deserialize, Eq, Hash, PartialEq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Kind {
    /// An attempt began.
    AttemptBegan,
    /// An attempt ended, or its known end changed: one that counted as interrupted had been delivered.
    AttemptEnded,
    /// The ledger no longer holds this attempt. Arauto never does that.
    AttemptErased,
    /// The notification ended without an attempt ending: its receiver no longer exists.
    NotificationEnded,
    /// The notification is no longer ended. Arauto never does that.
    NotificationReopened,
    /// Other data of the notification or of an attempt changed, without any of the above. Arauto never does that.
    RowRewritten,
    /// The ledger may delete the notification earlier than before. Together with an attempt that began, this comes
    /// from a shorter retention; alone, Arauto never does that.
    ExpiryShortened,
    /// The ledger deleted the notification at the end of its retention.
    RowExpired,
    /// The notification was deleted from the ledger by other means. Arauto never does that.
    RowRemoved,
    /// This version cannot read what was written to the ledger.
    RowUnreadable,
}

impl Kind {
    /// Returns the kind as records and ids write it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::AttemptBegan => "attempt_began",
            Self::AttemptEnded => "attempt_ended",
            Self::AttemptErased => "attempt_erased",
            Self::NotificationEnded => "notification_ended",
            Self::NotificationReopened => "notification_reopened",
            Self::RowRewritten => "row_rewritten",
            Self::ExpiryShortened => "expiry_shortened",
            Self::RowExpired => "row_expired",
            Self::RowRemoved => "row_removed",
            Self::RowUnreadable => "row_unreadable",
        }
    }
}

impl Record {
    /// Returns the record as a line of JSON, without the line feed.
    pub fn to_line(&self) -> String {
        serde_json::to_string(self).expect("a record has no map with other keys than texts")
    }

    /// Reads a line.
    pub fn from_line(line: &[u8]) -> Result<Self, serde_json::Error> {
        serde_json::from_slice(line)
    }
}
