//! What the functions log, as the log on AWS would have it.

use std::cell::RefCell;
use std::io;
use std::sync::Once;

use platform::telemetry::{Written, json_lines};
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

/// Listens while it lives.
#[derive(Debug)]
pub struct Listening(());

/// Keeps what this thread logs, for as long as the guard lives.
pub fn listen() -> (Written, Listening) {
    install();
    let written = Written::default();
    LISTENERS.with_borrow_mut(|listeners| listeners.push(written.clone()));
    (written, Listening(()))
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
        LISTENERS.with_borrow_mut(|listeners| match listeners.last_mut() {
            Some(written) => written.write(bytes),
            None => Ok(bytes.len()),
        })
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
