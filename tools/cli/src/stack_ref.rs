//! The stack of a command: the given one, or the local one of `arauto up`.

use std::time::Duration;

use account::Checkout;
use account::local_stack::LocalStack;
use account::sdk_config;
use anyhow::{Context as _, Result, bail};
use aws_config::SdkConfig;
use aws_config::timeout::TimeoutConfig;
use clap::Args;
use evidence::Archive;
use platform::aws::{Queues, UndeliveredRows, dynamodb, sqs};
use platform::config::environment;

/// Timeout of connecting. A command may run far from its region, and nothing waits behind it. A receive may
/// long-poll, so the functions' timeout of one second would end every receive from an empty queue.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);
/// Timeout of one try of a call.
const TRY_TIMEOUT: Duration = Duration::from_secs(10);
/// Timeout of a whole call with its tries.
const CALL_TIMEOUT: Duration = Duration::from_secs(30);

/// The ledger's location, an option of all commands that read it.
#[derive(Args, Clone, Debug, Default)]
pub struct LedgerArgs {
    /// The ledger: the stack's output LedgerTableName, or ARAUTO_LEDGER_TABLE
    #[arg(long, value_name = "NAME")]
    pub ledger_table: Option<String>,
}

/// The evidence's location.
#[derive(Args, Clone, Debug, Default)]
pub struct EvidenceArgs {
    /// The bucket of evidence: the output EvidenceBucketName, or ARAUTO_EVIDENCE_BUCKET
    #[arg(long = "bucket", value_name = "NAME")]
    evidence_bucket: Option<String>,
}

/// The location of the ledger and the queues.
#[derive(Args, Clone, Debug, Default)]
pub struct TargetArgs {
    #[command(flatten)]
    ledger: LedgerArgs,
    /// The queue of notifications: the output NotificationsQueueUrl, or ARAUTO_NOTIFICATIONS_QUEUE_URL
    #[arg(long, value_name = "URL")]
    notifications_queue: Option<String>,
    /// The dead-letter queue: the output DeadLetterQueueUrl, or ARAUTO_DEAD_LETTER_QUEUE_URL
    #[arg(long, value_name = "URL")]
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
    /// Finds the ledger by option or environment, else that of the local stack.
    pub async fn find(&self) -> Result<LedgerTarget> {
        if let Some(ledger_table) = given(self.ledger_table.as_ref(), "ARAUTO_LEDGER_TABLE") {
            return Ok(LedgerTarget { sdk: patient(&sdk_config().await), ledger_table });
        }
        let stack = local("--ledger-table").await?;
        let ledger_table = stack.output("LedgerTableName")?.to_owned();
        Ok(LedgerTarget { sdk: patient(&stack.sdk_config()), ledger_table })
    }
}

impl EvidenceArgs {
    /// Finds the bucket by option or environment, else that of the local stack.
    pub async fn find(&self) -> Result<Archive> {
        if let Some(bucket) = given(self.evidence_bucket.as_ref(), "ARAUTO_EVIDENCE_BUCKET") {
            return Ok(Archive::of(&patient(&sdk_config().await), bucket));
        }
        let stack = local("--bucket").await?;
        let bucket = stack
            .output("EvidenceBucketName")
            .context("the local stack was started without evidence: end it with `arauto down`, and start one with `arauto up --evidence`")?;
        Ok(Archive::of(&patient(&stack.sdk_config()), bucket.to_owned()))
    }
}

impl TargetArgs {
    /// Finds the ledger and the queues by options or environment, all of one stack, else those of the local stack.
    pub async fn find(&self) -> Result<StackRef> {
        let named = [
            ("--ledger-table", given(self.ledger.ledger_table.as_ref(), "ARAUTO_LEDGER_TABLE")),
            (
                "--notifications-queue",
                given(self.notifications_queue.as_ref(), "ARAUTO_NOTIFICATIONS_QUEUE_URL"),
            ),
            ("--dead-letter-queue", given(self.dead_letter_queue.as_ref(), "ARAUTO_DEAD_LETTER_QUEUE_URL")),
        ];
        let missing: Vec<_> =
            named.iter().filter(|(_, value)| value.is_none()).map(|(name, _)| *name).collect();
        if missing.len() == named.len() {
            return StackRef::of_stack(&local(&missing.join(", ")).await?);
        }
        // Parts of two stacks must never be mixed: one would be replayed into the other.
        let [(_, Some(ledger_table)), (_, Some(notifications)), (_, Some(undelivered))] = named else {
            bail!("{} is missing: name all three, or none for the local stack", missing.join(", "));
        };
        Ok(StackRef::new(&sdk_config().await, ledger_table, notifications, undelivered))
    }
}

impl StackRef {
    /// Creates a reference with the credentials and region of this configuration, and the timeouts of a command.
    pub fn new(sdk: &SdkConfig, ledger_table: String, notifications: String, undelivered: String) -> Self {
        Self { sdk: patient(sdk), ledger_table, notifications, undelivered }
    }

    /// Reads the stack's outputs.
    pub fn of_stack(stack: &LocalStack) -> Result<Self> {
        let output = |name: &str| stack.output(name).map(str::to_owned);
        Ok(Self::new(
            &stack.sdk_config(),
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

/// Sets the timeouts of a command.
fn patient(sdk: &SdkConfig) -> SdkConfig {
    let timeouts = TimeoutConfig::builder()
        .connect_timeout(CONNECT_TIMEOUT)
        .operation_attempt_timeout(TRY_TIMEOUT)
        .operation_timeout(CALL_TIMEOUT)
        .build();
    sdk.to_builder().timeout_config(timeouts).build()
}

fn given(option: Option<&String>, variable: &str) -> Option<String> {
    option.cloned().or_else(|| environment(variable)).filter(|text| !text.is_empty())
}

async fn local(options: &str) -> Result<LocalStack> {
    match LocalStack::find(&Checkout::find()?.scratch()).await? {
        Some(stack) => Ok(stack),
        None => {
            bail!("no local stack is up: start one with `make up`, or give {options} of the stack you mean")
        }
    }
}
