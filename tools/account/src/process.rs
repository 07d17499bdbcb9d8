//! Identifies a process and distinguishes it from a later one with the same number.

use std::fs;
use std::path::Path;
use std::process::Command;

use serde::{Deserialize, Serialize};

/// A process, distinguished from a later one with the same number.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
pub struct Process {
    pid: i32,
    /// Its start time in the system's format.
    started: String,
}

impl Process {
    /// Finds the running process with this number.
    pub fn find(pid: u32) -> Option<Self> {
        let pid = i32::try_from(pid).ok()?;
        let started = if has_proc() { proc_start(pid)? } else { ps_start(pid)? };
        Some(Self { pid, started })
    }

    /// Returns the process group that it leads.
    pub fn group(&self) -> i32 {
        self.pid
    }

    /// Says whether this process still runs.
    pub fn is_alive(&self) -> bool {
        u32::try_from(self.pid).ok().and_then(Self::find).is_some_and(|now| now == *self)
    }
}

/// Says whether the system has `/proc`.
pub fn has_proc() -> bool {
    Path::new("/proc/self/stat").exists()
}

/// Returns boot id and start tick: ticks alone start again after a reboot.
fn proc_start(pid: i32) -> Option<String> {
    let stat = Stat::read(pid).filter(|stat| stat.state != "Z")?;
    let boot = fs::read_to_string("/proc/sys/kernel/random/boot_id").unwrap_or_default();
    Some(format!("{}@{}", stat.start, boot.trim()))
}

/// The used fields of `/proc/PID/stat`; proc(5).
#[derive(Clone, Debug)]
pub struct Stat {
    /// One letter; `Z` is a zombie: ended but not reaped.
    pub state: String,
    /// The process group.
    pub group: String,
    start: String,
}

impl Stat {
    /// Reads them; `None` if there is no such process.
    pub fn read(pid: i32) -> Option<Self> {
        let text = fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
        // The name, field 2, is in brackets and may contain any character.
        let (_, rest) = text.rsplit_once(')')?;
        let mut fields = rest.split_whitespace();
        let state = fields.next()?.to_owned();
        let group = fields.nth(1)?.to_owned();
        let start = fields.nth(16)?.to_owned();
        Some(Self { state, group, start })
    }
}

/// The start time without `/proc` (macOS).
fn ps_start(pid: i32) -> Option<String> {
    let text = ps(&["-o", "stat=,lstart=", "-p", &pid.to_string()])?;
    let (state, start) = text.trim().split_once(char::is_whitespace)?;
    (!state.starts_with('Z')).then(|| start.trim().to_owned())
}

/// Returns the output of `ps`, for systems without `/proc`.
pub fn ps(arguments: &[&str]) -> Option<String> {
    let output = Command::new("ps").args(arguments).output().ok()?;
    output.status.success().then(|| String::from_utf8_lossy(&output.stdout).into_owned())
}
