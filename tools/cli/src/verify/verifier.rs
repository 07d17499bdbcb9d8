//! The whole verification: seals, then objects, then the records in them.

use std::collections::BTreeMap;

use anyhow::{Context as _, Result};
use convention::delivery::Hour;
use evidence::{
    ATTEMPTS, Digest, Hasher, LATE_HOURS, Record, SEALS, SETTLES, Seal, Sealed, Version, hour_of, last_over,
    prefix,
};
use jiff::{SignedDuration, Timestamp};
use serde::Serialize;

use super::chain;
use super::finding::{Finding, Wrong};
use super::lines::Lines;
use super::source::{Source, groups};
use super::structure::Structure;

/// Maximum time after which an object may become visible: a multipart upload has the time at which it began
/// ("Uploading and copying objects using multipart upload", Amazon S3 User Guide).
const UPLOADS: SignedDuration = SignedDuration::from_mins(15);
/// Maximum number of malformed lines reported for one object.
const MAX_LINES: usize = 3;

/// The parameters of a verification.
#[derive(Clone, Debug)]
pub struct Asked {
    /// The first hour.
    pub from: Hour,
    /// The last hour.
    pub to: Hour,
    /// Published or recorded heads, each of which must be in a seal.
    pub heads: Vec<Digest>,
    /// The current time.
    pub now: Timestamp,
}

/// The result of a verification.
#[derive(Clone, Debug, Default, Serialize)]
pub struct Report {
    /// The first and the last sealed hour.
    pub sealed: Option<(String, String)>,
    /// Number of checked seals.
    pub seals: usize,
    /// Number of objects read.
    pub objects: usize,
    /// Number of these that no seal covers yet, because their hour is not over or they arrived late.
    pub unsealed: usize,
    /// Their total size in bytes.
    pub bytes: u64,
    /// Number of records in them.
    pub records: u64,
    /// Number of copies among these.
    pub copies: u64,
    /// Number of notifications.
    pub notifications: u64,
    /// The head of each day.
    pub heads: Vec<(String, Digest)>,
    /// The findings.
    pub findings: Vec<Finding>,
}

impl Report {
    /// Says whether everything that is sealed exists unchanged.
    pub fn is_proven(&self) -> bool {
        self.findings.is_empty()
    }
}

/// Verifies evidence. An error means that it could not be verified.
pub async fn verify(source: &Source, asked: &Asked, tell: impl FnMut(&str)) -> Result<Report> {
    verify_with(source, asked, |_| (), tell).await?.with_context(|| {
        format!("no hour from {} to {} is sealed: nothing can be proven", asked.from, asked.to)
    })
}

/// Verifies evidence and passes on each of its records, in roughly the order in which they were written; `None` if no hour is
/// sealed. Records of objects that were added after their hour was sealed are not passed on. Copies are.
pub async fn verify_with(
    source: &Source,
    asked: &Asked,
    mut observe: impl FnMut(&Record),
    mut tell: impl FnMut(&str),
) -> Result<Option<Report>> {
    let mut report = Report::default();
    let seals = read_seals(source, asked, &mut report, &mut tell).await?;
    let in_range = |seal: &&Seal| seal.hour >= asked.from && seal.hour <= asked.to;
    let checked: Vec<&Seal> = seals.iter().filter(in_range).collect();
    let (Some(first), Some(last)) = (checked.first(), checked.last()) else {
        let is_nothing = report.findings.is_empty();
        return Ok((!is_nothing).then_some(report));
    };
    report.sealed = Some((first.hour.to_string(), last.hour.to_string()));
    report.seals = checked.len();
    // A copy may be from any day: a seal can be overdue in the bucket only.
    let due = source.has_versions().then(|| last_over(asked.now).min(asked.to));
    report.findings.extend(chain::check(&seals, (asked.from, due)));
    report.heads = chain::heads(&checked);
    for expected in &asked.heads {
        if !seals.iter().any(|seal| seal.head == *expected) {
            report.findings.push(Finding::new(Wrong::HeadMissing, expected, ""));
        }
    }
    let structure = Structure::new(asked.from.start(), first.previous.is_none());
    read_objects((source, asked), &seals, structure, &mut report, (&mut observe, &mut tell)).await?;
    report.findings.sort();
    Ok(Some(report))
}

