//! A share of a processor, as Lambda gives it with memory: a quota of the kernel's control groups.
//!
//! Sources: the kernel's `Documentation/scheduler/sched-bwc.rst` (version 1: `cpu.cfs_quota_us` in each `cpu.cfs_period_us`) and
//! `Documentation/admin-guide/cgroup-v2.rst` (version 2: `cpu.max`).

use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicUsize, Ordering};

use anyhow::{Context as _, Result};

/// Memory that comes with a whole processor, in MB.
///
/// Source: "Configure Lambda function memory", AWS Lambda Developer Guide.
const MEMORY_OF_CPU: u64 = 1_769;
/// The period of a quota, in microseconds: the kernel's own. That of Lambda is not published.
pub(crate) const PERIOD_US: u64 = 100_000;

/// The processor time of each period that so much memory gives, in microseconds. A whole processor at most: the functions have one
/// thread that works.
pub(crate) fn quota_us(memory_mb: u64) -> u64 {
    PERIOD_US * memory_mb.min(MEMORY_OF_CPU) / MEMORY_OF_CPU
}

/// Where groups are made that limit processor time.
#[derive(Clone, Debug, Eq, PartialEq)]
enum Controller {
    V1(PathBuf),
    V2(PathBuf),
}

impl Controller {
    /// Finds those that are mounted, by the lines of `/proc/self/mounts`.
    fn mounted(mounts: &str) -> Vec<Self> {
        let mut found: Vec<_> = mounts.lines().filter_map(Self::of_mount).collect();
        // Where both are mounted the first version has the processor, or the second has no such controller.
        found.sort_by_key(|controller| matches!(controller, Self::V2(_)));
        found
    }

    /// Source: `proc_pid_mounts(5)` and `fstab(5)`: device, place, type, options.
    fn of_mount(line: &str) -> Option<Self> {
        let mut fields = line.split(' ').skip(1);
        let (place, kind, options) = (fields.next()?, fields.next()?, fields.next()?);
        match kind {
            "cgroup" if options.split(',').any(|option| option == "cpu") => Some(Self::V1(place.into())),
            "cgroup2" => Some(Self::V2(place.into())),
            _ => None,
        }
    }

    fn place(&self) -> &Path {
        match self {
            Self::V1(place) | Self::V2(place) => place,
        }
    }

    /// The files of a group that limit it to so many microseconds of each period.
    fn limits(&self, quota_us: u64) -> Vec<(&'static str, String)> {
        match self {
            Self::V1(_) => {
                vec![("cpu.cfs_period_us", PERIOD_US.to_string()), ("cpu.cfs_quota_us", quota_us.to_string())]
            }
            Self::V2(_) => vec![("cpu.max", format!("{quota_us} {PERIOD_US}"))],
        }
    }

    /// Makes a group with this quota.
    fn make(&self, name: &str, quota_us: u64) -> io::Result<Quota> {
        if let Self::V2(place) = self {
            // Without it, groups have no `cpu.max`. It stays, as others may have set it.
            fs::write(place.join("cgroup.subtree_control"), "+cpu")?;
        }
        let group = self.place().join(name);
        fs::create_dir(&group)?;
        let quota = Quota { group };
        for (file, value) in self.limits(quota_us) {
            fs::write(quota.group.join(file), value)?;
        }
        Ok(quota)
    }
}

/// A group of processes that share a quota; it is removed with the value, once its processes have ended.
#[derive(Debug)]
pub(crate) struct Quota {
    group: PathBuf,
}

impl Quota {
    /// Makes a group with the share of a processor that so much memory gives. The error says why this machine has none.
    pub(crate) fn of_memory(memory_mb: u64) -> Result<Self, String> {
        let mounts = fs::read_to_string("/proc/self/mounts").map_err(|error| error.to_string())?;
        Self::among(&Controller::mounted(&mounts), memory_mb)
    }

    fn among(controllers: &[Controller], memory_mb: u64) -> Result<Self, String> {
        static MADE: AtomicUsize = AtomicUsize::new(0);
        let mut reason = "no control group of processor time is mounted".to_owned();
        for controller in controllers {
            let number = MADE.fetch_add(1, Ordering::Relaxed);
            let name = format!("arauto-bench-{}-{number}", std::process::id());
            match controller.make(&name, quota_us(memory_mb)) {
                Ok(quota) => return Ok(quota),
                Err(error) => reason = format!("{} takes no quota: {error}", controller.place().display()),
            }
        }
        Err(reason)
    }

    /// Puts a process under it.
    pub(crate) fn take(&self, process: u32) -> Result<()> {
        fs::write(self.group.join("cgroup.procs"), process.to_string())
            .context("the process cannot be put under a quota")
    }
}

impl Drop for Quota {
    fn drop(&mut self) {
        // One that still has a process stays until the machine ends; it limits nothing else.
        fs::remove_dir(&self.group).unwrap_or_default();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn memory_gives_its_share_of_a_processor_and_never_more_than_one() {
        let quotas = [128, 256, 512, 1_769, 10_240].map(quota_us);
        assert_eq!(quotas, [7_235, 14_471, 28_942, 100_000, 100_000]);
    }

    #[test]
    fn the_first_version_is_known_by_its_option_and_comes_first() {
        let mounts = "proc /proc proc rw,relatime 0 0\n\
            cgroup2 /sys/fs/cgroup/unified cgroup2 rw,relatime 0 0\n\
            cgroup /sys/fs/cgroup/cpuset cgroup rw,relatime,cpuset 0 0\n\
            cgroup /sys/fs/cgroup/cpu,cpuacct cgroup rw,nosuid,cpu,cpuacct 0 0\n";
        let expected = [
            Controller::V1("/sys/fs/cgroup/cpu,cpuacct".into()),
            Controller::V2("/sys/fs/cgroup/unified".into()),
        ];
        assert_eq!(Controller::mounted(mounts), expected);
        assert!(Controller::mounted("tmpfs /sys/fs/cgroup tmpfs rw 0 0\ncgroup\n\n").is_empty());
    }

    #[test]
    fn each_version_is_told_the_quota_in_its_own_files() {
        let limits = Controller::V1(PathBuf::new()).limits(7_235);
        assert_eq!(
            limits,
            [("cpu.cfs_period_us", "100000".to_owned()), ("cpu.cfs_quota_us", "7235".to_owned())]
        );
        let limits = Controller::V2(PathBuf::new()).limits(7_235);
        assert_eq!(limits, [("cpu.max", "7235 100000".to_owned())]);
    }

    #[test]
    fn what_cannot_be_limited_says_why() {
        let reason = Quota::among(&[], 128).unwrap_err();
        assert!(reason.starts_with("no control group"), "{reason}");
        // A folder that is no control group has no file to write to.
        let folder = tempfile::tempdir().unwrap();
        for controller in [Controller::V1("/nowhere".into()), Controller::V2(folder.path().join("none"))] {
            let reason = Quota::among(std::slice::from_ref(&controller), 128).unwrap_err();
            let place = controller.place().display().to_string();
            assert!(reason.starts_with(&place) && reason.contains("takes no quota"), "{reason}");
        }
    }
}
