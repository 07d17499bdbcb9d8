//! The keys that sign the Directory's software statements, stored with their age.

use std::sync::Arc;
use std::time::Duration;

use convention::directory::{Environment, Keys, KeysError, Statement, StatementError, VerifyError};
use jiff::{SignedDuration, Timestamp};
use platform::aws::{DirectoryTable, DirectoryTableError, Document, keys_row};
use platform::clock::Clock;
use platform::telemetry::{ErrorChain, Metrics};
use thiserror::Error;
use tokio::time::{Instant, sleep};

use crate::fetch::{FetchError, Fetcher, renew};

/// Maximum size of a key set in bytes; the Directory's has a few kilobytes.
const LIMIT: usize = 256 * 1024;
/// Minimum interval between fetches for an unknown key, so that a flood of forged statements does not reach the
/// Directory.
const AT_MOST_EVERY: SignedDuration = SignedDuration::from_mins(1);
/// How long to wait for a concurrent fetch by another call.
const OTHERS_BUDGET: Duration = Duration::from_secs(2);
const LOOK_EVERY: Duration = Duration::from_millis(200);
/// Retention: the last good key set stays for as long as the Directory is unreachable.
const TIME_TO_LIVE: SignedDuration = SignedDuration::from_hours(24 * 365 * 10);

/// Stores the Directory's keys and verifies statements with them.
#[derive(Debug)]
pub struct DirectoryKeys {
    /// Where they are stored.
    pub table: DirectoryTable,
    /// Fetches them.
    pub fetcher: Arc<Fetcher>,
    /// The environment of the Directory.
    pub environment: Environment,
    /// Where their age is measured.
    pub metrics: Metrics,
    /// The clock.
    pub clock: Clock,
}

/// Why a statement was not verified.
#[derive(Debug, Error)]
pub enum Unverified {
    /// The statement is invalid.
    #[error(transparent)]
    Refused(#[from] StatementError),
    /// We lack the keys to decide.
    #[error("the Directory's keys are missing")]
    NoKeys(#[source] KeysMissing),
}

/// Why there are no keys, or none known to be current.
#[derive(Debug, Error)]
pub enum KeysMissing {
    /// The directory table does not work.
    #[error("the directory table does not work")]
    Table(#[from] DirectoryTableError),
    /// The Directory did not answer as expected.
    #[error("the key set could not be fetched")]
    Fetch(#[from] FetchError),
    /// Its answer is not a usable key set.
    #[error("the key set cannot be used")]
    Keys(#[from] KeysError),
    /// The statement's key is published but cannot be read.
    #[error("the statement's key is in the key set and could not be read")]
    Unreadable,
    /// The last fetch failed less than a minute ago.
    #[error("the key set could not be fetched less than a minute ago")]
    TriedJustNow,
}

impl From<VerifyError> for Unverified {
    fn from(error: VerifyError) -> Self {
        match error {
            VerifyError::Refused(refused) => Self::Refused(refused),
            VerifyError::KeyUnreadable => Self::NoKeys(KeysMissing::Unreadable),
        }
    }
}

impl DirectoryKeys {
    /// Verifies the statement of a call that was answered at `called_at`.
    ///
    /// A key that is unknown or unreadable is looked up at the Directory. A statement is refused for its key only if
    /// the Directory has just confirmed that it does not publish the key.
    pub async fn verify(&self, jws: &str, called_at: Timestamp) -> Result<Statement, Unverified> {
        let verify = |keys: &Keys| Statement::verify(jws, keys, &self.environment.issuers, called_at);
        let known = self.known().await.map_err(Unverified::NoKeys)?;
        match known.as_ref().map(|(_, keys)| verify(keys)) {
            Some(Err(VerifyError::Refused(StatementError::UnknownKey) | VerifyError::KeyUnreadable))
            | None => {}
            Some(decided) => return decided.map_err(Unverified::from),
        }
        let fresh = self.reload(known).await.map_err(Unverified::NoKeys)?;
        verify(&fresh).map_err(Unverified::from)
    }

    /// Fetches the keys if they are no longer fresh; for the schedule.
    pub async fn refresh(&self) -> Result<(), KeysMissing> {
        let known = self.known().await?;
        if known.as_ref().is_some_and(|(document, _)| self.clock.now() < document.fresh_until) {
            return Ok(());
        }
        let keys = self.fetch(known).await?;
        tracing::info!(keys = keys.len(), "The Directory's keys were fetched.");
        Ok(())
    }

    /// Measures the age of the keys; writes nothing if there are none, for which the alarm fires too.
    pub(crate) async fn measure(&self) {
        let Ok(Some((document, _))) = self.known().await else { return };
        self.metrics.record_age(self.clock.now(), "DirectoryKeysAge", document.fetched_at);
    }

    /// Fetches the keys unless that was done within the last minute.
    async fn reload(&self, known: Option<(Document, Keys)>) -> Result<Keys, KeysMissing> {
        let now = self.clock.now();
        if self.table.claim(&format!("jwks-claim#{}", self.environment.name), now, AT_MOST_EVERY).await? {
            return self.fetch(known).await;
        }
        // Another call fetched them or is fetching them: many first registrations may come at once.
        let until = Instant::now() + OTHERS_BUDGET;
        loop {
            if let Some((document, keys)) = self.known().await?
                && now.duration_since(document.fetched_at) <= AT_MOST_EVERY
            {
                return Ok(keys);
            }
            if Instant::now() >= until {
                return Err(KeysMissing::TriedJustNow);
            }
            sleep(LOOK_EVERY).await;
        }
    }

    /// Returns the key set's name in the directory table, which depends on the environment, as a stack may change it.
    fn name(&self) -> String {
        keys_row(self.environment.name)
    }

    async fn known(&self) -> Result<Option<(Document, Keys)>, KeysMissing> {
        let Some(document) = self.table.get(&self.name()).await? else { return Ok(None) };
        match Keys::from_json(&document.bytes) {
            Ok(keys) => Ok(Some((document, keys))),
            Err(error) => {
                // Another release may have stored a key set that this one cannot read; a new fetch repairs it.
                tracing::error!(code = "keys_unreadable", error = %ErrorChain(&error), "The stored keys of the Directory cannot be read.");
                Ok(None)
            }
        }
    }

    async fn fetch(&self, known: Option<(Document, Keys)>) -> Result<Keys, KeysMissing> {
        let known = known.map(|(document, _)| document);
        let etag = known.as_ref().and_then(|document| document.etag.as_deref());
        let fetched = self.fetcher.get(&self.environment.jwks_url, "application/json", etag, LIMIT).await?;
        let document = renew(known, fetched, self.clock.now(), Ok::<_, KeysMissing>)?;
        // Parsed before it is stored: an invalid key set must not replace the last good one.
        let keys = Keys::from_json(&document.bytes)?;
        for key in keys.dropped() {
            tracing::error!(
                code = "key_unreadable",
                kid = key.kid,
                error = %key.flaw,
                "A key of the Directory cannot be used; statements that it signs cannot be verified."
            );
        }
        self.table.put(&self.name(), &document, TIME_TO_LIVE).await?;
        Ok(keys)
    }
}

/// Logs that the schedule could not fetch the keys.
pub(crate) fn report(error: &KeysMissing) {
    tracing::error!(
        code = "keys_not_fetched",
        error = %ErrorChain(error),
        "The Directory's keys could not be fetched; the last good ones stay in use."
    );
}
