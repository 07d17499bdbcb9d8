//! The question: a load and settings.

use super::load::{Begin, Load, Settings};

/// A question.
#[derive(Clone, Debug)]
pub struct Question {
    /// The load.
    pub load: Load,
    /// The settings.
    pub settings: Settings,
    /// How the load begins.
    pub begin: Begin,
    /// Measured time in seconds.
    pub seconds: u64,
    /// Random seed.
    pub seed: u64,
}

impl Question {
    /// Returns the question for this many times the load and the receivers.
    #[must_use]
    pub fn times(&self, factor: u64) -> Self {
        Self { load: self.load.times(factor), ..self.clone() }
    }
}
