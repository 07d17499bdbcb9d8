//! What is printed of the findings, and the exit code they make.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use account::DeployedStack;
use jiff::Timestamp;
use serde_json::{Value, json};
use terminal::{Align, Table};

use super::finding::{Finding, Severity};

/// The findings of one stack.
#[derive(Clone, Debug)]
pub(crate) struct Report {
    /// The stack's name.
    pub(crate) stack: String,
    /// The stack's region.
    pub(crate) region: String,
    /// When it was looked at.
    pub(crate) at: Timestamp,
    /// What was found, the worst first.
    pub(crate) findings: Vec<Finding>,
}

/// What a script is told.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Outcome {
    /// Everything that was looked at is right.
    Right,
    /// Something is wrong, or will be.
    Wrong,
    /// Nothing that could be read is wrong, and not everything could be read.
    Unknown,
}

impl Report {
    /// Reports the findings of a stack.
    pub(crate) fn new(stack: &DeployedStack, at: Timestamp, findings: Vec<Finding>) -> Self {
        let region = stack.account_and_region().1.to_owned();
        Self { stack: stack.name.clone(), region, at, findings }
    }

    /// Returns what a script is told.
    pub(crate) fn outcome(&self) -> Outcome {
        match self.findings.iter().map(|one| one.severity).min() {
            Some(Severity::Error | Severity::Warn) => Outcome::Wrong,
            Some(Severity::Unknown) => Outcome::Unknown,
            _ => Outcome::Right,
        }
    }

    /// Writes it for people: what is wrong with what to do, then what is not.
    pub(crate) fn text(&self) -> String {
        let mut table = Table::new([Align::Left; 3]);
        for one in &self.findings {
            let mut what = one.what.clone();
            if !one.what_to_do.is_empty() {
                write!(what, "\n-> {}", one.what_to_do).expect("a text takes all");
            }
            if let Some(runbook) = &one.runbook {
                write!(what, "\n   {runbook}").expect("a text takes all");
            }
            table.row([one.severity.name().to_owned(), one.area.name().to_owned(), what]);
        }
        format!("{} in {} at {:.0}: {}\n\n{table}", self.stack, self.region, self.at, self.summary())
    }

    /// Writes it for programs.
    pub(crate) fn json(&self) -> Value {
        json!({
            "stack": self.stack,
            "region": self.region,
            "at": self.at,
            "right": self.outcome() == Outcome::Right,
            "counts": self.counts().into_iter().map(|(severity, count)| (json!(severity).as_str().unwrap_or_default().to_owned(), json!(count))).collect::<serde_json::Map<_, _>>(),
            "findings": self.findings,
        })
    }

    fn counts(&self) -> BTreeMap<Severity, usize> {
        let mut counts = BTreeMap::new();
        for one in &self.findings {
            *counts.entry(one.severity).or_insert(0) += 1;
        }
        counts
    }

    fn summary(&self) -> String {
        let part = |(severity, count): (Severity, usize)| {
            let what = match severity {
                Severity::Error => "wrong",
                Severity::Warn => "to be looked at",
                Severity::Unknown => "not known",
                Severity::NotHere => "not on the local stack",
                Severity::Ok => "right",
            };
            format!("{count} {what}")
        };
        self.counts().into_iter().map(part).collect::<Vec<_>>().join(", ")
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::doctor::finding::Area;
    use crate::doctor::tests::{now, right_stack};

    fn report(findings: Vec<Finding>) -> Report {
        Report::new(&right_stack(), now(), findings)
    }

    fn all() -> Vec<Finding> {
        vec![
            Finding::error(Area::Sources, "it is Disabled", "enable it")
                .runbook("notifications-wait-in-the-queue"),
            Finding::unknown(Area::Topic, "no answer", "run it again"),
            Finding::not_here(Area::Budget, "no budget"),
            Finding::ok(Area::Outputs, "all are there"),
        ]
    }

    #[test]
    fn a_finding_comes_with_what_to_do_and_where_that_is_written() {
        assert_eq!(
            report(all()).text(),
            "arauto in sa-east-1 at 2026-11-30T12:00:00Z: 1 wrong, 1 not known, 1 not on the local stack, 1 right\n\n\
             ERROR     sources  it is Disabled\n                   -> enable it\n                      docs/operations.md#notifications-wait-in-the-queue\n\
             UNKNOWN   topic    no answer\n                   -> run it again\n\
             not here  budget   no budget\n\
             ok        outputs  all are there\n"
        );
    }

    #[test]
    fn a_script_is_told_the_worst() {
        let mut findings = all();
        assert_eq!(report(findings.clone()).outcome(), Outcome::Wrong);
        findings.remove(0);
        assert_eq!(report(findings.clone()).outcome(), Outcome::Unknown);
        findings.remove(0);
        assert_eq!(report(findings).outcome(), Outcome::Right);
        let json = report(all()).json();
        assert_eq!((&json["right"], &json["counts"]["not_here"]), (&json!(false), &json!(1)));
        assert_eq!(
            json["findings"][0],
            json!({
                "area": "sources", "severity": "error", "what": "it is Disabled", "what_to_do": "enable it",
                "runbook": "docs/operations.md#notifications-wait-in-the-queue",
            })
        );
    }
}
