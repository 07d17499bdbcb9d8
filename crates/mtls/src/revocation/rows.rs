//! Revocation data as stored in the directory table: one row for each authority and each leaf, so that a row that is
//! too large or broken does not affect others. The directory function writes them; dispatch reads them.

use std::collections::BTreeMap;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

/// Maximum number of lists of one authority; those of ICP-Brasil have one or two.
pub const MAX_LISTS: usize = 16;
/// Maximum number of monitored ways from one leaf to a trust anchor.
pub const MAX_WAYS: usize = 4;

/// The index of the rows: names and hashes only, so that its size is bounded whatever the rows hold.
#[derive(Clone, Debug, Default, Deserialize, Eq, PartialEq, Serialize)]
pub struct Contents {
    /// The authorities, by [`Authority::id`](super::Authority::id), each with a hash of its row.
    pub authorities: BTreeMap<String, String>,
    /// The leaves, by fingerprint, each with a hash of its row.
    pub leaves: BTreeMap<String, String>,
}

/// What an authority has published.
#[derive(Clone, Debug, Default, Deserialize, Eq, PartialEq, Serialize)]
pub struct AuthorityRow {
    /// Its name, for people.
    pub name: String,
    /// Its lists.
    pub lists: Vec<ListEntry>,
    /// The rows with the serials that its lists and its responder revoke; `None` while there are none.
    pub serials: Option<SerialsEntry>,
}

/// The state of the lists of one source.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
pub struct ListEntry {
    /// The certificates they cover ([`Source::id`](super::Source::id)).
    pub source: String,
    /// The last list that covers every certificate of the source; `None` if there was none.
    pub good: Option<GoodList>,
}

/// A list whose signature, dates and scope were checked.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
pub struct GoodList {
    /// The URL that it came from.
    pub url: String,
    /// The `ETag` with which it came.
    pub etag: Option<String>,
    /// The SHA-256 of the list, in hexadecimal.
    pub digest: String,
    /// When its source last confirmed it as current.
    pub fetched_at: Timestamp,
    /// When it was issued: `thisUpdate`.
    pub this_update: Timestamp,
    /// When its successor is due: it is valid until then.
    pub next_update: Timestamp,
}

/// Where an authority's serials are stored.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
pub struct SerialsEntry {
    /// The SHA-256 of all parts together, in hexadecimal. The parts' keys contain it, so one generation stays
    /// complete until the authority's row refers to the next.
    pub digest: String,
    /// The number of rows they are split over.
    pub parts: usize,
    /// Their total size in bytes.
    pub bytes: usize,
    /// When the rows were last written.
    pub written_at: Timestamp,
    /// The previous generation: its digest and number of parts. It is deleted when the next one is written, because
    /// readers of the earlier row may still be reading it.
    #[serde(default)]
    pub superseded: Option<(String, usize)>,
}

/// The state of one leaf.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
pub struct LeafRow {
    /// When a receiver first showed it.
    pub first_seen: Timestamp,
    /// The monitored ways from it to a trust anchor: the keys of their rows.
    pub ways: Vec<String>,
    /// The last OCSP status.
    pub ocsp: Option<OcspEntry>,
}

/// An OCSP status with a verified signature.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
pub struct OcspEntry {
    /// The status.
    pub status: OcspStatus,
    /// When the status was known to be correct: `thisUpdate`.
    pub this_update: Timestamp,
    /// When it expires, if the responder says so: `nextUpdate`.
    pub next_update: Option<Timestamp>,
    /// When the responder was queried.
    pub fetched_at: Timestamp,
}

/// The statuses that decide; `unknown` decides nothing.
#[derive(Clone, Copy, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum OcspStatus {
    /// Not revoked.
    Good,
    /// Permanently revoked.
    Revoked,
    /// On hold (`certificateHold`), until a later answer says otherwise.
    Held,
}
