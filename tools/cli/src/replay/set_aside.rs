//! Messages that faults of ours set aside go back to where they were, unchanged.
//!
//! They are no replays: their notifications have attempts left, and go on where they were. One that dispatch had given up in the
//! ledger by then, and could not list, is listed now: `arauto replay` sends it.

use std::time::Duration;

use anyhow::{Context as _, Result};
use aws_sdk_sqs::Client;
use aws_sdk_sqs::types::SendMessageBatchRequestEntry;
use platform::aws::{RESEND_PAUSES, sqs};
use serde::Serialize;
use tokio::time::{Instant, sleep};

use super::pace::Pace;
use crate::shutdown::Shutdown;
use crate::stack_ref::StackRef;
use crate::undelivered::{DeadLetterQueue, Held, Hold, Kind};

/// The most messages of one run, and how long they are hidden at most.
const MAX_HELD: usize = 10_000;
const HELD_S: i32 = 900;
/// It stops so long before they show again: a call with its tries, for the batch under way, and as long to let the rest go.
const LETTING_GO: Duration = Duration::from_mins(1);

/// How far it came.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq, Serialize)]
pub struct Moved {
    /// How many are back in the queue of notifications.
    pub moved: usize,
    /// How many were found and stay, as it was asked to stop, may move no more or had no more time.
    pub left: usize,
    /// Whether there may be more that were not found: not all of the queue was looked at.
    pub at_least: bool,
}

impl Moved {
    /// Says whether all were moved.
    pub fn is_complete(&self) -> bool {
        self.left == 0 && !self.at_least
    }
}

/// Moves messages back, `most` at the most, and deletes each once the queue took it.
///
/// A process that stops in between leaves a message in both queues: a copy, which does no harm.
pub async fn move_back(
    target: &StackRef,
    rate: u32,
    most: Option<usize>,
    stop: &mut Shutdown,
    mut progress: impl FnMut(&Moved),
) -> Result<Moved> {
    let queue = DeadLetterQueue::new(&target.sdk, target.undelivered.clone());
    let until = Instant::now() + Duration::from_secs(HELD_S.unsigned_abs().into()) - LETTING_GO;
    let Hold { held, cut: at_least } = queue.hold(MAX_HELD, HELD_S, stop).await?;
    let (mut to_move, others): (Vec<_>, Vec<_>) =
        held.into_iter().partition(|held| held.kind == Kind::SetAside);
    // First: whoever looks into the queue meanwhile must find what is none of our business.
    let mut result = queue.let_go(&others).await;
    let left = to_move.split_off(most.unwrap_or(usize::MAX).min(to_move.len()));
    let (mut moved, mut pace) = (Moved { moved: 0, left: left.len(), at_least }, Pace::new(rate));
    let client = sqs(&target.sdk);
    let mut waiting = to_move.as_slice();
    while !waiting.is_empty() && result.is_ok() {
        let (batch, rest) = waiting.split_at(pace.batch().min(waiting.len()));
        if !pace.wait(batch.len(), stop).await || Instant::now() >= until {
            break;
        }
        result = move_batch(&client, target, &queue, batch).await;
        if result.is_ok() {
            moved.moved += batch.len();
            waiting = rest;
        }
        progress(&moved);
    }
    moved.left += waiting.len();
    let let_go = [queue.let_go(&left).await, queue.let_go(waiting).await];
    result = let_go.into_iter().fold(result, Result::and);
    result.map(|()| moved).with_context(|| format!("{} messages were moved before this", moved.moved))
}

/// Moves a batch. What the queue fails is sent again, as the functions do ([`RESEND_PAUSES`]).
async fn move_batch(
    client: &Client,
    target: &StackRef,
    queue: &DeadLetterQueue,
    batch: &[Held],
) -> Result<()> {
    let mut waiting = send_batch(client, target, queue, batch.to_vec()).await?;
    for pause in RESEND_PAUSES {
        if waiting.is_empty() {
            break;
        }
        sleep(pause).await;
        waiting = send_batch(client, target, queue, waiting).await?;
    }
    anyhow::ensure!(waiting.is_empty(), "the queue of notifications refused a message");
    Ok(())
}

/// Sends messages once, deletes those that the queue took where they were, and returns the others.
async fn send_batch(
    client: &Client,
    target: &StackRef,
    queue: &DeadLetterQueue,
    batch: Vec<Held>,
) -> Result<Vec<Held>> {
    let entries = batch.iter().enumerate().map(|(index, held)| {
        SendMessageBatchRequestEntry::builder()
            .id(index.to_string())
            .message_body(&held.body)
            .set_message_group_id(held.group.clone())
            .build()
            .expect("id and body are set")
    });
    let request = client.send_message_batch().queue_url(&target.notifications);
    let answer = request
        .set_entries(Some(entries.collect()))
        .send()
        .await
        .map_err(aws_sdk_sqs::Error::from)
        .context("failed to send to the queue of notifications")?;
    let is_taken = |index: usize| answer.successful().iter().any(|entry| entry.id() == index.to_string());
    let (taken, others): (Vec<_>, Vec<_>) =
        batch.into_iter().enumerate().partition(|(index, _)| is_taken(*index));
    let [taken, others] =
        [taken, others].map(|held| held.into_iter().map(|(_, held)| held).collect::<Vec<_>>());
    queue.delete(&taken).await?;
    Ok(others)
}
