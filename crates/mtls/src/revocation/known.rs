//! Caches the revocation data of the directory table: reads it at the start and every five minutes in the background,
//! decides by it, and records the paths that receivers show.

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

use super::decide::{Checked, RECENT_CHECK, Verdict, decide};
use super::path::Path;
use super::snapshot::Snapshot;
use super::store::RevocationStore;

/// Interval between refreshes from the table.
const REFRESH_INTERVAL: SignedDuration = SignedDuration::from_mins(5);
/// Retry interval after a refresh that failed or was incomplete.
const MISS_BACKOFF: SignedDuration = SignedDuration::from_secs(30);
/// Data older than this, for example after a freeze of the environment, is refreshed before it is used.
const MAX_AGE: SignedDuration = SignedDuration::from_mins(10);
/// Maximum time that a message waits for such a refresh.
const READ_TIMEOUT: Duration = Duration::from_secs(3);
/// Maximum number of seen paths that are not in the table yet, so that a receiver that shows a new certificate each
/// time cannot exhaust memory.
const MAX_SEEN: usize = 1000;

/// A cache of revocation data, and the decisions based on it.
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
    /// When the table was last queried.
    asked_at: Option<Timestamp>,
    /// When it last answered.
    answered_at: Option<Timestamp>,
    /// Paths shown to this process that the directory function does not monitor yet, by row.
    seen: HashMap<String, Seen>,
}

#[derive(Clone, Debug)]
struct Seen {
    fingerprint: String,
    first: Timestamp,
    /// The host and the path, until they are written.
    unnoted: Option<(String, Path)>,
}

/// The revocation status of a receiver's certificate is unknown because of a fault of ours: the table does not
/// answer, or the directory function has not refreshed the data. It consumes no attempt.
#[derive(Clone, Copy, Debug, Eq, Error, PartialEq)]
#[error("the revocation data was not refreshed for {minutes} minutes")]
pub struct RevocationUnavailable {
    /// Minutes since the last refresh.
    pub minutes: i64,
}

impl RevocationUnavailable {
    /// The fault's stable code.
    pub const CODE: Code = Code::RevocationUnavailable;
}

/// The judgement of a path.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Judgement {
    /// Decided by the data.
    Decided(Verdict),
    /// Undecided because of a fault of ours.
    Unavailable(RevocationUnavailable),
}

impl Revocation {
    /// Creates a cache of this store; missing data is tolerated for the duration of `window`.
    pub fn new(store: RevocationStore, window: SignedDuration, clock: Clock, metrics: Metrics) -> Self {
        let started = clock.now();
        let (state, reading) = (RwLock::default(), Mutex::default());
        Self { store, window, clock, metrics, started, state, reading }
    }

    /// Returns the clock for windows and validity periods.
    pub(crate) fn clock(&self) -> Clock {
        self.clock.clone()
    }

    /// Refreshes the data if that is due: in the background, unless there is no data yet or it is too old. A table
    /// that does not answer blocks nobody.
    pub async fn ready(self: &Arc<Self>) {
        let now = self.clock.now();
        if !self.is_due(now) {
            return;
        }
        let answered_at = self.read(|state| state.answered_at);
        let waits = answered_at.is_none_or(|at| is_past(at, MAX_AGE, now));
        let this = Arc::clone(self);
        // The task finishes whether or not it is awaited.
        let reading = tokio::spawn(async move { this.refresh().await });
        if waits && timeout(READ_TIMEOUT, reading).await.is_err() {
            self.update(|state| state.asked_at = Some(now));
            tracing::error!(
                code = RevocationUnavailable::CODE.as_str(),
                "The directory table did not return revocation data in time."
            );
        }
    }

    fn is_due(&self, now: Timestamp) -> bool {
        self.read(|state| {
            let current = state.snapshot.renewed_at.is_some_and(|at| !is_past(at, RECENT_CHECK, now));
            let whole = state.asked_at == state.answered_at && state.snapshot.is_whole() && current;
            let interval = if whole { REFRESH_INTERVAL } else { MISS_BACKOFF };
            state.asked_at.is_none_or(|at| is_past(at, interval, now))
        })
    }

    /// Reads the table, and retries earlier failed writes.
    async fn refresh(&self) {
        let guard = self.reading.lock().await;
        let now = self.clock.now();
        // Another task may have refreshed while this one waited.
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
                    "Revocation data could not be read; the data read before stays in use."
                ),
            }
            if let Ok(Some(snapshot)) = read {
                state.seen.retain(|row, seen| {
                    seen.unnoted.is_some() || !snapshot.looks_after(&seen.fingerprint, row)
                });
                state.snapshot = Arc::new(snapshot);
            }
        });
        // Pending writes must not block reads.
        drop(guard);
        let unnoted: Vec<_> =
            self.read(|state| state.seen.values().filter_map(|seen| seen.unnoted.clone()).collect());
        for (host, path) in unnoted {
            // The receiver counts as first seen now: that its certificate could not be checked before is not its
            // fault.
            self.note(&host, &path, now).await;
        }
    }

    pub(super) fn snapshot(&self) -> Arc<Snapshot> {
        self.read(|state| Arc::clone(&state.snapshot))
    }

    /// Decides whether a verified path may be used by the current data, without waiting.
    pub(super) fn judge(&self, snapshot: &Snapshot, path: &Path) -> Judgement {
        let now = self.clock.now();
        let fingerprint = path.fingerprint();
        let first_seen = self.first_seen(snapshot, &fingerprint).unwrap_or(now);
        // Data that this environment could not read yet may prove that the path is good; until then its window starts
        // with the environment.
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

    /// Returns for how long this path could not be checked because of a fault of ours; `None` if the directory
    /// function checked it.
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
        let stale = is_past(renewed_at, RECENT_CHECK, now);
        // A path that is not monitored yet was never checked, however long ago its leaf was first seen.
        let unasked = !snapshot.looks_after(&path.fingerprint(), &row);
        let minutes = now.duration_since(renewed_at).as_mins();
        (stale || lacks_rows || unnoted || unasked).then_some(RevocationUnavailable { minutes })
    }

    fn first_seen(&self, snapshot: &Snapshot, fingerprint: &str) -> Option<Timestamp> {
        let here = self.read(|state| {
            let of_leaf = state.seen.values().filter(|seen| seen.fingerprint == fingerprint);
            of_leaf.map(|seen| seen.first).min()
        });
        // The directory function's time takes precedence: its window does not run while the sources could not be
        // checked because of us.
        snapshot.first_seen(fingerprint).or(here)
    }

    /// Records a path that the directory function does not monitor yet, in the background.
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
                "A receiver's certificate could not be recorded for revocation checks; this will be retried."
            ),
        }
    }

    /// Reports how a path was accepted for a new connection, unless by a recently checked list.
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

/// Says whether an instant is older than `limit`, or in the future because a clock was set.
fn is_past(at: Timestamp, limit: SignedDuration, now: Timestamp) -> bool {
    let age = now.duration_since(at);
    age.is_negative() || age >= limit
}
