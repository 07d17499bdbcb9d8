//! Knows what is known of revocation: reads the table at the start and every five minutes beside the work, decides by it, and
//! notes the paths that receivers show.

use std::collections::HashMap;
use std::sync::{Arc, PoisonError, RwLock};
use std::time::Duration;

use convention::codes::Code;
use jiff::{SignedDuration, Timestamp};
use platform::clock::Clock;
use platform::telemetry::{ErrorChain as Causes, Metrics, Unit};
use thiserror::Error;
use tokio::sync::Mutex;
use tokio::time::timeout;

use super::decide::{CHECKED_WITHIN, Checked, Verdict, decide};
use super::path::Path;
use super::snapshot::Snapshot;
use super::store::RevocationStore;

/// How long what was read is used before the table is looked at again.
const REFRESH_INTERVAL: SignedDuration = SignedDuration::from_mins(5);
/// The same where the table did not answer, or not with all that there should be.
const MISS_BACKOFF: SignedDuration = SignedDuration::from_secs(30);
/// What was read longer ago, as when the environment was frozen, is read anew before it is used.
const MAX_AGE: SignedDuration = SignedDuration::from_mins(10);
/// How long a message waits for that.
const READ_TIMEOUT: Duration = Duration::from_secs(3);
/// Paths that were seen and are not in the table yet; a receiver that shows another certificate each time does not grow this
/// further.
const MAX_SEEN: usize = 1000;

/// Knows what is known of revocation, and decides by it.
#[derive(Debug)]
pub struct Revocation {
    store: RevocationStore,
    window: SignedDuration,
    clock: Clock,
    metrics: Metrics,
    started: Timestamp,
    state: RwLock<State>,
    reading: Mutex<()>,
}

#[derive(Debug, Default)]
struct State {
    snapshot: Arc<Snapshot>,
    /// When the table was last asked.
    asked_at: Option<Timestamp>,
    /// When it last answered.
    answered_at: Option<Timestamp>,
    /// The paths shown to this process that the directory function does not look after yet, by row.
    seen: HashMap<String, Seen>,
}

#[derive(Clone, Debug)]
struct Seen {
    fingerprint: String,
    first: Timestamp,
    /// The host and the path, until they are written.
    unnoted: Option<(String, Path)>,
}

/// Nothing says whether a receiver's certificate is revoked, and that is because of us: the table does not answer, or the
/// directory function has not renewed what is known. It consumes no attempt.
#[derive(Clone, Copy, Debug, Eq, Error, PartialEq)]
#[error("what is known of revocation was not renewed for {minutes} minutes")]
pub struct RevocationUnavailable {
    /// For how long, in minutes.
    pub minutes: i64,
}

impl RevocationUnavailable {
    /// The fault's stable code.
    pub const CODE: Code = Code::RevocationUnavailable;
}

/// A path that was judged.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Judgement {
    /// By what is known.
    Decided(Verdict),
    /// Nothing decides, and that is our own fault.
    Unavailable(RevocationUnavailable),
}

impl Revocation {
    /// Reads from this store; a failure to know is tolerated for as long as the window.
    pub fn new(store: RevocationStore, window: SignedDuration, clock: Clock, metrics: Metrics) -> Self {
        let started = clock.now();
        let (state, reading) = (RwLock::default(), Mutex::default());
        Self { store, window, clock, metrics, started, state, reading }
    }

    /// Returns the clock that windows and certificates go by.
    pub(crate) fn clock(&self) -> Clock {
        self.clock.clone()
    }

    /// Has the table read when it is time to: beside the work, unless nothing was read yet or what was read is too old. A table
    /// that does not answer stops nobody.
    pub async fn ready(self: &Arc<Self>) {
        let now = self.clock.now();
        if !self.is_due(now) {
            return;
        }
        let answered_at = self.read(|state| state.answered_at);
        let waits = answered_at.is_none_or(|at| is_past(at, MAX_AGE, now));
        let this = Arc::clone(self);
        // It ends whether it is waited for or not.
        let reading = tokio::spawn(async move { this.refresh().await });
        if waits && timeout(READ_TIMEOUT, reading).await.is_err() {
            self.update(|state| state.asked_at = Some(now));
            tracing::error!(
                code = RevocationUnavailable::CODE.as_str(),
                "The directory table did not answer in time about revocation."
            );
        }
    }

    fn is_due(&self, now: Timestamp) -> bool {
        self.read(|state| {
            let current = state.snapshot.renewed_at.is_some_and(|at| !is_past(at, CHECKED_WITHIN, now));
            let whole = state.asked_at == state.answered_at && state.snapshot.is_whole() && current;
            let interval = if whole { REFRESH_INTERVAL } else { MISS_BACKOFF };
            state.asked_at.is_none_or(|at| is_past(at, interval, now))
        })
    }

    /// Reads the table, and writes what it did not take before.
    async fn refresh(&self) {
        let guard = self.reading.lock().await;
        let now = self.clock.now();
        // Another task may have read while this one waited.
        if !self.is_due(now) {
            return;
        }
        let before = self.snapshot();
        let read = Snapshot::read(&self.store, &before).await;
        self.update(|state| {
            state.asked_at = Some(now);
            match &read {
                Ok(_) => state.answered_at = Some(now),
                Err(error) => tracing::error!(
                    code = RevocationUnavailable::CODE.as_str(),
                    error = %Causes(error),
                    "What is known of revocation could not be read; what was read before stays in use."
                ),
            }
            if let Ok(Some(snapshot)) = read {
                state.seen.retain(|row, seen| {
                    seen.unnoted.is_some() || !snapshot.looks_after(&seen.fingerprint, row)
                });
                state.snapshot = Arc::new(snapshot);
            }
        });
        // Writes that hang keep nobody from reading.
        drop(guard);
        let unnoted: Vec<_> =
            self.read(|state| state.seen.values().filter_map(|seen| seen.unnoted.clone()).collect());
        for (host, path) in unnoted {
            // As first seen now: nobody could ask about it before, which is no fault of the receiver.
            self.note(&host, &path, now).await;
        }
    }

