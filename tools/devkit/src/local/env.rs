//! `arauto env`: the settings of the functions on the local stack, for a function that runs by itself.

use std::io::{self, Write as _};

use account::Checkout;
use account::local_stack::{CREDENTIAL, LocalStack, REGION};
use anyhow::{Result, bail};
use clap::Args;
use serde_json::{Map, Value};

use super::bank::AUTHORISATION_SERVER_ID;
use super::up::find_directory;

/// Print the settings of the functions on the local stack, as a shell reads them
///
/// For a function that runs by itself, on the queues and tables of the stack that `arauto up` keeps.
#[derive(Args, Clone, Debug)]
#[command(
    after_help = "Example:\n  eval \"$(arauto env)\"\n  cargo lambda watch --invoke-address 127.0.0.1 --invoke-port 9000"
)]
pub struct EnvArgs {
    /// Print one JSON object
    #[arg(long)]
    json: bool,
}

/// Settings and the outputs of the template that they take.
const FROM_OUTPUTS: &[(&str, &str)] = &[
    ("ARAUTO_DIRECTORY_IDENTITY_SECRET", "DirectoryIdentitySecretArn"),
    ("ARAUTO_DIRECTORY_TABLE", "DirectoryTableName"),
    ("ARAUTO_IDENTITY_SECRET", "IdentitySecretArn"),
    ("ARAUTO_DISPATCH_LOG_GROUP", "DispatchLogGroupName"),
    ("ARAUTO_LEDGER_TABLE", "LedgerTableName"),
    ("ARAUTO_NOTIFICATIONS_QUEUE_URL", "NotificationsQueueUrl"),
    ("ARAUTO_RECEIVERS_TABLE", "ReceiversTableName"),
    ("ARAUTO_TRUST_SECRET", "TrustSecretArn"),
    ("ARAUTO_DEAD_LETTER_QUEUE_URL", "DeadLetterQueueUrl"),
    ("ARAUTO_REJECTED_QUEUE_URL", "RejectedQueueUrl"),
];

/// Runs the command.
pub async fn run_env(args: EnvArgs) -> Result<()> {
    let Some(stack) = LocalStack::find(&Checkout::find()?.scratch()).await? else {
        bail!("no local stack is up: start one with `make up`");
    };
    let mut settings = vec![
        ("ARAUTO_ALLOW_LOOPBACK_RECEIVERS", "true".to_owned()),
        ("ARAUTO_AUTHORISATION_SERVERS", AUTHORISATION_SERVER_ID.to_owned()),
        ("ARAUTO_DIRECTORY_ENVIRONMENT", "local".to_owned()),
        ("ARAUTO_LOCAL_DIRECTORY_URL", find_directory().await?),
        ("AWS_ACCESS_KEY_ID", CREDENTIAL.to_owned()),
        ("AWS_ENDPOINT_URL", stack.endpoint()),
        ("AWS_REGION", REGION.to_owned()),
        ("AWS_SECRET_ACCESS_KEY", CREDENTIAL.to_owned()),
    ];
    for (name, output) in FROM_OUTPUTS {
        settings.push((name, stack.output(output)?.to_owned()));
    }
    let mut out = io::stdout().lock();
    if args.json {
        let object: Map<_, _> =
            settings.into_iter().map(|(name, value)| (name.to_owned(), Value::String(value))).collect();
        writeln!(out, "{}", Value::Object(object))?;
        return Ok(());
    }
    for (name, value) in settings {
        // Single quotes keep everything but themselves, and none of these values has one.
        writeln!(out, "export {name}='{value}'")?;
    }
    Ok(())
}
