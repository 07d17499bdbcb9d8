//! What is known of one notification so far.

use jiff::Timestamp;

use crate::fact::{End, Fact};

/// The number of a code in [`Codes`].
pub(crate) type CodeNumber = u16;

/// The codes that were seen, each with a number, as a month has millions of attempts and a few dozen codes.
#[derive(Debug, Default)]
pub(crate) struct Codes(Vec<String>);

impl Codes {
    pub(crate) fn number(&mut self, code: &str) -> CodeNumber {
        let known = self.0.iter().position(|known| known == code);
        let at = known.unwrap_or_else(|| {
            self.0.push(code.to_owned());
            self.0.len() - 1
        });
        CodeNumber::try_from(at).unwrap_or(CodeNumber::MAX)
    }

    pub(crate) fn name(&self, number: CodeNumber) -> &str {
        self.0.get(usize::from(number)).map_or("?", String::as_str)
    }
}

/// One notification. About a hundred bytes, and forty for each attempt.
#[derive(Debug, Default)]
pub(crate) struct Story {
    pub(crate) initiator: u32,
    pub(crate) event: Option<Timestamp>,
    pub(crate) accepted: Option<Timestamp>,
    pub(crate) replay_of: Option<u128>,
    pub(crate) end: Option<End>,
    /// When an end without an attempt was recorded.
    pub(crate) ended_at: Option<Timestamp>,
    pub(crate) reason: Option<CodeNumber>,
    pub(crate) courses: Vec<Course>,
    pub(crate) latest: Timestamp,
}

/// One attempt.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Course {
    pub(crate) number: u8,
    pub(crate) interaction: u64,
    pub(crate) started: Timestamp,
    pub(crate) outcome: Option<CodeNumber>,
}

impl Story {
    pub(crate) fn of(initiator: u32) -> Self {
        Self { initiator, latest: Timestamp::MIN, ..Self::default() }
    }

    /// Adds a fact, whose attempt has this hash of its id.
    pub(crate) fn take(&mut self, fact: &Fact<'_>, interaction: u64, codes: &mut Codes) {
        self.latest = self.latest.max(fact.at);
        self.event = self.event.or(fact.event);
        self.accepted = self.accepted.or(fact.accepted);
        self.replay_of = self.replay_of.or(fact.replay_of);
        self.end = self.end.max(fact.end);
        if let Some(reason) = fact.reason {
            self.reason = Some(codes.number(reason));
        }
        let Some(attempt) = &fact.attempt else {
            if fact.end.is_some() {
                self.ended_at = Some(self.ended_at.map_or(fact.at, |at| at.min(fact.at)));
            }
            return;
        };
        let outcome = attempt.outcome.map(|code| codes.number(code));
        let same =
            |course: &&mut Course| course.number == attempt.number && course.interaction == interaction;
        let Some(course) = self.courses.iter_mut().find(same) else {
            let (number, started) = (attempt.number, attempt.started);
            self.courses.push(Course { number, interaction, started, outcome });
            return;
        };
        let was = course.outcome.map(|number| codes.name(number).to_owned());
        // An attempt that counted as interrupted may turn out to have been delivered. No other end changes.
        let is_better = was.as_deref() == Some("interrupted") && attempt.outcome == Some("delivered");
        if course.outcome.is_none() || is_better {
            course.outcome = outcome;
        }
    }
}
