//! CloudFormation, as far as one stack needs it.

use std::collections::BTreeMap;
use std::error::Error;

use anyhow::{Context as _, Result, anyhow};
use aws_config::SdkConfig;
use aws_sdk_cloudformation::Client;
use aws_sdk_cloudformation::error::{DisplayErrorContext, ProvideErrorMetadata, SdkError};
use aws_sdk_cloudformation::types::{Capability, Output, Parameter, StackEvent, StackStatus};

/// Calls to one endpoint.
#[derive(Debug)]
pub(super) struct CloudFormation(Client);

/// A stack, as `DescribeStacks` tells of it.
#[derive(Debug, Eq, PartialEq)]
pub(super) struct Description {
    pub(super) status: StackStatus,
    pub(super) outputs: BTreeMap<String, String>,
}

impl CloudFormation {
    pub(super) fn new(sdk: &SdkConfig) -> Self {
        Self(Client::new(sdk))
    }

    pub(super) async fn create_stack(
        &self,
        name: &str,
        template_url: &str,
        parameters: &BTreeMap<String, String>,
    ) -> Result<()> {
        let parameter = |(key, value)| Parameter::builder().parameter_key(key).parameter_value(value).build();
        let creating = self
            .0
            .create_stack()
            .stack_name(name)
            .template_url(template_url)
            .capabilities(Capability::CapabilityIam)
            .capabilities(Capability::CapabilityAutoExpand)
            .set_parameters(Some(parameters.iter().map(parameter).collect()));
        creating.send().await.map(drop).map_err(|error| refused("CreateStack", &error))
    }

    pub(super) async fn describe(&self, name: &str) -> Result<Description> {
        let answer = self.0.describe_stacks().stack_name(name).send().await;
        let answer = answer.map_err(|error| refused("DescribeStacks", &error))?;
        let stack = answer.stacks().first().context("CloudFormation knows no such stack")?;
        let status = stack.stack_status().context("CloudFormation's answer has no StackStatus")?.clone();
        Ok(Description { status, outputs: stack.outputs().iter().filter_map(output).collect() })
    }

    /// Why resources of the stack failed, the first failure first.
    pub(super) async fn failures(&self, name: &str) -> Result<Vec<String>> {
        let answer = self.0.describe_stack_events().stack_name(name).send().await;
        let answer = answer.map_err(|error| refused("DescribeStackEvents", &error))?;
        Ok(failures(answer.stack_events()))
    }
}

fn output(output: &Output) -> Option<(String, String)> {
    Some((output.output_key()?.to_owned(), output.output_value().unwrap_or_default().to_owned()))
}

/// The newest event comes first.
fn failures(events: &[StackEvent]) -> Vec<String> {
    let failure = |event: &StackEvent| {
        let (reason, name) = (event.resource_status_reason()?, event.logical_resource_id()?);
        let kind = event.resource_type().unwrap_or_default();
        event.resource_status()?.as_str().ends_with("_FAILED").then(|| format!("{name} ({kind}): {reason}"))
    };
    events.iter().rev().filter_map(failure).collect()
}

fn refused<E: Error + ProvideErrorMetadata + Send + Sync + 'static>(
    action: &str,
    error: &SdkError<E>,
) -> anyhow::Error {
    match error.message() {
        Some(reason) => anyhow!("CloudFormation's {action} was refused: {reason}"),
        None => anyhow!("CloudFormation's {action} failed: {}", DisplayErrorContext(error)),
    }
}

#[cfg(test)]
mod tests {
    use aws_sdk_cloudformation::types::ResourceStatus;

    use super::*;

    #[test]
    fn an_output_may_be_empty() {
        let api = Output::builder().output_key("ApiId").output_value("0a1b2c3d").build();
        let empty = Output::builder().output_key("Empty").build();
        assert_eq!(output(&api), Some(("ApiId".to_owned(), "0a1b2c3d".to_owned())));
        assert_eq!(output(&empty), Some(("Empty".to_owned(), String::new())));
    }

    #[test]
    fn failures_are_told_in_the_order_they_happened() {
        let event = |name: &str, status: ResourceStatus, reason: &str| {
            StackEvent::builder()
                .logical_resource_id(name)
                .resource_type("AWS::SQS::Queue")
                .resource_status(status)
                .resource_status_reason(reason)
                .build()
        };
        let events = [
            event("Late", ResourceStatus::CreateFailed, "cancelled"),
            event("First", ResourceStatus::CreateFailed, "no such thing"),
            event("Fine", ResourceStatus::CreateComplete, "because"),
        ];
        assert_eq!(
            failures(&events),
            ["First (AWS::SQS::Queue): no such thing", "Late (AWS::SQS::Queue): cancelled"]
        );
    }
}
