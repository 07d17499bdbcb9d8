//! The Directory's public list of participants, fetched when it is due and kept with its age.

use std::sync::Arc;

use jiff::{SignedDuration, Timestamp};
use thiserror::Error;
use webhook::aws::{DirectoryTable, DirectoryTableError, Document};
use webhook::directory::{Participants, ParticipantsError};
use webhook::edge::Clock;
use webhook::telemetry::Chain;

use crate::fetch::{FetchError, Fetcher, renew};

/// The name of the list in the directory table.
const NAME: &str = "participants";
/// The production list has some 15 MB.
const LIMIT: usize = 32 * 1024 * 1024;
/// The last good list stays however long the Directory is away.
const LIVES: SignedDuration = SignedDuration::from_hours(24 * 365 * 10);

/// Keeps the list.
#[derive(Debug)]
pub struct ParticipantsList {
    /// Where it is kept.
    pub table: DirectoryTable,
    /// How it is fetched.
    pub fetcher: Arc<Fetcher>,
    /// Where it is.
    pub url: String,
    /// What time it is.
    pub clock: Clock,
}

/// A list that could not be had.
#[derive(Debug, Error)]
pub enum ListMissing {
    /// The directory table does not work.
    #[error("the directory table does not work")]
    Table(#[from] DirectoryTableError),
    /// The Directory does not answer as it should.
    #[error("the list of participants could not be fetched")]
    Fetch(#[from] FetchError),
    /// What it answers is not the list.
    #[error("the list of participants cannot be used")]
    List(#[from] ParticipantsError),
    /// What is kept was not written by this version.
    #[error("the list of participants that is kept cannot be read")]
    Kept(#[from] serde_json::Error),
}

impl ParticipantsList {
    /// Returns the list, fetched anew if the one that is kept is not fresh any more, and when the Directory last said that
    /// this is it; the last good one if it says nothing.
    pub async fn current(&self) -> Result<(Participants, Timestamp), ListMissing> {
        let known = self.table.get(NAME).await?;
        if let Some(document) = &known
            && self.clock.now() < document.fresh_until
        {
            return Ok((serde_json::from_slice(&document.bytes)?, document.fetched_at));
        }
        let fetched = match self.fetch(known.clone()).await {
            Ok(document) => document,
            Err(error) => match known {
                Some(document) => {
                    tracing::error!(
                        code = "participants_not_fetched",
                        error = %Chain(&error),
                        fetched_at = %document.fetched_at,
                        "The list of participants could not be fetched; the last good one stays in use."
                    );
                    document
                }
                None => return Err(error),
            },
        };
        Ok((serde_json::from_slice(&fetched.bytes)?, fetched.fetched_at))
    }

    async fn fetch(&self, known: Option<Document>) -> Result<Document, ListMissing> {
        let etag = known.as_ref().and_then(|document| document.etag.as_deref());
        let fetched = self.fetcher.get(&self.url, "application/json", etag, LIMIT).await?;
        let document = renew(known, fetched, self.clock.now(), |bytes| {
            let list = Participants::from_json(&bytes)?;
            if list.odd_entries > 0 {
                tracing::warn!(
                    code = "participants_odd",
                    entries = list.odd_entries,
                    "The list of participants names an organisation twice, or one without an id."
                );
            }
            Ok::<_, ListMissing>(serde_json::to_vec(&list)?)
        })?;
        self.table.put(NAME, &document, LIVES).await?;
        Ok(document)
    }
}
