//! Knows processes well enough to end ours and nobody else's.
//!
//! MiniStack leads a process group, and the functions it starts stay in it. Beside that, whatever MiniStack starts
//! inherits a mark in its environment that names our state folder, so a process is found even when it left the
//! group or lost its leader.

use std::fs;
use std::path::Path;
use std::process::Command;

use rustix::process::{Pid, Signal, kill_process, kill_process_group};
use serde::{Deserialize, Serialize};

/// The variable that marks what a stack started; its value is the state folder.
pub(super) const MARK: &str = "ARAUTO_STACK";

/// A process, told from a later one that got the same number.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
pub(super) struct Process {
    pid: i32,
    /// When it started, in the system's own words.
    started: String,
}

impl Process {
    /// The running process of this number.
    pub(super) fn find(pid: u32) -> Option<Self> {
        let pid = i32::try_from(pid).ok()?;
        let started = if has_proc() { proc_start(pid)? } else { ps_start(pid)? };
        Some(Self { pid, started })
    }

    /// The process group that it leads.
    pub(super) fn group(&self) -> i32 {
        self.pid
    }

    /// Whether this very process still runs.
    pub(super) fn is_alive(&self) -> bool {
        u32::try_from(self.pid).ok().and_then(Self::find).is_some_and(|now| now == *self)
    }
}

/// Those of a stack that run: in the group of its MiniStack (when it is known), or marked with its state folder.
pub(super) fn members(group: Option<&Process>, state_dir: &Path) -> Vec<i32> {
    // The group outlives its leader under the same number; from then on only the mark tells ours from others.
    let group = group.filter(|leader| leader.is_alive());
    if has_proc() {
        let mark = format!("{MARK}={}", state_dir.display());
        return proc_pids()
            .filter(|pid| i32::try_from(std::process::id()) != Ok(*pid))
            .filter(|pid| is_member(*pid, group, mark.as_bytes()))
            .collect();
    }
    group.map(|leader| ps_group(leader.pid)).unwrap_or_default()
}

/// Asks them to end, or makes them; one that ended meanwhile is no error.
pub(super) fn signal(members: &[i32], group: Option<&Process>, how: Signal) {
    // At one stroke first: a member that starts another cannot get away between two single signals.
    if let Some(leader) = group.filter(|leader| members.contains(&leader.pid))
        && let Some(pid) = Pid::from_raw(leader.pid)
    {
        kill_process_group(pid, how).unwrap_or_default();
    }
    if how == Signal::KILL {
        for pid in members.iter().filter_map(|pid| Pid::from_raw(*pid)) {
            kill_process(pid, how).unwrap_or_default();
        }
    }
}

fn has_proc() -> bool {
    Path::new("/proc/self/stat").exists()
}

fn proc_pids() -> impl Iterator<Item = i32> {
    let entries = fs::read_dir("/proc").into_iter().flatten().flatten();
    entries.filter_map(|entry| entry.file_name().to_str()?.parse().ok())
}

fn is_member(pid: i32, group: Option<&Process>, mark: &[u8]) -> bool {
    let Some(stat) = Stat::read(pid) else { return false };
    if stat.state == "Z" {
        return false;
    }
    group.is_some_and(|leader| stat.group == leader.pid.to_string()) || is_marked(pid, mark)
}

fn is_marked(pid: i32, mark: &[u8]) -> bool {
    let environment = fs::read(format!("/proc/{pid}/environ")).unwrap_or_default();
    environment.split(|byte| *byte == 0).any(|variable| variable == mark)
}

/// The boot and the tick: ticks alone start again after a reboot.
fn proc_start(pid: i32) -> Option<String> {
    let stat = Stat::read(pid).filter(|stat| stat.state != "Z")?;
    let boot = fs::read_to_string("/proc/sys/kernel/random/boot_id").unwrap_or_default();
    Some(format!("{}@{}", stat.start, boot.trim()))
}

/// The fields of `/proc/PID/stat` that matter here; proc(5).
struct Stat {
    state: String,
    group: String,
    start: String,
}

impl Stat {
    fn read(pid: i32) -> Option<Self> {
        let text = fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
        // The name, field 2, is in brackets and may hold anything.
        let (_, rest) = text.rsplit_once(')')?;
        let mut fields = rest.split_whitespace();
        let state = fields.next()?.to_owned();
        let group = fields.nth(1)?.to_owned();
        let start = fields.nth(16)?.to_owned();
        Some(Self { state, group, start })
    }
}

/// Where there is no `/proc` (macOS).
fn ps_start(pid: i32) -> Option<String> {
    let text = ps(&["-o", "stat=,lstart=", "-p", &pid.to_string()])?;
    let (state, start) = text.trim().split_once(char::is_whitespace)?;
    (!state.starts_with('Z')).then(|| start.trim().to_owned())
}

fn ps_group(group: i32) -> Vec<i32> {
    let text = ps(&["-axo", "pid=,pgid=,stat="]).unwrap_or_default();
    let member = |line: &str| {
        let mut fields = line.split_whitespace();
        let pid = fields.next()?.parse().ok()?;
        let is_ours = fields.next()? == group.to_string() && !fields.next()?.starts_with('Z');
        is_ours.then_some(pid)
    };
    text.lines().filter_map(member).collect()
}

fn ps(arguments: &[&str]) -> Option<String> {
    let output = Command::new("ps").args(arguments).output().ok()?;
    output.status.success().then(|| String::from_utf8_lossy(&output.stdout).into_owned())
}
