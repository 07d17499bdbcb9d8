//! A notification as the ledger knows it, for whoever asks: the document of the API and of `arauto show --json`.

use jiff::Timestamp;
use serde::Serialize;

/// What is known of a notification.
#[derive(Clone, Debug, Eq, PartialEq, Serialize)]
pub struct NotificationView {
    /// Its name.
    pub notification_id: String,
    /// Where it stands: see [`super::Status`].
    pub status: String,
    /// Whose receiver it is for.
    pub client_id: String,
    /// The authorisation server that gave the client its id; absent where that is the default brand's.
    pub authorisation_server: Option<String>,
    /// The endpoint, `E1` to `E5`.
    pub endpoint: String,
    /// The resource that changed.
    pub resource_id: String,
    /// The API version of the resource; absent where no attempt began.
    pub api_version: Option<String>,
    /// When the event happened, as it was posted.
    pub event_instant: String,
    /// When the state change was accepted; absent where no attempt began.
    pub accepted_at: Option<Timestamp>,
    /// Why it was cancelled, or set aside for a fault of ours.
    pub reason: Option<String>,
    /// The undelivered notification that this one replays, if it is a replay.
    pub replay_of: Option<String>,
    /// Its attempts, first to last.
    pub attempts: Vec<AttemptView>,
}

impl NotificationView {
    /// By this the notifications of a resource stand in the order of time: that of the event, and of the first attempt for those of
    /// one event.
    pub fn when(&self) -> (Timestamp, Option<Timestamp>) {
        let event = self.event_instant.parse().unwrap_or(Timestamp::MAX);
        (event, self.attempts.first().map(|first| first.started_at))
    }
}

/// What is known of an attempt.
#[derive(Clone, Debug, Eq, PartialEq, Serialize)]
pub struct AttemptView {
    /// Which, 1 to 3.
    pub attempt: u8,
    /// Its name, sent as `x-webhook-interaction-id`.
    pub interaction_id: String,
    /// Where it went.
    pub base_uri: String,
    /// When it started.
    pub started_at: Timestamp,
    /// How many milliseconds it was granted; absent of an attempt of an earlier release.
    pub deadline_ms: Option<u64>,
    /// When it ended; absent while it is under way, and after its process stopped.
    pub ended_at: Option<Timestamp>,
    /// The outcome's code.
    pub outcome: Option<String>,
    /// The HTTP status, where there was an answer.
    pub status: Option<u16>,
    /// The address connected to.
    pub peer: Option<String>,
    /// TLS version and cipher suite.
    pub tls: Option<String>,
}
