//! Being asked to stop: between two steps, never within one.

use anyhow::{Context as _, Result};
use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::watch;

/// Tells that the command is to stop. Copies tell the same.
#[derive(Clone, Debug)]
pub struct Stop(watch::Receiver<bool>);

impl Stop {
    /// Listens for Ctrl-C and SIGTERM from now on.
    pub fn on_signals() -> Result<Self> {
        let mut interrupt = signal(SignalKind::interrupt()).context("failed to listen for Ctrl-C")?;
        let mut terminate = signal(SignalKind::terminate()).context("failed to listen for SIGTERM")?;
        let (asked, stop) = Self::channel();
        tokio::spawn(async move {
            tokio::select! {
                _ = interrupt.recv() => {}
                _ = terminate.recv() => {}
            }
            asked.send_replace(true);
            // The rest of the process has its say: the sender lives as long as it.
            std::future::pending::<()>().await;
        });
        Ok(stop)
    }

    /// Is asked by whoever sends `true`.
    pub fn channel() -> (watch::Sender<bool>, Self) {
        let (asked, stop) = watch::channel(false);
        (asked, Self(stop))
    }

    /// Waits until it is asked for; for ever if nobody can.
    pub async fn asked(&mut self) {
        if self.0.wait_for(|asked| *asked).await.is_err() {
            std::future::pending::<()>().await;
        }
    }
}
