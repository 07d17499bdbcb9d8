//! Moves messages that faults of ours delayed for too long back to their queue, unchanged.
//!
//! These are not replays: their notifications have attempts left, and continue where they were. A notification that
//! dispatch had given up in the ledger but could not list is listed now, and `arauto replay` sends it.

use std::time::Duration;

use anyhow::{Context as _, Result, anyhow};
use aws_sdk_sqs::Client;
use aws_sdk_sqs::types::SendMessageBatchRequestEntry;
use convention::notification::TimerMessage;
use platform::aws::{RESEND_PAUSES, sqs};
use serde::Serialize;
use tokio::time::{Instant, sleep};

use super::pace::Pace;
use crate::shutdown::Shutdown;
use crate::stack_ref::StackRef;
use crate::undelivered::{DeadLetterQueue, Held, Hold, Kind};

/// Maximum number of messages in one run, and their visibility timeout.
const MAX_HELD: usize = 10_000;
const HELD_S: i32 = 900;
/// The run stops this long before they become visible again: the time for the calls of the current batch, and for
/// releasing the rest.
const LETTING_GO: Duration = Duration::from_mins(1);

/// The result.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq, Serialize)]
pub struct Moved {
    /// Number moved back to the queue of notifications.
    pub moved: usize,
    /// Number found but left, because of a stop, the maximum, or lack of time.
    pub left: usize,
    /// Whether there may be more, because not all of the queue was read.
    pub at_least: bool,
}

impl Moved {
    /// Says whether all were moved.
    pub fn is_complete(&self) -> bool {
        self.left == 0 && !self.at_least
    }
}

/// Moves up to `most` messages back, and deletes each once the queue has accepted it.
///
/// Fails, once the others are moved, if the queue has timers: these are left. A stop in between leaves a message in
/// both queues: a harmless copy.
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
    let timers = held.iter().filter(|held| is_of_timers(held)).count();
    let (mut to_move, others): (Vec<_>, Vec<_>) =
        held.into_iter().partition(|held| held.kind == Kind::Unlisted && !is_of_timers(held));
    // First, so that other readers of the queue find the unrelated messages.
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
    if timers > 0 {
        let refused = anyhow!(
            "{timers} messages are timers, which their own queue takes: send them to TimersQueueUrl (docs/operations.md, \"Timers are not sent\")"
        );
        result = result.and(Err(refused));
    }
    result.map(|()| moved).with_context(|| format!("{} messages were moved before this", moved.moved))
}

/// Says whether a message is a timer's, which the queue of notifications does not take.
fn is_of_timers(held: &Held) -> bool {
    TimerMessage::from_json(&held.body).is_some()
}

/// Moves a batch. Entries that the queue fails are sent again, as the functions do ([`RESEND_PAUSES`]).
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

/// Sends messages once, deletes the accepted ones from their old queue, and returns the others.
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
