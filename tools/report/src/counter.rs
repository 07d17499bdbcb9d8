//! Counts a month from facts in roughly the order in which they were recorded.

use std::collections::{HashMap, HashSet};
use std::hash::{DefaultHasher, Hash as _, Hasher as _};

use convention::codes::{Code, Effect};
use convention::delivery::FIRST_ATTEMPT_WITHIN;
use jiff::{SignedDuration, Timestamp};

use crate::counts::{Counts, Day};
use crate::fact::{End, Fact};
use crate::figures::{DELIVERED, Figures};
use crate::initiator::{InitiatorKey, Selection};
use crate::month::Month;
use crate::story::{Codes, Course, Story};

/// How long a notification that ended is kept for late copies of its records: the stream of the ledger and Firehose repeat
/// for a day each.
const LATE_COPIES: SignedDuration = SignedDuration::from_hours(72);
/// Number of facts after which memory is pruned.
const TIDY_EVERY: u64 = 100_000;

/// Counts a month. Whatever the number of notifications, those of three days are kept, and the ids of the undelivered.
#[derive(Debug)]
pub struct Counter {
    month: Month,
    /// What began before is not counted.
    from: Timestamp,
    selection: Selection,
    tells_rolled_back: bool,
    initiators: Vec<InitiatorKey>,
    numbers: HashMap<InitiatorKey, u32>,
    codes: Codes,
    stories: HashMap<u128, Story>,
    latest: Timestamp,
    facts: u64,
    tidy_every: u64,
    figures: Vec<Figures>,
    days: Vec<Day>,
    /// Undelivered notifications of the month, and whose.
    undelivered: HashMap<u128, u32>,
    /// What was replayed, and whether the replay was delivered.
    replayed: HashMap<u128, bool>,
    unattributed: u64,
    own: HashSet<u128>,
    of_nobody: HashSet<u128>,
}

impl Counter {
    /// Counts this month, of these initiators. `tells_rolled_back` says whether the source shows attempts that were rolled
    /// back, even after they began again.
    pub fn new(month: Month, selection: Selection, tells_rolled_back: bool) -> Self {
        let day = |day| Day { day: month.date(day), ..Day::default() };
        Self {
            month,
            from: Timestamp::MIN,
            selection,
            tells_rolled_back,
            initiators: Vec::new(),
            numbers: HashMap::new(),
            codes: Codes::default(),
            stories: HashMap::new(),
            latest: Timestamp::MIN,
            facts: 0,
            tidy_every: TIDY_EVERY,
            figures: Vec::new(),
            days: (1..=month.days()).map(day).collect(),
            undelivered: HashMap::new(),
            replayed: HashMap::new(),
            unattributed: 0,
            own: HashSet::new(),
            of_nobody: HashSet::new(),
        }
    }

    /// Counts nothing that began before this instant: the source forgets.
    #[must_use]
    pub fn known_from(self, from: Option<Timestamp>) -> Self {
        Self { from: from.unwrap_or(Timestamp::MIN), ..self }
    }

    /// Adds a fact.
    pub fn take(&mut self, fact: &Fact<'_>) {
        self.latest = self.latest.max(fact.at);
        let Some(key) = fact.initiator else {
            self.unattributed += 1;
            self.note(fact.notification, None);
            return;
        };
        self.note(fact.notification, Some(key));
        if !self.selection.has(key) {
            return;
        }
        self.facts += 1;
        let initiator = self.number(key);
        let interaction = fact.attempt.map_or(0, |attempt| hash(attempt.interaction_id));
        let story = self.stories.entry(fact.notification).or_insert_with(|| Story::of(initiator));
        story.take(fact, interaction, &mut self.codes);
        if self.facts.is_multiple_of(self.tidy_every) {
            self.tidy(fact.notification);
        }
    }

    /// Notes whose a notification is, `None` if that is not known, for [`Counts::concern`].
    pub fn note(&mut self, notification: u128, initiator: Option<&InitiatorKey>) {
        if self.selection.is_all() {
            return;
        }
        match initiator {
            Some(key) if self.selection.has(key) => _ = self.own.insert(notification),
            Some(_) => {}
            None => _ = self.of_nobody.insert(notification),
        }
    }

