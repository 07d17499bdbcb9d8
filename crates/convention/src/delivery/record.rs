//! A notification as the ledger holds it: the document of the API and of `arauto show --json`.

use jiff::Timestamp;
use serde::Serialize;

/// The view of a notification.
#[derive(Clone, Debug, Eq, PartialEq, Serialize)]
pub struct NotificationView {
    /// Its id.
    pub notification_id: String,
    /// Its status: see [`super::Status`].
    pub status: String,
    /// The client whose receiver it is for.
    pub client_id: String,
    /// The authorisation server that issued the client id; absent for the default brand.
    pub authorisation_server: Option<String>,
    /// The endpoint, `E1` to `E5`.
    pub endpoint: String,
    /// The resource that changed.
    pub resource_id: String,
    /// The API version of the resource; absent before the first attempt.
    pub api_version: Option<String>,
    /// When the event happened, as posted.
    pub event_instant: String,
    /// When the state change was accepted; absent before the first attempt.
    pub accepted_at: Option<Timestamp>,
    /// Why it was cancelled, or given up for a fault of ours.
    pub reason: Option<String>,
    /// The undelivered notification that this one replays, if it is a replay.
    pub replay_of: Option<String>,
    /// Its attempts, first to last.
    pub attempts: Vec<AttemptView>,
}

impl NotificationView {
    /// The sort key of a resource's notifications: the time of the event, then the start of the first
    /// attempt.
    pub fn when(&self) -> (Timestamp, Option<Timestamp>) {
        let event = self.event_instant.parse().unwrap_or(Timestamp::MAX);
        (event, self.attempts.first().map(|first| first.started_at))
    }
}

/// The view of an attempt.
#[derive(Clone, Debug, Eq, PartialEq, Serialize)]
pub struct AttemptView {
    /// Its number, 1 to 3.
    pub attempt: u8,
    /// Its id, sent as `x-webhook-interaction-id`.
    pub interaction_id: String,
    /// The base of the URL.
    pub base_uri: String,
    /// The API version that the URL named, if it was not that of the resource.
    pub url_api_version: Option<String>,
    /// When it started.
    pub started_at: Timestamp,
    /// Its timeout in milliseconds; absent for attempts of earlier releases.
    pub deadline_ms: Option<u64>,
    /// When it ended; absent while it is under way, and after its process stopped.
    pub ended_at: Option<Timestamp>,
    /// The outcome's code.
    pub outcome: Option<String>,
    /// The HTTP status, where there was an answer.
    pub status: Option<u16>,
    /// The address connected to.
    #[serde(rename = "peer")]
    pub address: Option<String>,
    /// TLS version and cipher suite.
    pub tls: Option<String>,
}
