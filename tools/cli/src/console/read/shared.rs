//! What the reader writes and the pages read, and how long a look-up may take.

use std::sync::{Arc, PoisonError, RwLock};
use std::time::Duration;

use anyhow::Result;
use pages::Model;
use tokio::time::timeout;

/// A look-up that takes longer has failed.
const TIMEOUT: Duration = Duration::from_mins(1);

/// What the reader writes and the pages read.
#[derive(Clone, Debug)]
pub(super) struct Shared(pub(super) Arc<RwLock<Model>>);

impl Shared {
    pub(super) fn write<T>(&self, write: impl FnOnce(&mut Model) -> T) -> T {
        write(&mut self.0.write().unwrap_or_else(PoisonError::into_inner))
    }
}

/// Waits for a look-up as long as it may take.
pub(super) async fn within<T>(read: impl Future<Output = Result<T>>) -> Result<T, String> {
    match timeout(TIMEOUT, read).await {
        Ok(read) => read.map_err(|error| format!("{error:#}")),
        Err(_) => Err(format!("no answer within {} s", TIMEOUT.as_secs())),
    }
}
