//! What the mock remembers, and what it does next.

use std::collections::{HashMap, HashSet, VecDeque};
use std::net::SocketAddr;
use std::sync::{Mutex, MutexGuard, PoisonError};

use jiff::Timestamp;
use tokio::sync::{broadcast, watch};

use super::answer::{Answer, AnswerFor, Answers, Sequence};
use super::event::Received;
use super::finding::{Code, Finding};

/// How many events a slow subscriber may lag behind before it loses some.
const BACKLOG: usize = 1024;
/// How many refused connections are kept.
const KEPT_REFUSALS: usize = 100;

/// The connections that the mock saw.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct Connections {
    /// TCP connections accepted.
    pub accepted: u64,
    /// TLS handshakes completed.
    pub completed: u64,
    /// TLS handshakes that failed.
    pub failed: u64,
    /// The latest failures.
    pub refusals: Vec<Refusal>,
}

/// A TLS handshake that failed.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Refusal {
    /// When.
    pub at: Timestamp,
    /// Who called.
    pub peer: SocketAddr,
    /// Which TCP connection it was, counting from 1.
    pub connection: u64,
    /// What TLS said.
    pub error: String,
}

/// All that is shared between connections.
#[derive(Debug)]
pub(super) struct Journal {
    keep: usize,
    state: Mutex<State>,
    count: watch::Sender<usize>,
    events: broadcast::Sender<Received>,
    refusals: broadcast::Sender<Refusal>,
}

#[derive(Debug, Default)]
struct State {
    answers: Answers,
    /// Requests so far, by path; only for paths whose answers change.
    earlier: HashMap<String, usize>,
    sequence: u64,
    kept: VecDeque<Received>,
    /// The interaction ids of what is kept.
    interaction_ids: HashSet<String>,
    connections: Connections,
}

impl Journal {
    pub(super) fn new(answers: Answers, keep: usize) -> Self {
        Self {
            keep: keep.max(1),
            state: Mutex::new(State { answers, ..State::default() }),
            count: watch::Sender::new(0),
            events: broadcast::Sender::new(BACKLOG),
            refusals: broadcast::Sender::new(BACKLOG),
        }
    }

    /// Gives a request its number, adds what only its predecessors tell, keeps it, and decides the answer.
    pub(super) fn record(&self, mut received: Received) -> Answer {
        let mut state = self.state();
        state.sequence += 1;
        received.sequence = state.sequence;
        let answer = state.next_answer(&received.path);
        received.answered = answer.to_string();
        if let Some(id) = &received.interaction_id
            && !state.interaction_ids.insert(id.clone())
        {
            let detail = format!("{id:?} was in an earlier request: every attempt has its own");
            received.findings.push(Finding { code: Code::RepeatedInteractionId, detail });
        }
        state.kept.push_back(received.clone());
        if state.kept.len() > self.keep {
            state.forget_oldest();
        }
        // Within the lock, so that subscribers see events in the order of their numbers. No subscriber is no error.
        self.events.send(received).ok();
        self.count.send_modify(|count| *count += 1);
        answer
    }

    pub(super) fn received(&self) -> Vec<Received> {
        self.state().kept.iter().cloned().collect()
    }

    pub(super) fn forget(&self) {
        let mut state = self.state();
        state.kept.clear();
        state.interaction_ids.clear();
        state.earlier.clear();
        self.count.send_modify(|count| *count = 0);
    }

    pub(super) fn set_answers(&self, answers: Answers) {
        let mut state = self.state();
        state.answers = answers;
        state.earlier.clear();
    }

    pub(super) fn set_answer_for(&self, exception: AnswerFor) {
        let mut state = self.state();
        state.answers.exceptions.retain(|other| other.substring != exception.substring);
        state.answers.exceptions.insert(0, exception);
        state.earlier.clear();
    }

    pub(super) fn answers(&self) -> Answers {
        self.state().answers.clone()
    }

    pub(super) fn connections(&self) -> Connections {
        self.state().connections.clone()
    }

    /// Counts a TCP connection and gives it its number.
    pub(super) fn connection_accepted(&self) -> u64 {
        let mut state = self.state();
        state.connections.accepted += 1;
        state.connections.accepted
    }

    pub(super) fn handshake_completed(&self) {
        self.state().connections.completed += 1;
    }

    pub(super) fn handshake_failed(&self, refusal: Refusal) {
        let mut state = self.state();
        state.connections.failed += 1;
        if state.connections.refusals.len() == KEPT_REFUSALS {
            state.connections.refusals.remove(0);
        }
        state.connections.refusals.push(refusal.clone());
        self.refusals.send(refusal).ok();
    }

    /// The number of requests since the start or since all was forgotten, as it grows.
    pub(super) fn count(&self) -> watch::Receiver<usize> {
        self.count.subscribe()
    }

    pub(super) fn subscribe(&self) -> broadcast::Receiver<Received> {
        self.events.subscribe()
    }

    pub(super) fn subscribe_refusals(&self) -> broadcast::Receiver<Refusal> {
        self.refusals.subscribe()
    }

    /// The state is whole between any two statements, so a panic elsewhere does not spoil it.
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    fn next_answer(&mut self, path: &str) -> Answer {
        let sequence: &Sequence = self.answers.of(path);
        if sequence.is_constant() {
            return sequence.after(0).clone();
        }
        let earlier = self.earlier.entry(path.to_owned()).or_default();
        let answer = sequence.after(*earlier).clone();
        *earlier += 1;
        answer
    }

    fn forget_oldest(&mut self) {
        let Some(oldest) = self.kept.pop_front() else { return };
        if let Some(id) = oldest.interaction_id {
            self.interaction_ids.remove(&id);
        }
    }
}
