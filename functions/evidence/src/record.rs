//! One line of evidence: what a write of the ledger says of a notification, without anything of its content.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

/// What happened, as one write of the ledger said it. Ids, codes, times and addresses only (guarantee G8).
#[derive(Clone, Debug, Deserialize, Eq, Hash, PartialEq, Serialize)]
pub struct Record {
    /// The same for every copy of this record: notification, attempt and phase. A copy has the same [`Record::sequence`] too.
    pub id: String,
    /// What happened.
    pub kind: Kind,
    /// The notification.
    pub notification_id: String,
    /// The number of the ledger's write: of one notification, a later write has a greater number.
    pub sequence: String,
    /// When the ledger was written, by DynamoDB's clock.
    pub recorded_at: Timestamp,
    /// Where the notification stands after it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub notification_status: Option<String>,
    /// Why it was cancelled, if it was.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
    /// Whose receiver it is for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub client_id: Option<String>,
    /// The authorisation server that gave the client its id, where that is not the default brand's.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub authorisation_server: Option<String>,
    /// The endpoint, `E1` to `E5`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub endpoint: Option<String>,
    /// The resource that changed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub resource_id: Option<String>,
    /// When the event happened, as it was posted.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub event_instant: Option<String>,
    /// When the state change was accepted.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub accepted_at: Option<Timestamp>,
    /// The undelivered notification that this one replays, if it is a replay.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub replay_of: Option<String>,
    /// When the ledger may forget the notification.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub expires_at: Option<Timestamp>,
    /// The attempt, where the record is of one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub attempt: Option<Attempt>,
}

/// What a record says of an attempt.
#[derive(Clone, Debug, Deserialize, Eq, Hash, PartialEq, Serialize)]
pub struct Attempt {
    /// Which, 1 to 3.
    pub number: u8,
    /// Its name, sent as `x-webhook-interaction-id`.
    pub interaction_id: String,
    /// Host and port of the base URI it went to.
    pub host: String,
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
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub peer: Option<String>,
    /// TLS version and cipher suite.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tls: Option<String>,
}

/// What a record is of.
#[derive(Clone, Copy, Debug, Deserialize, Eq, Hash, PartialEq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Kind {
    /// An attempt began.
    AttemptBegan,
    /// An attempt ended, or what is known of its end changed: one that was taken for interrupted had been delivered.
    AttemptEnded,
    /// The ledger no longer says that there was this attempt. Nothing of ours does that.
    AttemptErased,
    /// The notification ended without an attempt ending: its receiver is gone.
    NotificationEnded,
    /// The notification had ended and no longer has. Nothing of ours does that.
    NotificationReopened,
    /// What the ledger says of the notification or of an attempt is another, and nothing of the above happened. Nothing of ours does
    /// that.
    RowRewritten,
    /// The ledger may forget the notification sooner than it said before. Beside an attempt that began it comes from a shorter
    /// retention; by itself, nothing of ours does that.
    ExpiryShortened,
    /// The ledger forgot the notification, as its retention was over.
    RowExpired,
    /// The notification was deleted from the ledger by somebody. Nothing of ours does that.
    RowRemoved,
    /// The ledger was written in a way that this version cannot read.
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
    /// Returns the record as a line of JSON, without its end.
    pub fn to_line(&self) -> String {
        serde_json::to_string(self).expect("a record has no map with other keys than texts")
    }

    /// Reads a line.
    pub fn from_line(line: &[u8]) -> Result<Self, serde_json::Error> {
        serde_json::from_slice(line)
    }
}
