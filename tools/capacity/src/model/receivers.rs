//! Slow receivers and what environments know of them, decided by the product's own rules.

use std::time::Duration;

use convention::delivery::{
    EXCHANGE_DEADLINE, Failure, Outcome, REDUCED_TIMEOUT, Signal, SlowReceiver, marks_as_slow,
};
use jiff::Timestamp;

use super::rng::Micros;

/// A receiver in the model.
#[derive(Debug)]
pub(super) struct Peer {
    silent_from: Option<Micros>,
    /// Consecutive timeouts as counted in its row.
    timeouts: u32,
    /// The mark in its row, and since when it exists.
    mark: Option<(SlowReceiver, Micros)>,
}

/// The base URI does not matter, as no receiver moves.
const PLACE: &str = "https://receiver.example";

impl Peer {
    /// Creates one that works until this time, or forever.
    pub(super) fn new(silent_from: Option<Micros>) -> Self {
        Self { silent_from, timeouts: 0, mark: None }
    }

    /// Marks it as slow from the start.
    pub(super) fn known(self) -> Self {
        Self { mark: Some((SlowReceiver::new(PLACE, instant(0)), 0)), ..self }
    }

    pub(super) fn is_silent(&self, time: Micros) -> bool {
        self.silent_from.is_some_and(|from| from <= time)
    }

    /// Decides the timeout of an attempt in an environment that read its row then; claims the probe if the row was
    /// just read.
    pub(super) fn granted(&mut self, (read, is_fresh): (Micros, bool), time: Micros) -> Duration {
        let now = instant(time);
        let Some((mark, since)) = &mut self.mark else { return EXCHANGE_DEADLINE };
        if read < *since || !mark.holds(PLACE, now) {
            return EXCHANGE_DEADLINE;
        }
        if is_fresh && mark.is_probe_due(now) {
            *mark = SlowReceiver::new(PLACE, now);
            return EXCHANGE_DEADLINE;
        }
        REDUCED_TIMEOUT
    }

    /// Counts a timeout.
    pub(super) fn count_timeout(&mut self, within: Duration, time: Micros) {
        let now = instant(time);
        match Signal::of(&Outcome::Failed(Failure::Timeout), within, within) {
            Signal::None | Signal::Responds => {}
            Signal::TimedOut => {
                if self.mark.as_ref().is_some_and(|(mark, _)| mark.holds(PLACE, now)) {
                    return;
                }
                self.timeouts += 1;
                if marks_as_slow(self.timeouts) {
                    self.timeouts = 0;
                    self.mark = Some((SlowReceiver::new(PLACE, now), time));
                }
            }
        }
    }
}

/// Converts a time of the run to an instant.
pub(super) fn instant(time: Micros) -> Timestamp {
    /// Any day but the epoch, which stands for "never" in a mark.
    const BEGAN: i64 = 1_000_000_000_000_000;
    i64::try_from(time)
        .ok()
        .and_then(|time| Timestamp::from_microsecond(BEGAN + time).ok())
        .unwrap_or(Timestamp::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: Micros = 1_000_000;

    #[test]
    fn three_attempts_that_hang_shorten_the_next_for_whoever_reads_the_row_after_them() {
        let mut peer = Peer::new(Some(0));
        for _ in 0..3 {
            assert_eq!(peer.granted((0, true), 0), EXCHANGE_DEADLINE);
            peer.count_timeout(EXCHANGE_DEADLINE, 15 * SECOND);
        }
        assert_eq!(peer.granted((14 * SECOND, false), 16 * SECOND), EXCHANGE_DEADLINE);
        assert_eq!(peer.granted((15 * SECOND, false), 16 * SECOND), REDUCED_TIMEOUT);
        peer.count_timeout(REDUCED_TIMEOUT, 19 * SECOND);
        assert_eq!(peer.granted((20 * SECOND, true), 20 * SECOND), REDUCED_TIMEOUT);
    }

    #[test]
    fn one_attempt_in_twenty_seconds_is_granted_all_its_time() {
        let mut peer = Peer::new(Some(0)).known();
        let full = (0..600).filter(|tenth| {
            let time = tenth * SECOND / 10;
            peer.granted((time, true), time) == EXCHANGE_DEADLINE
        });
        assert_eq!(full.count(), 2);
    }
}
