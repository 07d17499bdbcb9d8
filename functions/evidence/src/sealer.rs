//! The task that seals: each hour that is over, in its order, once.

use std::collections::HashSet;
use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use thiserror::Error;
use tokio::time::Instant;
use webhook::delivery::Hour;
use webhook::edge::Clock;

use crate::archive::{Archive, ArchiveError, Put, Version};
use crate::seal::{ATTEMPTS, Digest, SEALS, Seal, Sealed, hour_of, prefix};

/// How long after its end an hour is sealed: Firehose delivers five minutes after a record came, and tries again for a while.
pub const SETTLES: SignedDuration = SignedDuration::from_mins(20);
/// How far back late objects are looked for. Firehose tries for 24 hours to deliver ("Understand data delivery in Amazon Data
/// Firehose"), after which nothing can come.
pub const LATE_HOURS: i64 = 48;
/// How far back the last seal is looked for before all are listed: less than a page of them.
const RECENT_HOURS: i64 = 40 * 24;
/// After this no further hour is begun; what is left, the next run seals. The function has 900 s: the 300 s that remain read some
/// 12 GB, and at the 5 MiB a second that a Firehose stream takes in most regions an hour has 4 GB, compressed.
pub const BUDGET: Duration = Duration::from_mins(10);

/// Seals hours.
#[derive(Clone, Debug)]
pub struct Sealer {
    /// The bucket.
    pub archive: Archive,
    /// Tells which hours are over.
    pub clock: Clock,
    /// After which a run ends.
    pub budget: Duration,
}

/// What came of a run.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct Run {
    /// How many hours were sealed.
    pub sealed: usize,
    /// How many objects were in them.
    pub objects: usize,
    /// How many of those were late.
    pub late: usize,
    /// How many hours are over and not sealed.
    pub left: i64,
    /// The head after the last seal.
    pub head: Option<Digest>,
}

impl Sealer {
    /// Seals the hours that are over. Repeating it changes nothing.
    pub async fn run(&self) -> Result<Run, SealError> {
        let deadline = Instant::now() + self.budget;
        let last_over = last_over(self.clock.now());
        let mut known = Known::default();
        let mut run = Run::default();
        let mut hour = match self.last_seal(last_over).await? {
            Some(last) => {
                run.head = Some(self.recall(last, &mut known).await?);
                last.plus(1)
            }
            None => self.first_hour(last_over).await?,
        };
        while hour <= last_over && Instant::now() < deadline {
            let seal = self.seal(hour, run.head, &mut known).await?;
            run.sealed += 1;
            run.objects += seal.entries.len() + seal.late.len();
            run.late += seal.late.len();
            run.head = Some(seal.head);
            hour = hour.plus(1);
        }
        run.left = last_over.plus(1).since(hour).max(0);
        Ok(run)
    }

    async fn seal(&self, hour: Hour, previous: Option<Digest>, known: &mut Known) -> Result<Seal, SealError> {
        let (from, until) = (prefix(hour.plus(-LATE_HOURS)), prefix(hour.plus(1)));
        let found = self.archive.versions(ATTEMPTS, &from, Some(&until)).await?;
        let (mut objects, mut late) = (Vec::new(), Vec::new());
        for version in found.into_iter().filter(|version| !version.is_delete_marker) {
            let Some(of) = hour_of(&version.key).filter(|of| *of <= hour) else { continue };
            if known.has(&version) {
                continue;
            }
            let (size, sha256) = self.archive.digest(&version).await?;
            let sealed = Sealed { key: version.key, version_id: version.version_id, size, sha256 };
            if of == hour { objects.push(sealed) } else { late.push(sealed) }
        }
        let seal = Seal::new(hour, self.clock.now(), previous, (objects, late));
        let seal = match self.archive.put_new(&Seal::key(hour), seal.to_json()).await? {
            Put::Done => seal,
            // Two runs at a time: the seal that is there is the one that counts.
            Put::Existed => {
                let mut there = self.read_from(hour).await?;
                there.drain(..).find(|seal| seal.hour == hour).ok_or(SealError::Vanished { hour })?
            }
        };
        if seal.previous != previous || seal.check().is_err() {
            return Err(SealError::Broken { hour });
        }
        known.learn(&seal);
        Ok(seal)
    }

