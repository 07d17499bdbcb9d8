//! The event loop of a run.

use std::cmp::Ordering;
use std::collections::BinaryHeap;

use convention::delivery::{AttemptNumber, Next, delay_seconds, next};

use super::super::assumptions::{BATCH, INTAKE};
use super::super::estimate::Estimate;
use super::super::load::{Begin, Load, Settings};
use super::super::numbers::{real, whole, whole_above};
use super::batch::{Batch, Stage};
use super::environments::Environments;
use super::gathering::Gathering;
use super::gauge::Gauge;
use super::observed::{Limit, Observed};
use super::pollers::Pollers;
use super::queue::{FairQueue, Message};
use super::receivers::{Peer, instant};
use super::rng::{Dice, Micros};

/// The parameters of a run.
#[derive(Clone, Copy, Debug)]
pub struct Run<'a> {
    /// The load.
    pub load: &'a Load,
    /// The settings.
    pub settings: &'a Settings,
    /// How the load begins.
    pub begin: Begin,
    /// Measured time in seconds.
    pub seconds: u64,
    /// Random seed.
    pub seed: u64,
}

/// Above this number of messages, one message stands for several.
const MAX_MESSAGES: f64 = 200_000.0;
/// Seconds before the measurement of a load that has run for hours: until third attempts arrive.
const WARM_UP: u64 = 100;
/// Seconds before receivers stop answering.
const BEFORE_ONSET: u64 = 20;
/// Interval at which the event source grows and noisy receivers are determined.
const TICK: Micros = 100_000;
const SECOND: Micros = 1_000_000;

impl Run<'_> {
    /// Runs the simulation; `progress` gets the current and the last second from time to time.
    pub fn play(&self, mut progress: impl FnMut(u64, u64)) -> Observed {
        let mut world = World::new(self);
        let seconds = world.end / SECOND;
        while world.step() {
            if world.time.is_multiple_of(SECOND) {
                progress(world.time / SECOND, seconds);
            }
        }
        world.finish()
    }

    fn warm_up(&self) -> Micros {
        SECOND
            * match self.begin {
                Begin::Running => WARM_UP,
                Begin::Onset => BEFORE_ONSET,
                Begin::Idle => 0,
            }
    }

    /// Returns how many messages one stands for.
    fn each(&self) -> f64 {
        let seconds = real(self.warm_up() / SECOND + self.seconds);
        (self.load.rate * seconds / MAX_MESSAGES).ceil().max(1.0)
    }
}

struct World<'a> {
    run: &'a Run<'a>,
    stage: Stage<'a>,
    each: f64,
    end: Micros,
    time: Micros,
    next_arrival: Micros,
    next_tick: Micros,
    /// Upper bound of each receiver's share of the load.
    shares: Vec<f64>,
    due: BinaryHeap<Due>,
    queue: FairQueue,
    /// With a batching window.
    gathering: Option<Gathering>,
    pollers: Pollers,
    environments: Environments,
    peers: Vec<Peer>,
    running: u64,
    most_running: u64,
    most_in_flight: u64,
    /// When something that was blocked may begin.
    wakes: Option<Micros>,
    gauge: Gauge,
    dice: Dice,
}

/// A scheduled event.
struct Due {
    at: Micros,
    happens: Happens,
}

enum Happens {
    Visible(Message),
    Ended(Box<Batch>),
    /// The window of a batch is over.
    Gathered,
    Wake,
}

impl<'a> World<'a> {
    fn new(run: &'a Run<'a>) -> Self {
        let Run { load, settings, begin, .. } = run;
        let (each, warm_up) = (run.each(), run.warm_up());
        let warm = Estimate::of(load, settings, *begin).before;
        let silent_from = if *begin == Begin::Onset { warm_up } else { 0 };
        let peers = load.receivers.iter().map(|receiver| {
            let peer = Peer::new(receiver.dead.then_some(silent_from));
            if *begin == Begin::Running && receiver.dead { peer.known() } else { peer }
        });
        let all: f64 = load.receivers.iter().map(|receiver| receiver.weight).sum();
        let shares = load.receivers.iter().scan(0.0, |share, receiver| {
            *share += receiver.weight / all;
            Some(*share)
        });
        let pollers = Pollers::new(settings.mapping, warm, each);
        let ready = if *begin == Begin::Idle { 0 } else { whole_above(warm / each) };
        let account = settings.quotas.concurrency - Estimate::intake(load);
        let mut world = Self {
            run,
            stage: Stage::new(load, settings),
            each,
            end: warm_up + run.seconds * SECOND,
            time: 0,
            next_arrival: 0,
            next_tick: 0,
            shares: shares.collect(),
            due: BinaryHeap::new(),
            queue: FairQueue::new(load.receivers.len(), each),
            gathering: Gathering::new(settings.window, each),
            pollers,
            environments: Environments::new(usize::try_from(ready).unwrap_or(0), each),
            peers: peers.collect(),
            running: 0,
            most_running: whole(account.max(0.0) / each).max(1),
            most_in_flight: whole(settings.quotas.in_flight / each).max(1),
            wakes: None,
            gauge: Gauge::new(warm_up, each),
            dice: Dice::new(run.seed),
        };
        world.arrival_follows();
        world
    }

