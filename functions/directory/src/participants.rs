//! The Directory's public list of participants, fetched when due and stored with its age.

use std::sync::Arc;

use convention::directory::{Environment, Participants, ParticipantsError};
use jiff::{SignedDuration, Timestamp};
use platform::aws::{DirectoryTable, DirectoryTableError, Document, participants_row};
use platform::clock::Clock;
use platform::telemetry::ErrorChain;
use thiserror::Error;

use crate::fetch::{FetchError, Fetcher, renew};

/// Maximum size of the list in bytes; production's has about 15 MB.
const LIMIT: usize = 32 * 1024 * 1024;
/// Retention: the last good list stays for as long as the Directory is unreachable.
const TIME_TO_LIVE: SignedDuration = SignedDuration::from_hours(24 * 365 * 10);

/// Stores the list.
#[derive(Debug)]
pub struct ParticipantsList {
    /// Where it is stored.
    pub table: DirectoryTable,
    /// Fetches it.
    pub fetcher: Arc<Fetcher>,
    /// The environment of the Directory.
    pub environment: Environment,
    /// The clock.
    pub clock: Clock,
}

/// The list and its age.
#[derive(Clone, Debug)]
pub struct Listed {
    /// The list.
    pub participants: Participants,
    /// When the Directory last confirmed the list.
    pub confirmed_at: Timestamp,
    /// Whether it is due and could not be fetched.
    pub is_overdue: bool,
}

/// Why there is no list.
#[derive(Debug, Error)]
pub enum ListMissing {
    /// The directory table does not work.
    #[error("the directory table does not work")]
    Table(#[from] DirectoryTableError),
    /// The Directory did not answer as expected.
    #[error("the list of participants could not be fetched")]
    Fetch(#[from] FetchError),
    /// Its answer is not a usable list.
    #[error("the list of participants cannot be used")]
    List(#[from] ParticipantsError),
}

impl ParticipantsList {
    /// Returns the list. One that is no longer fresh is fetched anew; if that fails, the last good one is returned.
    pub async fn current(&self) -> Result<Listed, ListMissing> {
        // A list of another release that this one cannot read counts as absent; a new fetch repairs it.
        let known = self.table.get(&self.name()).await?;
        let known = known.and_then(|document| Some((read(&document)?, document)));
        if let Some((list, document)) = &known
            && self.clock.now() < document.fresh_until
        {
            let (participants, confirmed_at) = (list.clone(), document.fetched_at);
            return Ok(Listed { participants, confirmed_at, is_overdue: false });
        }
        let (last_good, known) = known.unzip();
        let fetched_at = known.as_ref().map(|document| document.fetched_at);
        match (self.fetch(known).await, last_good.zip(fetched_at)) {
            (Ok((participants, confirmed_at)), _) => {
                Ok(Listed { participants, confirmed_at, is_overdue: false })
            }
            (Err(error), Some((participants, fetched_at))) => {
                tracing::error!(
                    code = "participants_not_fetched",
                    error = %ErrorChain(&error),
                    %fetched_at,
                    "The list of participants could not be fetched; the last good one stays in use."
                );
                Ok(Listed { participants, confirmed_at: fetched_at, is_overdue: true })
            }
            (Err(error), None) => Err(error),
        }
    }

    /// Returns the list's name in the directory table, which depends on the environment, as a stack may change it.
    fn name(&self) -> String {
        participants_row(self.environment.name)
    }

    async fn fetch(&self, known: Option<Document>) -> Result<(Participants, Timestamp), ListMissing> {
        let etag = known.as_ref().and_then(|document| document.etag.as_deref());
        let fetched =
            self.fetcher.get(&self.environment.participants_url, "application/json", etag, LIMIT).await?;
        let document = renew(known, fetched, self.clock.now(), |bytes| {
            let list = Participants::from_json(&bytes)?;
            if list.odd_entries > 0 {
                tracing::warn!(
                    code = "participants_odd",
                    entries = list.odd_entries,
                    "The list of participants names an organisation twice, or one without an id."
                );
            }
            Ok::<_, ListMissing>(serde_json::to_vec(&list).expect("a list serialises"))
        })?;
        self.table.put(&self.name(), &document, TIME_TO_LIVE).await?;
        let list = read(&document).ok_or(ParticipantsError::NotList)?;
        Ok((list, document.fetched_at))
    }
}

fn read(document: &Document) -> Option<Participants> {
    serde_json::from_slice(&document.bytes).ok()
}
