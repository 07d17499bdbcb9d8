//! Being asked to stop: between two steps, never within one.

use std::io::{self, Write as _};

use anyhow::{Context as _, Result};
use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::watch;

/// What a shell says of a process that ended by SIGINT or by SIGTERM.
const INTERRUPTED: i32 = 130;
const TERMINATED: i32 = 143;
const STOPPING: &str = "stopping after the step under way; once more exits at once\n";

/// Tells that the command is to stop. Copies tell the same.
#[derive(Clone, Debug)]
pub struct Shutdown(watch::Receiver<bool>);

impl Shutdown {
    /// Listens for Ctrl-C and SIGTERM from now on; the second one ends the process.
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
            // What is held shows again by itself, and what was sent and not marked is sent again under the same name.
            std::process::exit(status);
        });
        Ok(stop)
    }

    /// Is asked by whoever sends `true`.
    pub fn channel() -> (watch::Sender<bool>, Self) {
        let (asked, stop) = watch::channel(false);
        (asked, Self(stop))
    }

    /// Says whether it was asked for.
    pub fn is_asked(&self) -> bool {
        *self.0.borrow()
    }

    /// Waits until it is asked for; for ever if nobody can.
    pub async fn asked(&mut self) {
        if self.0.wait_for(|asked| *asked).await.is_err() {
            std::future::pending::<()>().await;
        }
    }
}
