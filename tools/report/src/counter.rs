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

    /// Returns the month that is counted.
    pub fn month(&self) -> Month {
        self.month
    }

    /// Adds a fact.
    pub fn take(&mut self, fact: &Fact<'_>) {
        self.facts += 1;
        self.latest = self.latest.max(fact.at);
        let Some(key) = fact.initiator else {
            self.unattributed += 1;
            if !self.selection.is_all() {
                self.of_nobody.insert(fact.notification);
            }
            return;
        };
        if !self.selection.has(key) {
            return;
        }
        if !self.selection.is_all() {
            self.own.insert(fact.notification);
        }
        let initiator = self.number(key);
        let interaction = fact.attempt.map_or(0, |attempt| hash(attempt.interaction_id));
        let story = self.stories.entry(fact.notification).or_insert_with(|| Story::of(initiator));
        story.take(fact, interaction, &mut self.codes);
        if self.facts.is_multiple_of(TIDY_EVERY) {
            self.tidy();
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
        self.figures.iter().for_each(|figures| all += figures);
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

    /// Counts and drops notifications that ended long ago. One that has not ended is kept.
    fn tidy(&mut self) {
        let before = self.latest - LATE_COPIES;
        let is_done = |_: &u128, story: &mut Story| story.end.is_some() && story.latest < before;
        let done: Vec<_> = self.stories.extract_if(is_done).collect();
        for (id, story) in done {
            self.settle(id, &story);
        }
    }

    fn settle(&mut self, id: u128, story: &Story) {
        let rolled_back: Vec<_> = story.courses.iter().filter(|course| self.is_rolled_back(course)).copied().collect();
        let made: Vec<_> = story.courses.iter().filter(|course| !self.is_rolled_back(course)).copied().collect();
        for course in rolled_back.iter().filter(|course| self.day_of(course.started).is_some()) {
            let code = self.codes.name(course.outcome.unwrap_or_default()).to_owned();
            if let Some(codes) = &mut self.of(story.initiator).rolled_back {
                *codes.entry(code).or_default() += 1;
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