/// Reads the seals of the range, the one before it, and later ones that may contain late objects.
async fn read_seals(
    source: &Source,
    asked: &Asked,
    report: &mut Report,
    tell: &mut impl FnMut(&str),
) -> Result<Vec<Seal>> {
    let (after, until) = (Seal::key(asked.from.plus(-2)), Seal::key(asked.to.plus(LATE_HOURS)));
    let mut by_hour: BTreeMap<Hour, Vec<Version>> = BTreeMap::new();
    for version in source.versions(SEALS, &after, &until).await? {
        match hour_of(&version.key) {
            Some(hour) => by_hour.entry(hour).or_default().push(version),
            None => report.findings.push(Finding::new(Wrong::ObjectMisplaced, &version.key, "")),
        }
    }
    let mut oldest = Vec::new();
    for (hour, versions) in by_hour {
        if versions.iter().any(|version| version.is_delete_marker) {
            report.findings.push(Finding::new(Wrong::SealHidden, hour, ""));
        }
        let contents: Vec<_> = versions.iter().filter(|version| !version.is_delete_marker).collect();
        if contents.len() > 1 {
            let detail = format!("{} versions", contents.len());
            report.findings.push(Finding::new(Wrong::SealReplaced, hour, detail));
        }
        oldest.extend(contents.first().map(|version| (*version).clone()));
    }
    let mut seals = Vec::new();
    for group in groups(&oldest) {
        for (version, content) in group.iter().zip(source.read_group(group).await?) {
            tell(&format!("seal {} of {}", seals.len() + 1, oldest.len()));
            let Some(hour) = hour_of(&version.key) else { continue };
            // A seal has some kilobytes, so a version too large to be read whole is not one.
            match Seal::from_json(&content.unwrap_or_default()) {
                Ok(seal) if seal.hour == hour => seals.push(seal),
                Ok(seal) => {
                    let detail = format!("it is the seal of {}", seal.hour);
                    report.findings.push(Finding::new(Wrong::SealUnreadable, hour, detail));
                }
                Err(error) => {
                    report.findings.push(Finding::new(Wrong::SealUnreadable, hour, error.to_string()));
                }
            }
        }
    }
    Ok(seals)
}

/// Sealed objects that were not found yet, by key and version; a copy has no versions.
struct Expected<'a> {
    by_name: BTreeMap<(String, String), &'a Sealed>,
    has_versions: bool,
}

impl<'a> Expected<'a> {
    fn of(seals: &'a [Seal], asked: &Asked, has_versions: bool) -> Self {
        let objects = seals.iter().flat_map(Seal::objects);
        let in_range = |object: &&Sealed| {
            hour_of(&object.key).is_some_and(|hour| hour >= asked.from && hour <= asked.to)
        };
        let mut expected = Self { by_name: BTreeMap::new(), has_versions };
        for object in objects.filter(in_range) {
            expected.by_name.insert(expected.name(&object.key, &object.version_id), object);
        }
        expected
    }

    fn name(&self, key: &str, version_id: &str) -> (String, String) {
        (key.to_owned(), if self.has_versions { version_id.to_owned() } else { String::new() })
    }

    fn find(&mut self, version: &Version) -> Option<&'a Sealed> {
        let name = self.name(&version.key, &version.version_id);
        self.by_name.remove(&name)
    }
}

