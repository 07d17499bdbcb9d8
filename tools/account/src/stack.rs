//! A deployed stack, as CloudFormation tells of it: its parameters, outputs and resources, those of nested stacks too.

use std::collections::BTreeMap;
use std::time::SystemTime;

use anyhow::{Context as _, Result, anyhow};
use aws_config::SdkConfig;
use aws_sdk_cloudformation::Client;
use aws_sdk_cloudformation::error::{ProvideErrorMetadata, SdkError};
use aws_sdk_cloudformation::types::{Stack, StackResourceSummary, TemplateStage};
use platform::telemetry::ErrorChain;
use serde_json::Value;

/// The type of a stack in another.
pub const NESTED: &str = "AWS::CloudFormation::Stack";

/// A stack and those that it nests.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct DeployedStack {
    /// Its name.
    pub name: String,
    /// Its ARN, which has region and account.
    pub arn: String,
    /// What CloudFormation last did with it, such as `UPDATE_COMPLETE`.
    pub status: String,
    /// Whether it can be deleted only after a change.
    pub is_protected: bool,
    /// When it was last changed, or created.
    pub changed_at: Option<SystemTime>,
    /// The values of its parameters.
    pub parameters: BTreeMap<String, String>,
    /// Its outputs.
    pub outputs: BTreeMap<String, String>,
    /// Its resources and those of nested stacks.
    pub resources: Vec<Resource>,
    /// The outputs of nested stacks, by the logical id of each.
    pub nested_outputs: BTreeMap<String, BTreeMap<String, String>>,
}

/// One resource of a stack.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct Resource {
    /// The logical id of the nested stack that has it; empty for the stack itself.
    pub nested_in: String,
    /// Its name in the template.
    pub logical_id: String,
    /// Its name in the account: which of name, URL, id and ARN it is depends on the type.
    pub physical_id: String,
    /// Its type, such as `AWS::SQS::Queue`.
    pub kind: String,
    /// What CloudFormation last did with it.
    pub status: String,
}

impl DeployedStack {
    /// Reads the stack of this name or ARN.
    ///
    /// Needs `cloudformation:DescribeStacks` and `cloudformation:ListStackResources`.
    pub async fn read(sdk: &SdkConfig, name: &str) -> Result<Self> {
        let client = Client::new(sdk);
        let mut stack = describe(&client, name).await?;
        // What nests in what is nested has its own name first, and that is enough to tell them apart.
        let mut left = vec![(String::new(), name.to_owned())];
        while let Some((nested_in, name)) = left.pop() {
            for resource in resources(&client, &name, &nested_in).await? {
                if resource.kind == NESTED && !resource.physical_id.is_empty() {
                    let nested = describe(&client, &resource.physical_id).await?;
                    stack.nested_outputs.insert(resource.logical_id.clone(), nested.outputs);
                    left.push((resource.logical_id.clone(), resource.physical_id.clone()));
                }
                stack.resources.push(resource);
            }
        }
        Ok(stack)
    }

    /// Returns the resource of the stack itself with this logical id.
    pub fn resource(&self, logical_id: &str) -> Option<&Resource> {
        self.resources.iter().find(|one| one.nested_in.is_empty() && one.logical_id == logical_id)
    }

    /// Returns the name in the account of a resource of the stack itself.
    pub fn physical_id(&self, logical_id: &str) -> Option<&str> {
        self.resource(logical_id).map(|one| one.physical_id.as_str())
    }

    /// Returns all resources of a type, nested ones too.
    pub fn of_kind<'a>(&'a self, kind: &'a str) -> impl Iterator<Item = &'a Resource> {
        self.resources.iter().filter(move |one| one.kind == kind)
    }

    /// Returns the value of a parameter, or nothing if the stack has no such parameter.
    pub fn parameter(&self, name: &str) -> &str {
        self.parameters.get(name).map(String::as_str).unwrap_or_default()
    }

