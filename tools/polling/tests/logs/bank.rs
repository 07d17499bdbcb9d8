//! A simulated bank: who was told what, who asked when, and what that comes to.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::fs;
use std::path::{Path, PathBuf};

use jiff::Timestamp;
use polling::{Analysis, Mapping, Notifications, Preset, Report, Source};

/// A seeded generator (SplitMix64): the same seed gives the same bank.
pub(crate) struct Seed(pub u64);

impl Seed {
    pub(crate) fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    pub(crate) fn below(&mut self, limit: i64) -> i64 {
        i64::try_from(self.next() >> 1).unwrap() % limit
    }
}

/// What is true of an initiator.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(crate) struct Truth {
    pub(crate) gets: u64,
    pub(crate) failed: u64,
    pub(crate) notifications: u64,
    pub(crate) notified_resources: u64,
    pub(crate) gets_of_notified: u64,
    pub(crate) other_resources: u64,
    pub(crate) used: u64,
    pub(crate) after: u64,
    pub(crate) ignored: u64,
    pub(crate) no_change: u64,
}

/// A GET of the simulated bank.
#[derive(Clone, Debug)]
pub(crate) struct Line {
    pub(crate) at: i64,
    pub(crate) client: String,
    pub(crate) path: String,
    pub(crate) status: u16,
    pub(crate) etag: String,
}

pub(crate) struct Bank {
    pub(crate) lines: Vec<Line>,
    pub(crate) notifications: String,
    pub(crate) truth: BTreeMap<String, Truth>,
}

/// 2026-11-20T00:00:00Z.
pub(crate) const START: i64 = 1_795_132_800_000;
const HOUR: i64 = 3_600_000;

/// Simulates some initiators: one that uses notifications, one that polls although notified, one that ignores all,
/// and one that is never notified.
pub(crate) fn bank(seed: u64, resources: i64) -> Bank {
    let mut seed = Seed(seed);
    let (mut lines, mut notifications) = (Vec::new(), String::new());
    let mut truth: BTreeMap<String, Truth> = BTreeMap::new();
    for number in 0..resources {
        let client = ["uses", "polls", "ignores", "unnotified"][usize::try_from(number % 4).unwrap()];
        let (id, path) = if number % 3 == 0 {
            (format!("urn:bank:C{number}"), "payments/v5/consents/urn%3Abank%3AC")
        } else {
            (format!("p-{number}"), "payments/v5/pix/payments/p-")
        };
        let kind = if number % 3 == 0 { "consent" } else { "E2" };
        let path = format!("/open-banking/{path}{number}");
        let begin = START + HOUR + seed.below(2 * 24 * HOUR);
        let counted = truth.entry(client.to_owned()).or_default();
        let mut get = |at: i64, status: u16, version: i64| {
            let etag = format!("\"{number}-{version}\"");
            lines.push(Line { at, client: client.to_owned(), path: path.clone(), status, etag });
            counted.gets += 1;
        };
        // Every resource is asked for once when it is made.
        if client != "ignores" {
            get(begin, 200, 0);
        }
        // It changes once or twice.
        let changes = 1 + seed.below(2);
        let mut news = Vec::new();
        for change in 0..changes {
            let at = begin + (change + 1) * HOUR + seed.below(HOUR / 2);
            if client != "unnotified" {
                let delivered: Timestamp = Timestamp::from_millisecond(at).unwrap();
                _ = writeln!(
                    notifications,
                    r#"{{"client_id":"{client}","resource":"{kind}","resource_id":"{id}","delivered_at":"{delivered}"}}"#
                );
            }
            news.push(at);
        }
        let mut figures = Truth::default();
        match client {
            "uses" => {
                for (change, at) in (1..).zip(&news) {
                    let late =
                        if seed.below(10) == 0 { 61_000 + seed.below(60_000) } else { seed.below(60_000) };
                    // A failed GET before the one that succeeds uses nothing.
                    if seed.below(10) == 0 && late > 2 {
                        get(at + late / 2, 503, change);
                        figures.failed += 1;
                    }
                    get(at + late, 200, change);
                    figures.after += 1;
                    figures.used += u64::from(late <= 60_000);
                }
            }
            "polls" | "unnotified" => {
                let every = 60_000 * (1 + seed.below(10));
                let mut unread = 0;
                for poll in 1..60 {
                    let at = begin + poll * every + seed.below(1_000);
                    let version = news.iter().filter(|change| **change <= at).count();
                    let fresh = version > unread;
                    get(at, 200, i64::try_from(version).unwrap());
                    if !fresh {
                        figures.no_change += 1;
                    } else if client == "polls" {
                        figures.after += 1;
                        let told = news[version - 1];
                        figures.used += u64::from(at - told <= 60_000);
                    }
                    unread = version;
                }
                if client == "polls" && unread == 0 {
                    figures.ignored = 1;
                }
            }
            _ => figures.ignored = 1,
        }
        counted.failed += figures.failed;
        counted.after += figures.after;
        counted.used += figures.used;
        counted.no_change += figures.no_change;
        counted.ignored += figures.ignored;
        if client == "unnotified" {
            counted.other_resources += 1;
        } else {
            counted.notified_resources += 1;
            counted.notifications += u64::try_from(changes).unwrap();
        }
    }
    for (client, counted) in &mut truth {
        if client != "unnotified" {
            counted.gets_of_notified = counted.gets;
        }
    }
    // The log is longer than what is looked at, so that nothing is undecided.
    for at in [START, START + 5 * 24 * HOUR] {
        let path = "/open-banking/payments/v5/pix/payments/edge".to_owned();
        lines.push(Line { at, client: "edge".to_owned(), path, status: 200, etag: at.to_string() });
    }
    lines.sort_by_key(|line| line.at);
    Bank { lines, notifications, truth }
}

