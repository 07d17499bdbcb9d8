//! What kind of stack it is, by its parameters: what must be there, and how strict to be.

use account::DeployedStack;
use jiff::{SignedDuration, Timestamp};

/// What kind of stack it is.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) struct Setup {
    /// Whether this is the local stack.
    pub(crate) is_local: bool,
    /// Whether receivers get real notifications of it.
    pub(crate) is_production: bool,
    /// Whether it records evidence.
    pub(crate) has_evidence: bool,
}

impl Setup {
    /// Reads it from the stack's parameters.
    pub(crate) fn of(stack: &DeployedStack) -> Self {
        let is_local = stack.parameter("AllowLoopbackReceivers") == "true";
        Self {
            is_local,
            is_production: stack.parameter("DirectoryEnvironment") == "production" && !is_local,
            has_evidence: stack.parameter("Evidence") == "true",
        }
    }
}

/// Says whether a stack was changed so short a time ago that what runs on a schedule may not have run since.
pub(crate) fn is_young(stack: &DeployedStack, within: SignedDuration, now: Timestamp) -> bool {
    let changed = stack.changed_at.and_then(|at| Timestamp::try_from(at).ok());
    changed.is_some_and(|at| now.duration_since(at) <= within)
}

/// Says how long ago something was, as people say it.
pub(crate) fn ago(now: Timestamp, at: Timestamp) -> String {
    let passed = now.duration_since(at).max(SignedDuration::ZERO);
    match (passed.as_hours() / 24, passed.as_hours(), passed.as_mins()) {
        (2.., ..) => format!("{} days ago", passed.as_hours() / 24),
        (_, 2.., _) => format!("{} hours ago", passed.as_hours()),
        (.., 2..) => format!("{} minutes ago", passed.as_mins()),
        _ => format!("{} s ago", passed.as_secs()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_age_has_the_unit_that_people_would_use() {
        let now: Timestamp = "2026-11-30T12:00:00Z".parse().unwrap();
        let told = |seconds| ago(now, now - SignedDuration::from_secs(seconds));
        assert_eq!(
            [-3, 5, 119, 120, 7_199, 7_200, 172_799, 172_800].map(told),
            [
                "0 s ago",
                "5 s ago",
                "119 s ago",
                "2 minutes ago",
                "119 minutes ago",
                "2 hours ago",
                "47 hours ago",
                "2 days ago"
            ]
        );
    }
}
