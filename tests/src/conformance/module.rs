//! A module of the conformance suite.

use super::suite::Play;

/// A module of a plan.
#[derive(Clone, Copy)]
pub struct Module {
    /// The plan's name at the suite.
    pub plan: &'static str,
    /// The module's name at the suite, without what it shares with its plan.
    pub name: &'static str,
    /// What it does; says what came, in the words of the vectors.
    pub play: Play,
}

impl std::fmt::Debug for Module {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}/{}", self.plan, self.name)
    }
}
