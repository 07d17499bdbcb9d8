//! The command: finds the stack, has it read and checked, and prints what was found.

use std::io::{self, Write as _};
use std::time::Duration;

use account::local_stack::LocalStack;
use account::{Checkout, DeployedStack, sdk_config_of};
use anyhow::{Context as _, Result, bail};
use aws_config::SdkConfig;
use aws_config::timeout::TimeoutConfig;
use clap::{Args, Subcommand};
use platform::clock::Clock;
use terminal::Progress;

use super::gather::{Context, snapshot};
use super::report::{Outcome, Report};

/// Ask a deployed stack whether it works
#[derive(Args, Clone, Debug)]
pub struct DoctorArgs {
    #[command(subcommand)]
    command: DoctorCommand,
}

#[derive(Clone, Debug, Subcommand)]
enum DoctorCommand {
    Stack(StackArgs),
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
    Exit codes: 0 all that was looked at is right; 1 something is wrong or will be (ERROR, WARN); 2 nothing is wrong but \
    something could not be read (UNKNOWN), the stack could not be read, or wrong usage."
)]
struct StackArgs {
    /// The stack's name or ARN; without it, the local stack that `arauto up` keeps
    #[arg(long, value_name = "NAME")]
    stack_name: Option<String>,
    /// The profile of the AWS CLI; otherwise as the AWS CLI chooses
    #[arg(long, value_name = "NAME", requires = "stack_name")]
    profile: Option<String>,
    /// The region; otherwise as the AWS CLI chooses
    #[arg(long, value_name = "NAME", requires = "stack_name")]
    region: Option<String>,
    /// Open the secrets with private keys too, as their custodian may; no key is shown or stored
    #[arg(long)]
    identities: bool,
    /// Print one JSON object
    #[arg(long)]
    json: bool,
}

/// The name of the local stack.
const LOCAL: &str = "arauto";
/// Timeout of connecting: a command may run far from its region.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);
/// Timeout of one try of a call.
const TRY_TIMEOUT: Duration = Duration::from_secs(10);
/// Timeout of a whole call with its tries; all services are asked at once.
const CALL_TIMEOUT: Duration = Duration::from_secs(20);

/// Runs the command; `false` if something is wrong, an error if nothing is and something could not be read.
pub async fn run(args: DoctorArgs) -> Result<bool> {
    let DoctorCommand::Stack(args) = args.command;
    let mut progress = Progress::new(!args.json);
    progress.say("finding the stack");
    let (sdk, name, local) = find(&args).await?;
    let stack = DeployedStack::read(&sdk, &name).await.context("the stack could not be read")?;
    progress.say("asking Lambda, CloudWatch, SQS, DynamoDB, Secrets Manager, KMS, SNS and the scheduler");
    let now = Clock::system().now();
    let context =
        Context { sdk: &sdk, stack: &stack, local: local.as_ref(), now, opens_identities: args.identities };
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

async fn find(args: &StackArgs) -> Result<(SdkConfig, String, Option<LocalStack>)> {
    if let Some(name) = &args.stack_name {
        let sdk = sdk_config_of(args.profile.as_deref(), args.region.as_deref()).await;
        if sdk.region().is_none() {
            bail!("no AWS region is set: give --region, or set AWS_REGION");
        }
        return Ok((patient(&sdk), name.clone(), None));
    }
    match LocalStack::find(&Checkout::find()?.scratch()).await? {
        Some(local) => Ok((patient(&local.sdk_config()), LOCAL.to_owned(), Some(local))),
        None => bail!(
            "no local stack is up: start one with `make up`, or give --stack-name of the stack you mean"
        ),
    }
}

fn patient(sdk: &SdkConfig) -> SdkConfig {
    let timeouts = TimeoutConfig::builder()
        .connect_timeout(CONNECT_TIMEOUT)
        .operation_attempt_timeout(TRY_TIMEOUT)
        .operation_timeout(CALL_TIMEOUT)
        .build();
    sdk.to_builder().timeout_config(timeouts).build()
}
