//! Handles requests to stop: between two steps, never within one.

use std::io::{self, Write as _};

use anyhow::{Context as _, Result};
use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::watch;

use crate::exit::{INTERRUPTED, TERMINATED};

const STOPPING: &str = "stopping after the step under way; once more exits at once\n";

/// A request to stop. Copies share it.
#[derive(Clone, Debug)]
pub struct Shutdown(watch::Receiver<bool>);

impl Shutdown {
    /// Listens for Ctrl-C and SIGTERM from now on; the second signal ends the process.
    pub fn on_signals() -> Result<Self> {
        let mut interrupt = signal(SignalKind::interrupt()).context("failed to listen for Ctrl-C")?;
        let mut terminate = signal(SignalKind::terminate()).context("failed to listen for SIGTERM")?;
        let (asked, stop) = Self::channel();
        tokio::spawn(async move {
            let mut signal = async || {
                tokio::select! {
                    _ = interrupt.recv() => INTERRUPTED,
                    _ = terminate.recv() => TERMINATED,
                }
            };
            signal().await;
            asked.send_replace(true);
            io::stderr().lock().write_all(STOPPING.as_bytes()).ok();
            let status = signal().await;
            // Received messages become visible again by themselves, and unmarked ones are sent again with the same
            // id.
            std::process::exit(i32::from(status));
        });
        Ok(stop)
    }

    /// Creates a request that is made by sending `true`.
    pub fn channel() -> (watch::Sender<bool>, Self) {
        let (asked, stop) = watch::channel(false);
        (asked, Self(stop))
    }

    /// Says whether a stop was requested.
    pub fn is_asked(&self) -> bool {
        *self.0.borrow()
    }

    /// Waits until a stop is requested; forever if none is possible.
    pub async fn asked(&mut self) {
        if self.0.wait_for(|asked| *asked).await.is_err() {
            std::future::pending::<()>().await;
        }
    }
}
