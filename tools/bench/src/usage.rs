//! What a process uses, by the operating system.

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::fs;

use anyhow::{Context as _, Result};

/// The processor time of each thread of a process until a moment, in nanoseconds, by the thread's number.
#[derive(Debug)]
pub(crate) struct Cpu(BTreeMap<OsString, u64>);

impl Cpu {
    /// Reads it.
    ///
    /// Source: the kernel's `Documentation/scheduler/sched-stats.rst`, `/proc/<pid>/task/<tid>/schedstat`: nanoseconds on a
    /// processor. `/proc/<pid>/stat` counts in hundredths of a second.
    pub(crate) fn of(process: u32) -> Result<Self> {
        let mut threads = BTreeMap::new();
        for thread in fs::read_dir(format!("/proc/{process}/task")).context("the process has ended")? {
            let thread = thread?;
            // A thread may end meanwhile.
            let Ok(text) = fs::read_to_string(thread.path().join("schedstat")) else { continue };
            let first = text.split_ascii_whitespace().next().context("schedstat is empty")?;
            threads.insert(thread.file_name(), first.parse().context("schedstat is no number")?);
        }
        Ok(Self(threads))
    }

    /// What was used since `before`, in microseconds. What threads used that ended meanwhile is not in it, nor taken off it; tokio
    /// keeps an idle one for ten seconds, which is longer than a round.
    pub(crate) fn since_us(&self, before: &Self) -> f64 {
        let used = |(thread, after): (_, &u64)| {
            after.saturating_sub(before.0.get(thread).copied().unwrap_or_default())
        };
        let nanoseconds: u64 = self.0.iter().map(used).sum();
        #[expect(clippy::cast_precision_loss, reason = "nanoseconds of a few minutes")]
        (nanoseconds as f64 / 1e3)
    }

    /// What was used since the process began, in nanoseconds.
    pub(crate) fn ns(&self) -> u64 {
        self.0.values().sum()
    }

    /// What was used since the process began, in microseconds.
    pub(crate) fn us(&self) -> f64 {
        self.since_us(&Self(BTreeMap::new()))
    }
}

/// Resident memory of a process in MB (10^6 bytes): now, and at most until now.
pub(crate) fn resident_mb(process: u32) -> Result<(f64, f64)> {
    let status = fs::read_to_string(format!("/proc/{process}/status")).context("the process has ended")?;
    let of = |name: &str| -> Result<f64> {
        let line =
            status.lines().find_map(|line| line.strip_prefix(name)).context("no such line in status")?;
        let kib: f64 = line.trim().trim_end_matches(" kB").parse().context("no number of kB")?;
        Ok(kib * 1024.0 / 1e6)
    };
    Ok((of("VmRSS:")?, of("VmHWM:")?))
}

/// How many files a process has open, sockets included.
pub(crate) fn open_files(process: u32) -> Result<usize> {
    Ok(fs::read_dir(format!("/proc/{process}/fd")).context("the process has ended")?.count())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn cpu<const N: usize>(threads: [(&str, u64); N]) -> Cpu {
        Cpu(threads.map(|(thread, nanoseconds)| (thread.into(), nanoseconds)).into())
    }

    #[test]
    fn a_thread_that_ended_takes_nothing_off_what_others_used() {
        let before = cpu([("1", 10_000), ("2", 5_000)]);
        let after = cpu([("1", 17_000), ("3", 2_000)]);
        assert_eq!(after.since_us(&before).to_bits(), 9_f64.to_bits());
        assert_eq!(after.us().to_bits(), 19_f64.to_bits());
    }

    #[test]
    fn what_this_process_uses_is_found() {
        let before = Cpu::of(std::process::id()).unwrap();
        assert!((0..3_000_000_u64).fold(1, |sum: u64, next| std::hint::black_box(sum ^ next)) > 0);
        assert!(Cpu::of(std::process::id()).unwrap().since_us(&before) > 0.0);
        let (resident, most) = resident_mb(std::process::id()).unwrap();
        assert!(resident > 0.5 && resident <= most, "{resident} {most}");
    }

    #[test]
    fn a_file_that_is_opened_is_counted() {
        let files: Vec<_> = (0..300).map(|_| fs::File::open("/proc/self/status").unwrap()).collect();
        assert!(open_files(std::process::id()).unwrap() > files.len());
    }
}