    /// Ends the count.
    pub fn finish(mut self) -> Counts {
        for (id, story) in std::mem::take(&mut self.stories) {
            self.settle(id, &story);
        }
        for (id, initiator) in std::mem::take(&mut self.undelivered) {
            let Some(is_delivered) = self.replayed.get(&id).copied() else { continue };
            let figures = self.of(initiator);
            figures.replayed += 1;
            figures.recovered += u64::from(is_delivered);
        }
        let mut all = self.no_figures();
        for figures in &self.figures {
            all += figures;
        }
        let counted = self.initiators.into_iter().zip(self.figures);
        Counts {
            all,
            initiators: counted.filter(|(_, figures)| !is_empty(figures)).collect(),
            days: self.days,
            unattributed: self.unattributed,
            is_of_all: self.selection.is_all(),
            own: self.own,
            of_nobody: self.of_nobody,
        }
    }

    fn no_figures(&self) -> Figures {
        Figures { rolled_back: self.tells_rolled_back.then(Default::default), ..Figures::default() }
    }

    fn number(&mut self, key: &InitiatorKey) -> u32 {
        if let Some(number) = self.numbers.get(key) {
            return *number;
        }
        let number = u32::try_from(self.initiators.len()).unwrap_or(u32::MAX);
        self.initiators.push(key.clone());
        self.numbers.insert(key.clone(), number);
        self.figures.push(self.no_figures());
        number
    }

    fn of(&mut self, initiator: u32) -> &mut Figures {
        let at = usize::try_from(initiator).unwrap_or(usize::MAX);
        &mut self.figures[at]
    }

    /// Counts and drops notifications that ended long ago. One that has not ended is kept, and so is the current one, of
    /// which more facts may follow at once.
    fn tidy(&mut self, current: u128) {
        let before = self.latest - LATE_COPIES;
        let is_done =
            |id: &u128, story: &mut Story| *id != current && story.end.is_some() && story.latest < before;
        let done: Vec<_> = self.stories.extract_if(is_done).collect();
        for (id, story) in done {
            self.settle(id, &story);
        }
    }

    fn settle(&mut self, id: u128, story: &Story) {
        let (rolled_back, made): (Vec<Course>, Vec<Course>) =
            story.courses.iter().partition(|course| self.is_rolled_back(course));
        for course in &rolled_back {
            if self.day_of(course.started).is_some() {
                self.roll_back(story.initiator, course);
            }
        }
        for course in &made {
            self.attempt(story.initiator, course);
        }
        let first = made.iter().filter(|course| course.number == 1).map(|course| course.started).min();
        let began = match first {
            Some(first) => Some(first),
            None if made.is_empty() && story.end.is_some() => story.ended_at,
            None => None,
        };
        if let Some(original) = story.replay_of {
            let is_delivered = self.replayed.entry(original).or_default();
            *is_delivered |= story.end == Some(End::Delivered);
        }
        let Some(day) = began.and_then(|began| self.day_of(began)) else { return };
        if let Some(day) = self.days.get_mut(usize::from(day) - 1) {
            day.notifications += 1;
        }
        self.notification(id, story, first);
    }

    /// Counts a notification of the month, whose first attempt began then if there was one.
    fn notification(&mut self, id: u128, story: &Story, first: Option<Timestamp>) {
        if story.end == Some(End::Undelivered) {
            self.undelivered.insert(id, story.initiator);
        }
        let reason = story.reason.map(|reason| self.codes.name(reason).to_owned());
        let figures = self.of(story.initiator);
        figures.notifications += 1;
        match story.end {
            Some(End::Delivered) => figures.delivered += 1,
            Some(End::Undelivered) => figures.undelivered += 1,
            Some(End::Cancelled) => figures.cancelled += 1,
            None => {}
        }
        if let Some(reason) = reason.filter(|_| story.end.is_some_and(|end| end != End::Delivered)) {
            *figures.reasons.entry(reason).or_default() += 1;
        }
        if story.replay_of.is_some() {
            figures.replays += 1;
            figures.replays_delivered += u64::from(story.end == Some(End::Delivered));
            return;
        }
        let (Some(first), Some(event)) = (first, story.event) else { return };
        let is_late = |at: Timestamp| at.duration_since(event) > FIRST_ATTEMPT_WITHIN;
        figures.first_attempts += 1;
        figures.first_in_time += u64::from(!is_late(first));
        figures.first_posted_late += u64::from(is_late(first) && story.accepted.is_some_and(is_late));
    }

