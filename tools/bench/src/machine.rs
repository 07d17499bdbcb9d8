//! On what is measured.

use std::fs;
use std::thread::available_parallelism;

use crate::report::Machine;

/// Describes this machine by what its kernel says.
pub(crate) fn machine() -> Machine {
    let text = |path: &str| fs::read_to_string(path).unwrap_or_default();
    let processors = text("/proc/cpuinfo");
    let processor = processors.lines().find_map(|line| line.strip_prefix("model name")?.split_once(": "));
    Machine {
        processor: processor.map_or("unknown", |(_, name)| name).to_owned(),
        cores: available_parallelism().map_or(1, Into::into),
        architecture: std::env::consts::ARCH.to_owned(),
        kernel: text("/proc/sys/kernel/osrelease").trim().to_owned(),
    }
}
