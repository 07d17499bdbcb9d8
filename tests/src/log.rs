//! What the functions log, as the log on AWS would have it.

use std::cell::RefCell;
use std::io;
use std::mem::take;
use std::sync::{Arc, Mutex, Once, PoisonError};

use platform::telemetry::json_lines;
use tracing::level_filters::LevelFilter;
use tracing::subscriber::set_global_default;
use tracing_subscriber::filter::dynamic_filter_fn;
use tracing_subscriber::layer::SubscriberExt as _;

thread_local! {
    /// Who listens to this thread.
    static LISTENERS: RefCell<Vec<Written>> = const { RefCell::new(Vec::new()) };
}

/// Has what each thread logs kept for those who listen to it, from now on.
///
/// One subscriber for the whole process: one for each listener loses lines, as tracing may find, while another thread first
/// comes by a line of code, that nobody listens there. So it is called before anything is logged.
pub fn install() {
    static ONCE: Once = Once::new();
    ONCE.call_once(|| {
        let lines = json_lines(LevelFilter::INFO, || Listeners)
            .with(dynamic_filter_fn(|_, _| LISTENERS.with_borrow(|listeners| !listeners.is_empty())));
        set_global_default(lines).expect("nobody else has a say in what tests log");
    });
}

/// What was logged and not yet taken.
#[derive(Clone, Debug, Default)]
pub struct Written(Arc<Mutex<Vec<u8>>>);

/// Listens while it lives.
#[derive(Debug)]
pub struct Listening(());

impl Written {
    /// Keeps what this thread logs, for as long as the guard lives.
    pub fn here() -> (Self, Listening) {
        install();
        let written = Self::default();
        LISTENERS.with_borrow_mut(|listeners| listeners.push(written.clone()));
        (written, Listening(()))
    }

    /// The lines since the last time.
    pub fn take(&self) -> Vec<String> {
        let bytes = take(&mut *self.0.lock().unwrap_or_else(PoisonError::into_inner));
        String::from_utf8_lossy(&bytes).lines().map(str::to_owned).collect()
    }
}

impl Drop for Listening {
    fn drop(&mut self) {
        LISTENERS.with_borrow_mut(Vec::pop);
    }
}

/// Whoever listens to this thread.
struct Listeners;

impl io::Write for Listeners {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        LISTENERS.with_borrow(|listeners| {
            if let Some(Written(kept)) = listeners.last() {
                kept.lock().unwrap_or_else(PoisonError::into_inner).extend_from_slice(bytes);
            }
        });
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
