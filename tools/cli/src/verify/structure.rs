//! Checks that the records of each notification form a history that Arauto can have written; missing records show
//! even without seals.

use std::collections::HashMap;
use std::hash::{DefaultHasher, Hasher as _};

use convention::codes::{Code, Effect};
use convention::delivery::AttemptNumber;
use evidence::{Kind, Record};
use jiff::{SignedDuration, Timestamp};

use super::finding::{Finding, Wrong};

/// How long the records of an ended notification are kept in memory for late copies.
const LATE_COPIES: SignedDuration = SignedDuration::from_hours(72);
/// Maximum time from an attempt's beginning to its end: faults of ours requeue a message for 36 hours at most
/// (`docs/operations.md`).
const ENDS_WITHIN: SignedDuration = SignedDuration::from_hours(48);
/// Maximum difference between the clock that accepts a change and the one that stores its records.
const CLOCKS: SignedDuration = SignedDuration::from_mins(10);
/// Number of records after which memory is pruned.
const TIDY_EVERY: u64 = 100_000;

/// Maximum length of a sequence number of the stream (`StreamRecord`, Amazon DynamoDB API Reference), which exceeds
/// 128 bits.
const DIGITS: usize = 40;

const DELIVERED: &str = "delivered";
const INTERRUPTED: &str = "interrupted";

/// Says whether nothing was sent because of a fault of ours: the attempt is rolled back, and begins again with
/// another interaction id.
fn is_rolled_back(code: &str) -> bool {
    Code::named(code).is_some_and(|code| code.row().effect == Effect::Requeued)
}

/// Collects records in roughly the order in which they were written, and judges each notification once.
#[derive(Debug)]
pub struct Structure {
    /// The start of the checked period: earlier records of a notification accepted before may be missing.
    from: Timestamp,
    /// Whether the evidence begins with the first record, whatever its hour.
    begins: bool,
    stories: HashMap<u128, Story>,
    latest: Timestamp,
    judged: Verification,
}

#[derive(Debug, Default)]
struct Story {
    seen: Vec<Seen>,
    latest: Timestamp,
    /// Whether it was accepted before the checked period.
    is_cut: bool,
}

/// The stored part of a record, about a hundred bytes, because a month may have a hundred million.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
struct Seen {
    sequence: [u8; DIGITS],
    kind: Kind,
    attempt: u8,
    end: End,
    interaction: u64,
    content: u64,
    /// In seconds.
    recorded_at: i64,
    /// In seconds.
    expires_at: Option<i64>,
}

#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum End {
    Delivered,
    Interrupted,
    RolledBack,
    Other,
}

impl Structure {
    /// Checks records from this instant on, or from the first one if the evidence `begins` there.
    pub fn new(from: Timestamp, begins: bool) -> Self {
        Self {
            from,
            begins,
            stories: HashMap::new(),
            latest: Timestamp::MIN,
            judged: Verification::default(),
        }
    }

    /// Adds a record. A record with malformed ids is refused.
    pub fn take(&mut self, record: &Record) -> Result<(), &'static str> {
        let name = u128::from_str_radix(&record.notification_id, 16);
        let name = name.ok().filter(|_| record.notification_id.len() == 32).ok_or("no notification id")?;
        let sequence = sequence(&record.sequence).ok_or("no number of a write")?;
        let attempt = record.attempt.as_ref();
        let needs_attempt =
            matches!(record.kind, Kind::AttemptBegan | Kind::AttemptEnded | Kind::AttemptErased);
        if needs_attempt != attempt.is_some() {
            return Err("an attempt is missing or too much");
        }
        let seen = Seen {
            sequence,
            kind: record.kind,
            attempt: attempt.map_or(0, |attempt| attempt.number),
            end: match attempt.and_then(|attempt| attempt.outcome.as_deref()) {
                Some(DELIVERED) => End::Delivered,
                Some(INTERRUPTED) => End::Interrupted,
                Some(code) if is_rolled_back(code) => End::RolledBack,
                _ => End::Other,
            },
            interaction: hash(&attempt.map(|attempt| &attempt.interaction_id)),
            content: hash(record),
            recorded_at: record.recorded_at.as_second(),
            expires_at: record.expires_at.map(Timestamp::as_second),
        };
        if self.judged.records == 0 && self.begins {
            self.from = self.from.max(record.recorded_at);
        }
        self.judged.records += 1;
        self.latest = self.latest.max(record.recorded_at);
        let new = || {
            self.judged.notifications += 1;
            Story::default()
        };
        let story = self.stories.entry(name).or_insert_with(new);
        story.latest = story.latest.max(record.recorded_at);
        story.is_cut |= record.accepted_at.is_none_or(|accepted| accepted < self.from + CLOCKS);
        let copy = story.seen.iter().find(|other| {
            (other.sequence, other.kind, other.attempt) == (seen.sequence, seen.kind, seen.attempt)
        });
        match copy {
            Some(other) if other.content == seen.content => self.judged.copies += 1,
            Some(_) => {
                self.judged.findings.push(Finding::new(
                    Wrong::RecordContradicted,
                    &record.notification_id,
                    "",
                ));
            }
            None => story.seen.push(seen),
        }
        if self.judged.records.is_multiple_of(TIDY_EVERY) {
            self.tidy();
        }
        Ok(())
    }

    /// Judges the rest, and returns all findings.
    pub fn finish(mut self, until: Timestamp) -> Verification {
        for (name, mut story) in self.stories {
            self.judged.findings.extend(story.judge(name, until));
        }
        self.judged.findings.sort();
        self.judged
    }

    /// Judges and drops notifications that ended long ago. One that has not ended is kept.
    fn tidy(&mut self) {
        let before = self.latest - LATE_COPIES;
        let findings = &mut self.judged.findings;
        self.stories.retain(|name, story| {
            let keep = story.latest >= before || !story.has_ended();
            if !keep {
                findings.extend(story.judge(*name, before));
            }
            keep
        });
    }
}

