//! The outputs of a stack on AWS, read from `CloudFormation`.

use std::collections::BTreeMap;
use std::time::SystemTime;

use anyhow::{Context as _, Result, bail};
use aws_config::SdkConfig;
use aws_sdk_cloudformation::error::ProvideErrorMetadata as _;
use aws_sdk_cloudformation::types::Stack;

/// What is read of a stack at once.
#[derive(Clone, Debug, Default)]
pub struct Described {
    /// Its outputs.
    pub outputs: BTreeMap<String, String>,
    /// The values of its parameters.
    pub parameters: BTreeMap<String, String>,
    /// When it was created.
    pub created_at: Option<SystemTime>,
}

/// Reads the outputs of a stack by its name, and its parameters.
pub async fn read(sdk: &SdkConfig, name: &str) -> Result<Described> {
    let answer = aws_sdk_cloudformation::Client::new(sdk).describe_stacks().stack_name(name).send().await;
    let answer = match answer {
        Ok(answer) => answer,
        // DescribeStacks has no error of its own for this ("DescribeStacks", CloudFormation API reference).
        Err(error)
            if error.code() == Some("ValidationError")
                && error.message().is_some_and(|message| message.contains("does not exist")) =>
        {
            bail!("{}", not_found(sdk, name).await)
        }
        Err(error) => {
            if let (Some(code), Some(message)) = (error.code(), error.message()) {
                bail!("{code} on cloudformation:DescribeStacks of {name}: {message}");
            }
            return Err(aws_sdk_cloudformation::Error::from(error))
                .with_context(|| format!("failed to look the stack {name} up in CloudFormation"));
        }
    };
    let Some(stack) = answer.stacks().first() else { bail!("{}", not_found(sdk, name).await) };
    let outputs = outputs(stack);
    if outputs.is_empty() {
        let status = stack.stack_status().map(ToString::to_string).unwrap_or_default();
        bail!("the stack {name} is {status} and has no outputs: deploy it first");
    }
    let created_at = stack.creation_time().and_then(|at| SystemTime::try_from(*at).ok());
    Ok(Described { outputs, parameters: parameters(stack), created_at })
}

fn parameters(stack: &Stack) -> BTreeMap<String, String> {
    let pair = |one: &aws_sdk_cloudformation::types::Parameter| {
        Some((one.parameter_key()?.to_owned(), one.parameter_value()?.to_owned()))
    };
    stack.parameters().iter().filter_map(pair).collect()
}

fn outputs(stack: &Stack) -> BTreeMap<String, String> {
    let pair = |output: &aws_sdk_cloudformation::types::Output| {
        Some((output.output_key()?.to_owned(), output.output_value()?.to_owned()))
    };
    stack.outputs().iter().filter_map(pair).collect()
}

/// Names the region and the account, one of which is often not the one that was meant.
async fn not_found(sdk: &SdkConfig, name: &str) -> String {
    let region = sdk.region().map(ToString::to_string).unwrap_or_default();
    let account = account_id(sdk).await.map(|id| format!(" of account {id}")).unwrap_or_default();
    format!(
        "there is no stack {name} in region {region}{account}: check --stack-name, --region and --profile"
    )
}

/// Returns the account of the credentials.
pub async fn account_id(sdk: &SdkConfig) -> Option<String> {
    let caller = aws_sdk_sts::Client::new(sdk).get_caller_identity().send().await;
    caller.ok()?.account().map(str::to_owned)
}
