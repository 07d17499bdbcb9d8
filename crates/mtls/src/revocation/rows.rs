//! What is known of revocation as the directory table keeps it: a row for each authority and a row for each leaf, so that one
//! that is too large or broken costs itself alone. The directory function writes them; dispatch reads them.

use std::collections::BTreeMap;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

/// Lists of one authority that are looked after; those of ICP-Brasil have one or two.
pub const MAX_LISTS: usize = 16;
/// Ways from one leaf to a trust anchor that are looked after.
pub const MAX_WAYS: usize = 4;

/// Which rows there are: names and hashes alone, so that its size has a bound whatever the rows hold.
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
    /// The rows with the serials that its lists and its responder named; none while they named none.
    pub serials: Option<SerialsEntry>,
}

/// What came of the lists of one source.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
pub struct ListEntry {
    /// Which certificates they are for ([`Source::id`](super::Source::id)).
    pub source: String,
    /// The last one that says of every certificate of the source whether it is revoked; nothing while there was none.
    pub good: Option<GoodList>,
}

/// A list whose signature, dates and scope were checked.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
pub struct GoodList {
    /// The address that it came from.
    pub url: String,
    /// What that address calls this version.
    pub etag: Option<String>,
    /// The SHA-256 of the list, in hexadecimal.
    pub digest: String,
    /// When its source last said that this is it.
    pub fetched_at: Timestamp,
    /// When it was made.
    pub this_update: Timestamp,
    /// When its successor will have been made: until then it is valid.
    pub next_update: Timestamp,
}

/// Where an authority's serials are kept.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
pub struct SerialsEntry {
    /// The SHA-256 of all parts together, in hexadecimal. The parts' names hold it, so that those of one generation stay whole
    /// until the authority's row speaks of the next.
    pub digest: String,
    /// Over how many rows they are split.
    pub parts: usize,
    /// How many bytes they have in all.
    pub bytes: usize,
    /// When the rows were last written.
    pub written_at: Timestamp,
    /// The generation before: its digest and its parts. It is deleted when the next one comes, as whoever read the row before may
    /// be reading it still.
    #[serde(default)]
    pub superseded: Option<(String, usize)>,
}

/// What is known of one leaf.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
pub struct LeafRow {
    /// When a receiver first showed it.
    pub first_seen: Timestamp,
    /// The ways from it to a trust anchor whose lists are asked for: the names of their rows.
    pub ways: Vec<String>,
    /// What OCSP last said of it.
    pub ocsp: Option<OcspEntry>,
}

/// What OCSP says of a certificate, with a signature that was checked.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
pub struct OcspEntry {
    /// The status.
    pub status: OcspStatus,
    /// When the status was known to be right.
    pub this_update: Timestamp,
    /// Until when it may be relied on, where the responder says so.
    pub next_update: Option<Timestamp>,
    /// When the responder was asked.
    pub fetched_at: Timestamp,
}

/// The statuses that decide; a certificate that the responder does not know decides nothing.
#[derive(Clone, Copy, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum OcspStatus {
    /// Not revoked.
    Good,
    /// Revoked, for good.
    Revoked,
    /// On hold (`certificateHold`), until a later answer says otherwise.
    Held,
}