    fn roll_back(&mut self, initiator: u32, course: &Course) {
        let code = self.codes.name(course.outcome.unwrap_or_default()).to_owned();
        if let Some(codes) = &mut self.of(initiator).rolled_back {
            *codes.entry(code).or_default() += 1;
        }
    }

    fn attempt(&mut self, initiator: u32, course: &Course) {
        let Some(day) = self.day_of(course.started) else { return };
        let code = course.outcome.map(|code| self.codes.name(code).to_owned());
        if let Some(day) = self.days.get_mut(usize::from(day) - 1) {
            day.attempts += 1;
            day.failed += u64::from(code.as_deref().is_some_and(|code| code != DELIVERED));
        }
        let figures = self.of(initiator);
        figures.attempts += 1;
        if let Some(code) = code {
            *figures.outcomes.entry(code).or_default() += 1;
        }
    }

    fn day_of(&self, at: Timestamp) -> Option<u8> {
        self.month.day_of(at).filter(|_| at >= self.from)
    }

    /// Says whether nothing was sent for a fault of ours: the attempt begins again under another id.
    fn is_rolled_back(&self, course: &Course) -> bool {
        let code = course.outcome.and_then(|number| Code::named(self.codes.name(number)));
        code.is_some_and(|code| code.row().effect == Effect::Requeued)
    }
}

fn is_empty(figures: &Figures) -> bool {
    figures.notifications == 0 && figures.attempts == 0 && figures.all_rolled_back().unwrap_or_default() == 0
}

