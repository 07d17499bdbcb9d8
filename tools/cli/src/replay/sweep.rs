//! Removes replayed notifications from the dead-letter queue, so that its alarm can end.

use std::collections::BTreeSet;

use anyhow::Result;
use serde::Serialize;

use crate::shutdown::Shutdown;
use crate::undelivered::{DeadLetterQueue, Hold, Kind};

/// Maximum number of messages received. The others are removed by the next replay.
const MAX_HELD: usize = 10_000;
/// Visibility timeout in seconds, longer than receiving that many takes; messages that cannot be released reappear
/// after it.
const HELD_S: i32 = 300;

/// The result.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq, Serialize)]
pub struct Swept {
    /// Number of deleted messages.
    pub deleted: usize,
    /// Number of released messages.
    pub left: usize,
    /// Whether messages of replays may remain: there were more than the maximum, or some could not be deleted.
    pub cut: bool,
}

/// Deletes the messages of replayed notifications, and releases the others.
pub async fn sweep(queue: &DeadLetterQueue, replayed: &BTreeSet<&str>, stop: &Shutdown) -> Result<Swept> {
    if replayed.is_empty() {
        return Ok(Swept::default());
    }
    let Hold { held, cut } = queue.hold(MAX_HELD, HELD_S, stop).await?;
    if stop.is_asked() {
        queue.let_go(&held).await?;
        return Ok(Swept { deleted: 0, left: held.len(), cut: true });
    }
    let (done, others): (Vec<_>, Vec<_>) = held.into_iter().partition(|held| {
        // A message moved by SQS was not given up: its notification may be under way.
        held.kind == Kind::GivenUp
            && held.message().is_some_and(|message| replayed.contains(message.notification.as_str()))
    });
    let deleted = queue.delete(&done).await;
    if deleted.is_err() {
        // It is unknown which of them are deleted; releasing a deleted message has no effect.
        queue.let_go(&done).await.ok();
    }
    let let_go = queue.let_go(&others).await;
    let deleted = deleted?;
    let_go?;
    Ok(Swept { deleted, left: others.len(), cut: cut || deleted < done.len() })
}
