//! The attempts of a week at most, in memory, so that a page need not wait for a look-up.

use std::collections::{BTreeMap, HashSet};
use std::sync::Arc;

use jiff::Timestamp;
use serde_json::{Map, Value};

use crate::attempt::{Attempt, Event, Line, LoggedReceiver};
use crate::figures::{Counts, Figures, Range};

/// How many attempts are held: the newest.
pub const MAX_ATTEMPTS: usize = 300_000;
/// How many other events are held.
const MAX_EVENTS: usize = 50_000;

/// When, of which notification, and of which kind.
type EventKey = (Timestamp, Arc<str>, u8);

/// Attempts and events, by time.
#[derive(Clone, Debug, Default)]
pub struct History {
    attempts: BTreeMap<(Timestamp, Arc<str>), Attempt>,
    /// By time, notification and kind: one notification may be interrupted and given up in one millisecond.
    events: BTreeMap<EventKey, Event>,
    texts: HashSet<Arc<str>>,
    /// From when on everything was read, if anything was.
    since: Option<Timestamp>,
    /// Whether older ones were left out for want of room.
    is_cut: bool,
}

/// What a receiver's attempts of a window say.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Summary {
    /// How many were accepted.
    pub delivered: u32,
    /// How many failed.
    pub failed: u32,
    /// How many of the last hour's failed.
    pub failed_lately: u32,
    /// How many of the last hour's were accepted.
    pub delivered_lately: u32,
    /// Milliseconds of each that ended.
    durations: Vec<u32>,
    /// When the last one was accepted.
    pub last_success: Option<Timestamp>,
    /// When the last one ended.
    pub last: Option<Timestamp>,
    /// Each failure's code and number.
    pub outcomes: BTreeMap<Arc<str>, u32>,
    /// Whether the last accepting exchange was without a client certificate.
    pub without_mtls: bool,
}

impl History {
    /// Adds a line; one that is there already changes nothing.
    pub fn add(&mut self, at: Timestamp, fields: &Map<String, Value>) {
        let texts = &mut self.texts;
        let mut share = |text: &str| {
            if let Some(known) = texts.get(text) {
                return Arc::clone(known);
            }
            let new = Arc::<str>::from(text);
            texts.insert(Arc::clone(&new));
            new
        };
        match Line::of_fields(at, fields, &mut share) {
            Some(Line::Attempt(attempt)) => {
                self.attempts.insert((at, Arc::clone(&attempt.interaction_id)), *attempt);
            }
            Some(Line::Event(event, _, id)) => {
                self.events.insert((at, id, event.kind()), event);
            }
            None => {}
        }
        while self.attempts.len() > MAX_ATTEMPTS {
            let oldest = self.attempts.pop_first().map(|((at, _), _)| at);
            (self.since, self.is_cut) = (self.since.max(oldest), true);
        }
        while self.events.len() > MAX_EVENTS {
            self.events.pop_first();
        }
    }

    /// Notes that everything from then on was read.
    pub fn note_read_since(&mut self, since: Timestamp) {
        if !self.is_cut {
            self.since = Some(self.since.map_or(since, |before| before.min(since)));
        }
    }

    /// Drops what is older than the longest range.
    pub fn forget(&mut self, now: Timestamp) {
        let Ok(oldest) = now.checked_sub(Range::Week.length()) else { return };
        self.attempts = self.attempts.split_off(&(oldest, Arc::default()));
        self.events = self.events.split_off(&(oldest, Arc::default(), 0));
        self.since = self.since.map(|since| since.max(oldest));
    }

    /// From when on everything was read.
    pub fn since(&self) -> Option<Timestamp> {
        self.since
    }

    /// Whether there is no more room for older ones.
    pub fn is_full(&self) -> bool {
        self.is_cut || self.attempts.len() >= MAX_ATTEMPTS
    }

    /// How many attempts there are.
    pub fn len(&self) -> usize {
        self.attempts.len()
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.attempts.is_empty()
    }

    /// The attempts that ended from `since` on, newest first.
    pub fn newest(&self, since: Timestamp) -> impl Iterator<Item = &Attempt> {
        self.attempts.range((since, Arc::default())..).rev().map(|(_, attempt)| attempt)
    }

    /// Counts a range.
    pub fn figures(&self, range: Range, now: Timestamp) -> Figures {
        let mut figures = Figures::empty(range, now);
        let since = figures.since;
        let mut count = |at: Timestamp, add: &dyn Fn(&mut Counts)| {
            if let Some(part) = range.part_at(since, at) {
                add(&mut figures.parts[part]);
                add(&mut figures.all);
            }
        };
        for attempt in self.newest(since) {
            let (delivered, late) = (attempt.is_delivered(), attempt.is_late);
            count(attempt.ended, &|counts| {
                *if delivered { &mut counts.delivered } else { &mut counts.failed } += 1.0;
                *counts.late.get_or_insert_default() += if late { 1.0 } else { 0.0 };
            });
        }
        for ((at, ..), event) in self.events.range((since, Arc::default(), 0)..) {
            count(*at, &|counts| match event {
                Event::OwnFault { .. } => counts.own_faults += 1.0,
                // It consumes an attempt, and CloudWatch counts it among those that failed.
                Event::Interrupted => counts.failed += 1.0,
                Event::Undelivered { .. } => counts.undelivered += 1.0,
            });
        }
        figures
    }

    /// Sums the attempts up that ended from `since` on, for each receiver; `lately` is within that.
    pub fn summaries(&self, since: Timestamp, lately: Timestamp) -> BTreeMap<LoggedReceiver, Summary> {
        let mut summaries = BTreeMap::<LoggedReceiver, Summary>::new();
        for attempt in self.newest(since) {
            if let Some(summary) = summaries.get_mut(&attempt.receiver) {
                summary.add(attempt, lately);
                continue;
            }
            let mut summary = Summary::default();
            summary.add(attempt, lately);
            summaries.insert(attempt.receiver.clone(), summary);
        }
        summaries
    }
}

