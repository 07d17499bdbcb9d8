//! Execution environments of dispatch and their caches.

use std::collections::{HashMap, VecDeque};

use super::super::assumptions::{COPY, IDLE, IDLE_LIFE, METRICS_SHARED, NEW_ENVIRONMENTS, SECRETS_EVERY};
use super::super::numbers::{real, whole};
use super::rng::Micros;

/// All environments.
#[derive(Debug)]
pub(super) struct Environments {
    all: Vec<Environment>,
    /// Those without a call, each with the time of its last; the one used last is the last.
    idle: Vec<(usize, Micros)>,
    /// The minimum number of idle ones, which were never used.
    fewest_idle: usize,
    /// The number that may be created now.
    granted: f64,
    most_granted: f64,
    at: Micros,
}

/// One of them.
#[derive(Debug, Default)]
pub(super) struct Environment {
    seen: HashMap<u32, Seen>,
    pruned: Micros,
    /// When it last read its secrets.
    secrets: Option<Micros>,
    /// Its latest invocations; since when it keeps metrics, and of how many.
    invocations: VecDeque<Micros>,
    deferred: Option<(Micros, u32)>,
}

/// What an environment caches about a receiver.
#[derive(Clone, Copy, Debug, Default)]
struct Seen {
    read: Option<Micros>,
    used: Option<Micros>,
}

/// An environment chosen for an invocation.
#[derive(Clone, Copy, Debug)]
pub(super) struct Taken {
    pub(super) environment: usize,
    pub(super) is_new: bool,
}

impl Environments {
    /// Creates warm environments in a model in which each stands for several.
    pub(super) fn new(warm: usize, each: f64) -> Self {
        let all = (0..warm).map(|_| Environment::default()).collect();
        let most_granted = (NEW_ENVIRONMENTS.value / each).max(1.0);
        Self {
            all,
            idle: (0..warm).rev().map(|environment| (environment, 0)).collect(),
            fewest_idle: warm,
            granted: most_granted,
            most_granted,
            at: 0,
        }
    }

    /// Takes the last used idle environment, or a new one.
    pub(super) fn take(&mut self) -> Taken {
        if let Some((environment, _)) = self.idle.pop() {
            self.fewest_idle = self.fewest_idle.min(self.idle.len());
            return Taken { environment, is_new: false };
        }
        self.granted -= 1.0;
        self.all.push(Environment::default());
        Taken { environment: self.all.len() - 1, is_new: true }
    }

    /// Says whether one can be taken.
    pub(super) fn may_take(&mut self, time: Micros) -> bool {
        // Where the one used last has been idle for too long, so have the others.
        if self.idle.last().is_some_and(|(_, since)| !is_within(*since, time, IDLE_LIFE.value)) {
            self.idle.clear();
        }
        !self.idle.is_empty() || self.granted(time) >= 1.0
    }

    fn granted(&mut self, time: Micros) -> f64 {
        let more = self.a_second() * real(time - self.at) / 1e6;
        self.granted = (self.granted + more).min(self.most_granted);
        self.at = time;
        self.granted
    }

    fn a_second(&self) -> f64 {
        self.most_granted / 10.0
    }

    /// Returns when the next may be created.
    pub(super) fn next(&mut self, time: Micros) -> Micros {
        time + whole((1.0 - self.granted(time)).max(0.0) / self.a_second() * 1e6) + 1
    }

    /// Returns one after its invocation.
    pub(super) fn put_back(&mut self, environment: usize, time: Micros) {
        self.idle.push((environment, time));
    }

    pub(super) fn get(&mut self, environment: usize) -> &mut Environment {
        &mut self.all[environment]
    }

    /// Returns how many were used.
    pub(super) fn used(&self) -> usize {
        self.all.len() - self.fewest_idle
    }
}

impl Environment {
    /// Returns since when this environment has cached a receiver, and whether that is now. First attempts may use a
    /// cached copy, later ones may not.
    pub(super) fn copy(&mut self, receiver: u32, is_first: bool, time: Micros) -> (Micros, bool) {
        self.prune(time);
        let read = &mut self.seen.entry(receiver).or_default().read;
        match *read {
            Some(read) if is_first && is_within(read, time, COPY.value) => (read, false),
            _ => {
                *read = Some(time);
                (time, true)
            }
        }
    }

    /// Says whether it reads its secrets now.
    pub(super) fn reads_secrets(&mut self, time: Micros) -> bool {
        let reads = !self.secrets.is_some_and(|read| is_within(read, time, SECRETS_EVERY.value));
        if reads {
            self.secrets = Some(time);
        }
        reads
    }

