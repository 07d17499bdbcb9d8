//! One run of a replay: send, then remove replayed messages from the dead-letter queue.

use std::collections::BTreeSet;

use anyhow::{Context as _, Result};
use platform::clock::Clock;

use super::plan::Plan;
use super::send::{Replayer, Sent};
use super::sweep::{Swept, sweep};
use crate::shutdown::Shutdown;
use crate::stack_ref::StackRef;
use crate::undelivered::{DeadLetterQueue, Filter, Listing};

/// The result of one run.
#[derive(Debug)]
pub struct Round {
    /// What was sent.
    pub sent: Sent,
    /// The error that ended it early, if any.
    pub sending: Result<()>,
    /// The result for the dead-letter queue.
    pub sweeping: Result<Swept>,
}

impl Round {
    /// Sends the planned notifications, and sweeps everything listed as replayed, including what an earlier run did
    /// not sweep. `by` is who confirmed it, for the record.
    pub async fn run(
        target: &StackRef,
        (clock, filter, plan): (Clock, &Filter, &Plan),
        by: &str,
        stop: &mut Shutdown,
        progress: impl FnMut(&Sent),
    ) -> Self {
        let replayer = Replayer::new(target, clock, plan.rate, by);
        let (sent, sending) = replayer.send(&plan.to_send, stop, progress).await;
        // Also after a failure, for what was sent before it.
        Self { sent, sending, sweeping: sweep_replayed(target, filter, stop).await }
    }

    /// Says whether the whole plan is done.
    pub fn is_complete(&self, plan: &Plan) -> bool {
        self.sending.is_ok()
            && self.sent.done() == plan.to_send.len()
            && self.sweeping.as_ref().is_ok_and(|swept| !swept.cut)
    }
}

async fn sweep_replayed(target: &StackRef, filter: &Filter, stop: &Shutdown) -> Result<Swept> {
    let listing = Listing::read(&target.rows(), filter)
        .await
        .context("the replayed notifications could not be listed")?;
    let replayed = listing.notifications.iter().filter(|listed| listed.is_replayed());
    let replayed: BTreeSet<_> = replayed.map(|listed| listed.id().as_str()).collect();
    sweep(&DeadLetterQueue::new(&target.sdk, target.undelivered.clone()), &replayed, stop).await
}
