//! The stack of a command: the one that `--stack-name` names, or its parts by name, or the local one of `arauto up`.

use account::{ChosenStack, StackArgs, sdk_config, with_timeouts};
use anyhow::{Context as _, Result};
use aws_config::SdkConfig;
use clap::Args;
use evidence::Archive;
use mtls::is_server_id;
use platform::aws::{Queues, UndeliveredRows, dynamodb, sqs};
use platform::config::environment;
use terminal::WrongUsage;

/// Reads the id of an authorisation server, for options.
pub(crate) fn authorisation_server(text: &str) -> Result<String, String> {
    let text = text.to_ascii_lowercase();
    if is_server_id(&text) {
        Ok(text)
    } else {
        Err("expected the UUID of an authorisation server".to_owned())
    }
}

/// The ledger's location, an option of all commands that read it.
#[derive(Args, Clone, Debug, Default)]
pub struct LedgerArgs {
    #[command(flatten)]
    stack: StackArgs,
    /// The ledger without a stack, such as a restored table, or ARAUTO_LEDGER_TABLE
    #[arg(long, value_name = "NAME", conflicts_with = "stack_name", help_heading = "AWS")]
    ledger_table: Option<String>,
}

/// The evidence's location.
#[derive(Args, Clone, Debug, Default)]
pub struct EvidenceArgs {
    #[command(flatten)]
    stack: StackArgs,
    /// The bucket of evidence without a stack, or ARAUTO_EVIDENCE_BUCKET
    #[arg(long = "bucket", value_name = "NAME", conflicts_with = "stack_name", help_heading = "AWS")]
    evidence_bucket: Option<String>,
}

/// The location of the ledger and the queues.
#[derive(Args, Clone, Debug, Default)]
pub struct TargetArgs {
    #[command(flatten)]
    ledger: LedgerArgs,
    /// The queue of notifications without a stack, or ARAUTO_NOTIFICATIONS_QUEUE_URL
    #[arg(long, value_name = "URL", conflicts_with = "stack_name", help_heading = "AWS")]
    notifications_queue: Option<String>,
    /// The dead-letter queue without a stack, or ARAUTO_DEAD_LETTER_QUEUE_URL
    #[arg(long, value_name = "URL", conflicts_with = "stack_name", help_heading = "AWS")]
    dead_letter_queue: Option<String>,
}

/// The ledger of one stack.
#[derive(Clone, Debug)]
pub struct LedgerTarget {
    /// The AWS configuration.
    pub sdk: SdkConfig,
    /// The ledger's table.
    pub ledger_table: String,
}

/// The ledger and the queues of one stack.
#[derive(Clone, Debug)]
pub struct StackRef {
    /// The AWS configuration.
    pub sdk: SdkConfig,
    /// The ledger's table.
    pub ledger_table: String,
    /// The queue of notifications, by URL.
    pub notifications: String,
    /// The URL of the dead-letter queue.
    pub undelivered: String,
}

impl LedgerArgs {
    /// Finds the ledger by its name, else that of the named stack, else that of the local stack.
    pub async fn find(&self) -> Result<LedgerTarget> {
        let named = by_name(&[self.part()], &self.stack)?;
        if let Some([ledger_table]) = named {
            return Ok(LedgerTarget { sdk: sdk_config(&self.stack.account).await?, ledger_table });
        }
        let stack = self.stack.find(" (or --ledger-table)").await?;
        let ledger_table = stack.output("LedgerTableName")?.to_owned();
        Ok(LedgerTarget { sdk: stack.sdk, ledger_table })
    }

    fn part(&self) -> Part<'_> {
        Part { option: "--ledger-table", value: self.ledger_table.as_ref(), variable: "ARAUTO_LEDGER_TABLE" }
    }
}

