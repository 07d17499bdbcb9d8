//! What an event source with a batching window gathers before it invokes the function.

use std::collections::VecDeque;

use super::super::assumptions::{BATCH, FIRST_INVOKES};
use super::super::numbers::whole;
use super::rng::Micros;

/// The open batches of an event source, and those that are ready.
#[derive(Debug)]
pub(super) struct Gathering {
    window: Micros,
    /// Open batches: the number of their messages, and when each is over. An empty one is over at no time.
    open: Vec<Open>,
    /// Whose turn it is.
    next: usize,
    ready: VecDeque<usize>,
    full: usize,
    fewest: usize,
}

#[derive(Clone, Copy, Debug, Default)]
struct Open {
    messages: usize,
    ends: Micros,
}

impl Gathering {
    /// Creates one for a window in seconds; `None` without a window. One batch stands for several.
    pub(super) fn new(window: f64, each: f64) -> Option<Self> {
        let full = usize::try_from(whole(BATCH.value)).unwrap_or(1);
        let fewest = usize::try_from(whole(FIRST_INVOKES.value / each)).unwrap_or(1).max(1);
        (window > 0.0).then(|| Self {
            window: whole(window * 1e6),
            open: vec![Open::default(); fewest],
            next: 0,
            ready: VecDeque::new(),
            full,
            fewest,
        })
    }

    /// Takes a message into the batch whose turn it is, where so many invocations run. Returns when that batch is over, if
    /// it begins with this message.
    pub(super) fn put(&mut self, time: Micros, running: u64) -> Option<Micros> {
        let open = usize::try_from(running).unwrap_or(usize::MAX).max(self.fewest);
        if self.open.len() < open {
            self.open.resize(open, Open::default());
        }
        // Those beyond what is open now get no more; they are over in time.
        self.next = (self.next + 1) % open;
        let batch = &mut self.open[self.next];
        let begins = batch.messages == 0;
        batch.messages += 1;
        if begins {
            batch.ends = time + self.window;
        }
        if batch.messages == self.full {
            self.ready.push_back(self.full);
            *batch = Open::default();
            return None;
        }
        begins.then(|| time + self.window)
    }

    /// Ends the batches of which the window is over.
    pub(super) fn end(&mut self, time: Micros) {
        for batch in self.open.iter_mut().filter(|batch| batch.messages > 0 && batch.ends <= time) {
            self.ready.push_back(batch.messages);
            *batch = Open::default();
        }
    }

    /// Says whether a batch is ready.
    pub(super) fn is_ready(&self) -> bool {
        !self.ready.is_empty()
    }

    /// Takes a batch that is ready: the number of its messages.
    pub(super) fn take(&mut self) -> Option<usize> {
        self.ready.pop_front()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_batch_is_ready_with_its_tenth_message_or_when_its_window_is_over() {
        let mut gathering = Gathering::new(1.0, 5.0).unwrap();
        assert_eq!(gathering.put(0, 0), Some(1_000_000));
        assert!((1..9).all(|time| gathering.put(time, 0).is_none()));
        gathering.end(999_999);
        assert!(!gathering.is_ready());
        gathering.put(9, 0);
        assert_eq!((gathering.take(), gathering.take()), (Some(10), None));
        assert_eq!(gathering.put(20, 0), Some(1_000_020));
        gathering.end(1_000_020);
        assert_eq!(gathering.take(), Some(1));
        assert!(Gathering::new(0.0, 1.0).is_none());
    }

    #[test]
    fn messages_go_round_five_batches_or_as_many_as_invocations_run() {
        let mut gathering = Gathering::new(1.0, 1.0).unwrap();
        assert_eq!((0..5).filter(|time| gathering.put(*time, 3).is_some()).count(), 5);
        assert_eq!((5..10).filter(|time| gathering.put(*time, 3).is_some()).count(), 0);
        gathering.end(2_000_000);
        assert_eq!(std::iter::from_fn(|| gathering.take()).collect::<Vec<_>>(), [2; 5]);
        assert_eq!((10..17).filter(|time| gathering.put(*time, 7).is_some()).count(), 7);
    }
}