    /// Says whether it writes a line of metrics at the end of this invocation, as dispatch decides where it keeps them for so many
    /// seconds.
    pub(super) fn writes_metrics(&mut self, time: Micros, kept: f64) -> bool {
        /// Invocations within the interval that make an environment busy.
        const BUSY: usize = 3;
        let within = |since: &Micros| is_within(*since, time, kept);
        let is_busy = self.invocations.len() == BUSY && self.invocations.iter().all(within);
        self.invocations.push_back(time);
        if self.invocations.len() > BUSY {
            self.invocations.pop_front();
        }
        // What is too old is a line of its own, and this invocation begins the next.
        let writes_old = self.deferred.is_some_and(|(first, _)| !within(&first));
        if writes_old {
            self.deferred = None;
        }
        let deferred = self.deferred.map_or(1, |(_, count)| count + 1);
        if is_busy && f64::from(deferred) < METRICS_SHARED.value {
            self.deferred = Some((self.deferred.map_or(time, |(first, _)| first), deferred));
            return writes_old;
        }
        self.deferred = None;
        true
    }

    /// Says whether a connection to a receiver can be reused.
    pub(super) fn is_connected(&self, receiver: u32, time: Micros) -> bool {
        let used = self.seen.get(&receiver).and_then(|seen| seen.used);
        used.is_some_and(|used| is_within(used, time, IDLE.value))
    }

    /// Pools the connection after an exchange.
    pub(super) fn keep_connection(&mut self, receiver: u32, until: Micros) {
        let used = &mut self.seen.entry(receiver).or_default().used;
        *used = Some(used.map_or(until, |used| used.max(until)));
    }

    /// Drops expired entries from time to time.
    fn prune(&mut self, time: Micros) {
        if !is_within(self.pruned, time, 2.0 * COPY.value) {
            self.pruned = time;
            self.seen.retain(|_, seen| {
                seen.read.is_some_and(|read| is_within(read, time, COPY.value))
                    || seen.used.is_some_and(|used| is_within(used, time, IDLE.value))
            });
        }
    }
}

fn is_within(since: Micros, time: Micros, seconds: f64) -> bool {
    real(time.saturating_sub(since)) < seconds * 1e6
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_thousand_are_made_at_once_and_a_hundred_a_second_from_then_on() {
        let mut environments = Environments::new(0, 1.0);
        let take_all = |environments: &mut Environments, time| {
            let mut made = 0;
            while environments.may_take(time) {
                environments.take();
                made += 1;
            }
            made
        };
        assert_eq!(take_all(&mut environments, 0), 1_000);
        assert_eq!(take_all(&mut environments, 1_000_000), 100);
        assert!(environments.next(1_000_000) <= 1_010_001);
    }

    #[test]
    fn an_environment_without_a_call_for_five_minutes_is_gone_and_its_successor_reads_its_secrets() {
        let mut environments = Environments::new(0, 1.0);
        let mut call = |time| {
            assert!(environments.may_take(time));
            let taken = environments.take();
            let reads = environments.get(taken.environment).reads_secrets(time);
            environments.put_back(taken.environment, time);
            (taken.is_new, reads)
        };
        assert_eq!(call(0), (true, true));
        assert_eq!(call(299_000_000), (false, false));
        assert_eq!(call(301_000_000), (false, true));
        assert_eq!(call(601_000_000), (true, true));
    }

    #[test]
    fn a_busy_environment_that_keeps_metrics_writes_them_for_ten_invocations_or_two_seconds() {
        let lines = |every: Micros, kept: f64| {
            let mut environment = Environment::default();
            (0..90).filter(|number| environment.writes_metrics(number * every, kept)).count()
        };
        // As in dispatch: three at once, then one for ten.
        assert_eq!(lines(100_000, 2.0), 11);
        assert_eq!((lines(5_000_000, 2.0), lines(100_000, 0.0)), (90, 90));
        assert!((20..30).contains(&lines(500_000, 2.0)));
    }

    #[test]
    fn a_copy_lives_eight_seconds_for_first_attempts_and_a_connection_four() {
        let mut environment = Environment::default();
        assert_eq!(environment.copy(7, true, 0), (0, true));
        assert_eq!(environment.copy(7, true, 7_999_999), (0, false));
        assert_eq!(environment.copy(7, false, 7_999_999), (7_999_999, true));
        environment.keep_connection(7, 1_000_000);
        assert!(environment.is_connected(7, 4_999_999) && !environment.is_connected(7, 5_000_000));
    }
}