    /// Finds the last hour that is sealed.
    async fn last_seal(&self, last_over: Hour) -> Result<Option<Hour>, SealError> {
        for after in [Seal::key(last_over.plus(-RECENT_HOURS)), String::new()] {
            let seals = self.archive.versions(SEALS, &after, None).await?;
            if let Some(last) = seals.iter().filter_map(|version| hour_of(&version.key)).max() {
                return Ok(Some(last));
            }
        }
        Ok(None)
    }

    /// The chain begins with the first object, or with the last hour that is over.
    async fn first_hour(&self, last_over: Hour) -> Result<Hour, SealError> {
        let after = prefix(last_over.plus(-RECENT_HOURS));
        let objects = self.archive.versions(ATTEMPTS, &after, None).await?;
        Ok(objects
            .iter()
            .find_map(|version| hour_of(&version.key))
            .map_or(last_over, |first| first.min(last_over)))
    }

    /// Reads the seals in which objects may be that would otherwise be taken for late, and returns the head of the last.
    async fn recall(&self, last: Hour, known: &mut Known) -> Result<Digest, SealError> {
        let seals = self.read_from(last.plus(-LATE_HOURS)).await?;
        for seal in &seals {
            known.learn(seal);
        }
        seals.last().map(|seal| seal.head).ok_or(SealError::Vanished { hour: last })
    }

    /// Reads the seals of an hour and of all after it, of each the oldest version: nothing may come after it.
    async fn read_from(&self, hour: Hour) -> Result<Vec<Seal>, SealError> {
        let versions = self.archive.versions(SEALS, &Seal::key(hour.plus(-1)), None).await?;
        let mut seals: Vec<Seal> = Vec::new();
        for version in versions.iter().filter(|version| !version.is_delete_marker) {
            let Some(hour) = hour_of(&version.key) else { continue };
            if seals.last().is_some_and(|last| last.hour == hour) {
                continue;
            }
            let json = self.archive.read_all(&version.key, &version.version_id).await?;
            seals.push(Seal::from_json(&json).map_err(|source| SealError::Unreadable { hour, source })?);
        }
        Ok(seals)
    }
}

/// The objects that are in seals.
#[derive(Debug, Default)]
struct Known(HashSet<(String, String)>);

impl Known {
    fn learn(&mut self, seal: &Seal) {
        self.0.extend(seal.objects().map(|object| (object.key.clone(), object.version_id.clone())));
    }

    fn has(&self, version: &Version) -> bool {
        self.0.contains(&(version.key.clone(), version.version_id.clone()))
    }
}

/// An hour cannot be sealed.
#[derive(Debug, Error)]
pub enum SealError {
    /// The bucket cannot be used.
    #[error(transparent)]
    Archive(#[from] ArchiveError),
    /// A seal is not one that this version wrote.
    #[error("the seal of {hour} cannot be read")]
    Unreadable {
        /// Its hour.
        hour: Hour,
        /// What is wrong with it.
        source: serde_json::Error,
    },
    /// A seal that was listed is not there.
    #[error("the seal of {hour} was listed and is not there")]
    Vanished {
        /// Its hour.
        hour: Hour,
    },
    /// A seal does not follow from the one before.
    #[error(
        "the seal of {hour} that is in the bucket does not follow from the one before it: run `arauto verify`"
    )]
    Broken {
        /// Its hour.
        hour: Hour,
    },
}

/// Returns the last hour that is over and has settled, so that it is sealed or about to be.
pub fn last_over(now: Timestamp) -> Hour {
    Hour::of(now - SETTLES).plus(-1)
}