/// The result of the check.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct Verification {
    /// Number of records.
    pub records: u64,
    /// Number of copies among them.
    pub copies: u64,
    /// Number of notifications.
    pub notifications: u64,
    /// The findings.
    pub findings: Vec<Finding>,
}

impl Story {
    fn has_ended(&self) -> bool {
        self.seen.iter().any(|seen| match seen.kind {
            Kind::AttemptEnded => is_last(seen),
            Kind::NotificationEnded | Kind::RowExpired | Kind::RowRemoved => true,
            Kind::AttemptBegan
            | Kind::AttemptErased
            | Kind::NotificationReopened
            | Kind::RowRewritten
            | Kind::ExpiryShortened
            | Kind::RowUnreadable => false,
        })
    }

    /// Replays the writes in order. A sequence that the ledger's conditions exclude is wrong, or a record was
    /// removed.
    fn judge(&mut self, name: u128, until: Timestamp) -> Vec<Finding> {
        self.seen.sort_by_key(|seen| (seen.sequence, rank(seen)));
        let mut play = Play { name, is_cut: self.is_cut, ..Play::default() };
        for seen in &self.seen {
            play.next(seen);
        }
        let under_way =
            play.attempts.iter().rposition(|attempt| attempt.began.is_some() && attempt.end.is_none());
        if let Some(at) = under_way
            && !play.is_over
            && self.latest < until - ENDS_WITHIN
        {
            play.wrong(Wrong::AttemptNeverEnded, format!("attempt {}", at + 1));
        }
        play.findings
    }
}

#[derive(Default)]
struct Play {
    name: u128,
    is_cut: bool,
    attempts: [Course; AttemptNumber::MAX as usize],
    is_over: bool,
    is_delivered: bool,
    /// The expiry set by the last write that could set it, and the number of that write.
    expires: Option<([u8; DIGITS], i64)>,
    findings: Vec<Finding>,
}

#[derive(Clone, Copy, Default)]
struct Course {
    began: Option<u64>,
    end: Option<End>,
}

impl Play {
    fn next(&mut self, seen: &Seen) {
        match seen.kind {
            Kind::AttemptBegan => self.began(seen),
            Kind::AttemptEnded => self.ended(seen),
            Kind::NotificationEnded => {
                self.expires(seen);
                self.is_over = true;
            }
            Kind::RowExpired => {
                let may = [self.expires.map(|(_, at)| at), seen.expires_at].into_iter().flatten().max();
                if may.is_some_and(|may| seen.recorded_at < may) {
                    self.wrong(Wrong::LedgerTampered, "it expired sooner than it may");
                }
                (self.is_over, self.is_cut) = (true, true);
            }
            // The write that begins an attempt sets the currently deployed retention, which may be shorter.
            Kind::ExpiryShortened if self.expires.is_some_and(|(write, _)| write == seen.sequence) => {}
            Kind::AttemptErased
            | Kind::NotificationReopened
            | Kind::RowRewritten
            | Kind::ExpiryShortened
            | Kind::RowRemoved => {
                self.wrong(Wrong::LedgerTampered, seen.kind.as_str());
            }
            Kind::RowUnreadable => self.wrong(Wrong::LedgerUnreadable, ""),
        }
    }

