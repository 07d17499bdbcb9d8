//! Growth: the same question at one, ten and a hundred times the load and the receivers.

use super::answer::{Answer, Plan};
use super::change::Change;
use super::format::lowered;
use super::question::Question;

/// One step.
#[derive(Clone, Debug)]
pub struct Growth {
    /// The factor for load and receivers.
    pub factor: u64,
    /// The result with the given settings.
    pub answer: Answer,
    /// Changes that carry it.
    pub plan: Plan,
}

/// The factors; 1 is the question itself.
const FACTORS: [u64; 3] = [1, 10, 100];

impl Growth {
    /// Says in one line what the institution sets and what it asks AWS for.
    pub fn needs(&self) -> String {
        if self.answer.is_carried() {
            return "set nothing, ask AWS for nothing".to_owned();
        }
        let or_nothing = |parts: Vec<String>| match parts.as_slice() {
            [] => "nothing".to_owned(),
            parts => parts.join(" and "),
        };
        let changes = &self.plan.changes;
        let sets = or_nothing(changes.iter().filter_map(Change::sets).collect());
        let asks = or_nothing(changes.iter().filter_map(Change::asks).collect());
        let still = match self.plan.answer.first_to_break() {
            _ if self.plan.answer.is_carried() => String::new(),
            Some(quota) => format!("; not carried even then: {}", lowered(quota.name)),
            None => "; not carried even then: the way itself takes too long".to_owned(),
        };
        format!("set {sets}; ask AWS for {asks}{still}")
    }
}

impl Question {
    /// Answers every step; the first is this question.
    pub fn growth(&self, progress: &mut dyn FnMut(&Self, u64, u64)) -> Vec<Growth> {
        FACTORS
            .iter()
            .map(|&factor| {
                let answer = self.times(factor).answer(progress);
                let plan = Self::plan(&answer, progress);
                Growth { factor, answer, plan }
            })
            .collect()
    }
}
