//! What the functions log, as the log on AWS would have it.

use std::io;
use std::mem::take;
use std::sync::{Arc, Mutex, PoisonError};

use platform::telemetry::json_lines;
use tracing::level_filters::LevelFilter;
use tracing::subscriber::{DefaultGuard, set_default};

/// What was logged and not yet taken.
#[derive(Clone, Debug, Default)]
pub struct Written(Arc<Mutex<Vec<u8>>>);

impl Written {
    /// Keeps what this thread logs, for as long as the guard lives.
    pub fn here() -> (Self, DefaultGuard) {
        let written = Self::default();
        let writer = written.clone();
        (written, set_default(json_lines(LevelFilter::INFO, move || writer.clone())))
    }

    /// The lines since the last time.
    pub fn take(&self) -> Vec<String> {
        let bytes = take(&mut *self.0.lock().unwrap_or_else(PoisonError::into_inner));
        String::from_utf8_lossy(&bytes).lines().map(str::to_owned).collect()
    }
}

impl io::Write for Written {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
