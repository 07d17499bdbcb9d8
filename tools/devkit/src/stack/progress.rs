//! Says what is being done while it is done: one line a step, and a sign of life during a long one.

use std::fs::File;
use std::io::{self, IsTerminal as _, Read as _, Seek as _, SeekFrom, Write as _};
use std::path::Path;
use std::pin::pin;
use std::time::Duration;

use anyhow::Result;
use indicatif::ProgressBar;
use terminal::spinner;
use tokio::time::{Instant, interval_at};

/// On a terminal, the last words of a command are read this often.
const HINT_BEAT: Duration = Duration::from_millis(500);

/// A file or pipe gets a line this often while one step goes on.
const LINE_BEAT: Duration = Duration::from_secs(10);

/// How much of a command's last words fits beside the name of the step.
const HINT_CHARS: usize = 60;

/// Reports steps to standard error, or to nobody.
#[derive(Clone, Copy, Debug)]
pub struct Progress {
    voice: Voice,
}

#[derive(Clone, Copy, Debug)]
enum Voice {
    Terminal,
    Lines,
    Quiet,
}

impl Progress {
    /// Writes to standard error.
    pub fn stderr() -> Self {
        let voice = if io::stderr().is_terminal() { Voice::Terminal } else { Voice::Lines };
        Self { voice }
    }

    /// Writes nothing.
    pub fn quiet() -> Self {
        Self { voice: Voice::Quiet }
    }

    /// Does the work and says how long it took; `log` is where its last words are found meanwhile.
    pub async fn step<T>(
        &self,
        name: &str,
        log: Option<&Path>,
        work: impl Future<Output = Result<T>>,
    ) -> Result<T> {
        let started = Instant::now();
        let spinner = match self.voice {
            Voice::Terminal => spinner(),
            Voice::Lines | Voice::Quiet => ProgressBar::hidden(),
        };
        spinner.set_message(name.to_owned());
        let period = if spinner.is_hidden() { LINE_BEAT } else { HINT_BEAT };
        let mut beat = interval_at(started + period, period);
        let mut work = pin!(work);
        loop {
            tokio::select! {
                biased;
                outcome = &mut work => {
                    spinner.finish_and_clear();
                    let seconds = started.elapsed().as_secs_f64();
                    match &outcome {
                        Ok(_) => self.line(&format!("{name} … {seconds:.1} s")),
                        Err(_) => self.line(&format!("{name} … failed after {seconds:.1} s")),
                    }
                    return outcome;
                }
                _ = beat.tick() => {
                    let hint = log.and_then(last_line).map(|words| format!(" ({words})")).unwrap_or_default();
                    spinner.set_message(format!("{name}{hint}"));
                    if let Voice::Lines = self.voice {
                        write(&format!("{name} … {} s{hint}, still going\n", started.elapsed().as_secs()));
                    }
                }
            }
        }
    }

    /// Says one thing on a line of its own.
    pub fn line(&self, text: &str) {
        match self.voice {
            Voice::Terminal | Voice::Lines => write(&format!("{text}\n")),
            Voice::Quiet => {}
        }
    }
}

/// Progress that cannot be shown must not stop the work it is about.
fn write(text: &str) {
    let mut stderr = io::stderr().lock();
    stderr.write_all(text.as_bytes()).and_then(|()| stderr.flush()).unwrap_or_default();
}

fn last_line(log: &Path) -> Option<String> {
    let text = tail(log, 1)?;
    let words: String = text.trim().chars().filter(|c| !c.is_control()).take(HINT_CHARS).collect();
    (!words.is_empty()).then_some(words)
}

/// The last lines of a file, of its last 16 KiB at most; nothing if it cannot be read or is blank.
pub(super) fn tail(path: &Path, lines: usize) -> Option<String> {
    const MAX_BYTES: u64 = 16 * 1024;
    let mut file = File::open(path).ok()?;
    let length = file.metadata().ok()?.len();
    file.seek(SeekFrom::Start(length.saturating_sub(MAX_BYTES))).ok()?;
    let mut bytes = Vec::new();
    file.take(MAX_BYTES).read_to_end(&mut bytes).ok()?;
    let text = String::from_utf8_lossy(&bytes);
    let kept: Vec<&str> = text.lines().filter(|line| !line.trim().is_empty()).collect();
    let from = kept.len().saturating_sub(lines);
    (!kept.is_empty()).then(|| kept.iter().skip(from).copied().collect::<Vec<_>>().join("\n"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_tail_of_a_log_skips_blank_lines_and_what_came_before() {
        let folder = tempfile::tempdir().unwrap();
        let log = folder.path().join("log");
        std::fs::write(&log, "one\ntwo\n\nthree\n\n").unwrap();
        assert_eq!(tail(&log, 2).as_deref(), Some("two\nthree"));
        assert_eq!(tail(&folder.path().join("none"), 2), None);
    }
}
