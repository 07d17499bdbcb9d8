//! What is found about files that are to be stored.

use anyhow::{Result, bail};

/// What was found about files that are to be stored.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub(super) struct Review {
    /// What cannot work.
    pub(super) problems: Vec<String>,
    /// What receivers may refuse, and what was put right.
    pub(super) warnings: Vec<String>,
}

impl Review {
    pub(super) fn refuse(&mut self, problem: String) {
        self.problems.push(problem);
    }

    pub(super) fn warn(&mut self, warning: String) {
        self.warnings.push(warning);
    }

    /// Fails with all problems, if there are any.
    pub(super) fn check(&self) -> Result<()> {
        if self.problems.is_empty() {
            return Ok(());
        }
        bail!("nothing is stored, as this cannot work:\n  - {}", self.problems.join("\n  - "))
    }
}
