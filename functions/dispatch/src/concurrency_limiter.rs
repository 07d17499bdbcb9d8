//! Limits how many attempts to one receiver run at a time (a bulkhead).

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use convention::notification::ReceiverKey;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time::timeout;

/// Maximum number of concurrent attempts to one receiver in one environment: the number of messages in a batch. It
/// bounds connections and handshakes if batches grow or invocations share an environment.
pub const MAX_CONCURRENT_ATTEMPTS: usize = 10;
/// Maximum time that an attempt waits for a permit; part of the time for preparation.
const WAIT: Duration = Duration::from_secs(2);

/// Limits concurrent attempts per receiver, in this environment.
#[derive(Debug, Default)]
pub(crate) struct ConcurrencyLimiter(Mutex<HashMap<ReceiverKey, Arc<Semaphore>>>);

/// Permission for one attempt, held until it is dropped.
#[derive(Debug)]
pub(crate) struct Permit {
    _permit: OwnedSemaphorePermit,
}

impl ConcurrencyLimiter {
    /// Waits for a permit; `None` if none is released in time.
    pub(crate) async fn acquire(&self, key: &ReceiverKey) -> Option<Permit> {
        let permits = {
            let mut all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
            let new = || Arc::new(Semaphore::new(MAX_CONCURRENT_ATTEMPTS));
            Arc::clone(all.entry(key.clone()).or_insert_with(new))
        };
        let permit = timeout(WAIT, permits.acquire_owned()).await.ok()?;
        Some(Permit { _permit: permit.ok()? })
    }
}
