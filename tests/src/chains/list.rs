//! Revocation lists byte by byte.

use jiff::{SignedDuration, Timestamp};

use super::certificate::{Party, signed};
use super::der::{ENUMERATED, INTEGER, extension, sequence, time, value};

/// id-ce-cRLReasons (RFC 5280, section 5.3.1).
const REASON: &[u8] = &[0x55, 0x1d, 21];
/// id-ce-deltaCRLIndicator (RFC 5280, section 5.2.4).
const DELTA: &[u8] = &[0x55, 0x1d, 27];
/// id-ce-issuingDistributionPoint (RFC 5280, section 5.2.5).
const SCOPE: &[u8] = &[0x55, 0x1d, 28];

/// The scope of a list: fields of the `IssuingDistributionPoint`, each in DER.
pub mod scope {
    /// Names the distribution point.
    pub fn named(url: &str) -> Vec<u8> {
        use super::value;
        value(0xa0, &[&value(0xa0, &[&value(0x86, &[url.as_bytes()])])])
    }
    /// For users' certificates only.
    pub const USERS: &[u8] = &[0x81, 1, 0xff];
    /// For authorities' certificates only.
    pub const AUTHORITIES: &[u8] = &[0x82, 1, 0xff];
    /// For the reasons keyCompromise and cACompromise only.
    pub const SOME_REASONS: &[u8] = &[0x83, 2, 5, 0x60];
    /// Of certificates of other authorities too.
    pub const INDIRECT: &[u8] = &[0x84, 1, 0xff];
    /// For attribute certificates only.
    pub const ATTRIBUTES: &[u8] = &[0x85, 1, 0xff];
}

/// A list before it is signed.
#[derive(Clone, Debug)]
pub struct List {
    made: Timestamp,
    until: Timestamp,
    entries: Vec<Vec<u8>>,
    extensions: Vec<Vec<u8>>,
}

impl List {
    /// An empty list, made an hour ago and valid for a week from now.
    pub fn new(now: Timestamp) -> Self {
        let hour = SignedDuration::from_hours(1);
        Self { made: now - hour, until: now + 168 * hour, entries: Vec::new(), extensions: Vec::new() }
    }

    /// Its successor was due then.
    #[must_use]
    pub fn until(mut self, until: Timestamp) -> Self {
        (self.made, self.until) = (self.made.min(until - SignedDuration::from_hours(1)), until);
        self
    }

    /// Names a serial number as revoked, for this reason where it is not 0.
    #[must_use]
    pub fn names(mut self, serial: &[u8], reason: u8) -> Self {
        let reason = match reason {
            0 => Vec::new(),
            reason => sequence(&[&extension(REASON, false, &value(ENUMERATED, &[&[reason]]))]),
        };
        self.entries.push(sequence(&[&value(INTEGER, &[serial]), &time(self.made), &reason]));
        self
    }

    /// Has this scope: fields of it, one behind the other.
    #[must_use]
    pub fn scope(self, fields: &[&[u8]]) -> Self {
        self.extension(SCOPE, true, &sequence(fields))
    }

    /// Holds the changes since another list only.
    #[must_use]
    pub fn delta(self) -> Self {
        self.extension(DELTA, true, &value(INTEGER, &[&[1]]))
    }

    /// Puts an extension in.
    #[must_use]
    pub fn extension(mut self, oid: &[u8], critical: bool, content: &[u8]) -> Self {
        self.extensions.push(extension(oid, critical, content));
        self
    }

    /// Signs it.
    pub fn sign(&self, issuer: Party<'_>) -> Vec<u8> {
        let entries = if self.entries.is_empty() { Vec::new() } else { sequence(&[&self.entries.concat()]) };
        let extensions = match self.extensions.as_slice() {
            [] => Vec::new(),
            some => value(0xa0, &[&sequence(&[&some.concat()])]),
        };
        let content = sequence(&[
            &value(INTEGER, &[&[1]]),
            &sequence(&[issuer.key.algorithm()]),
            &issuer.name(),
            &time(self.made),
            &time(self.until),
            &entries,
            &extensions,
        ]);
        signed(&content, issuer.key).to_vec()
    }
}
