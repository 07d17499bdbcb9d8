//! What dispatch knows of revocation: read from the table at the start and every five minutes beside the work.

use std::collections::{BTreeMap, HashMap};
use std::sync::{Arc, Mutex as Sync, PoisonError, RwLock, Weak};
use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use rustls::RootCertStore;
use rustls::crypto::CryptoProvider;
use rustls::pki_types::{CertificateDer, CertificateRevocationListDer};
use thiserror::Error;
use tokio::sync::Mutex;
use tokio::time::timeout;

use super::chain::{Chain, crl_source};
use super::decide::{CRL_LIVES, Checked, Evidence, Mechanism, Verdict, decide};
use super::index::Index;
use super::store::RevocationStore;
use super::verifier::Verifier;
use crate::aws::DirectoryTableError;
use crate::edge::Clock;
use crate::telemetry::{Chain as Causes, Metrics, Unit};

/// How long what was read is used before the table is looked at again.
const LIVES: SignedDuration = SignedDuration::from_mins(5);
/// The same where the table did not answer, or not with all that there should be.
const AGAIN: SignedDuration = SignedDuration::from_secs(30);
/// An attempt lasts: one that begins so close to the end of the window would be decided after it.
const LASTS: SignedDuration = SignedDuration::from_secs(30);
/// What was read longer ago, as when the environment was frozen, is read anew before it is used.
const TOO_OLD: SignedDuration = SignedDuration::from_mins(10);
/// How long a message waits for that.
const PATIENCE: Duration = Duration::from_secs(3);
/// What a fault of the table is called.
const CODE: &str = "revocation_unavailable";

/// Knows what is known of revocation, and decides by it.
#[derive(Debug)]
pub struct Revocation {
    store: RevocationStore,
    window: SignedDuration,
    clock: Clock,
    metrics: Metrics,
    started: Timestamp,
    state: RwLock<State>,
    /// Those in use, one for each trust: brands share theirs, or each would hold all lists.
    verifiers: Sync<Vec<Weak<Verifier>>>,
    looking: Mutex<()>,
}

#[derive(Debug, Default)]
struct State {
    snapshot: Arc<Snapshot>,
    /// When the table was last asked.
    looked_at: Option<Timestamp>,
    /// When it last answered.
    answered_at: Option<Timestamp>,
    /// The chains presented to this process that were not in the index.
    seen: HashMap<String, Seen>,
}

#[derive(Clone, Debug)]
struct Seen {
    first: Timestamp,
    /// What has to be written yet.
    unnoted: Option<Chain>,
}

/// What was read at one time.
#[derive(Debug, Default)]
pub(super) struct Snapshot {
    index: Index,
    /// When the index was written; `None` if none was read yet.
    written_at: Option<Timestamp>,
    /// Whether a list that the index names is missing.
    incomplete: bool,
    /// The lists, by row, each with its digest.
    crls: BTreeMap<String, (String, CertificateRevocationListDer<'static>)>,
    /// Rises whenever the lists change.
    pub(super) generation: u64,
}

impl Snapshot {
    pub(super) fn lists(&self) -> Vec<CertificateRevocationListDer<'static>> {
        self.crls.values().map(|(_, list)| list.clone()).collect()
    }

    /// Returns when all lists of a chain were last known to be the valid ones; `None` if any is missing.
    fn crl_good_at(&self, chain: &Chain) -> Option<Timestamp> {
        let path = chain.path();
        let dates = path.into_iter().map(|certificate| {
            let row = crl_source(certificate)?.row;
            self.crls.get(&row)?;
            Some(self.index.crls.get(&row)?.good_at())
        });
        dates.collect::<Option<Vec<_>>>()?.into_iter().min()
    }
}

/// What is known of revocation has not been renewed for as long as a failure to know is tolerated, whether the table does not
/// answer or the directory function does not write: our own fault, which consumes no attempt.
#[derive(Clone, Copy, Debug, Error)]
#[error("what is known of revocation was not renewed for {minutes} minutes")]
pub struct RevocationUnavailable {
    minutes: i64,
}

impl RevocationUnavailable {
    /// The fault's stable code.
    pub const CODE: &str = CODE;
}

impl Revocation {
    /// Reads from this store; a failure to know is tolerated for as long as the window.
    pub fn new(store: RevocationStore, window: SignedDuration, clock: Clock, metrics: Metrics) -> Self {
        let started = clock.now();
        let (state, verifiers, looking) = (RwLock::default(), Sync::default(), Mutex::default());
        Self { store, window, clock, metrics, started, state, verifiers, looking }
    }

