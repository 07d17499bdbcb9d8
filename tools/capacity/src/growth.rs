//! How it grows: the same question at one, ten and a hundred times the load and the receivers.

use super::answer::{Answer, Plan};
use super::question::Question;

/// One step.
#[derive(Clone, Debug)]
pub struct Growth {
    /// How many times the load and the receivers.
    pub factor: u64,
    /// What comes of it with the settings asked about.
    pub answer: Answer,
    /// What would carry it.
    pub plan: Plan,
}

/// Ten and a hundred times the load; once is the question itself.
const FACTORS: [u64; 3] = [1, 10, 100];

impl Question {
    /// Plays every step, the first of which is this question.
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
