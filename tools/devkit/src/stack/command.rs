//! Runs a command to its end with its output in a file, leaving the runtime free meanwhile.

use std::fs::File;
use std::path::Path;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::time::Duration;

use anyhow::{Context as _, Result, bail};
use tokio::time::sleep;

use super::progress::tail;

/// How often a command is asked whether it has ended.
const POLL: Duration = Duration::from_millis(20);

/// What is shown of the output of a command that failed.
const TAIL_LINES: usize = 30;

/// Runs the command; `doing` completes "failed to …" and `remedy` says what to do then.
pub(super) async fn run(command: &mut Command, log: &Path, doing: &str, remedy: &str) -> Result<()> {
    let output = File::create(log).with_context(|| format!("cannot write {}", log.display()))?;
    let errors = output.try_clone().with_context(|| format!("cannot write {}", log.display()))?;
    let child = command
        .stdin(Stdio::null())
        .stdout(output)
        .stderr(errors)
        .spawn()
        .with_context(|| format!("failed to {doing}: cannot run {}", command.get_program().display()))?;
    let status = Ending(child).wait().await.with_context(|| format!("failed to {doing}"))?;
    if !status.success() {
        let words = tail(log, TAIL_LINES).unwrap_or_else(|| "(it wrote nothing)".to_owned());
        bail!("failed to {doing} ({status}); {remedy}\nThe end of {}:\n{words}", log.display());
    }
    Ok(())
}

/// A child that is killed if nobody waits for its end any more.
struct Ending(Child);

impl Ending {
    async fn wait(&mut self) -> Result<ExitStatus> {
        loop {
            if let Some(status) = self.0.try_wait()? {
                return Ok(status);
            }
            sleep(POLL).await;
        }
    }
}

impl Drop for Ending {
    fn drop(&mut self) {
        // Both fail only for a child that has ended already.
        self.0.kill().and_then(|()| self.0.wait().map(drop)).unwrap_or_default();
    }
}
