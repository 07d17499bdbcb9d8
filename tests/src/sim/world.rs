//! One run's world: its time, its chance, its AWS, and all that happened in it.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use convention::delivery::LedgerWrites;
use jiff::{SignedDuration, Timestamp};
use platform::clock::Clock;
use tokio::time::Instant;

use super::breaks::Break;
use super::dice::Dice;
use super::hazards::{Hazard, Hazards};
use super::plan::{Call, Change};
use super::time::instant;
use super::way::AnswerWay;
use crate::aws::Aws;
use crate::iam_usage::Uses;

/// The world of one run. Copies are the same one.
#[derive(Clone)]
pub(super) struct World(Arc<Inner>);

struct Inner {
    start: Instant,
    dice: Dice,
    aws: Aws,
    broken: Option<Break>,
    ledger_writes: LedgerWrites,
    hazards: Hazards,
    lines: Mutex<Vec<String>>,
    facts: Mutex<Facts>,
}

/// A guarantee that did not hold.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Violation {
    /// The invariant's name, which begins with the guarantee's.
    pub invariant: &'static str,
    /// What was seen.
    pub detail: String,
}

/// What happened, as far as invariants ask for it.
#[derive(Debug, Default)]
pub(super) struct Facts {
    /// What the bank was told of its changes, by the id of their notification.
    pub accepted: BTreeMap<String, Change>,
    /// The changes that may arrive, by the identifier of their resource.
    pub posted: BTreeMap<String, Change>,
    /// The messages of first attempts that the queue handed out, by the identifier of their resource.
    pub handed_out: BTreeMap<String, HandedOut>,
    /// Requests that receivers read to their end.
    pub arrivals: Vec<Arrival>,
    /// Attempts that the ledger let begin, by interaction id.
    pub begun: BTreeMap<String, Begun>,
    /// Attempts that were taken back, by interaction id.
    pub rolled_back: BTreeSet<String>,
    /// When the ledger first said that a notification is delivered.
    pub delivered: BTreeMap<String, Duration>,
    /// The registration calls that were passed on.
    pub calls: Vec<Passing>,
    /// What the settings of a client were last changed to.
    pub settings: BTreeMap<usize, bool>,
    /// Clients that the Directory called inactive at some time.
    pub inactive: BTreeSet<usize>,
    /// When something of ours failed, was killed or had to wait: from, to and what.
    pub ours: Vec<(Duration, Duration, String)>,
    /// When a client's receiver was out of reach, and an environment had to take that for a fault of ours.
    pub taken_for_ours: Vec<(usize, Duration)>,
    /// When a receiver's side was at fault, or may have been as far as anybody here could know: its client, when, and what.
    pub theirs: Vec<(usize, Duration, String)>,
    /// When a receiver took longer to accept than it is granted while it is known to hang: its client, and when.
    pub slow: Vec<(usize, Duration)>,
    /// When each environment's invocation began.
    pub invoked: BTreeMap<Arc<str>, Duration>,
    /// When environments died.
    pub deaths: BTreeMap<Arc<str>, Duration>,
    /// When environments tried to write down a delivery, by its interaction id.
    pub closings: BTreeMap<String, Vec<Duration>>,
    /// When each environment last began a refresh of what is known of revocation, and when it was last done with one.
    pub refreshes: BTreeMap<Arc<str>, (Option<Duration>, Option<Duration>)>,
    /// Whether a row that a hostile receiver has spoiled lies among those of the others.
    pub is_hostile_row_there: bool,
    /// Whom each environment tried to reach when, and whether it did.
    pub reached: BTreeMap<Arc<str>, Vec<(Duration, usize, bool)>>,
    /// What did not hold.
    pub violations: Vec<Violation>,
    /// What the functions asked of AWS.
    pub uses: Uses,
}

/// How the queue handed out the messages of a notification's first attempt.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct HandedOut {
    /// How many, for the first time.
    pub firsts: usize,
    /// How often one of them again.
    pub again: usize,
}

/// A request as a receiver saw it.
#[derive(Clone, Debug)]
pub(super) struct Arrival {
    /// When it had been read.
    pub at: Duration,
    /// The client's number.
    pub client: usize,
    /// The base URI it came to.
    pub base_uri: String,
    /// The identifier of the resource it is about.
    pub resource: String,
    /// Its `x-webhook-interaction-id`.
    pub interaction_id: String,
    /// Whether the receiver means to accept it.
    pub accepts: bool,
    /// Whether the ledger knew of it when it came.
    pub is_begun: bool,
    /// Which environment made it.
    pub by: Arc<str>,
    /// When that environment's invocation began.
    pub invoked: Duration,
    /// What is known of the way of its answer.
    pub answer: AnswerWay,
}

