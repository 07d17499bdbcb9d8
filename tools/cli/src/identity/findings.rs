//! Findings about files that are to be stored.

use anyhow::{Result, bail};

/// Findings about files that are to be stored.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub(super) struct Review {
    /// Problems that prevent use.
    pub(super) problems: Vec<String>,
    /// Warnings: what receivers may refuse, and what was corrected.
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
