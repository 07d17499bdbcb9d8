//! What a process uses, by the operating system.

use std::fs;

use anyhow::{Context as _, Result};

/// The processor time of all threads of a process until now, in microseconds.
///
/// Source: the kernel's `Documentation/scheduler/sched-stats.rst`, `/proc/<pid>/task/<tid>/schedstat`: nanoseconds on a
/// processor. `/proc/<pid>/stat` counts in hundredths of a second.
pub(crate) fn cpu_us(process: u32) -> Result<f64> {
    let threads = fs::read_dir(format!("/proc/{process}/task")).context("the process has ended")?;
    let mut nanoseconds = 0_u64;
    for thread in threads {
        // A thread may end meanwhile.
        let Ok(text) = fs::read_to_string(thread?.path().join("schedstat")) else { continue };
        let first = text.split_ascii_whitespace().next().context("schedstat is empty")?;
        nanoseconds += first.parse::<u64>().context("schedstat is no number")?;
    }
    #[expect(clippy::cast_precision_loss, reason = "nanoseconds of a few minutes")]
    Ok(nanoseconds as f64 / 1e3)
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
