//! What the Directory holds, and what it was asked.

use std::collections::{BTreeMap, HashMap, VecDeque};
use std::sync::{Mutex, MutexGuard, PoisonError};

use jiff::Timestamp;
use serde::Serialize;
use tokio::sync::broadcast;

use super::answer::Answer;
use super::claims::StatementClaims;
use super::records::{Organisation, Software};
use crate::receiver::Header;

/// How many requests are kept; older ones are forgotten.
const KEPT: usize = 10_000;
/// How many requests a slow subscriber may lag behind before it loses some.
const BACKLOG: usize = 1024;

/// A request as it came, and how it was answered.
#[derive(Clone, Debug, Eq, PartialEq, Serialize)]
pub struct Request {
    /// When.
    pub received_at: Timestamp,
    /// The method.
    pub method: String,
    /// The path, without query.
    pub path: String,
    /// The headers, names in lower case.
    pub headers: Vec<Header>,
    /// The body, as far as it is text.
    pub body: String,
    /// The status it was answered with.
    pub status: u16,
}

impl Request {
    /// The first header of this name, in lower case.
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|header| header.name == name).map(|header| header.value.as_str())
    }
}

/// All that requests and the mock's owner share.
#[derive(Debug)]
pub(super) struct State {
    records: Mutex<Records>,
    events: broadcast::Sender<Request>,
}

#[derive(Debug, Default)]
pub(super) struct Records {
    pub(super) organisations: BTreeMap<String, Organisation>,
    pub(super) software: BTreeMap<String, Software>,
    /// Access tokens and when they end.
    pub(super) tokens: HashMap<String, Timestamp>,
    /// The organisation that tokens speak for; any, if `None`.
    pub(super) reader: Option<String>,
    /// By path; in reverse order, a path comes before those it lies beneath.
    next: BTreeMap<String, VecDeque<Answer>>,
    always: BTreeMap<String, Answer>,
    requests: VecDeque<Request>,
}

impl State {
    pub(super) fn new() -> Self {
        Self { records: Mutex::default(), events: broadcast::Sender::new(BACKLOG) }
    }

    /// The records are whole between any two statements, so a panic elsewhere does not spoil them.
    pub(super) fn records(&self) -> MutexGuard<'_, Records> {
        self.records.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn record(&self, request: Request) {
        let mut records = self.records();
        if records.requests.len() == KEPT {
            records.requests.pop_front();
        }
        records.requests.push_back(request.clone());
        // No subscriber is no error.
        self.events.send(request).ok();
    }

    pub(super) fn subscribe(&self) -> broadcast::Receiver<Request> {
        self.events.subscribe()
    }
}

impl Records {
    /// Makes the participant of a statement known. The status that it has already stays.
    pub(super) fn enrol(&mut self, claims: &StatementClaims) {
        self.organisations.entry(claims.org_id.clone()).or_insert_with(|| Organisation::of(claims));
        let software = Software::of(claims);
        let status = self.software.get(&software.id).map(|known| known.status.clone());
        let status = status.unwrap_or_else(|| software.status.clone());
        self.software.insert(software.id.clone(), Software { status, ..software });
    }

    pub(super) fn answer_next(&mut self, path: &str, answer: Answer) {
        self.next.entry(path.to_owned()).or_default().push_back(answer);
    }

    pub(super) fn answer_always(&mut self, path: &str, answer: Answer) {
        self.always.insert(path.to_owned(), answer);
    }

    pub(super) fn answer_as_usual(&mut self) {
        self.next.clear();
        self.always.clear();
    }

    /// Takes the answer to one request.
    pub(super) fn take_answer(&mut self, path: &str) -> Answer {
        let mut queues = self.next.iter_mut().rev();
        let next = queues.find(|(covered, queue)| covers(covered, path) && !queue.is_empty());
        if let Some(answer) = next.and_then(|(_, queue)| queue.pop_front()) {
            return answer;
        }
        let always = self.always.iter().rev().find(|(covered, _)| covers(covered, path));
        always.map_or_else(Answer::usual, |(_, answer)| answer.clone())
    }

    pub(super) fn requests(&self, path: &str) -> Vec<Request> {
        self.requests.iter().filter(|request| covers(path, &request.path)).cloned().collect()
    }

    pub(super) fn forget_requests(&mut self) {
        self.requests.clear();
    }
}

/// Says whether a path is another or lies beneath it.
fn covers(path: &str, other: &str) -> bool {
    other.strip_prefix(path).is_some_and(|rest| rest.is_empty() || rest.starts_with('/') || path == "/")
}