    /// Processes the next event; `false` at the end.
    fn step(&mut self) -> bool {
        let due = self.due.peek().map_or(Micros::MAX, |due| due.at);
        self.time = due.min(self.next_arrival).min(self.next_tick);
        if self.time > self.end {
            return false;
        }
        if self.next_tick == self.time {
            self.tick();
        } else if self.next_arrival == self.time {
            self.arrive();
        } else if let Some(Due { happens, .. }) = self.due.pop() {
            match happens {
                Happens::Visible(message) => self.put(message),
                Happens::Gathered => self.gathering.iter_mut().for_each(|gathering| gathering.end(self.time)),
                Happens::Ended(batch) => self.ended(*batch),
                Happens::Wake => self.wakes = None,
            }
        }
        self.begin_what_may();
        true
    }

    fn tick(&mut self) {
        self.next_tick += TICK;
        self.queue.judge();
        let waits_for = if self.is_ready() { self.may_not_begin() } else { None };
        let waits_for = waits_for.map(|(limit, _)| limit);
        if matches!(waits_for, Some(Limit::Ramp | Limit::Receives)) {
            self.pollers.grow(real(TICK) / real(SECOND));
        }
        self.gauge.sample(self.time, &mut self.queue, self.running, waits_for);
    }

    fn arrive(&mut self) {
        let share = self.dice.share();
        let receiver = self.shares.partition_point(|until| *until < share).min(self.shares.len() - 1);
        let before = whole(self.dice.delay(INTAKE.value)).cast_signed();
        let event = self.time.cast_signed() - before;
        self.put(Message {
            receiver: u32::try_from(receiver).unwrap_or(u32::MAX),
            attempt: AttemptNumber::FIRST,
            event,
            visible: self.time,
        });
        self.arrival_follows();
    }

    fn put(&mut self, message: Message) {
        self.queue.put(message);
        let over = self.gathering.as_mut().and_then(|gathering| gathering.put(self.time, self.running));
        if let Some(over) = over {
            self.then(over, Happens::Gathered);
        }
    }

    /// Says whether there is something to invoke the function with.
    fn is_ready(&self) -> bool {
        self.gathering.as_ref().map_or_else(|| self.queue.waiting() > 0, Gathering::is_ready)
    }

    fn arrival_follows(&mut self) {
        let gap = self.dice.exponential(1e6 * self.each / self.run.load.rate);
        self.next_arrival = self.time + whole(gap).max(1);
    }

    fn begin_what_may(&mut self) {
        while self.is_ready() {
            if let Some((_, until)) = self.may_not_begin() {
                if let Some(until) = until {
                    self.wake(until);
                }
                return;
            }
            let taken = self.environments.take();
            self.pollers.receive();
            let mut messages = Vec::with_capacity(10);
            let full = usize::try_from(whole(BATCH.value)).unwrap_or(1);
            let most = self.gathering.as_mut().and_then(Gathering::take).unwrap_or(full);
            self.queue.receive(most, &mut messages);
            let environment = self.environments.get(taken.environment);
            let (attempts, ends, counts) = self.stage.play(
                (self.time, taken.is_new),
                &messages,
                environment,
                &mut self.peers,
                &mut self.dice,
            );
            self.running += 1;
            self.gauge.began(self.time, &attempts, &self.peers, counts);
            let batch = Batch { environment: taken.environment, began: self.time, attempts };
            self.then(ends, Happens::Ended(Box::new(batch)));
        }
    }

    /// Returns what blocks the next invocation, and until when, unless that is the end of another invocation.
    fn may_not_begin(&mut self) -> Option<(Limit, Option<Micros>)> {
        if self.queue.in_flight() >= self.most_in_flight {
            return Some((Limit::InFlight, None));
        }
        if self.running >= self.pollers.slots() {
            return Some((if self.pollers.is_grown() { Limit::Mapping } else { Limit::Ramp }, None));
        }
        if self.running >= self.most_running {
            return Some((Limit::Account, None));
        }
        if !self.environments.may_take(self.time) {
            return Some((Limit::Environments, Some(self.environments.next(self.time))));
        }
        let receives = self.pollers.next_receive(self.time);
        (receives > self.time).then_some((Limit::Receives, Some(receives)))
    }

    fn wake(&mut self, at: Micros) {
        if self.wakes.is_none_or(|wakes| at < wakes) {
            self.wakes = Some(at);
            self.then(at, Happens::Wake);
        }
    }

    fn ended(&mut self, Batch { environment, began, attempts }: Batch) {
        self.running -= 1;
        self.environments.put_back(environment, self.time);
        self.gauge.ended(self.time, began, attempts.len());
        for attempt in attempts {
            self.queue.delete(&attempt.message);
            let Some(failed) = attempt.failed else { continue };
            if let Some(within) = failed.timed_out {
                self.peers[attempt.message.receiver as usize].count_timeout(within, self.time);
            }
            let ended = instant(failed.at);
            if let Next::Attempt(number, due) = next(attempt.message.attempt, ended) {
                let visible = failed.at + Micros::from(delay_seconds(ended, due)) * SECOND;
                let message = Message { attempt: number, visible, ..attempt.message };
                self.then(visible, Happens::Visible(message));
            }
        }
    }

    fn then(&mut self, at: Micros, happens: Happens) {
        self.due.push(Due { at: at.max(self.time), happens });
    }

    fn finish(self) -> Observed {
        self.gauge.finish(self.end, &self.queue, &self.peers, self.environments.used())
    }
}

impl Ord for Due {
    /// Reversed, because the heap returns the greatest first.
    fn cmp(&self, other: &Self) -> Ordering {
        other.at.cmp(&self.at)
    }
}

impl PartialOrd for Due {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl PartialEq for Due {
    fn eq(&self, other: &Self) -> bool {
        self.at == other.at
    }
}

impl Eq for Due {}