    fn expires(&mut self, seen: &Seen) {
        if let Some(at) = seen.expires_at {
            self.expires = Some((seen.sequence, at));
        }
    }

    fn began(&mut self, seen: &Seen) {
        self.expires(seen);
        let number = seen.attempt;
        let Some(course) = self.course(number) else {
            return self.wrong(Wrong::TooManyAttempts, format!("attempt {number}"));
        };
        let rolled_back = course.end == Some(End::RolledBack);
        match course.began {
            Some(other) if rolled_back && other != seen.interaction => course.end = None,
            None => {}
            Some(other) if other == seen.interaction => {
                return self.wrong(Wrong::RecordRewritten, format!("attempt {number}"));
            }
            Some(_) => self.wrong(Wrong::TooManyAttempts, format!("attempt {number} began twice")),
        }
        if self.is_delivered {
            self.wrong(Wrong::AttemptAfterDelivery, format!("attempt {number}"));
        }
        if let Some(before) = number.checked_sub(1).and_then(|before| self.course(before).copied())
            && !self.is_cut
        {
            let before_number = number - 1;
            if before.began.is_none() {
                self.wrong(Wrong::RecordMissing, format!("that attempt {before_number} began"));
            }
            if matches!(before.end, None | Some(End::RolledBack)) {
                self.wrong(Wrong::RecordMissing, format!("that attempt {before_number} ended"));
            }
        }
        if let Some(course) = self.course(number) {
            course.began = Some(seen.interaction);
        }
    }

    fn ended(&mut self, seen: &Seen) {
        let (number, is_cut) = (seen.attempt, self.is_cut);
        let Some(course) = self.course(number) else {
            return self.wrong(Wrong::TooManyAttempts, format!("attempt {number}"));
        };
        let (began, before) = (course.began, course.end.replace(seen.end));
        match began {
            None if !is_cut => self.wrong(Wrong::RecordMissing, format!("that attempt {number} began")),
            Some(began) if began != seen.interaction => {
                self.wrong(Wrong::TooManyAttempts, format!("two of number {number}"));
            }
            None | Some(_) => {}
        }
        // An attempt may be recorded as interrupted before its process records that it was delivered.
        let known_better = (Some(End::Interrupted), End::Delivered);
        if before.is_some() && (before, seen.end) != known_better {
            self.wrong(Wrong::RecordRewritten, format!("attempt {number}"));
        }
        self.is_delivered |= seen.end == End::Delivered;
        self.is_over |= is_last(seen);
    }

    fn course(&mut self, number: u8) -> Option<&mut Course> {
        self.attempts.get_mut(usize::from(number).checked_sub(1)?)
    }

    fn wrong(&mut self, code: Wrong, detail: impl Into<String>) {
        self.findings.push(Finding::new(code, format!("{:032x}", self.name), detail));
    }
}

/// Sorts the records of one write: attempts in order, then what follows from them.
fn rank(seen: &Seen) -> (bool, u8, bool) {
    (seen.attempt == 0, seen.attempt, seen.kind == Kind::AttemptEnded)
}

/// Says whether this end of an attempt ends the notification.
fn is_last(seen: &Seen) -> bool {
    seen.end == End::Delivered || seen.attempt == AttemptNumber::MAX && seen.end != End::RolledBack
}

/// Right-aligns a number, so that texts compare as numbers do.
fn sequence(text: &str) -> Option<[u8; DIGITS]> {
    let digits = Some(text.as_bytes()).filter(|digits| digits.iter().all(u8::is_ascii_digit))?;
    let mut aligned = [b'0'; DIGITS];
    aligned.get_mut(DIGITS.checked_sub(digits.len())?..)?.copy_from_slice(digits);
    (!digits.is_empty()).then_some(aligned)
}

fn hash(value: &impl std::hash::Hash) -> u64 {
    let mut hasher = DefaultHasher::new();
    value.hash(&mut hasher);
    hasher.finish()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_of_the_stream_compare_as_numbers_however_long_they_are() {
        let longest = "9".repeat(40);
        let numbers = ["0", "9", "10", "000000000000000000000000000011", longest.as_str()];
        let aligned: Vec<_> = numbers.iter().map(|number| sequence(number).unwrap()).collect();
        assert!(aligned.is_sorted_by(|a, b| a < b));
        for odd in ["", "-1", "1e3", &"1".repeat(41)] {
            assert_eq!(sequence(odd), None, "{odd}");
        }
    }
}
