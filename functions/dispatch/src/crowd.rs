//! How many attempts to one receiver are under way at a time.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time::timeout;
use webhook::notification::ReceiverKey;

/// Attempts to one receiver under way in one environment at most: as many as a batch has messages. It bounds connections and
/// handshakes should batches grow, or invocations share an environment.
pub const MOST_ATTEMPTS: usize = 10;
/// How long an attempt waits for another one to end; part of the time in which it is prepared.
const WAIT: Duration = Duration::from_secs(2);

/// The places of all receivers in this environment.
#[derive(Debug, Default)]
pub struct Crowd(Mutex<HashMap<ReceiverKey, Arc<Semaphore>>>);

/// A place, held until it is dropped.
#[derive(Debug)]
pub(crate) struct Place {
    _permit: OwnedSemaphorePermit,
}

impl Crowd {
    /// Waits for a place; none if there are enough attempts under way for too long.
    pub(crate) async fn place(&self, key: &ReceiverKey) -> Option<Place> {
        let places = {
            let mut all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
            let new = || Arc::new(Semaphore::new(MOST_ATTEMPTS));
            Arc::clone(all.entry(key.clone()).or_insert_with(new))
        };
        let permit = timeout(WAIT, places.acquire_owned()).await.ok()?;
        Some(Place { _permit: permit.ok()? })
    }
}
