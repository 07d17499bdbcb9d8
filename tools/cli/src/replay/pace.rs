//! How fast a replay goes.

use std::time::Duration;

use tokio::time::{Instant, sleep_until};

use crate::shutdown::Shutdown;

/// The most messages of one call of SQS.
const BATCH: u32 = 10;

/// So many a second, a batch at a time.
#[derive(Debug)]
pub(super) struct Pace {
    rate: u32,
    next: Instant,
}

impl Pace {
    pub(super) fn new(rate: u32) -> Self {
        Self { rate, next: Instant::now() }
    }

    /// How many go at once.
    pub(super) fn batch(&self) -> usize {
        self.rate.clamp(1, BATCH) as usize
    }

    /// Waits until so many may go; `false` if it was asked to stop.
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
