//! The command: finds the stack, has it read and checked, and prints what was found.

use std::io::{self, Write as _};

use account::{DeployedStack, StackArgs};
use anyhow::{Context as _, Result, bail};
use clap::{Args, Subcommand};
use platform::clock::Clock;
use terminal::Progress;

use super::gather::{Context, snapshot};
use super::receiver::{self, ReceiverArgs};
use super::report::{Outcome, Report};

/// Ask a deployed stack, or a receiver, whether it works
#[derive(Args, Clone, Debug)]
pub struct DoctorArgs {
    #[command(subcommand)]
    command: DoctorCommand,
}

#[derive(Clone, Debug, Subcommand)]
enum DoctorCommand {
    Stack(DoctorStackArgs),
    Receiver(Box<ReceiverArgs>),
}

/// Say what is right and what is wrong with a stack, and what to do
///
/// Reads, and changes nothing: outputs, identities and their days, trust anchors, event sources, concurrency, schedules
/// and their last runs, queues, the age of keys and lists, alarms and their topic, budget, keys, tables, and whether
/// what runs is what was deployed. What cannot be read is told as UNKNOWN, with the action that was refused.
/// The policies of operator and auditor in infra/access.yaml allow what it reads. It opens the secrets with private keys
/// only where the stack names no custodian of them, or with --identities.
#[derive(Args, Clone, Debug)]
#[command(
    after_help = "Examples:\n  arauto doctor stack --stack-name arauto-production --region sa-east-1\n  \
    arauto doctor stack --json | jq -r '.findings[] | select(.severity == \"error\") | .what'\n  \
    arauto doctor stack    # the local stack of arauto up\n\n\
    Exit codes: 0 all that was looked at is right; 1 nothing is wrong, but something could not be read (UNKNOWN); \
    2 wrong usage; 3 something is wrong or will be (ERROR, WARN)."
)]
struct DoctorStackArgs {
    #[command(flatten)]
    stack: StackArgs,
    /// Open the secrets with private keys too, as their custodian may; no key is shown or stored
    #[arg(long)]
    identities: bool,
    /// Print one JSON object
    #[arg(long)]
    json: bool,
}

/// The name of the local stack.
pub(crate) const LOCAL: &str = "arauto";

/// Runs the command; `false` if something is wrong, an error if nothing is and something could not be read.
pub async fn run(args: DoctorArgs) -> Result<bool> {
    match args.command {
        DoctorCommand::Stack(args) => of_stack(args).await,
        DoctorCommand::Receiver(args) => Box::pin(receiver::run(*args)).await,
    }
}

async fn of_stack(args: DoctorStackArgs) -> Result<bool> {
    let mut progress = Progress::new(!args.json);
    progress.say("finding the stack");
    let chosen = args.stack.find("").await?;
    let (sdk, local) = (&chosen.sdk, chosen.local.as_ref());
    let name = args.stack.name().filter(|_| local.is_none()).unwrap_or_else(|| LOCAL.to_owned());
    let stack = DeployedStack::read(sdk, &name).await.context("the stack could not be read")?;
    progress.say("asking Lambda, CloudWatch, SQS, DynamoDB, Secrets Manager, KMS, SNS and the scheduler");
    let now = Clock::system().now();
    let context = Context { sdk, stack: &stack, local, now, opens_identities: args.identities };
    let findings = Box::pin(snapshot(context)).await.findings();
    drop(progress);
    let report = Report::new(&stack, now, findings);
    let mut out = io::stdout().lock();
    if args.json {
        writeln!(out, "{}", report.json())?;
    } else {
        write!(out, "{}", report.text())?;
    }
    match report.outcome() {
        Outcome::Right => Ok(true),
        Outcome::Wrong => Ok(false),
        Outcome::Unknown => bail!("nothing of what could be read is wrong, and not everything could be read"),
    }
}
