//! The sealing task: seals each hour that is over, in order, once.

use std::collections::HashSet;
use std::time::Duration;

use convention::delivery::Hour;
use jiff::{SignedDuration, Timestamp};
use platform::clock::Clock;
use thiserror::Error;
use tokio::time::Instant;

use crate::archive::{Archive, ArchiveError, Put, Version};
use crate::seal::{ATTEMPTS, Digest, SEALS, Seal, Sealed, hour_of, prefix};

/// How long after its end an hour is sealed: Firehose delivers five minutes after a record came, and retries for a
/// while.
pub const SETTLES: SignedDuration = SignedDuration::from_mins(20);
/// How far back late objects are looked for. Firehose retries for 24 hours ("Understand data delivery in Amazon Data
/// Firehose"), after which nothing can arrive.
pub const LATE_HOURS: i64 = 48;
/// How far back the last seal is looked for before all seals are listed: less than a page of them.
const RECENT_HOURS: i64 = 40 * 24;
/// After this time no further hour is begun; the next run seals the rest. The function has 900 s: the remaining 300 s
/// suffice to read about 12 GB, and at the 5 MiB a second that a Firehose stream accepts in most regions an hour has
/// 4 GB, compressed.
pub const BUDGET: Duration = Duration::from_mins(10);

/// Seals hours.
#[derive(Clone, Debug)]
pub struct Sealer {
    /// The bucket.
    pub archive: Archive,
    /// The clock.
    pub clock: Clock,
    /// The time after which a run ends.
    pub budget: Duration,
}

/// The result of a run.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct Run {
    /// Number of sealed hours.
    pub sealed: usize,
    /// Number of objects in them.
    pub objects: usize,
    /// Number of late objects.
    pub late: usize,
    /// Number of hours that are over and not sealed.
    pub left: i64,
    /// The head after the last seal.
    pub head: Option<Digest>,
    /// Seals of hours that are not over, which cannot be ours.
    pub early: Vec<Hour>,
}

/// Why a run stopped.
#[derive(Debug, Error)]
#[error("the sealing stopped")]
pub struct Stopped {
    /// Number of hours that are over since the last good seal; unknown if that could not be determined.
    pub left: Option<i64>,
    /// Seals of hours that are not over, which cannot be ours.
    pub early: Vec<Hour>,
    /// The error.
    pub source: SealError,
}

/// The progress of a run.
#[derive(Debug, Default)]
struct Course {
    run: Run,
    /// The first hour without a good seal.
    next: Option<Hour>,
    known: Known,
}

impl Sealer {
    /// Seals the hours that are over. Idempotent.
    pub async fn run(&self) -> Result<Run, Stopped> {
        let last_over = last_over(self.clock.now());
        let mut course = Course::default();
        let done = self.go(last_over, &mut course).await;
        let Course { mut run, next, .. } = course;
        let left = next.map(|next| last_over.plus(1).since(next));
        match done {
            Ok(()) => {
                run.left = left.unwrap_or_default();
                Ok(run)
            }
            Err(source) => Err(Stopped { left, early: run.early, source }),
        }
    }

