//! The record of an undelivered notification, grouped by hour so that a window can be listed.

use jiff::{SignedDuration, Timestamp};

use super::hour::Hour;
use super::message::AttemptMessage;
use crate::notification::InteractionId;

/// Retention of the row of an undelivered notification. It is longer than the 14 days for which SQS keeps the
/// message, so every message in the dead-letter queue has a row, and the last month can be listed and
/// replayed.
pub const UNDELIVERED_ROW_RETENTION: SignedDuration = SignedDuration::from_hours(24 * 30);

/// A notification whose three attempts failed.
#[derive(Clone, Debug, PartialEq)]
pub struct Undelivered {
    /// The message of the last attempt, which a replay needs.
    pub message: AttemptMessage,
    /// The code of the last failure.
    pub outcome: String,
    /// The interaction id of the last attempt.
    pub interaction_id: InteractionId,
    /// When the last attempt ended.
    pub gave_up_at: Timestamp,
    /// When it was replayed; absent if it was not.
    pub replayed_at: Option<Timestamp>,
    /// Who confirmed the replay; absent of one by an earlier version.
    pub replayed_by: Option<String>,
}

impl Undelivered {
    /// Returns the hour under which it is listed.
    pub fn hour(&self) -> Hour {
        Hour::of(self.gave_up_at)
    }
}