    pub(super) fn snapshot(&self) -> Arc<Snapshot> {
        self.read(|state| Arc::clone(&state.snapshot))
    }

    /// Decides whether a verified path may be used, by what is known now. Waits for nothing.
    pub(super) fn judge(&self, snapshot: &Snapshot, path: &Path) -> Judgement {
        let now = self.clock.now();
        let fingerprint = path.fingerprint();
        let first_seen = self.first_seen(snapshot, &fingerprint).unwrap_or(now);
        // What this environment could not read yet may say that the path is good: until then the window starts with it.
        let lacks_rows = snapshot.renewed_at.is_none() || snapshot.lacks_rows_of(path);
        let first_seen = if lacks_rows { first_seen.max(self.started) } else { first_seen };
        match decide(&snapshot.state(path, first_seen), now, self.window) {
            Verdict::Unknown => match self.own_fault(snapshot, path, lacks_rows, now) {
                Some(unavailable) => Judgement::Unavailable(unavailable),
                None => Judgement::Decided(Verdict::Unknown),
            },
            decided => Judgement::Decided(decided),
        }
    }

    /// Returns for how long nobody could ask about this path because of us; nothing if the directory function did.
    fn own_fault(
        &self,
        snapshot: &Snapshot,
        path: &Path,
        lacks_rows: bool,
        now: Timestamp,
    ) -> Option<RevocationUnavailable> {
        let renewed_at = snapshot.renewed_at.unwrap_or(self.started);
        let row = path.row();
        let unnoted = self.read(|state| state.seen.get(&row).is_some_and(|seen| seen.unnoted.is_some()));
        let stale = is_past(renewed_at, CHECKED_WITHIN, now);
        // A path that nobody looks after yet was never asked about, however long ago its leaf was first seen.
        let unasked = !snapshot.looks_after(&path.fingerprint(), &row);
        let minutes = now.duration_since(renewed_at).as_mins();
        (stale || lacks_rows || unnoted || unasked).then_some(RevocationUnavailable { minutes })
    }

    fn first_seen(&self, snapshot: &Snapshot, fingerprint: &str) -> Option<Timestamp> {
        let here = self.read(|state| {
            let of_leaf = state.seen.values().filter(|seen| seen.fingerprint == fingerprint);
            of_leaf.map(|seen| seen.first).min()
        });
        // What the directory function says goes first: its window does not run while we could not ask.
        snapshot.first_seen(fingerprint).or(here)
    }

    /// Has a path noted that the directory function does not look after yet, beside the work.
    pub(super) fn saw(self: &Arc<Self>, snapshot: &Snapshot, host: &str, path: Path) {
        let (row, fingerprint, now) = (path.row(), path.fingerprint(), self.clock.now());
        if snapshot.looks_after(&fingerprint, &row) {
            return;
        }
        let unnoted = Some((host.to_owned(), path.clone()));
        let is_new = self.update(|state| {
            if state.seen.contains_key(&row) || state.seen.len() >= MAX_SEEN {
                return false;
            }
            state.seen.insert(row, Seen { fingerprint, first: now, unnoted });
            true
        });
        if is_new {
            let (this, host) = (Arc::clone(self), host.to_owned());
            tokio::spawn(async move { this.note(&host, &path, now).await });
        }
    }

    async fn note(&self, host: &str, path: &Path, first: Timestamp) {
        match self.store.note(host, path, first).await {
            Ok(first) => self.update(|state| {
                let seen = Seen { fingerprint: path.fingerprint(), first, unnoted: None };
                state.seen.insert(path.row(), seen);
            }),
            Err(error) => tracing::error!(
                code = RevocationUnavailable::CODE.as_str(),
                error = %Causes(&error),
                "A receiver's certificate could not be noted for revocation checks; that is tried again."
            ),
        }
    }

    /// Reports how a path was accepted for a connection that was made, unless by a list that was checked just now.
    pub(crate) fn report(&self, host: &str, checked: Checked) {
        if !checked.is_fallback() {
            return;
        }
        let mechanism = checked.mechanism.as_str();
        tracing::warn!(
            event = "revocation_fallback_used",
            host,
            mechanism,
            age_s = checked.age.as_secs(),
            "A receiver's certificate was accepted without a revocation list that was checked within 15 minutes."
        );
        let context = [("event", "revocation_fallback_used"), ("host", host), ("mechanism", mechanism)];
        self.metrics.record(self.clock.now(), ("RevocationFallbacks", 1.0, Unit::Count), &context);
    }

    fn read<T>(&self, read: impl FnOnce(&State) -> T) -> T {
        read(&self.state.read().unwrap_or_else(PoisonError::into_inner))
    }

    fn update<T>(&self, update: impl FnOnce(&mut State) -> T) -> T {
        update(&mut self.state.write().unwrap_or_else(PoisonError::into_inner))
    }
}

/// Says whether an instant is further back than `limit`, or ahead, as when a clock was set.
fn is_past(at: Timestamp, limit: SignedDuration, now: Timestamp) -> bool {
    let age = now.duration_since(at);
    age.is_negative() || age >= limit
}