    /// Returns the clock that windows and certificates go by.
    pub(crate) fn clock(&self) -> Clock {
        self.clock.clone()
    }

    /// Returns what verifies receivers' certificates for those who trust these authorities.
    pub(crate) fn verifier(
        self: &Arc<Self>,
        trust: (Arc<RootCertStore>, Vec<CertificateDer<'static>>),
        provider: Arc<CryptoProvider>,
    ) -> Result<Arc<Verifier>, rustls::Error> {
        let mut verifiers = self.verifiers.lock().unwrap_or_else(PoisonError::into_inner);
        verifiers.retain(|verifier| verifier.strong_count() > 0);
        if let Some(same) =
            verifiers.iter().filter_map(Weak::upgrade).find(|verifier| verifier.trusts(&trust.1))
        {
            return Ok(same);
        }
        let verifier = Arc::new(Verifier::new(trust, provider, Arc::clone(self))?);
        verifiers.push(Arc::downgrade(&verifier));
        Ok(verifier)
    }

    /// Has those in use take up what was read, beside the work: no handshake waits while a list is parsed.
    async fn renew_verifiers(&self) {
        let verifiers = self.verifiers.lock().unwrap_or_else(PoisonError::into_inner).clone();
        for verifier in verifiers.iter().filter_map(Weak::upgrade) {
            if verifier.keeps_its_lists() {
                continue;
            }
            // It fails only by a panic, which is reported where it happens; the verifier stays as it was.
            tokio::task::spawn_blocking(move || verifier.renew()).await.unwrap_or_default();
        }
    }

    /// Makes sure that what is known is not too old to decide by, before an attempt begins.
    ///
    /// Looks at the table when it is time to: beside the work, unless there is nothing yet or it is too old. A table that
    /// does not answer stops nobody before the window is over.
    pub async fn ready(self: &Arc<Self>) -> Result<(), RevocationUnavailable> {
        let now = self.clock.now();
        if self.is_due(now) {
            let answered_at = self.read(|state| state.answered_at);
            let answered = answered_at.is_some_and(|at| !is_past(at, TOO_OLD, now));
            let this = Arc::clone(self);
            // It ends whether it is waited for or not.
            let looking = tokio::spawn(async move { this.look().await });
            if (!answered || self.is_blind(now)) && timeout(PATIENCE, looking).await.is_err() {
                self.update(|state| state.looked_at = Some(now));
                tracing::error!(code = CODE, "The directory table did not answer in time about revocation.");
            }
        }
        if self.is_blind(now) {
            return Err(RevocationUnavailable { minutes: self.blind_for(now).as_mins() });
        }
        Ok(())
    }

    fn is_blind(&self, now: Timestamp) -> bool {
        self.blind_for(now) > self.window - LASTS
    }

    /// Returns for how long nothing new is known, or a chain whose window runs could not be noted.
    fn blind_for(&self, now: Timestamp) -> SignedDuration {
        self.read(|state| {
            let read = state.snapshot.written_at.unwrap_or(self.started);
            let unnoted = state.seen.values().filter(|seen| seen.unnoted.is_some()).map(|seen| seen.first);
            now.duration_since(unnoted.fold(read, Timestamp::min))
        })
    }

    fn is_due(&self, now: Timestamp) -> bool {
        self.read(|state| {
            let current = state.snapshot.written_at.is_some_and(|at| !is_past(at, CRL_LIVES, now));
            let whole = state.looked_at == state.answered_at && !state.snapshot.incomplete && current;
            let lives = if whole { LIVES } else { AGAIN };
            state.looked_at.is_none_or(|at| is_past(at, lives, now))
        })
    }

    /// Reads the table, and writes what it did not take before.
    async fn look(&self) {
        let _guard = self.looking.lock().await;
        let now = self.clock.now();
        // Another task may have looked while this one waited.
        if !self.is_due(now) {
            return;
        }
        let found = self.load().await;
        self.update(|state| {
            state.looked_at = Some(now);
            if found.is_ok() {
                state.answered_at = Some(now);
            }
            if let Ok(Some(snapshot)) = &found {
                state.snapshot = Arc::clone(snapshot);
                let chains = &snapshot.index.chains;
                state.seen.retain(|name, seen| seen.unnoted.is_some() || !chains.contains_key(name));
            }
        });
        self.renew_verifiers().await;
        if let Err(error) = found {
            tracing::error!(
                code = CODE,
                error = %Causes(&error),
                "What is known of revocation could not be read; what was read before stays in use."
            );
        }
        let unnoted = self
            .read(|state| state.seen.values().filter_map(|seen| seen.unnoted.clone()).collect::<Vec<_>>());
        for chain in unnoted {
            // As first seen now: nobody could ask about it before, which is no fault of the receiver.
            self.note(&chain, now).await;
        }
    }

    /// Reads the index and the lists that changed; `None` before the first index is written.
    async fn load(&self) -> Result<Option<Arc<Snapshot>>, DirectoryTableError> {
        let before = self.snapshot();
        let Some((index, written_at)) = self.store.index().await? else { return Ok(None) };
        let (mut crls, mut changed) = (BTreeMap::new(), false);
        for (row, entry) in &index.crls {
            match before.crls.get(row) {
                Some((digest, list)) if *digest == entry.digest => {
                    crls.insert(row.clone(), (digest.clone(), list.clone()));
                }
                known => {
                    changed = true;
                    // The list before one that is not there says more than none.
                    let read = self.store.crl(row, entry).await?;
                    let read =
                        read.map(|list| (entry.digest.clone(), CertificateRevocationListDer::from(list)));
                    if let Some(list) = read.or_else(|| known.cloned()) {
                        crls.insert(row.clone(), list);
                    }
                }
            }
        }
        changed |= crls.len() != before.crls.len();
        let generation = before.generation + u64::from(changed);
        let incomplete = crls.len() < index.crls.len();
        let written_at = Some(written_at);
        Ok(Some(Arc::new(Snapshot { index, written_at, incomplete, crls, generation })))
    }

    pub(super) fn snapshot(&self) -> Arc<Snapshot> {
        self.read(|state| Arc::clone(&state.snapshot))
    }

    /// Decides whether a chain that holds may be used; `determined` says whether the snapshot's valid lists call none of it
    /// revoked.
    ///
    /// Waits for nothing: a chain that is new is noted beside.
    pub(super) fn judge(self: &Arc<Self>, snapshot: &Snapshot, chain: &Chain, determined: bool) -> Verdict {
        let (name, now) = (chain.fingerprint(), self.clock.now());
        let known = snapshot.index.chains.get(&name);
        let first_seen = match known {
            Some(known) if known.lists == chain.lists() => known.first_seen,
            // With other lists than are asked for it is noted again, and is no newer for that.
            Some(known) => self.first_seen(name, chain, now).min(known.first_seen),
            None => self.first_seen(name, chain, now),
        };
        let evidence = Evidence {
            determined,
            crl_good_at: snapshot.crl_good_at(chain),
            ocsp: known.and_then(|known| known.ocsp.clone()),
            first_seen: self.tolerated_from(first_seen, snapshot),
        };
        decide(&evidence, now, self.window)
    }

    /// Returns from when a chain's window runs that no check was made of.
    ///
    /// What this environment could not read yet may say that the chain is good: until then the window starts with it.
    fn tolerated_from(&self, first_seen: Timestamp, snapshot: &Snapshot) -> Timestamp {
        if snapshot.written_at.is_none() || snapshot.incomplete {
            first_seen.max(self.started)
        } else {
            first_seen
        }
    }

    /// Returns when a chain that the index does not hold was first seen, and has it noted if that is now.
    fn first_seen(self: &Arc<Self>, name: String, chain: &Chain, now: Timestamp) -> Timestamp {
        if let Some(first) = self.read(|state| state.seen.get(&name).map(|seen| seen.first)) {
            return first;
        }
        self.update(|state| state.seen.insert(name, Seen { first: now, unnoted: Some(chain.clone()) }));
        let (this, chain) = (Arc::clone(self), chain.clone());
        tokio::spawn(async move { this.note(&chain, now).await });
        now
    }

    async fn note(&self, chain: &Chain, first: Timestamp) {
        let name = chain.fingerprint();
        match self.store.note(chain, first).await {
            Ok(first) => self.update(|state| {
                state.seen.insert(name, Seen { first, unnoted: None });
            }),
            Err(error) => tracing::error!(
                code = CODE,
                error = %Causes(&error),
                "A receiver's certificate chain could not be noted for revocation checks; that is tried again."
            ),
        }
    }

    /// Reports that a chain was accepted by anything but current lists.
    pub(crate) fn report(&self, host: &str, checked: Checked) {
        if checked.mechanism == Mechanism::Crl {
            return;
        }
        let mechanism = checked.mechanism.as_str();
        tracing::warn!(
            event = "revocation_fallback_used",
            host,
            mechanism,
            age_s = checked.age.as_secs(),
            "A receiver's certificate was accepted without a current revocation list."
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
