//! How far a long piece of work is, on standard error.

use std::io::{self, IsTerminal as _, Write as _};
use std::time::Duration;

use indicatif::{ProgressBar, ProgressStyle};

use super::number::grouped;

/// How often a file or pipe gets a line.
const LINE_BEAT: Duration = Duration::from_secs(2);
/// How often a terminal's line moves while nothing is told.
const SPINNER_BEAT: Duration = Duration::from_millis(120);

/// A line that moves on a terminal, a line now and then for a file or pipe.
///
/// What a terminal shows goes when this is dropped, so drop it before the results are written.
#[derive(Debug)]
pub struct Progress {
    bar: ProgressBar,
    lines: bool,
    /// When the last line was written, after the start.
    told: Option<Duration>,
}

impl Progress {
    /// Work that has begun; `lines` says whether a file or pipe is told of it.
    pub fn new(lines: bool) -> Self {
        // It draws on standard error, where that is a terminal.
        Self { bar: spinner(), lines: lines && !io::stderr().is_terminal(), told: None }
    }

    /// Tells what is done now.
    pub fn say(&mut self, what: &str) {
        self.bar.set_message(what.to_owned());
        self.write(|| what.to_owned());
    }

    /// Tells how much of something is done.
    pub fn count(&mut self, what: &str, done: u64, of: u64) {
        if self.bar.length() != Some(of) {
            self.bar.disable_steady_tick();
            self.bar.set_style(style("{msg} {wide_bar} {human_pos} of {human_len}"));
            self.bar.set_length(of);
        }
        self.bar.set_message(what.to_owned());
        self.bar.set_position(done);
        self.write(|| format!("{what}: {} of {}", grouped(done), grouped(of)));
    }

    fn write(&mut self, line: impl FnOnce() -> String) {
        let now = self.bar.elapsed();
        if self.lines && now.saturating_sub(self.told.unwrap_or_default()) >= LINE_BEAT {
            self.told = Some(now);
            // Nobody can be told when standard error is gone.
            writeln!(io::stderr().lock(), "{}", line()).ok();
        }
    }
}

impl Drop for Progress {
    fn drop(&mut self) {
        self.bar.finish_and_clear();
    }
}

/// A line on standard error that moves while something goes on; nothing where that is no terminal.
pub fn spinner() -> ProgressBar {
    let spinner = ProgressBar::no_length().with_style(style("{spinner} {msg} … {elapsed}"));
    spinner.enable_steady_tick(SPINNER_BEAT);
    spinner
}

fn style(template: &str) -> ProgressStyle {
    ProgressStyle::with_template(template).expect("a template of this file")
}
