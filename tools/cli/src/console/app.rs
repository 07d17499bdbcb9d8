//! The state of the server, shared by all requests.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, AtomicI64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, RwLock, RwLockReadGuard};

use account::ChosenStack;
use anyhow::{Context as _, Result};
use aws_lc_rs::rand;
use convention::address::AddressPolicy;
use jiff::Timestamp;
use pages::{Access, Model};
use platform::clock::Clock;
use terminal::Language;
use tokio::task::JoinHandle;

use super::read::Reader;
use super::replay_book::Replays;
use crate::shutdown::Shutdown;

/// What the console was started with.
#[derive(Clone, Debug, Default)]
pub struct Options {
    /// The name of the stack; none of the local one.
    pub name: Option<String>,
    /// Whether replays are allowed.
    pub is_acting: bool,
    /// Access logs, for the page on polling.
    pub access_logs: Vec<PathBuf>,
    /// Their format.
    pub format: Option<String>,
}

/// The state of the server, shared by all requests.
#[derive(Clone, Debug)]
pub struct App(Arc<Inner>);

#[derive(Debug)]
pub(super) struct Inner {
    pub(super) access: Access,
    pub(super) stack: ChosenStack,
    pub(super) options: Options,
    pub(super) clock: Clock,
    pub(super) replays: Mutex<Replays>,
    changes: Mutex<KnownChanges>,
    /// The replay that runs, to be awaited at the end.
    pub(super) running: tokio::sync::Mutex<Option<JoinHandle<()>>>,
    pub(super) stop: Shutdown,
    model: Arc<RwLock<Model>>,
    /// When a page was last requested, in seconds of the epoch; the reader pauses without requests.
    asked_at: Arc<AtomicI64>,
    /// Whether a replay has changed what was read of the undelivered.
    pub(super) has_replayed: Arc<AtomicBool>,
}

/// When something changed a registration, by which sentence, and its fields.
pub(super) type Changes = Vec<(Timestamp, String, String)>;
/// What changed each client's registration, when that was last looked for.
type KnownChanges = BTreeMap<String, (Timestamp, Result<Changes, String>)>;

/// Bytes of each secret: too many to be guessed.
const SECRET_BYTES: usize = 16;

impl App {
    /// Makes the secrets, and begins to read the stack.
    pub fn new(stack: ChosenStack, options: Options, port: u16, stop: Shutdown) -> Result<Self> {
        let name = options.name.clone();
        let app = Self::of_model(stack, options, (port, stop), Model::default())?;
        let Inner { stack, model, asked_at, has_replayed, .. } = &*app.0;
        let signs = (Arc::clone(asked_at), Arc::clone(has_replayed));
        let reader = Reader::new(stack, name.as_deref(), Arc::clone(model), signs);
        reader.start().context("cannot begin to read the stack")?;
        Ok(app)
    }

    /// Makes the secrets for the pages of a model that nobody reads again, as for pictures of them.
    pub fn of_model(
        stack: ChosenStack,
        options: Options,
        (port, stop): (u16, Shutdown),
        model: Model,
    ) -> Result<Self> {
        let (clock, replays) = (Clock::system(), Mutex::default());
        let (changes, running) = (Mutex::default(), tokio::sync::Mutex::default());
        let access = Access::new(secret()?, secret()?, port);
        let (asked_at, has_replayed) = (Arc::new(AtomicI64::new(clock.now().as_second())), Arc::default());
        let model = Arc::new(RwLock::new(model));
        Ok(Self(Arc::new(Inner {
            access,
            stack,
            options,
            clock,
            replays,
            changes,
            running,
            stop,
            model,
            asked_at,
            has_replayed,
        })))
    }

    /// The address to open, with its secret.
    pub fn url(&self) -> String {
        self.0.access.url()
    }

    /// The stack, as people name it.
    pub fn stack(&self) -> String {
        self.0.stack.to_string()
    }

    /// The stack and its region, in a language.
    pub(super) fn named(&self, language: Language) -> String {
        let Some(name) = &self.0.options.name else {
            return language.choose("the local stack", "a stack local").to_owned();
        };
        let region = self.0.stack.sdk.region().map(ToString::to_string).unwrap_or_default();
        format!("{name} · {region}")
    }

    pub(super) fn inner(&self) -> &Inner {
        &self.0
    }

    /// Notes that a page was requested.
    pub(super) fn note_request(&self) {
        self.0.asked_at.store(self.now().as_second(), Ordering::Relaxed);
    }

    pub(super) fn now(&self) -> Timestamp {
        self.0.clock.now()
    }

    pub(super) fn model(&self) -> RwLockReadGuard<'_, Model> {
        self.0.model.read().unwrap_or_else(PoisonError::into_inner)
    }

    /// What changed each registration, when that was last looked for.
    pub(super) fn changes(&self) -> MutexGuard<'_, KnownChanges> {
        self.0.changes.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn replays(&self) -> MutexGuard<'_, Replays> {
        self.0.replays.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Inner {
    /// Which addresses receivers may have.
    pub(super) fn policy(&self) -> AddressPolicy {
        if self.stack.local.is_some() { AddressPolicy::PublicAndLoopback } else { AddressPolicy::Public }
    }
}

pub(super) fn secret() -> Result<String> {
    let mut bytes = [0; SECRET_BYTES];
    rand::fill(&mut bytes).ok().context("the system gives no random bytes")?;
    Ok(hex::encode(bytes))
}
