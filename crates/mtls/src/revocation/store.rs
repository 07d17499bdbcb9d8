//! Stores revocation data, and the paths that receivers showed, in the directory table.

use jiff::{SignedDuration, Timestamp};
use platform::aws::{DOCUMENT_LIMIT, DirectoryTable, DirectoryTableError, Document};
use platform::sha256_hex;
use serde::Serialize;
use serde::de::DeserializeOwned;

use super::path::Path;
use super::rows::{AuthorityRow, Contents, LeafRow, SerialsEntry};
use super::serials::Serials;

/// Key of the index row.
const CONTENTS: &str = "revocation";
const AUTHORITY: &str = "authority#";
const LEAF: &str = "leaf#";
const PATH: &str = "path#";
/// Retention of rows, which are rewritten long before.
const TIME_TO_LIVE: SignedDuration = SignedDuration::from_hours(30 * 24);
/// Maximum number of rows for one authority's serials.
const MAX_PARTS: usize = 64;
/// How long a path's row is kept after its leaf expires.
const PATH_GRACE: SignedDuration = SignedDuration::from_hours(24);

/// A recorded path.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Noted {
    /// The host that showed it.
    pub host: String,
    /// When it was first shown.
    pub first_seen: Timestamp,
    /// The path itself.
    pub path: Path,
}

/// Rows that were read, each by its id with a hash of its bytes.
#[derive(Debug)]
pub struct Rows<T> {
    /// Rows that were parsed.
    pub read: Vec<(String, String, T)>,
    /// The ids of those that could not be parsed, each with its error.
    pub unreadable: Vec<(String, DirectoryTableError)>,
}

/// The store of revocation data.
#[derive(Clone, Debug)]
pub struct RevocationStore(DirectoryTable);

impl RevocationStore {
    /// Uses this table.
    pub fn new(table: DirectoryTable) -> Self {
        Self(table)
    }

    /// Claims the refresh, so that it does not run twice at once; `false` if it was claimed less than `every` ago.
    pub async fn claim(&self, now: Timestamp, every: SignedDuration) -> Result<bool, DirectoryTableError> {
        self.0.claim("revocation-refresh", now, every).await
    }

    /// Reads the index and when it was last refreshed; `None` before the first refresh.
    pub async fn contents(&self) -> Result<Option<(Contents, Timestamp)>, DirectoryTableError> {
        let Some(document) = self.0.get(CONTENTS).await? else { return Ok(None) };
        let contents = serde_json::from_slice(&document.bytes).map_err(|_| self.0.unreadable(CONTENTS))?;
        Ok(Some((contents, document.fetched_at)))
    }

    /// Writes the index, refreshed at `now`.
    pub async fn put_contents(&self, contents: &Contents, now: Timestamp) -> Result<(), DirectoryTableError> {
        self.put(CONTENTS, contents, now).await.map(drop)
    }

    /// Reads authorities by their ids.
    pub async fn authorities(&self, ids: &[String]) -> Result<Rows<AuthorityRow>, DirectoryTableError> {
        self.rows(AUTHORITY, ids).await
    }

    /// Reads leaves by their fingerprints.
    pub async fn leaves(&self, ids: &[String]) -> Result<Rows<LeafRow>, DirectoryTableError> {
        self.rows(LEAF, ids).await
    }

    /// Writes an authority; returns a hash of its row.
    pub async fn put_authority(
        &self,
        id: &str,
        row: &AuthorityRow,
        now: Timestamp,
    ) -> Result<String, DirectoryTableError> {
        self.put(&format!("{AUTHORITY}{id}"), row, now).await
    }

    /// Writes a leaf; returns a hash of its row.
    pub async fn put_leaf(
        &self,
        fingerprint: &str,
        row: &LeafRow,
        now: Timestamp,
    ) -> Result<String, DirectoryTableError> {
        self.put(&format!("{LEAF}{fingerprint}"), row, now).await
    }

    /// Reads an authority's serials; `None` if their rows are missing or damaged.
    pub async fn serials(
        &self,
        id: &str,
        entry: &SerialsEntry,
    ) -> Result<Option<Serials>, DirectoryTableError> {
        if entry.parts > MAX_PARTS {
            return Ok(None);
        }
        let names: Vec<_> = (0..entry.parts).map(|part| part_name(id, &entry.digest, part)).collect();
        let mut parts = Vec::new();
        for (name, document) in self.0.get_all(&names).await? {
            let place = names.iter().position(|other| *other == name);
            // One unreadable part makes the others useless.
            let Ok(document) = document else { return Ok(None) };
            parts.push((place, document.bytes));
        }
        parts.sort_by_key(|(place, _)| *place);
        let bytes: Vec<u8> = parts.into_iter().flat_map(|(_, bytes)| bytes).collect();
        Ok((sha256_hex(&bytes) == entry.digest).then(|| Serials::from_bytes(&bytes)).flatten())
    }

