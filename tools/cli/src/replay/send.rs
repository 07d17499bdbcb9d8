//! The replay itself: queue, then mark, batch by batch.

use anyhow::{Context as _, Result};
use futures_util::future::{join_all, try_join_all};
use platform::aws::{LedgerReader, Queues, UndeliveredRows, dynamodb};
use platform::clock::Clock;
use serde::Serialize;

use super::pace::Pace;
use crate::shutdown::Shutdown;
use crate::stack_ref::StackRef;
use crate::undelivered::Listed;

/// Sends notifications again.
#[derive(Debug)]
pub struct Replayer {
    rows: UndeliveredRows,
    ledger: LedgerReader,
    queues: Queues,
    clock: Clock,
    rate: u32,
    by: String,
}

/// The progress of a replay.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq, Serialize)]
pub struct Sent {
    /// Number accepted by the queue.
    pub sent: usize,
    /// Number already replayed according to the ledger.
    pub already: usize,
    /// Number refused by the queue.
    pub refused: usize,
    /// Whether it was stopped early.
    pub stopped: bool,
}

impl Sent {
    /// Returns how many are finished.
    pub fn done(&self) -> usize {
        self.sent + self.already
    }
}

impl Replayer {
    /// Creates a replayer for this stack with this rate a second, for who confirmed it.
    pub fn new(target: &StackRef, clock: Clock, rate: u32, by: &str) -> Self {
        let ledger = LedgerReader::new(dynamodb(&target.sdk), target.ledger_table.clone());
        Self { rows: target.rows(), ledger, queues: target.queues(), clock, rate, by: by.to_owned() }
    }

    /// Sends notifications again until a stop is requested. `progress` is called after each batch.
    ///
    /// A notification is marked after the queue has accepted its replay. If the process stops in between, repeating
    /// the command sends it again with the same id: a copy, which the ledger recognises.
    pub async fn send(
        &self,
        notifications: &[Listed],
        stop: &mut Shutdown,
        mut progress: impl FnMut(&Sent),
    ) -> (Sent, Result<()>) {
        let (mut sent, mut pace) = (Sent::default(), Pace::new(self.rate));
        for batch in notifications.chunks(pace.batch()) {
            if !pace.wait(batch.len(), stop).await {
                sent.stopped = true;
                break;
            }
            let result = self.send_batch(batch, &mut sent).await;
            progress(&sent);
            if result.is_err() {
                return (sent, result);
            }
        }
        (sent, Ok(()))
    }

    async fn send_batch(&self, batch: &[Listed], sent: &mut Sent) -> Result<()> {
        let look_ups = batch.iter().map(async |listed| self.ledger.notification(&listed.id().replay()).await);
        let known = try_join_all(look_ups).await.context("the ledger could not be read")?;
        let (known, new): (Vec<_>, Vec<_>) = batch.iter().zip(known).partition(|(_, known)| known.is_some());
        let messages: Vec<_> = new.iter().map(|(listed, _)| listed.undelivered.message.replay()).collect();
        let answers = self.queues.send_all(&messages).await;
        let mut done: Vec<&Listed> = known.iter().map(|(listed, _)| *listed).collect();
        sent.already += done.len();
        let mut failed = None;
        for ((listed, _), answer) in new.into_iter().zip(answers) {
            match answer {
                Ok(()) => {
                    sent.sent += 1;
                    done.push(listed);
                }
                Err(error) => {
                    sent.refused += 1;
                    failed = Some(error);
                }
            }
        }
        let now = self.clock.now();
        let rows = done.into_iter().flat_map(Listed::rows);
        let marks = join_all(rows.map(|row| self.rows.mark_replayed(row, now, &self.by))).await;
        marks
            .into_iter()
            .collect::<Result<(), _>>()
            .context("sent notifications could not be marked as replayed")?;
        failed.map_or(Ok(()), |error| Err(error).context("the queue refused some messages"))
    }
}