impl EvidenceArgs {
    /// Finds the bucket by its name, else that of the named stack, else that of the local stack.
    pub async fn find(&self) -> Result<Archive> {
        let part = Part {
            option: "--bucket",
            value: self.evidence_bucket.as_ref(),
            variable: "ARAUTO_EVIDENCE_BUCKET",
        };
        if let Some([bucket]) = by_name(&[part], &self.stack)? {
            return Ok(Archive::of(&sdk_config(&self.stack.account).await?, bucket));
        }
        let stack = self.stack.find(" (or --bucket)").await?;
        let bucket = stack.output("EvidenceBucketName").context(
            "the stack has no evidence: it has some with Evidence=true, locally with `arauto up --evidence` after \
             `arauto down`",
        )?;
        Ok(Archive::of(&stack.sdk, bucket.to_owned()))
    }
}

impl TargetArgs {
    /// Finds the ledger and the queues by their names, all of one stack, else those of the named stack, else those of the
    /// local stack.
    pub async fn find(&self) -> Result<StackRef> {
        let parts = [
            self.ledger.part(),
            Part {
                option: "--notifications-queue",
                value: self.notifications_queue.as_ref(),
                variable: "ARAUTO_NOTIFICATIONS_QUEUE_URL",
            },
            Part {
                option: "--dead-letter-queue",
                value: self.dead_letter_queue.as_ref(),
                variable: "ARAUTO_DEAD_LETTER_QUEUE_URL",
            },
        ];
        let stack = &self.ledger.stack;
        match by_name(&parts, stack)? {
            Some([ledger_table, notifications, undelivered]) => Ok(StackRef::new(
                &sdk_config(&stack.account).await?,
                ledger_table,
                notifications,
                undelivered,
            )),
            None => StackRef::of_stack(&stack.find("").await?),
        }
    }
}

/// One part of a stack, as a command is told its name.
struct Part<'a> {
    option: &'static str,
    value: Option<&'a String>,
    variable: &'static str,
}

/// Returns the names of all parts, if the options or, where no stack is named, the environment has them.
///
/// Parts of two stacks must never be mixed: one would be replayed into the other.
fn by_name<const N: usize>(parts: &[Part<'_>; N], stack: &StackArgs) -> Result<Option<[String; N]>> {
    let by_option = parts.iter().any(|part| part.value.is_some_and(|text| !text.is_empty()));
    if !by_option && stack.name().is_some() {
        return Ok(None);
    }
    let values = parts.each_ref().map(|part| given(part.value, part.variable));
    let missing: Vec<_> =
        parts.iter().zip(&values).filter(|(_, value)| value.is_none()).map(|(part, _)| part.option).collect();
    if missing.len() == N {
        return Ok(None);
    }
    if !missing.is_empty() {
        let missing = missing.join(", ");
        return Err(WrongUsage(format!(
            "{missing} is missing: name all parts of one stack, or the stack itself with --stack-name"
        ))
        .into());
    }
    Ok(Some(values.map(Option::unwrap_or_default)))
}

impl StackRef {
    /// Creates a reference with the credentials and region of this configuration, and the timeouts of a command.
    pub fn new(sdk: &SdkConfig, ledger_table: String, notifications: String, undelivered: String) -> Self {
        Self { sdk: with_timeouts(sdk), ledger_table, notifications, undelivered }
    }

    /// Reads the stack's outputs.
    pub fn of_stack(stack: &ChosenStack) -> Result<Self> {
        let output = |name: &str| stack.output(name).map(str::to_owned);
        Ok(Self::new(
            &stack.sdk,
            output("LedgerTableName")?,
            output("NotificationsQueueUrl")?,
            output("DeadLetterQueueUrl")?,
        ))
    }

    /// Returns the rows of undelivered notifications.
    pub fn rows(&self) -> UndeliveredRows {
        UndeliveredRows::new(dynamodb(&self.sdk), self.ledger_table.clone())
    }

    /// Returns the queues for sending.
    pub fn queues(&self) -> Queues {
        Queues::new(sqs(&self.sdk), self.notifications.clone(), Some(self.undelivered.clone()))
    }
}

fn given(option: Option<&String>, variable: &str) -> Option<String> {
    option.cloned().or_else(|| environment(variable)).filter(|text| !text.is_empty())
}