impl Line {
    /// As nginx writes it with `escape=json`, with or without the `ETag`.
    pub(crate) fn json(&self, with_etag: bool) -> String {
        let seconds = format!("{}.{:03}", self.at / 1_000, self.at % 1_000);
        let etag = if with_etag { self.etag.replace('"', "\\\"") } else { String::new() };
        format!(
            r#"{{"msec":"{seconds}","client_id":"{}","request_method":"GET","request_uri":"{}","status":{},"sent_http_etag":"{etag}"}}"#,
            self.client, self.path, self.status
        )
    }

    /// As a load balancer writes it.
    pub(crate) fn alb(&self) -> String {
        let at = Timestamp::from_millisecond(self.at).unwrap();
        format!(
            "https {at:.6} app/bank/1 192.0.2.1:2817 10.0.0.1:80 0.086 0.048 0.037 {0} {0} 0 57 \"GET https://api.bank.example:443{1} HTTP/1.1\" \"x\" - - - \"-\" \"-\" \"-\" 0 {at:.6} \"forward\" \"-\" \"-\"",
            self.status, self.path
        )
    }
}

pub(crate) fn write(folder: &Path, name: &str, text: impl AsRef<[u8]>) -> PathBuf {
    let path = folder.join(name);
    fs::write(&path, text).unwrap();
    path
}

pub(crate) fn report(preset: Preset, files: &[PathBuf], notifications: Option<&Path>) -> Report {
    of_mapping(&preset.mapping(), files, notifications)
}

pub(crate) fn of_mapping(mapping: &Mapping, files: &[PathBuf], notifications: Option<&Path>) -> Report {
    let mut analysis = Analysis::new(mapping);
    let mut told = Notifications::default();
    if let Some(path) = notifications {
        told.read(&Source::named(path), analysis.clients()).unwrap();
    }
    let sources = files.iter().map(|path| Source::named(path)).collect();
    analysis.files(sources, told, "1.00".parse().unwrap()).unwrap()
}

/// The figures of an initiator as truth has them.
pub(crate) fn found(report: &Report, client: &str) -> Truth {
    let one = report.initiators.iter().find(|one| one.client_id == client).unwrap();
    let figures = one.figures.figures;
    Truth {
        gets: figures.gets,
        failed: figures.failed,
        notifications: figures.notifications,
        notified_resources: figures.notified_resources,
        gets_of_notified: figures.gets_of_notified,
        other_resources: figures.other_resources,
        used: figures.used,
        after: figures.gets_after_notification,
        ignored: figures.ignored_resources,
        no_change: figures.no_change(),
    }
}
