//! Lists, statuses and chains in the directory table.

use futures_util::{StreamExt, TryStreamExt, stream};
use jiff::{SignedDuration, Timestamp};

use super::chain::{Chain, sha256_hex};
use super::index::{CrlEntry, Index};
use crate::aws::{DOCUMENT_LIMIT, DirectoryTable, DirectoryTableError, Document};

/// The row of the index.
const INDEX: &str = "revocation";
/// What the names of chains start with.
const CHAIN: &str = "chain#";
/// How long rows live that are written anew long before that.
const LIVES: SignedDuration = SignedDuration::from_hours(30 * 24);
/// How long a chain's row outlives the chain.
const OUTLIVES: SignedDuration = SignedDuration::from_hours(24);
/// How many rows of a list are read at once.
const AT_ONCE: usize = 4;

/// A chain that was noted: its fingerprint, when it was first seen, and itself.
pub type Noted = (String, Timestamp, Chain);

/// Keeps what is known of revocation.
#[derive(Clone, Debug)]
pub struct RevocationStore(DirectoryTable);

impl RevocationStore {
    /// Uses this table.
    pub fn new(table: DirectoryTable) -> Self {
        Self(table)
    }

    /// Claims the refresh, which is not to run twice at once; `false` if it was claimed less than `every` ago.
    pub async fn claim(&self, now: Timestamp, every: SignedDuration) -> Result<bool, DirectoryTableError> {
        self.0.claim("revocation-refresh", now, every).await
    }

    /// Reads the index and when it was written; `None` before the first refresh.
    pub async fn index(&self) -> Result<Option<(Index, Timestamp)>, DirectoryTableError> {
        let Some(document) = self.0.get(INDEX).await? else { return Ok(None) };
        let index = serde_json::from_slice(&document.bytes).map_err(|_| self.0.unreadable(INDEX))?;
        Ok(Some((index, document.fetched_at)))
    }

    /// Writes the index.
    pub async fn put_index(&self, index: &Index, now: Timestamp) -> Result<(), DirectoryTableError> {
        let bytes = serde_json::to_vec(index).unwrap_or_default();
        self.0.put(INDEX, &document(bytes, now), LIVES).await
    }

    /// Reads a list; `None` if its rows are not there, or are not what was written.
    pub async fn crl(&self, row: &str, entry: &CrlEntry) -> Result<Option<Vec<u8>>, DirectoryTableError> {
        let parts: Vec<_> = stream::iter(0..entry.parts)
            .map(async |part| self.0.get(&part_name(row, &entry.digest, part)).await)
            .buffered(AT_ONCE)
            .try_collect()
            .await?;
        let list: Vec<u8> = parts.into_iter().flatten().flat_map(|document| document.bytes).collect();
        Ok((sha256_hex(&list) == entry.digest).then_some(list))
    }

    /// Writes a list, over as many rows as it needs; returns how many.
    ///
    /// Their names hold the list's digest, so that the list that the index speaks of stays whole until the index speaks of
    /// the next. What it speaks of no more expires.
    pub async fn put_crl(
        &self,
        row: &str,
        list: &[u8],
        now: Timestamp,
    ) -> Result<usize, DirectoryTableError> {
        let digest = sha256_hex(list);
        let parts: Vec<_> = list.chunks(DOCUMENT_LIMIT).enumerate().collect();
        for (part, bytes) in &parts {
            self.0.put(&part_name(row, &digest, *part), &document(bytes.to_vec(), now), LIVES).await?;
        }
        Ok(parts.len())
    }

    /// Notes a chain unless it is noted already; returns when it was first.
    ///
    /// A receiver may come with another intermediate for the same leaf, so that there are other lists to ask for: what it
    /// presents now takes the place of what it did, and is not new for that.
    /// Its row lives as long as the leaf, so that no chain is new twice and none has to be renewed.
    pub async fn note(&self, chain: &Chain, now: Timestamp) -> Result<Timestamp, DirectoryTableError> {
        let name = format!("{CHAIN}{}", chain.fingerprint());
        let new = document(chain.to_bytes(), now);
        match self.0.put_new(&name, &new, lives(chain, now)).await {
            Ok(None) => Ok(now),
            Ok(Some(noted)) => {
                let first = noted.fetched_at;
                match Chain::from_bytes(&noted.bytes).map(|noted| noted.lists() == chain.lists()) {
                    Some(true) => Ok(first),
                    // The row expires as late as before: the leaf is the same.
                    Some(false) => self.replace(&name, chain, first).await,
                    None => self.replace(&name, chain, now).await,
                }
            }
            // Nobody could ask about what it holds, so the chain is as good as new.
            Err(DirectoryTableError::Unreadable { .. }) => self.replace(&name, chain, now).await,
            Err(error) => Err(error),
        }
    }

    async fn replace(
        &self,
        name: &str,
        chain: &Chain,
        first: Timestamp,
    ) -> Result<Timestamp, DirectoryTableError> {
        self.0.put(name, &document(chain.to_bytes(), first), lives(chain, first)).await?;
        Ok(first)
    }

    /// Reads every chain that was noted: its fingerprint, when it was first seen, and itself. What is wrong with the rows that
    /// cannot be read comes beside.
    pub async fn chains(&self) -> Result<(Vec<Noted>, Vec<DirectoryTableError>), DirectoryTableError> {
        let (mut chains, mut unreadable) = (Vec::new(), Vec::new());
        for (name, read) in self.0.all(CHAIN).await? {
            let read = read.and_then(|document| {
                let chain = Chain::from_bytes(&document.bytes).ok_or_else(|| self.0.unreadable(&name))?;
                Ok((name.trim_start_matches(CHAIN).to_owned(), document.fetched_at, chain))
            });
            match read {
                Ok(chain) => chains.push(chain),
                Err(error) => unreadable.push(error),
            }
        }
        Ok((chains, unreadable))
    }
}

/// Returns how long a chain's row lives that is first seen then.
fn lives(chain: &Chain, first: Timestamp) -> SignedDuration {
    chain.valid_until().map_or(LIVES, |until| until.duration_since(first)) + OUTLIVES
}

fn part_name(row: &str, digest: &str, part: usize) -> String {
    format!("{row}#{digest}#{part}")
}

fn document(bytes: Vec<u8>, now: Timestamp) -> Document {
    Document { bytes, fetched_at: now, fresh_until: now, etag: None }
}
