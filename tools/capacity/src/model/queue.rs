//! A standard SQS queue with message groups (fair queue).

use std::collections::VecDeque;

use convention::delivery::AttemptNumber;

use super::super::assumptions::{NOISY_FROM, NOISY_SHARE};
use super::super::numbers::real;
use super::rng::Micros;

/// One message: an attempt that is due.
#[derive(Clone, Copy, Debug)]
pub(super) struct Message {
    /// Its receiver, which is its message group.
    pub(super) receiver: u32,
    pub(super) attempt: AttemptNumber,
    /// When the event happened, which may be before the run began.
    pub(super) event: i64,
    /// When it became visible. A delayed message is neither in the queue nor in flight yet.
    pub(super) visible: Micros,
}

/// The visible messages, and the number in flight.
#[derive(Debug)]
pub(super) struct FairQueue {
    quiet: VecDeque<Message>,
    noisy: VecDeque<Message>,
    groups: Vec<Group>,
    in_flight: u64,
    noisy_from: f64,
}

#[derive(Clone, Copy, Debug, Default)]
struct Group {
    waiting: u64,
    in_flight: u64,
    is_noisy: bool,
}

impl FairQueue {
    /// Creates an empty queue for this many receivers, in which a message stands for several.
    pub(super) fn new(receivers: usize, each: f64) -> Self {
        Self {
            quiet: VecDeque::new(),
            noisy: VecDeque::new(),
            groups: vec![Group::default(); receivers],
            in_flight: 0,
            noisy_from: (NOISY_FROM.value / each).max(1.0),
        }
    }

    pub(super) fn put(&mut self, message: Message) {
        let group = &mut self.groups[message.receiver as usize];
        group.waiting += 1;
        if group.is_noisy { self.noisy.push_back(message) } else { self.quiet.push_back(message) }
    }

    /// Receives up to this many messages, those of quiet receivers first.
    pub(super) fn receive(&mut self, most: usize, received: &mut Vec<Message>) {
        while received.len() < most {
            self.set_noisy_apart();
            let Some(message) = self.quiet.pop_front() else { break };
            received.push(message);
        }
        while received.len() < most {
            let Some(message) = self.noisy.pop_front() else { break };
            received.push(message);
        }
        self.in_flight += received.len() as u64;
        for message in received {
            let group = &mut self.groups[message.receiver as usize];
            group.waiting -= 1;
            group.in_flight += 1;
        }
    }

    /// Deletes a received message.
    pub(super) fn delete(&mut self, message: &Message) {
        self.in_flight -= 1;
        self.groups[message.receiver as usize].in_flight -= 1;
    }

    /// Decides which receivers are noisy; a noisy one stays so until it has no backlog.
    pub(super) fn judge(&mut self) {
        let all = real(self.in_flight);
        for group in &mut self.groups {
            let own = real(group.in_flight);
            let exceeds = own >= self.noisy_from && own * 100.0 > NOISY_SHARE.value * all;
            group.is_noisy = exceeds || (group.is_noisy && group.waiting > 0);
        }
    }

    pub(super) fn in_flight(&self) -> u64 {
        self.in_flight
    }

    pub(super) fn waiting(&self) -> usize {
        self.quiet.len() + self.noisy.len()
    }

    pub(super) fn all(&self) -> impl Iterator<Item = &Message> {
        self.quiet.iter().chain(&self.noisy)
    }

    /// Returns since when the next messages of quiet and of noisy receivers have waited.
    pub(super) fn next_since(&mut self) -> [Option<Micros>; 2] {
        self.set_noisy_apart();
        [self.quiet.front(), self.noisy.front()].map(|message| message.map(|message| message.visible))
    }

    /// Moves messages of receivers that became noisy out of the quiet receivers' queue.
    fn set_noisy_apart(&mut self) {
        while let Some(message) =
            self.quiet.pop_front_if(|message| self.groups[message.receiver as usize].is_noisy)
        {
            self.noisy.push_back(message);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn message(receiver: u32) -> Message {
        Message { receiver, attempt: AttemptNumber::FIRST, event: 0, visible: 0 }
    }

    fn receivers(queue: &mut FairQueue, most: usize) -> Vec<u32> {
        let mut received = Vec::new();
        queue.receive(most, &mut received);
        received.iter().map(|message| message.receiver).collect()
    }

    #[test]
    fn a_receiver_with_thirty_in_flight_and_a_backlog_waits_for_the_others() {
        let mut queue = FairQueue::new(2, 1.0);
        (0..40).for_each(|_| queue.put(message(0)));
        assert_eq!(receivers(&mut queue, 30), [0; 30]);
        queue.judge();
        queue.put(message(0));
        queue.put(message(1));
        assert_eq!(receivers(&mut queue, 3), [1, 0, 0]);
    }

    #[test]
    fn with_twenty_nine_in_flight_nobody_is_noisy() {
        let mut queue = FairQueue::new(2, 1.0);
        (0..40).for_each(|_| queue.put(message(0)));
        assert_eq!(receivers(&mut queue, 29).len(), 29);
        queue.judge();
        queue.put(message(1));
        assert_eq!(receivers(&mut queue, 3), [0, 0, 0]);
    }

    #[test]
    fn receivers_that_share_what_is_in_flight_are_all_quiet() {
        let mut queue = FairQueue::new(10, 1.0);
        for _ in 0..100 {
            (0..10).for_each(|receiver| queue.put(message(receiver)));
        }
        receivers(&mut queue, 900);
        queue.judge();
        assert!(queue.groups.iter().all(|group| !group.is_noisy));
    }
}
