//! The processes of a stack: found, and ended, and nobody else's.
//!
//! MiniStack leads a process group, and the functions it starts stay in it. Beside that, whatever MiniStack starts
//! inherits a mark in its environment that names our state folder, so a process is found even when it left the
//! group or lost its leader.

use std::fs;
use std::path::Path;

use account::process::{Process, Stat, has_proc, ps};
use rustix::process::{Pid, Signal, kill_process, kill_process_group};

/// The variable that marks what a stack started; its value is the state folder.
pub(super) const MARK: &str = "ARAUTO_LOCAL_STACK";

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
    group.map(|leader| ps_group(leader.group())).unwrap_or_default()
}

/// Asks them to end, or makes them; one that ended meanwhile is no error.
pub(super) fn signal(members: &[i32], group: Option<&Process>, how: Signal) {
    // At one stroke first: a member that starts another cannot get away between two single signals.
    if let Some(leader) = group.filter(|leader| members.contains(&leader.group()))
        && let Some(pid) = Pid::from_raw(leader.group())
    {
        kill_process_group(pid, how).unwrap_or_default();
    }
    if how == Signal::KILL {
        for pid in members.iter().filter_map(|pid| Pid::from_raw(*pid)) {
            kill_process(pid, how).unwrap_or_default();
        }
    }
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
    group.is_some_and(|leader| stat.group == leader.group().to_string()) || is_marked(pid, mark)
}

fn is_marked(pid: i32, mark: &[u8]) -> bool {
    let environment = fs::read(format!("/proc/{pid}/environ")).unwrap_or_default();
    environment.split(|byte| *byte == 0).any(|variable| variable == mark)
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