    async fn go(&self, last_over: Hour, course: &mut Course) -> Result<(), SealError> {
        let deadline = Instant::now() + self.budget;
        let (last, early) = self.last_seal(last_over).await?;
        course.run.early = early;
        let mut hour = match last {
            Some(last) => {
                self.recall(last, course).await?;
                last.plus(1)
            }
            None => self.first_hour(last_over).await?,
        };
        course.next = Some(hour);
        while hour <= last_over && Instant::now() < deadline {
            let seal = self.seal(hour, course.run.head, &mut course.known).await?;
            course.run.sealed += 1;
            course.run.objects += seal.entries.len() + seal.late.len();
            course.run.late += seal.late.len();
            course.run.head = Some(seal.head);
            hour = hour.plus(1);
            course.next = Some(hour);
        }
        Ok(())
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
            // After two concurrent runs, the existing seal counts.
            Put::Existed => self.read_oldest(hour).await?,
        };
        if seal.previous != previous {
            return Err(SealError::Broken { hour });
        }
        known.observe(&seal);
        Ok(seal)
    }

    /// Finds the last sealed hour, and seals of hours that are not over: a forged seal far in the future must not end
    /// the sealing.
    async fn last_seal(&self, last_over: Hour) -> Result<(Option<Hour>, Vec<Hour>), SealError> {
        let mut early = vec![];
        for after in [Seal::key(last_over.plus(-RECENT_HOURS)), String::new()] {
            let mut versions = self.archive.versions(SEALS, &after, None).await?;
            versions.retain(|version| !version.is_delete_marker);
            let mut hours: Vec<Hour> = versions.iter().filter_map(|version| hour_of(&version.key)).collect();
            hours.dedup();
            let sealed = hours.partition_point(|hour| *hour <= last_over);
            early = hours.split_off(sealed);
            if let Some(last) = hours.last() {
                return Ok((Some(*last), early));
            }
        }
        Ok((None, early))
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

    /// Reads the seals whose objects would otherwise count as late, and the head of the last one.
    async fn recall(&self, last: Hour, course: &mut Course) -> Result<(), SealError> {
        let first = last.plus(-LATE_HOURS);
        let after = Seal::key(first.plus(-1));
        for version in self.archive.versions(SEALS, &after, Some(&Seal::key(last))).await? {
            let Some(hour) = hour_of(&version.key).filter(|_| !version.is_delete_marker) else { continue };
            // The oldest version of each seal counts: nothing may replace it.
            if course.next == Some(hour.plus(1)) {
                continue;
            }
            course.next = Some(hour);
            let seal = self.read(hour, &version).await?;
            course.known.observe(&seal);
            (course.run.head, course.next) = (Some(seal.head), Some(hour.plus(1)));
        }
        if course.next == Some(last.plus(1)) { Ok(()) } else { Err(SealError::Vanished { hour: last }) }
    }

    /// Reads the oldest version of an hour's seal.
    async fn read_oldest(&self, hour: Hour) -> Result<Seal, SealError> {
        let after = Seal::key(hour.plus(-1));
        let versions = self.archive.versions(SEALS, &after, Some(&Seal::key(hour))).await?;
        let mut contents = versions.iter().filter(|version| !version.is_delete_marker);
        let oldest = contents.find(|version| hour_of(&version.key) == Some(hour));
        self.read(hour, oldest.ok_or(SealError::Vanished { hour })?).await
    }

    async fn read(&self, hour: Hour, version: &Version) -> Result<Seal, SealError> {
        let json = self.archive.read_all(&version.key, &version.version_id).await?;
        let seal = Seal::from_json(&json).map_err(|source| SealError::Unreadable { hour, source })?;
        if seal.hour == hour && seal.check().is_ok() { Ok(seal) } else { Err(SealError::Wrong { hour }) }
    }
}

/// Objects that are already sealed.
#[derive(Debug, Default)]
struct Known(HashSet<(String, String)>);

impl Known {
    fn observe(&mut self, seal: &Seal) {
        self.0.extend(seal.objects().map(|object| (object.key.clone(), object.version_id.clone())));
    }

    fn has(&self, version: &Version) -> bool {
        self.0.contains(&(version.key.clone(), version.version_id.clone()))
    }
}

/// Why an hour cannot be sealed.
#[derive(Debug, Error)]
pub enum SealError {
    /// The bucket cannot be used.
    #[error(transparent)]
    Archive(#[from] ArchiveError),
    /// A seal was not written by this version.
    #[error("the seal of {hour} cannot be read")]
    Unreadable {
        /// Its hour.
        hour: Hour,
        /// The error.
        source: serde_json::Error,
    },
    /// A seal is for another hour, or its chain is wrong.
    #[error("the seal of {hour} cannot be read as one of ours: its chain or its hour is wrong")]
    Wrong {
        /// Its hour.
        hour: Hour,
    },
    /// A listed seal does not exist.
    #[error("the seal of {hour} was listed but does not exist")]
    Vanished {
        /// Its hour.
        hour: Hour,
    },
    /// A seal does not follow from its predecessor.
    #[error(
        "the seal of {hour} that is in the bucket does not follow from the one before it: run `arauto verify`"
    )]
    Broken {
        /// Its hour.
        hour: Hour,
    },
}

/// Returns the last hour that is over and has settled.
pub fn last_over(now: Timestamp) -> Hour {
    Hour::of(now - SETTLES).plus(-1)
}