fn hash(text: &str) -> u64 {
    let mut hasher = DefaultHasher::new();
    text.hash(&mut hasher);
    hasher.finish()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::counts::Concern;
    use crate::fact::AttemptFact;
    use crate::figures::{CLASSES, Share};

    /// A fact that a test writes down: of which notification, when, and what.
    #[derive(Clone, Debug)]
    struct Told {
        notification: u128,
        initiator: InitiatorKey,
        at: Timestamp,
        event: Timestamp,
        accepted: Option<Timestamp>,
        replay_of: Option<u128>,
        end: Option<End>,
        reason: Option<&'static str>,
        attempt: Option<(u8, String, Timestamp, Option<&'static str>)>,
    }

    impl Told {
        fn fact(&self) -> Fact<'_> {
            Fact {
                notification: self.notification,
                initiator: Some(&self.initiator),
                at: self.at,
                event: Some(self.event),
                accepted: self.accepted,
                replay_of: self.replay_of,
                end: self.end,
                reason: self.reason,
                attempt: self.attempt.as_ref().map(|(number, interaction_id, started, outcome)| {
                    AttemptFact { number: *number, interaction_id, started: *started, outcome: *outcome }
                }),
            }
        }
    }

    fn at(text: &str) -> Timestamp {
        text.parse().unwrap()
    }

    fn key(client: &str) -> InitiatorKey {
        InitiatorKey::new(None, client)
    }

    /// The facts of a notification whose event was at this instant: each attempt begins a second after the end before it, the
    /// first after so many milliseconds, and lasts half a second.
    fn story(
        notification: u128,
        client: &str,
        event: &str,
        after_ms: i64,
        outcomes: &[&'static str],
    ) -> Vec<Told> {
        let event = at(event);
        let mut begins = event + SignedDuration::from_millis(after_ms);
        let mut told = Vec::new();
        let mut number = 1;
        for (index, outcome) in outcomes.iter().enumerate() {
            let ends = begins + SignedDuration::from_millis(500);
            let is_requeued = Code::named(outcome).is_some_and(|code| code.row().effect == Effect::Requeued);
            let end = match *outcome {
                "delivered" => Some(End::Delivered),
                _ if number == 3 && !is_requeued => Some(End::Undelivered),
                _ => None,
            };
            let one = |at, outcome, end| Told {
                notification,
                initiator: key(client),
                at,
                event,
                accepted: Some(event),
                replay_of: None,
                end,
                reason: None,
                attempt: Some((number, format!("{notification}-{index}"), begins, outcome)),
            };
            told.extend([one(begins, None, None), one(ends, Some(*outcome), end)]);
            begins = ends + SignedDuration::from_secs(1);
            number += u8::from(!is_requeued);
        }
        told
    }

    fn november() -> Month {
        "2026-11".parse().unwrap()
    }

    fn count_of(selection: Selection, told: &[Told]) -> Counts {
        let mut counter = Counter::new(november(), selection, true);
        for one in told {
            counter.take(&one.fact());
        }
        counter.finish()
    }

    fn count(told: &[Told]) -> Counts {
        count_of(Selection::All, told)
    }

    const NOON: &str = "2026-11-10T15:00:00Z";

    #[test]
    fn each_end_is_counted_once_and_the_parts_are_the_whole() {
        let mut told = story(1, "a", NOON, 100, &["delivered"]);
        told.extend(story(2, "a", NOON, 100, &["timeout", "server_error", "delivered"]));
        told.extend(story(3, "b", NOON, 100, &["timeout", "unknown_ca", "interrupted"]));
        told.extend(story(4, "b", NOON, 100, &["timeout"]));
        let counts = count(&told);
        let all = &counts.all;
        assert_eq!(
            (all.notifications, all.delivered, all.undelivered, all.cancelled, all.open()),
            (4, 2, 1, 0, 1)
        );
        assert_eq!((all.attempts, all.accepted(), all.failed(), all.without_outcome()), (8, 2, 6, 0));
        let by = CLASSES.map(|class| all.failed_by(Some(class)));
        assert_eq!((by, all.failed_by(None)), ([1, 3, 1, 0, 1], 0));
        let b = &counts.initiators[&key("b")];
        assert_eq!((b.notifications, b.undelivered, b.attempts), (2, 1, 4));
        let day = counts.days[9];
        assert_eq!(
            (day.day.to_string().as_str(), day.notifications, day.attempts, day.failed),
            ("2026-11-10", 4, 8, 6)
        );
        assert_eq!(counts.days.iter().map(|day| day.attempts).sum::<u64>(), 8);
    }

    #[test]
    fn copies_and_another_order_change_nothing() {
        let mut told = story(1, "a", NOON, 100, &["delivered"]);
        told.extend(story(2, "a", NOON, 2_000, &["signing_unavailable", "timeout", "delivered"]));
        told.extend(story(3, "a", NOON, 100, &["interrupted"]));
        // It is known later that the interrupted attempt was delivered.
        let mut better = told.last().unwrap().clone();
        (better.at, better.end) = (better.at + SignedDuration::from_secs(60), Some(End::Delivered));
        better.attempt.as_mut().unwrap().3 = Some("delivered");
        told.push(better);
        let expected = count(&told);
        assert_eq!(
            (expected.all.delivered, expected.all.attempts, expected.all.all_rolled_back()),
            (3, 4, Some(1))
        );
        let twice: Vec<_> = told.iter().chain(&told).cloned().collect();
        let backwards: Vec<_> = told.iter().rev().cloned().collect();
        for other in [twice, backwards] {
            let other = count(&other);
            assert_eq!(
                (&other.all, &other.initiators, &other.days),
                (&expected.all, &expected.initiators, &expected.days)
            );
        }
    }

    #[test]
    fn an_attempt_belongs_to_the_month_in_which_it_began_and_a_notification_to_that_of_its_first() {
        // The first attempt in the last half second of October in Brasília, the second in November.
        let mut told = story(1, "a", "2026-11-01T02:59:59Z", 400, &["timeout", "delivered"]);
        // The same between November and December; and the first and last instant of November.
        told.extend(story(2, "a", "2026-12-01T02:59:59Z", 999, &["timeout", "timeout", "timeout"]));
        told.extend(story(3, "a", "2026-11-01T02:59:59.9Z", 100, &["delivered"]));
        told.extend(story(4, "a", "2026-12-01T02:59:59.9Z", 100, &["delivered"]));
        let all = count(&told).all;
        assert_eq!((all.notifications, all.delivered, all.undelivered), (2, 1, 1));
        assert_eq!((all.attempts, all.accepted(), all.failed()), (3, 2, 1));
    }

    #[test]
    fn the_first_attempt_that_was_made_is_measured_from_the_event_and_replays_are_not() {
        let mut told = story(1, "a", NOON, 1_500, &["delivered"]);
        told.extend(story(2, "a", NOON, 1_501, &["delivered"]));
        // Posted three seconds after the event.
        let mut late = story(3, "a", NOON, 3_100, &["delivered"]);
        for one in &mut late {
            one.accepted = Some(one.event + SignedDuration::from_secs(3));
        }
        told.extend(late);
        // Nothing was sent at first, for a fault of ours.
        told.extend(story(4, "a", NOON, 100, &["ledger_unavailable", "delivered"]));
        let mut replay = story(5, "a", NOON, 9_000_000, &["delivered"]);
        for one in &mut replay {
            one.replay_of = Some(99);
        }
        told.extend(replay);
        let all = count(&told).all;
        assert_eq!((all.first_attempts, all.first_in_time, all.first_posted_late), (4, 1, 1));
        assert_eq!(all.in_time_share(), Share { part: 1, whole: 4 });
        assert_eq!((all.notifications, all.replays, all.replays_delivered), (5, 1, 1));
    }

    #[test]
    fn undelivered_notifications_are_matched_with_their_replays_of_whatever_month() {
        let lost = ["timeout", "timeout", "timeout"];
        let mut told = story(1, "a", NOON, 100, &lost);
        told.extend(story(2, "a", NOON, 100, &lost));
        told.extend(story(3, "a", NOON, 100, &lost));
        let replay = |id, of, event, outcomes: &[&'static str]| {
            let mut told = story(id, "a", event, 100, outcomes);
            for one in &mut told {
                one.replay_of = Some(of);
            }
            told
        };
        // One in November that is delivered, one in December that is not, and one of a notification of October.
        told.extend(replay(11, 1, NOON, &["delivered"]));
        told.extend(replay(12, 2, "2026-12-01T12:00:00Z", &lost));
        told.extend(replay(13, 77, NOON, &lost));
        let all = count(&told).all;
        assert_eq!((all.notifications, all.undelivered, all.replayed, all.recovered), (5, 4, 2, 1));
        assert_eq!((all.replays, all.replays_delivered), (2, 1));
    }

    #[test]
    fn a_notification_without_an_attempt_belongs_to_the_month_in_which_it_ended() {
        let ended = |notification, instant: &str, end, reason| Told {
            notification,
            initiator: key("a"),
            at: at(instant),
            event: at(instant),
            accepted: None,
            replay_of: None,
            end: Some(end),
            reason: Some(reason),
            attempt: None,
        };
        let mut told = vec![
            ended(1, NOON, End::Cancelled, "no_receiver"),
            ended(2, NOON, End::Undelivered, "identity_expired"),
            ended(3, "2026-12-01T03:00:00Z", End::Cancelled, "no_receiver"),
        ];
        // Begun in October, cancelled in November before its second attempt.
        told.extend(story(4, "a", "2026-10-31T12:00:00Z", 100, &["timeout"]));
        told.push(ended(4, NOON, End::Cancelled, "no_receiver"));
        // Rolled back in November, given up in November.
        told.extend(story(5, "a", NOON, 100, &["signing_unavailable"]));
        told.push(ended(5, "2026-11-11T15:00:00Z", End::Undelivered, "signing_unavailable"));
        let all = count(&told).all;
        assert_eq!((all.notifications, all.cancelled, all.undelivered, all.attempts), (3, 1, 2, 0));
        let reasons: Vec<_> = all.reasons.iter().map(|(code, count)| (code.as_str(), *count)).collect();
        assert_eq!(reasons, [("identity_expired", 1), ("no_receiver", 1), ("signing_unavailable", 1)]);
        assert_eq!(all.rolled_back.as_ref().unwrap()["signing_unavailable"], 1);
    }

    #[test]
    fn a_count_of_one_initiator_holds_nothing_of_others_whatever_their_ids() {
        let other_brand = InitiatorKey::new(Some("aaaa"), "a");
        let mut told = story(1, "a", NOON, 100, &["delivered"]);
        told.extend(story(2, "aa", NOON, 100, &["timeout"]));
        let mut of_other = story(3, "a", NOON, 100, &["timeout"]);
        for one in &mut of_other {
            one.initiator = other_brand.clone();
        }
        told.extend(of_other);
        let only = Selection::Only([key("a")].into());
        let counts = count_of(only, &told);
        assert_eq!(counts.initiators.keys().collect::<Vec<_>>(), [&key("a")]);
        assert_eq!((counts.all.notifications, counts.all.failed(), counts.days[9].attempts), (1, 0, 1));
        let concern = |id: u128| counts.concern(&format!("{id:032x}"));
        assert_eq!([1, 2, 3].map(concern), [Concern::Own, Concern::Others, Concern::Others]);
        let both = count(&told);
        assert_eq!(both.initiators.len(), 3);
    }

    #[test]
    fn of_a_million_notifications_those_of_three_days_are_in_memory() {
        let client = key("a");
        let mut counter = Counter::new(november(), Selection::Only([client.clone()].into()), true);
        let start = november().start();
        let mut most = 0;
        for id in 0..1_000_000_u32 {
            let started = start + SignedDuration::from_millis(i64::from(id) * 2_500);
            for (at, outcome, end) in
                [(started, None, None), (started, Some("delivered"), Some(End::Delivered))]
            {
                let attempt = AttemptFact { number: 1, interaction_id: "i", started, outcome };
                counter.take(&Fact {
                    notification: u128::from(id),
                    initiator: Some(&client),
                    at,
                    event: Some(started),
                    accepted: Some(started),
                    replay_of: None,
                    end,
                    reason: None,
                    attempt: Some(attempt),
                });
            }
            // What is of others is not kept, and does not hold up what is.
            counter.take(&Fact {
                notification: u128::from(id) + (1 << 64),
                initiator: Some(&key("b")),
                at: started,
                event: None,
                accepted: None,
                replay_of: None,
                end: Some(End::Cancelled),
                reason: None,
                attempt: None,
            });
            most = most.max(counter.stories.len());
        }
        // A story each 2.5 s: 103,680 in three days, and those between two looks.
        assert!(most < 103_680 + 50_001, "{most}");
        let all = counter.finish().all;
        assert_eq!((all.notifications, all.delivered, all.first_in_time), (1_000_000, 1_000_000, 1_000_000));
    }

    /// The ledger is read in no order of time, and a row makes several facts, one after the other.
    #[test]
    fn rows_in_any_order_are_counted_once_wherever_memory_is_pruned() {
        const ROWS: u64 = 60_000;
        let client = key("a");
        let mut ids: Vec<u64> = (0..ROWS).collect();
        let mut state = 0x2026_1130_u64;
        for last in (1..ids.len()).rev() {
            // Knuth's multiplier ("The Art of Computer Programming", volume 2, 3.3.4): the same order in each run.
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
            ids.swap(last, usize::try_from(state >> 33).unwrap() % (last + 1));
        }
        let mut counter = Counter::new(november(), Selection::All, false);
        // Odd, so that it falls between the two facts of a row as often as after them.
        counter.tidy_every = 101;
        for id in ids {
            let started = november().start() + SignedDuration::from_secs(i64::try_from(id).unwrap() * 40);
            let interaction_id = id.to_string();
            let attempt = AttemptFact {
                number: 1,
                interaction_id: &interaction_id,
                started,
                outcome: Some("delivered"),
            };
            for attempt in [Some(attempt), None] {
                counter.take(&Fact {
                    notification: u128::from(id),
                    initiator: Some(&client),
                    at: started,
                    event: Some(started),
                    accepted: Some(started),
                    replay_of: None,
                    end: Some(End::Delivered),
                    reason: None,
                    attempt,
                });
            }
        }
        let counts = counter.finish();
        let all = &counts.all;
        assert_eq!((all.notifications, all.delivered, all.attempts), (ROWS, ROWS, ROWS));
        assert_eq!(counts.days.iter().map(|day| day.notifications).sum::<u64>(), ROWS);
    }

    #[test]
    fn what_a_source_forgets_is_not_counted() {
        let told = story(1, "a", NOON, 100, &["delivered"]);
        let from = at(NOON) + SignedDuration::from_secs(1);
        let mut counter = Counter::new(november(), Selection::All, false).known_from(Some(from));
        for one in &told {
            counter.take(&one.fact());
        }
        let counts = counter.finish();
        assert_eq!((counts.all.notifications, counts.all.attempts, counts.all.rolled_back), (0, 0, None));
    }
}
