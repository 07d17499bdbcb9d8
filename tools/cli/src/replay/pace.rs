//! The rate of a replay.

use std::time::Duration;

use tokio::time::{Instant, sleep_until};

use crate::shutdown::Shutdown;

/// Maximum number of messages in one call of SQS.
const BATCH: u32 = 10;

/// A rate limiter for batches.
#[derive(Debug)]
pub(super) struct Pace {
    rate: u32,
    next: Instant,
}

impl Pace {
    pub(super) fn new(rate: u32) -> Self {
        Self { rate, next: Instant::now() }
    }

    /// Returns the size of a batch.
    pub(super) fn batch(&self) -> usize {
        self.rate.clamp(1, BATCH) as usize
    }

    /// Waits until this many may be sent; `false` if a stop was requested.
    pub(super) async fn wait(&mut self, count: usize, stop: &mut Shutdown) -> bool {
        tokio::select! {
            biased;
            () = stop.asked() => return false,
            () = sleep_until(self.next) => {}
        }
        let count = u32::try_from(count).unwrap_or(u32::MAX);
        self.next = self.next.max(Instant::now()) + Duration::from_secs(1) * count / self.rate.max(1);
        true
    }
}