async fn read_objects(
    (source, asked): (&Source, &Asked),
    seals: &[Seal],
    mut structure: Structure,
    report: &mut Report,
    (observe, tell): (&mut impl FnMut(&Record), &mut impl FnMut(&str)),
) -> Result<()> {
    let mut expected = Expected::of(seals, asked, source.has_versions());
    let last = seals.last().context("there is a seal")?;
    let (after, until) = (prefix(asked.from), prefix(asked.to.plus(1)));
    let mut versions = source.versions(ATTEMPTS, &after, &until).await?;
    versions.retain(|version| {
        let wrong = match hour_of(&version.key) {
            None => Wrong::ObjectMisplaced,
            Some(_) if version.is_delete_marker => Wrong::ObjectHidden,
            Some(_) => return true,
        };
        report.findings.push(Finding::new(wrong, &version.key, ""));
        false
    });
    let mut at = 0;
    for group in groups(&versions) {
        for (version, content) in group.iter().zip(source.read_group(group).await?) {
            at += 1;
            tell(&format!("object {at} of {}", versions.len()));
            let Some(hour) = hour_of(&version.key) else { continue };
            let sealed = expected.find(version);
            let is_early = sealed.is_none() && (hour > last.hour || may_be_late(version, hour, last));
            let mut take = |record: &Record| {
                let taken = structure.take(record);
                if taken.is_ok() && (sealed.is_some() || is_early) {
                    observe(record);
                }
                taken
            };
            let read = read_object(source, (version, content), &mut take, report).await?;
            match sealed {
                Some(sealed) if (sealed.size, sealed.sha256) == read => {}
                Some(_) => report.findings.push(Finding::new(Wrong::ObjectChanged, &version.key, "")),
                None if is_early => report.unsealed += 1,
                None => {
                    report.findings.push(Finding::new(Wrong::ObjectAdded, &version.key, &version.version_id));
                }
            }
        }
    }
    for sealed in expected.by_name.into_values() {
        report.findings.push(Finding::new(Wrong::ObjectRemoved, &sealed.key, &sealed.version_id));
    }
    let end = asked.to.plus(1).start().min(asked.now - SETTLES);
    let judged = structure.finish(end);
    (report.records, report.copies, report.notifications) =
        (judged.records, judged.copies, judged.notifications);
    report.findings.extend(judged.findings);
    Ok(())
}

/// Says whether it arrived after the last seal, so that the next one covers it.
fn may_be_late(version: &Version, hour: Hour, last: &Seal) -> bool {
    version.put_at > last.sealed_at - UPLOADS && last.hour.since(hour) < LATE_HOURS
}

/// Reads an object once: its digest and its records.
async fn read_object(
    source: &Source,
    (version, content): (&Version, Option<Vec<u8>>),
    take_record: &mut impl FnMut(&Record) -> Result<(), &'static str>,
    report: &mut Report,
) -> Result<(u64, Digest)> {
    let mut hasher = Hasher::default();
    let mut odd: Vec<String> = Vec::new();
    let mut number = 0;
    let mut lines = Lines::new(|line: &[u8]| {
        number += 1;
        let why = match Record::from_line(line) {
            Ok(record) => take_record(&record).err().map(str::to_owned),
            Err(error) => Some(error.to_string()),
        };
        odd.extend(why.map(|why| format!("line {number}: {why}")));
    });
    let mut unpacked = Ok(());
    let mut take = |piece: &[u8]| {
        hasher.update(piece);
        if unpacked.is_ok() {
            unpacked = lines.piece(piece);
        }
    };
    match content {
        Some(content) => take(&content),
        None => source.read(version, take).await?,
    }
    let unpacked = unpacked.and_then(|()| lines.finish());
    odd.extend(unpacked.err().map(|error| error.to_string()));
    let more = odd.len().saturating_sub(MAX_LINES);
    odd.truncate(MAX_LINES);
    if more > 0 {
        odd.push(format!("and {more} more"));
    }
    report
        .findings
        .extend(odd.into_iter().map(|why| Finding::new(Wrong::RecordMalformed, &version.key, why)));
    let (size, digest) = hasher.finish();
    report.objects += 1;
    report.bytes += size;
    Ok((size, digest))
}