/// An attempt that began.
#[derive(Clone, Debug)]
pub(super) struct Begun {
    /// When the ledger took it.
    pub at: Duration,
    /// The notification.
    pub notification: String,
    /// Which attempt.
    pub attempt: u8,
    /// Where it goes.
    pub base_uri: String,
}

/// A registration call that was passed on.
#[derive(Clone, Debug)]
pub(super) struct Passing {
    /// The client's number.
    pub client: usize,
    /// The call.
    pub call: Call,
    /// When it was made: of two, the later one counts.
    pub called_at: Duration,
    /// When it was first passed on.
    pub from: Duration,
    /// When it was answered, and with what.
    pub answered: Option<(Duration, u16)>,
}

impl Passing {
    /// Says whether another call of the client was made after this one.
    pub(super) fn is_before(&self, other: &Self) -> bool {
        self.client == other.client && self.called_at < other.called_at
    }

    /// When it was answered that it is done.
    pub(super) fn done(&self) -> Option<Duration> {
        self.answered.filter(|(_, status)| (200..300).contains(status)).map(|(at, _)| at)
    }
}

impl World {
    /// Begins a run.
    pub(super) fn new(
        seed: u64,
        broken: Option<Break>,
        ledger_writes: LedgerWrites,
        hazards: Hazards,
    ) -> Self {
        let (lines, facts) = (Mutex::default(), Mutex::default());
        let (start, dice, aws) = (Instant::now(), Dice::new(seed), Aws::default());
        Self(Arc::new(Inner { start, dice, aws, broken, ledger_writes, hazards, lines, facts }))
    }

    /// How long the run has lasted.
    pub(super) fn now(&self) -> Duration {
        self.0.start.elapsed()
    }

    /// The instant that so much of the run is.
    pub(super) fn instant(at: Duration) -> Timestamp {
        instant(at)
    }

    /// A clock that is so many milliseconds fast.
    pub(super) fn clock(&self, fast_ms: i64) -> Clock {
        let (start, fast) = (self.0.start, SignedDuration::from_millis(fast_ms));
        Clock::from_fn(move || Self::instant(start.elapsed()) + fast)
    }

    /// The dice of somebody.
    pub(super) fn dice(&self, whose: &str, number: u64) -> Dice {
        self.0.dice.of(whose, number)
    }

    /// AWS.
    pub(super) fn aws(&self) -> &Aws {
        &self.0.aws
    }

    /// Says whether the code is broken in this way.
    pub(super) fn is_broken(&self, by: Break) -> bool {
        self.0.broken == Some(by)
    }

    /// What may go wrong in the run.
    pub(super) fn hazards(&self) -> Hazards {
        self.0.hazards
    }

    /// Says whether the run must have something go wrong, or what is broken would not be noticed.
    pub(super) fn needs(&self, hazard: Hazard) -> bool {
        self.0.broken.and_then(Break::needs) == Some(hazard)
    }

    /// How often the ledger is written of what is delivered at once.
    pub(super) fn ledger_writes(&self) -> LedgerWrites {
        self.0.ledger_writes
    }

    /// What happened.
    pub(super) fn facts(&self) -> MutexGuard<'_, Facts> {
        self.0.facts.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Writes a line of the history.
    pub(super) fn note(&self, line: impl fmt::Display) {
        let line = format!("{:>10.3} {line}", self.now().as_secs_f64());
        self.0.lines.lock().unwrap_or_else(PoisonError::into_inner).push(line);
    }

    /// Notes that something of ours went wrong, from then until now.
    pub(super) fn ours(&self, from: Duration, what: impl fmt::Display) {
        self.note(format_args!("OURS {what}"));
        let to = self.now();
        self.facts().ours.push((from, to, what.to_string()));
    }

    /// Notes that a client's receiver was out of reach, which an environment must take for a fault of ours.
    pub(super) fn taken_for_ours(&self, client: usize, what: impl fmt::Display) {
        self.note(format_args!("TAKEN FOR OURS {what}"));
        let now = self.now();
        self.facts().taken_for_ours.push((client, now));
    }

    /// Notes that a guarantee did not hold.
    pub(super) fn violated(&self, invariant: &'static str, detail: impl fmt::Display) {
        self.note(format_args!("VIOLATED {invariant}: {detail}"));
        let detail = detail.to_string();
        self.facts().violations.push(Violation { invariant, detail });
    }

    /// The whole history.
    pub(super) fn history(&self) -> Vec<String> {
        self.0.lines.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}
