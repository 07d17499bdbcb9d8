//! What is kept of a notification that was given up, by the hour in which it was, so that a window can be listed.

use jiff::{SignedDuration, Timestamp};

use super::hour::Hour;
use super::message::AttemptMessage;
use crate::notification::InteractionId;

/// How long the row of an undelivered notification is kept: longer than the 14 days for which SQS keeps its message, so
/// that none is ever in the dead-letter queue without a row, and a month back can still be listed and replayed.
pub const UNDELIVERED_ROW_LIVES: SignedDuration = SignedDuration::from_hours(24 * 30);

/// A notification whose three attempts failed.
#[derive(Clone, Debug, PartialEq)]
pub struct Undelivered {
    /// What a replay needs: the message of the last attempt.
    pub message: AttemptMessage,
    /// The code of the last failure.
    pub outcome: String,
    /// The name of the last attempt.
    pub interaction_id: InteractionId,
    /// When the last attempt ended.
    pub gave_up_at: Timestamp,
    /// When it was replayed, if it was.
    pub replayed_at: Option<Timestamp>,
}

impl Undelivered {
    /// Returns the hour under which it is listed.
    pub fn hour(&self) -> Hour {
        Hour::of(self.gave_up_at)
    }
}
