//! Growth: the same question at one, ten and a hundred times the load and the receivers.

use super::answer::{Answer, Plan};
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
