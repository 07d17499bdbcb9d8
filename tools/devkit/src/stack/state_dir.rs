//! The folder that belongs to one stack at a time: its log, its temporary files, and through the mark its processes.

use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

use account::process::Process;
use anyhow::{Context as _, Result, bail};
use rustix::process::Signal;
use tokio::time::{Instant, sleep};

use super::folder::make_folder;
use super::processes::{members, signal};

/// What an ending stack gets between being asked and being made to.
const GRACE: Duration = Duration::from_secs(2);

/// Between two looks at processes that end.
const POLL: Duration = Duration::from_millis(25);

/// Where a stack keeps what belongs to its processes.
#[derive(Clone, Debug)]
pub(super) struct StateDir(PathBuf);

impl StateDir {
    /// Makes the folder if it is not there.
    pub(super) fn open(path: &Path) -> Result<Self> {
        make_folder(path)?;
        let path = path.canonicalize().with_context(|| format!("cannot find {}", path.display()))?;
        Ok(Self(path))
    }

    pub(super) fn path(&self) -> &Path {
        &self.0
    }

    /// What MiniStack and the functions log outside `CloudWatch`.
    pub(super) fn log(&self) -> PathBuf {
        self.0.join("ministack.log")
    }

    /// Unpacked functions and the like; gone when the stack is stopped.
    pub(super) fn temporary(&self) -> PathBuf {
        self.0.join("tmp")
    }

    pub(super) fn make_temporary(&self) -> Result<()> {
        make_folder(&self.temporary())
    }

    /// Ends whatever of the stack of this folder still runs, and removes its temporary files.
    pub(super) async fn clear(&self, ministack: Option<&Process>) -> Result<()> {
        signal(&members(ministack, self.path()), ministack, Signal::TERM);
        self.await_silence(ministack).await;
        self.clear_now(ministack);
        self.await_silence(ministack).await;
        let left = members(ministack, self.path());
        if !left.is_empty() {
            bail!("processes of the local stack survive SIGKILL: {left:?}");
        }
        Ok(())
    }

    /// The same without grace and without waiting.
    pub(super) fn clear_now(&self, ministack: Option<&Process>) {
        signal(&members(ministack, self.path()), ministack, Signal::KILL);
        // What cannot be removed now is overwritten by the next start.
        fs::remove_dir_all(self.temporary()).unwrap_or_default();
    }

    async fn await_silence(&self, ministack: Option<&Process>) {
        let deadline = Instant::now() + GRACE;
        while Instant::now() < deadline && !members(ministack, self.path()).is_empty() {
            sleep(POLL).await;
        }
    }
}
