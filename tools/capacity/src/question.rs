//! The question: which load meets which settings.

use super::load::{Begin, Load, Settings};

/// A question.
#[derive(Clone, Debug)]
pub struct Question {
    /// What comes in.
    pub load: Load,
    /// What it meets.
    pub settings: Settings,
    /// How it begins.
    pub begin: Begin,
    /// For how many seconds it is measured.
    pub seconds: u64,
    /// What chance is drawn from.
    pub seed: u64,
}

impl Question {
    /// Returns the question for so many times the load and the receivers.
    #[must_use]
    pub fn times(&self, factor: u64) -> Self {
        Self { load: self.load.times(factor), ..self.clone() }
    }
}