    /// Writes an authority's serials over as many rows as needed, next to those of the previous generation; deletes
    /// the one before that.
    pub async fn put_serials(
        &self,
        id: &str,
        serials: &Serials,
        before: Option<SerialsEntry>,
        now: Timestamp,
    ) -> Result<SerialsEntry, DirectoryTableError> {
        let bytes = serials.to_bytes();
        let digest = sha256_hex(&bytes);
        let parts: Vec<_> = bytes.chunks(DOCUMENT_LIMIT).enumerate().collect();
        for (part, bytes) in &parts {
            self.0.put(&part_name(id, &digest, *part), &document(bytes.to_vec(), now), TIME_TO_LIVE).await?;
        }
        let before = before.filter(|before| before.digest != digest);
        if let Some((old, parts)) = before.as_ref().and_then(|before| before.superseded.clone())
            && old != digest
        {
            for part in 0..parts.min(MAX_PARTS) {
                self.0.delete(&part_name(id, &old, part)).await?;
            }
        }
        let superseded = before.map(|before| (before.digest, before.parts));
        Ok(SerialsEntry { digest, parts: parts.len(), bytes: bytes.len(), written_at: now, superseded })
    }

    /// Records a path unless it is recorded already; returns when it was first recorded.
    ///
    /// Its row lives as long as the leaf, so a path is recorded once and never renewed.
    pub async fn note(
        &self,
        host: &str,
        path: &Path,
        now: Timestamp,
    ) -> Result<Timestamp, DirectoryTableError> {
        let name = format!("{PATH}{}", path.row());
        let lives = path.valid_until().map_or(TIME_TO_LIVE, |until| until.duration_since(now)) + PATH_GRACE;
        let new = document(path.to_bytes(host), now);
        match self.0.put_new(&name, &new, lives).await {
            Ok(None) => Ok(now),
            Ok(Some(noted)) if Path::from_bytes(&noted.bytes).is_some() => Ok(noted.fetched_at),
            // Its content was never usable, so the path counts as new.
            Ok(Some(_)) | Err(DirectoryTableError::Unreadable { .. }) => {
                self.0.put(&name, &new, lives).await?;
                Ok(now)
            }
            Err(error) => Err(error),
        }
    }

    /// Reads every recorded path, and the errors of rows that cannot be read.
    pub async fn paths(&self) -> Result<(Vec<Noted>, Vec<DirectoryTableError>), DirectoryTableError> {
        let (mut paths, mut unreadable) = (Vec::new(), Vec::new());
        for (name, read) in self.0.all(PATH).await? {
            let read = read.and_then(|document| {
                let (host, path) =
                    Path::from_bytes(&document.bytes).ok_or_else(|| self.0.unreadable(&name))?;
                Ok(Noted { host, first_seen: document.fetched_at, path })
            });
            match read {
                Ok(noted) => paths.push(noted),
                Err(error) => unreadable.push(error),
            }
        }
        Ok((paths, unreadable))
    }

    async fn put(
        &self,
        name: &str,
        row: &impl Serialize,
        now: Timestamp,
    ) -> Result<String, DirectoryTableError> {
        let bytes = serde_json::to_vec(row).unwrap_or_default();
        let hash = row_hash(&bytes);
        self.0.put(name, &document(bytes, now), TIME_TO_LIVE).await?;
        Ok(hash)
    }

    async fn rows<T: DeserializeOwned>(
        &self,
        prefix: &str,
        ids: &[String],
    ) -> Result<Rows<T>, DirectoryTableError> {
        let names: Vec<_> = ids.iter().map(|id| format!("{prefix}{id}")).collect();
        let mut rows = Rows { read: Vec::new(), unreadable: Vec::new() };
        for (name, read) in self.0.get_all(&names).await? {
            let id = name.strip_prefix(prefix).unwrap_or(&name).to_owned();
            match self.parse(&name, read) {
                Ok((hash, row)) => rows.read.push((id, hash, row)),
                Err(error) => rows.unreadable.push((id, error)),
            }
        }
        Ok(rows)
    }

    fn parse<T: DeserializeOwned>(
        &self,
        name: &str,
        read: Result<Document, DirectoryTableError>,
    ) -> Result<(String, T), DirectoryTableError> {
        let bytes = read?.bytes;
        let row = serde_json::from_slice(&bytes).map_err(|_| self.0.unreadable(name))?;
        Ok((row_hash(&bytes), row))
    }
}

/// Identifies a version of a row.
fn row_hash(bytes: &[u8]) -> String {
    let mut hash = sha256_hex(bytes);
    hash.truncate(16);
    hash
}

fn part_name(id: &str, digest: &str, part: usize) -> String {
    format!("serials#{id}#{digest}#{part}")
}

fn document(bytes: Vec<u8>, now: Timestamp) -> Document {
    Document { bytes, fetched_at: now, fresh_until: now, etag: None }
}