impl Summary {
    /// Adds an attempt that is older than those before.
    fn add(&mut self, attempt: &Attempt, lately: Timestamp) {
        self.last = self.last.or(Some(attempt.ended));
        let is_lately = u32::from(attempt.ended >= lately);
        self.durations.extend(attempt.duration_ms);
        if attempt.is_delivered() {
            self.delivered += 1;
            self.delivered_lately += is_lately;
            if self.last_success.is_none() {
                self.last_success = Some(attempt.ended);
                let findings = attempt.findings.as_deref().unwrap_or_default();
                self.without_mtls = findings.split(',').any(|finding| finding == "receiver_without_mtls");
            }
        } else {
            self.failed += 1;
            self.failed_lately += is_lately;
            *self.outcomes.entry(Arc::clone(&attempt.outcome)).or_default() += 1;
        }
    }

    /// The number of attempts.
    pub fn attempts(&self) -> u32 {
        self.delivered + self.failed
    }

    /// The share that was accepted; absent without attempts.
    pub fn success(&self) -> Option<f64> {
        (self.attempts() > 0).then(|| f64::from(self.delivered) / f64::from(self.attempts()))
    }

    /// Within how many milliseconds 95 of 100 attempts ended (nearest rank).
    pub fn p95_ms(&self) -> Option<u32> {
        let mut sorted = self.durations.clone();
        sorted.sort_unstable();
        sorted.get((sorted.len() * 95).div_ceil(100).checked_sub(1)?).copied()
    }
}

#[cfg(test)]
mod tests {
    use jiff::SignedDuration;
    use serde_json::json;

    use super::*;
    use crate::attempt::{ATTEMPT_ENDED, REQUEUED, UNDELIVERED};

    fn at(second: i64) -> Timestamp {
        Timestamp::from_second(second).unwrap()
    }

    fn add(history: &mut History, client: &str, second: i64, more: &Value) {
        let mut fields = json!({
            "message": ATTEMPT_ENDED, "client_id": client, "notification_id": "n", "endpoint": "E2", "attempt": 1,
            "interaction_id": format!("{client}-{second}"), "outcome": "delivered", "duration_ms": second,
        });
        fields.as_object_mut().unwrap().extend(more.as_object().cloned().unwrap());
        history.add(at(second), fields.as_object().unwrap());
    }

    #[test]
    fn figures_count_what_is_in_the_range_once() {
        let (mut history, now) = (History::default(), at(100_000));
        for _ in 0..2 {
            add(&mut history, "a", 99_990, &json!({ "late": true }));
            add(&mut history, "a", 99_000, &json!({ "outcome": "timeout" }));
            add(&mut history, "a", 90_000, &json!({}));
            for (second, line) in [
                (99_500, json!({ "message": REQUEUED, "code": "clock_skew", "notification_id": "n" })),
                (99_600, json!({ "message": UNDELIVERED, "outcome": "timeout", "notification_id": "n" })),
            ] {
                history.add(at(second), line.as_object().unwrap());
            }
        }
        let hour = history.figures(Range::Hour, now).all;
        assert_eq!((hour.delivered, hour.failed, hour.late), (1.0, 1.0, Some(1.0)));
        assert_eq!((hour.own_faults, hour.undelivered), (1.0, 1.0));
        let day = history.figures(Range::Day, now);
        let in_parts: f64 = day.parts.iter().map(|part| part.delivered).sum();
        assert_eq!((day.all.delivered, in_parts), (2.0, 2.0));
        history.forget(at(95_000) + Range::Week.length());
        assert_eq!(history.len(), 2);
    }

    #[test]
    fn a_summary_is_of_one_receiver_and_its_last_success_says_how_it_is_now() {
        let mut history = History::default();
        add(&mut history, "a", 100, &json!({ "findings": "body_cut,receiver_without_mtls" }));
        add(&mut history, "a", 200, &json!({ "outcome": "timeout" }));
        add(&mut history, "b", 150, &json!({}));
        for second in 300..320 {
            add(&mut history, "b", second, &json!({ "authorisation_server": "s" }));
        }
        let summaries = history.summaries(at(0), at(150));
        let of = |client: &str, server: Option<&str>| {
            let receiver =
                LoggedReceiver { client_id: client.into(), authorisation_server: server.map(Arc::from) };
            summaries[&receiver].clone()
        };
        let one = of("a", None);
        assert_eq!((one.delivered, one.failed, one.failed_lately, one.delivered_lately), (1, 1, 1, 0));
        assert!(one.without_mtls && one.last == Some(at(200)) && one.last_success == Some(at(100)));
        assert_eq!((one.success(), one.outcomes[&Arc::from("timeout")]), (Some(0.5), 1));
        assert_eq!((of("b", None).attempts(), of("b", Some("s")).p95_ms()), (1, Some(318)));
        assert_eq!(Summary::default().p95_ms(), None);
    }

    #[test]
    fn only_the_newest_are_held_and_it_is_said_from_when_on() {
        let mut history = History::default();
        history.note_read_since(at(0));
        let count = i64::try_from(MAX_ATTEMPTS).unwrap();
        for second in 0..count + 5 {
            add(&mut history, "a", second, &json!({}));
        }
        assert_eq!((history.len(), history.since()), (MAX_ATTEMPTS, Some(at(4))));
        history.note_read_since(at(0) - SignedDuration::from_hours(1));
        assert!(history.is_full() && history.since() == Some(at(4)));
    }
}
