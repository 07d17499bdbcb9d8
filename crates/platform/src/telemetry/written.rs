use std::io;
use std::mem::take;
use std::sync::{Arc, Mutex, PoisonError};

/// What was logged and not yet taken: a writer for [`json_lines`](super::json_lines) that tests read. Copies are the same one.
#[derive(Clone, Debug, Default)]
pub struct Written(Arc<Mutex<Vec<u8>>>);

impl Written {
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
