//! The way of an answer to us: what a receiver sent, and what of it we read.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

/// The bytes of a connection's way to us. Copies are the same one.
#[derive(Clone, Debug, Default)]
pub(super) struct Way(Arc<(AtomicU64, AtomicU64)>);

impl Way {
    /// Counts what a receiver sent.
    pub(super) fn sent(&self, bytes: usize) {
        self.0.0.fetch_add(bytes as u64, Ordering::Relaxed);
    }

    /// Counts what we read.
    pub(super) fn read(&self, bytes: usize) {
        self.0.1.fetch_add(bytes as u64, Ordering::Relaxed);
    }
}

/// The way of one answer's head: whether it came is known once it is sent. Copies are the same one.
#[derive(Clone, Debug)]
pub(super) struct AnswerWay {
    way: Way,
    ends_at: Arc<AtomicU64>,
}

impl AnswerWay {
    /// Begins with an answer that was not sent yet.
    pub(super) fn over(way: &Way) -> Self {
        Self { way: way.clone(), ends_at: Arc::new(AtomicU64::new(u64::MAX)) }
    }

    /// Notes that it has been sent whole.
    pub(super) fn is_sent(&self) {
        self.ends_at.store(self.way.0.0.load(Ordering::Relaxed), Ordering::Relaxed);
    }

    /// Says whether we have read it.
    pub(super) fn came(&self) -> bool {
        self.way.0.1.load(Ordering::Relaxed) >= self.ends_at.load(Ordering::Relaxed)
    }
}
