//! What is known of revocation, without the lists themselves: one row, written by the directory function.

use std::collections::BTreeMap;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

/// The largest list that is kept: some 100,000 revoked certificates.
pub const CRL_LIMIT: usize = 4 * 1024 * 1024;

/// What is known of revocation.
#[derive(Clone, Debug, Default, Deserialize, Eq, PartialEq, Serialize)]
pub struct Index {
    /// The lists, by the name of their rows.
    pub crls: BTreeMap<String, CrlEntry>,
    /// The chains that receivers presented, by fingerprint.
    pub chains: BTreeMap<String, ChainEntry>,
}

/// A revocation list whose signature was checked.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
pub struct CrlEntry {
    /// Who signed it, for people.
    pub issuer: String,
    /// The SHA-256 of the list, in hexadecimal.
    pub digest: String,
    /// How many bytes it has.
    pub bytes: usize,
    /// Over how many rows it is split.
    pub parts: usize,
    /// When the rows were written last.
    pub written_at: Timestamp,
    /// When its source last said that this is it.
    pub fetched_at: Timestamp,
    /// When it was made.
    pub this_update: Timestamp,
    /// When its successor will have been made: until then it is valid.
    pub next_update: Timestamp,
    /// The address that it came from.
    #[serde(default)]
    pub url: String,
    /// What that address calls this version.
    pub etag: Option<String>,
}

impl CrlEntry {
    /// Returns when the list was last known to be the valid one.
    pub fn good_at(&self) -> Timestamp {
        self.fetched_at.min(self.next_update)
    }
}

/// A chain that a receiver presented.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
pub struct ChainEntry {
    /// When it was first presented.
    pub first_seen: Timestamp,
    /// Which lists it names ([`Chain::lists`](super::Chain::lists)).
    #[serde(default)]
    pub lists: String,
    /// What OCSP last said of its leaf.
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

impl OcspEntry {
    /// Returns when the status was last known to be right.
    pub fn good_at(&self) -> Timestamp {
        self.next_update.map_or(self.fetched_at, |until| self.fetched_at.min(until))
    }
}

/// The statuses that decide; a certificate that the responder does not know decides nothing.
#[derive(Clone, Copy, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum OcspStatus {
    /// Not revoked.
    Good,
    /// Revoked.
    Revoked,
}
