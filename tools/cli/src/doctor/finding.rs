//! What a check found: in which area, how bad it is, and what to do.

use serde::Serialize;

/// The part of a stack that a finding is about.
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd, Serialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Area {
    /// The stack as CloudFormation sees it.
    Stack,
    /// Its outputs.
    Outputs,
    /// The certificates that are presented to receivers and to the Directory.
    Identity,
    /// The authorities trusted for receivers.
    Trust,
    /// What invokes functions: event source mappings.
    Sources,
    /// How many invocations may run at a time.
    Concurrency,
    /// The schedules and their last runs.
    Schedules,
    /// The queues, and what waits in them.
    Queues,
    /// What was fetched from the Directory and from certificate authorities.
    Directory,
    /// The alarms.
    Alarms,
    /// The topic that alarms go to.
    Topic,
    /// The daily budget.
    Budget,
    /// The KMS keys.
    Keys,
    /// The tables and how they are protected.
    Tables,
    /// What runs, compared with what was deployed.
    Settings,
}

impl Area {
    /// Returns the name in tables, which is that in JSON.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Stack => "stack",
            Self::Outputs => "outputs",
            Self::Identity => "identity",
            Self::Trust => "trust",
            Self::Sources => "sources",
            Self::Concurrency => "concurrency",
            Self::Schedules => "schedules",
            Self::Queues => "queues",
            Self::Directory => "directory",
            Self::Alarms => "alarms",
            Self::Topic => "topic",
            Self::Budget => "budget",
            Self::Keys => "keys",
            Self::Tables => "tables",
            Self::Settings => "settings",
        }
    }
}

/// How bad it is; the worst is the least.
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd, Serialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Severity {
    /// Notifications stop, are lost, or nobody would be told.
    Error,
    /// It works, and somebody must act before it does not.
    Warn,
    /// It could not be read.
    Unknown,
    /// The local stack has no such thing.
    NotHere,
    /// It is as it should be.
    Ok,
}

impl Severity {
    /// Returns the name in tables.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Error => "ERROR",
            Self::Warn => "WARN",
            Self::Unknown => "UNKNOWN",
            Self::NotHere => "not here",
            Self::Ok => "ok",
        }
    }
}

/// One finding.
#[derive(Clone, Debug, Eq, PartialEq, Serialize)]
pub(crate) struct Finding {
    /// What it is about.
    pub(crate) area: Area,
    /// How bad it is.
    pub(crate) severity: Severity,
    /// What was found, in a sentence.
    pub(crate) what: String,
    /// What to do; empty if there is nothing to be done.
    pub(crate) what_to_do: String,
    /// The section with the procedure, such as `docs/operations.md#a-key`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) runbook: Option<String>,
}

/// The page with the runbooks.
const PAGE: &str = "docs/operations.md";

impl Finding {
    /// Reports what is as it should be.
    pub(crate) fn ok(area: Area, what: impl Into<String>) -> Self {
        Self::new(area, Severity::Ok, what, "")
    }

    /// Reports what somebody must act on before it fails.
    pub(crate) fn warn(area: Area, what: impl Into<String>, what_to_do: impl Into<String>) -> Self {
        Self::new(area, Severity::Warn, what, what_to_do)
    }

    /// Reports what is wrong.
    pub(crate) fn error(area: Area, what: impl Into<String>, what_to_do: impl Into<String>) -> Self {
        Self::new(area, Severity::Error, what, what_to_do)
    }

    /// Reports what could not be learnt.
    pub(crate) fn unknown(area: Area, what: impl Into<String>, what_to_do: impl Into<String>) -> Self {
        Self::new(area, Severity::Unknown, what, what_to_do)
    }

    /// Reports what the local stack does not have.
    pub(crate) fn not_here(area: Area, what: impl Into<String>) -> Self {
        Self::new(area, Severity::NotHere, what, "")
    }

    /// Names the section of the operations page that says more.
    #[must_use]
    pub(crate) fn runbook(mut self, section: &str) -> Self {
        self.runbook = Some(format!("{PAGE}#{section}"));
        self
    }

    /// Names the section that an alarm's description ends with, if it does.
    #[must_use]
    pub(crate) fn runbook_of(mut self, description: &str) -> Self {
        let link = description.split_whitespace().next_back().filter(|last| last.starts_with(PAGE));
        self.runbook = link.map(str::to_owned).or(self.runbook);
        self
    }

    fn new(area: Area, severity: Severity, what: impl Into<String>, what_to_do: impl Into<String>) -> Self {
        Self { area, severity, what: what.into(), what_to_do: what_to_do.into(), runbook: None }
    }
}
