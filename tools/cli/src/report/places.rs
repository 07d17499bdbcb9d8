//! Where what a report is made of is kept.

use account::ChosenStack;
use anyhow::Result;
use convention::address::AddressPolicy;
use convention::notification::AuthorisationServers;
use evidence::Archive;
use jiff::{SignedDuration, Timestamp};
use platform::aws::{DirectoryTable, Receivers, dynamodb};
use platform::clock::Clock;

use super::ledger::Ledger;
use super::logs::Logs;
use crate::attempts::LogGroups;
use crate::verify;

/// Where what a report is made of is kept.
#[derive(Debug)]
pub struct Places {
    /// The stack, as a report names it; `None` for a copy of its evidence.
    pub stack: Option<String>,
    /// The evidence, if there is any.
    pub evidence: Option<verify::Source>,
    /// What else a stack has; `None` for a copy of its evidence.
    pub of_stack: Option<OfStack>,
}

/// What a stack has beside its evidence.
#[derive(Debug)]
pub struct OfStack {
    /// The ledger.
    pub ledger: Ledger,
    /// The receivers.
    pub receivers: Receivers,
    /// The table of what was fetched, certificates of receivers and first deliveries among it.
    pub directory: DirectoryTable,
    /// The log.
    pub logs: Logs,
    /// Our authorisation servers; `None` if they are not known.
    pub servers: Option<AuthorisationServers>,
}

impl Places {
    /// Finds those of a stack.
    pub(super) fn of_stack(stack: &ChosenStack, now: Timestamp) -> Result<Self> {
        let client = dynamodb(&stack.sdk);
        let output = |name: &str| stack.output(name).map(str::to_owned);
        let evidence = stack.output("EvidenceBucketName").ok();
        let evidence =
            evidence.map(|bucket| verify::Source::Bucket(Archive::of(&stack.sdk, bucket.to_owned())));
        let created_at = stack.created_at.and_then(|at| Timestamp::try_from(at).ok());
        let retention = |parameter: &str| match stack.local {
            // A local stack keeps all for as long as it runs.
            Some(_) => Retention::All,
            None => Retention::of(stack.parameter(parameter)),
        };
        Ok(Self {
            stack: Some(stack.label()),
            evidence,
            of_stack: Some(OfStack {
                ledger: Ledger {
                    client: client.clone(),
                    table: output("LedgerTableName")?,
                    // Whatever its retention is, there was nothing before the stack.
                    kept_from: retention("LedgerRetentionDays").kept_from(created_at, now).or(created_at),
                    lean: stack.parameter("LedgerWrites").map(|writes| writes == "lean"),
                },
                // Nothing is sent, so the policy decides nothing.
                receivers: Receivers::new(
                    client.clone(),
                    output("ReceiversTableName")?,
                    AddressPolicy::Public,
                    Clock::system(),
                ),
                directory: DirectoryTable::new(client, output("DirectoryTableName")?),
                logs: Logs {
                    dispatch: LogGroups::of(stack)?,
                    directory: LogGroups::of_directory(stack).ok(),
                    kept_from: retention("LogRetentionDays").kept_from(created_at, now),
                },
                servers: stack.parameter("AuthorisationServers").and_then(|text| text.parse().ok()),
            }),
        })
    }
}

/// How long something is kept.
#[derive(Clone, Copy, Debug)]
enum Retention {
    Days(i64),
    All,
    Unknown,
}

impl Retention {
    fn of(parameter: Option<&str>) -> Self {
        parameter.and_then(|days| days.parse().ok()).map_or(Self::Unknown, Self::Days)
    }

    /// Returns from when on all is kept that a stack wrote which was created then; `None` if that is not known.
    fn kept_from(self, created_at: Option<Timestamp>, now: Timestamp) -> Option<Timestamp> {
        match self {
            Self::Days(days) => {
                let from = now.checked_sub(SignedDuration::from_hours(days.checked_mul(24)?)).ok()?;
                Some(from).max(created_at)
            }
            Self::All => created_at,
            Self::Unknown => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn since_when_all_is_kept_is_not_known_where_the_retention_is_not() {
        let at = |text: &str| Some(text.parse::<Timestamp>().unwrap());
        let now = at("2026-11-30T00:00:00Z").unwrap();
        let (created, long_ago) = (at("2026-11-20T00:00:00Z"), at("2026-01-01T00:00:00Z"));
        for (parameter, created_at, expected) in [
            (Some("30"), created, created),
            (Some("30"), long_ago, at("2026-10-31T00:00:00Z")),
            (Some("30"), None, at("2026-10-31T00:00:00Z")),
            (Some("for ever"), created, None),
            (Some("9223372036854775807"), created, None),
            (None, created, None),
        ] {
            assert_eq!(Retention::of(parameter).kept_from(created_at, now), expected, "{parameter:?}");
        }
        // The local stack.
        assert_eq!(Retention::All.kept_from(created, now), created);
        assert_eq!(Retention::All.kept_from(None, now), None);
    }
}
