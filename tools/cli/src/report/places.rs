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
    pub(super) async fn of_stack(stack: &ChosenStack, now: Timestamp) -> Result<Self> {
        let client = dynamodb(&stack.sdk);
        let output = |name: &str| stack.output(name).map(str::to_owned);
        let evidence = stack.output("EvidenceBucketName").ok();
        let evidence =
            evidence.map(|bucket| verify::Source::Bucket(Archive::of(&stack.sdk, bucket.to_owned())));
        let created_at = stack.created_at.and_then(|at| Timestamp::try_from(at).ok());
        let kept_from = |parameter: &str| {
            let days: Option<i64> = stack.parameter(parameter).and_then(|days| days.parse().ok());
            let from = days.and_then(|days| now.checked_sub(SignedDuration::from_hours(24 * days)).ok());
            from.max(created_at)
        };
        Ok(Self {
            stack: Some(stack.label()),
            evidence,
            of_stack: Some(OfStack {
                ledger: Ledger {
                    client: client.clone(),
                    table: output("LedgerTableName")?,
                    kept_from: kept_from("LedgerRetentionDays"),
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
                    client: aws_sdk_cloudwatchlogs::Client::new(&stack.sdk),
                    dispatch: dispatch_groups(stack)?,
                    directory: directory_groups(stack).await,
                    kept_from: kept_from("LogRetentionDays"),
                },
                servers: stack.parameter("AuthorisationServers").and_then(|text| text.parse().ok()),
            }),
        })
    }
}

fn dispatch_groups(stack: &ChosenStack) -> Result<Vec<String>> {
    let mut names = vec![stack.output("DispatchLogGroupName")?.to_owned()];
    if stack.local.is_some() {
        // Where an emulator knows no LoggingConfig, lines are in the group of Lambda itself.
        names.push(of_lambda(stack.output("DispatchFunctionName")?));
    }
    Ok(names)
}

/// Asks Lambda where directory logs: the stack has no output for it.
async fn directory_groups(stack: &ChosenStack) -> Option<Vec<String>> {
    let function = stack.output("DirectoryFunctionName").ok()?;
    let asked = aws_sdk_lambda::Client::new(&stack.sdk).get_function_configuration().function_name(function);
    let answer = asked.send().await.ok()?;
    let group = answer.logging_config().and_then(|config| config.log_group()).map(str::to_owned);
    let mut names = vec![group.unwrap_or_else(|| of_lambda(function))];
    if stack.local.is_some() {
        names.push(of_lambda(function));
        names.dedup();
    }
    Some(names)
}

fn of_lambda(function: &str) -> String {
    format!("/aws/lambda/{function}")
}
