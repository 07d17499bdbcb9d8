//! The event source mapping: its concurrency and its growth.

use super::super::assumptions::{
    BATCH, CEILING, EVENT_BYTES, FIRST_INVOKES, POLLER_BYTES, POLLER_INVOKES, POLLER_POLLS, POLLERS_RAMP,
    RAMP,
};
use super::super::load::Mapping;
use super::super::numbers::{real, whole};
use super::rng::Micros;

/// The event source.
#[derive(Debug)]
pub(super) enum Pollers {
    /// Standard mode: each process receives a batch and waits for its invocation.
    Processes { now: f64, most: f64, each: f64 },
    /// Provisioned pollers, each with ten invocations and ten receives a second.
    Provisioned { now: f64, most: f64, each: f64, receives: f64, at: Micros },
}

impl Pollers {
    /// Creates one with this initial concurrency, in a model in which each stands for several.
    pub(super) fn new(mapping: Mapping, begins_with: f64, each: f64) -> Self {
        match mapping {
            Mapping::Concurrency(most) => {
                let most = real(most).min(CEILING.value);
                Self::Processes { now: begins_with.clamp(FIRST_INVOKES.value.min(most), most), most, each }
            }
            Mapping::Pollers(min, most) => {
                let now = (begins_with / POLLER_INVOKES.value).clamp(real(min), real(most));
                Self::Provisioned { now, most: real(most), each, receives: 0.0, at: 0 }
            }
        }
    }

    /// Returns the maximum of concurrent invocations.
    pub(super) fn slots(&self) -> u64 {
        match self {
            Self::Processes { now, each, .. } => whole(now / each).max(1),
            Self::Provisioned { now, each, .. } => whole(now * POLLER_INVOKES.value / each).max(1),
        }
    }

    /// Says whether the maximum is reached.
    pub(super) fn is_grown(&self) -> bool {
        match self {
            Self::Processes { now, most, .. } | Self::Provisioned { now, most, .. } => now >= most,
        }
    }

    /// Grows for this many seconds while there is a backlog.
    pub(super) fn grow(&mut self, seconds: f64) {
        match self {
            Self::Processes { now, most, .. } => *now = (*now + RAMP.value / 60.0 * seconds).min(*most),
            Self::Provisioned { now, most, .. } => {
                *now = (*now + POLLERS_RAMP.value / POLLER_INVOKES.value / 60.0 * seconds).min(*most);
            }
        }
    }

    /// Returns when the next receive may be made.
    pub(super) fn next_receive(&mut self, time: Micros) -> Micros {
        let Self::Provisioned { now, each, receives, at, .. } = self else { return time };
        // Throughput limits receives too: ten messages each.
        let bytes = POLLER_BYTES.value * 1e6 / (EVENT_BYTES.value * BATCH.value);
        let a_second = *now * POLLER_POLLS.value.min(bytes) / *each;
        // Each poller may receive once at the start.
        let most = (a_second / POLLER_POLLS.value).max(1.0);
        *receives = (*receives + a_second * real(time - *at) / 1e6).min(most);
        *at = time;
        if *receives >= 1.0 { time } else { time + whole((1.0 - *receives) / a_second * 1e6) + 1 }
    }

    /// Makes a receive.
    pub(super) fn receive(&mut self) {
        if let Self::Provisioned { receives, .. } = self {
            *receives -= 1.0;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn three_hundred_a_minute_are_added_up_to_what_is_set_or_1250() {
        let mut pollers = Pollers::new(Mapping::Concurrency(1_000), 0.0, 1.0);
        assert_eq!(pollers.slots(), 5);
        pollers.grow(60.0);
        assert_eq!((pollers.slots(), pollers.is_grown()), (305, false));
        pollers.grow(600.0);
        assert_eq!((pollers.slots(), pollers.is_grown()), (1_000, true));
    }

    #[test]
    fn two_pollers_receive_twenty_times_a_second_and_run_twenty_invocations() {
        let mut pollers = Pollers::new(Mapping::Pollers(2, 200), 0.0, 1.0);
        assert_eq!(pollers.slots(), 20);
        let (mut received, mut time) = (0, 0);
        while time < 10_000_000 {
            let next = pollers.next_receive(time);
            if next == time {
                pollers.receive();
                received += 1;
            }
            time = next;
        }
        assert!((199..=202).contains(&received), "{received}");
        pollers.grow(60.0);
        assert_eq!(pollers.slots(), 1_020);
    }
}
