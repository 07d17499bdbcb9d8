//! What was replayed leaves the dead-letter queue, so that the alarm on it can end.

use std::collections::BTreeSet;

use anyhow::Result;
use serde::Serialize;

use crate::shutdown::Shutdown;
use crate::undelivered::{DeadLetterQueue, Hold, Kind};

/// The most messages that are looked at. Others are hidden from nobody and go at the next replay.
const MAX_HELD: usize = 10_000;
/// What is not deleted shows again after this, if it cannot be let go: longer than holding so many takes.
const HELD_S: i32 = 300;

/// What came of it.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq, Serialize)]
pub struct Swept {
    /// How many messages were deleted.
    pub deleted: usize,
    /// How many others were let go.
    pub left: usize,
    /// Whether messages of replays may remain: there were more than are looked at, or some could not be deleted.
    pub cut: bool,
}

/// Deletes the messages of notifications that were replayed, and lets the others go.
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
        // What SQS set aside is no notification given up: it may be one that is under way.
        held.kind == Kind::GivenUp
            && held.message().is_some_and(|message| replayed.contains(message.notification.as_str()))
    });
    let deleted = queue.delete(&done).await;
    if deleted.is_err() {
        // Which of them are gone is not known; letting go of one that is does nothing.
        queue.let_go(&done).await.ok();
    }
    let let_go = queue.let_go(&others).await;
    let deleted = deleted?;
    let_go?;
    Ok(Swept { deleted, left: others.len(), cut: cut || deleted < done.len() })
}
