//! What a report rests on, and the check of it.

use convention::delivery::Hour;
use jiff::Timestamp;
use serde::Serialize;

/// Where notifications and attempts come from.
#[derive(Clone, Copy, Debug, Eq, PartialEq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Source {
    /// The evidence: records that nobody can change unseen.
    Evidence,
    /// The ledger, which nothing seals.
    Ledger,
}

impl Source {
    /// Returns the source as documents write it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Evidence => "evidence",
            Self::Ledger => "ledger",
        }
    }
}

/// The result of the check.
#[derive(Clone, Copy, Debug, Eq, PartialEq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Check {
    /// Every sealed object exists unchanged, and no record is missing.
    Agrees,
    /// There are differences.
    Differs,
    /// There is nothing to check against.
    Unsealed,
}

impl Check {
    /// Returns the result as documents write it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Agrees => "agrees",
            Self::Differs => "differs",
            Self::Unsealed => "unsealed",
        }
    }
}

/// What a report rests on.
#[derive(Clone, Debug, Eq, PartialEq, Serialize)]
pub struct Basis {
    /// Where notifications and attempts come from.
    pub source: Source,
    /// The result of the check.
    pub check: Check,
    /// Whether it is a copy of the evidence, which has no versions: what was overwritten does not show.
    pub is_copy: bool,
    /// Nothing is known of the month before this instant; `None` if it is known from its beginning.
    pub known_from: Option<Timestamp>,
    /// Until when records were read. Later ends and replays are not in the report.
    pub read_until: Timestamp,
    /// The chain of the evidence.
    pub chain: Option<Chain>,
    /// Whether the ledger is written once, so that a request whose process died is in no source; `None` if not known.
    pub lean: Option<bool>,
    /// Records that do not say of which initiator they are, and are in no figure.
    pub unattributed_records: u64,
    /// Rows of the ledger that could not be read, and are in no figure.
    pub unreadable_rows: u64,
    /// What the check found.
    pub differences: Vec<Difference>,
}

impl Basis {
    /// Returns the end of the last sealed hour.
    pub(crate) fn sealed_until(&self) -> Option<Timestamp> {
        let last: Hour = self.chain.as_ref()?.last_hour.parse().ok()?;
        Some(last.plus(1).start())
    }
}

/// The chain of the evidence, as far as it was read.
#[derive(Clone, Debug, Eq, PartialEq, Serialize)]
pub struct Chain {
    /// The first sealed hour, in UTC: `2026-11-01T03`.
    pub first_hour: String,
    /// The last sealed hour, in UTC.
    pub last_hour: String,
    /// The number of sealed hours.
    pub hours: usize,
    /// The head after the last sealed hour.
    pub head: String,
    /// Whether every hour of the month is sealed.
    pub is_complete: bool,
    /// The number of objects that no seal covers yet; `None` in a report of some initiators, as it tells of others.
    pub unsealed_objects: Option<usize>,
    /// The number of objects; `None` likewise.
    pub objects: Option<usize>,
    /// The number of records; `None` likewise.
    pub records: Option<u64>,
    /// The heads that it was checked to have.
    pub expected_heads: Vec<String>,
}

/// A difference that the check found.
#[derive(Clone, Debug, Eq, PartialEq, Serialize)]
pub struct Difference {
    /// Its stable code.
    pub code: String,
    /// An hour, the key of an object, or a notification; empty where it would tell of others.
    pub subject: String,
    /// A sentence in English.
    pub en: String,
    /// The same in Brazilian Portuguese.
    pub pt_br: String,
}