    /// Returns the account that the stack is in, and its region.
    pub fn account_and_region(&self) -> (&str, &str) {
        let part = |at: usize| self.arn.split(':').nth(at).unwrap_or_default();
        (part(4), part(3))
    }
}

/// Reads the template of a stack as SAM expanded it; `None` if it is not JSON, as where nothing was expanded.
///
/// Needs `cloudformation:GetTemplate`.
pub async fn expanded_template(
    sdk: &SdkConfig,
    name: &str,
) -> Result<Option<Value>, SdkError<aws_sdk_cloudformation::operation::get_template::GetTemplateError>> {
    let asked = Client::new(sdk).get_template().stack_name(name).template_stage(TemplateStage::Processed);
    let answer = asked.send().await?;
    Ok(answer.template_body().and_then(|text| serde_json::from_str(text).ok()))
}

async fn describe(client: &Client, name: &str) -> Result<DeployedStack> {
    let answer = client.describe_stacks().stack_name(name).send().await;
    let answer = answer.map_err(|error| refused("DescribeStacks", name, &error))?;
    let stack = answer.stacks().first();
    Ok(described(stack.with_context(|| format!("CloudFormation knows no stack {name}"))?))
}

fn described(stack: &Stack) -> DeployedStack {
    let parameter = |one: &aws_sdk_cloudformation::types::Parameter| {
        Some((one.parameter_key()?.to_owned(), one.parameter_value().unwrap_or_default().to_owned()))
    };
    let output = |one: &aws_sdk_cloudformation::types::Output| {
        Some((one.output_key()?.to_owned(), one.output_value().unwrap_or_default().to_owned()))
    };
    let changed_at = stack.last_updated_time().or_else(|| stack.creation_time());
    DeployedStack {
        name: stack.stack_name().unwrap_or_default().to_owned(),
        arn: stack.stack_id().unwrap_or_default().to_owned(),
        status: stack.stack_status().map(|status| status.as_str().to_owned()).unwrap_or_default(),
        is_protected: stack.enable_termination_protection().unwrap_or_default(),
        changed_at: changed_at.and_then(|at| SystemTime::try_from(*at).ok()),
        parameters: stack.parameters().iter().filter_map(parameter).collect(),
        outputs: stack.outputs().iter().filter_map(output).collect(),
        ..DeployedStack::default()
    }
}

async fn resources(client: &Client, name: &str, nested_in: &str) -> Result<Vec<Resource>> {
    let mut found = Vec::new();
    let mut next = None;
    loop {
        let asked = client.list_stack_resources().stack_name(name).set_next_token(next);
        let answer = asked.send().await.map_err(|error| refused("ListStackResources", name, &error))?;
        let all = answer.stack_resource_summaries().iter().map(|one| resource(one, nested_in));
        found.extend(all.filter(|one| one.status != "DELETE_COMPLETE"));
        match answer.next_token() {
            Some(token) => next = Some(token.to_owned()),
            None => return Ok(found),
        }
    }
}

fn resource(summary: &StackResourceSummary, nested_in: &str) -> Resource {
    let text = |text: Option<&str>| text.unwrap_or_default().to_owned();
    Resource {
        nested_in: nested_in.to_owned(),
        logical_id: text(summary.logical_resource_id()),
        physical_id: text(summary.physical_resource_id()),
        kind: text(summary.resource_type()),
        status: text(summary.resource_status().map(aws_sdk_cloudformation::types::ResourceStatus::as_str)),
    }
}

fn refused<E>(action: &str, name: &str, error: &SdkError<E>) -> anyhow::Error
where
    E: std::error::Error + ProvideErrorMetadata + Send + Sync + 'static,
{
    match (error.code(), error.message()) {
        (Some(code), message) => {
            anyhow!("{code} on cloudformation:{action} of {name}: {}", message.unwrap_or_default())
        }
        _ => anyhow!("no answer to cloudformation:{action}: {}", ErrorChain(error)),
    }
}
