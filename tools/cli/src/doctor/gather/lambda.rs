//! Lambda: the functions, their versions and event sources, and the account's concurrency.

use aws_sdk_lambda::Client;
use aws_sdk_lambda::operation::get_function_configuration::GetFunctionConfigurationOutput;
use aws_sdk_lambda::types::EventSourceMappingConfiguration;
use futures_util::future::join_all;

use super::context::Context;
use crate::doctor::answer::Answer;
use crate::doctor::area::concurrency::{Concurrency, Limits};
use crate::doctor::area::settings::{Alias, Configuration, Function};
use crate::doctor::area::sources::{EventSource, Mapping, Sources};

/// Each function with the name that people have for it.
const FUNCTIONS: [(&str, &str); 5] = [
    ("IntakeFunction", "intake"),
    ("DispatchFunction", "dispatch"),
    ("DirectoryFunction", "directory"),
    ("EvidenceFunction", "evidence"),
    ("OutcomesFunction", "outcomes"),
];
/// Those with an event source, and the section for one that does not work.
const WITH_SOURCE: [(&str, &str, &str); 4] = [
    ("DispatchFunction", "dispatch", "notifications-wait-in-the-queue"),
    ("EvidenceFunction", "evidence", "evidence-is-behind"),
    ("OutcomesFunction", "outcomes", "outcome-events-are-not-told"),
    (INTAKE, "intake", "state-changes-wait-in-a-stream"),
];
/// Invoked by the API; only streams and topics are event sources of it.
const INTAKE: &str = "IntakeFunction";
const MAPPING: &str = "AWS::Lambda::EventSourceMapping";
/// The alias that events invoke (`AutoPublishAlias` in `template.yaml`).
const LIVE: &str = "live";
const VERSION: &str = "AWS::Lambda::Version";

/// What Lambda says of the stack.
#[derive(Debug)]
pub(crate) struct Read {
    pub(crate) functions: Vec<Function>,
    pub(crate) sources: Vec<Sources>,
    pub(crate) concurrency: Concurrency,
}

/// Asks Lambda about all functions that the stack has.
pub(crate) async fn read(context: Context<'_>) -> Read {
    let client = Client::new(context.sdk);
    let named =
        |(id, function): (&'static str, &'static str)| Some((id, function, context.stack.physical_id(id)?));
    let named: Vec<_> = FUNCTIONS.into_iter().filter_map(named).collect();
    let functions = join_all(named.iter().map(|(id, _, name)| function(context, &client, id, name)));
    let reserved =
        join_all(named.iter().map(|(_, function, name)| reserved(context, &client, function, name)));
    let with_source = WITH_SOURCE
        .into_iter()
        .filter_map(|(id, function, runbook)| {
            Some((function, runbook, mappings(context, id), context.stack.physical_id(id)?, id))
        })
        .filter(|(_, _, expected, _, id)| *id != INTAKE || !expected.is_empty());
    let sources = join_all(with_source.map(|(function, runbook, expected, name, _)| {
        sources(context, &client, (function, runbook), expected, name)
    }));
    let (functions, reserved, sources, account) =
        tokio::join!(functions, reserved, sources, limits(context, &client));
    Read { functions, sources, concurrency: Concurrency { account, reserved } }
}

async fn limits(context: Context<'_>, client: &Client) -> Answer<Limits> {
    let answer = context.answer("lambda:GetAccountSettings", client.get_account_settings().send().await)?;
    let limit = answer.account_limit();
    let concurrent =
        limit.map(aws_sdk_lambda::types::AccountLimit::concurrent_executions).unwrap_or_default();
    let unreserved = limit.and_then(aws_sdk_lambda::types::AccountLimit::unreserved_concurrent_executions);
    Ok(Limits { concurrent, unreserved: unreserved.unwrap_or(concurrent) })
}

async fn reserved(
    context: Context<'_>,
    client: &Client,
    function: &'static str,
    name: &str,
) -> (&'static str, Answer<Option<i32>>) {
    let answer = client.get_function_concurrency().function_name(name).send().await;
    let answer = context.optional("lambda:GetFunctionConcurrency", answer);
    (function, answer.map(|answer| answer.and_then(|answer| answer.reserved_concurrent_executions())))
}

async fn function(context: Context<'_>, client: &Client, logical_id: &'static str, name: &str) -> Function {
    let answer = client.get_alias().function_name(name).name(LIVE).send().await;
    let alias = context.optional("lambda:GetAlias", answer).map(|answer| {
        answer.map(|alias| Alias {
            version: alias.function_version().unwrap_or_default().to_owned(),
            is_shifting: alias
                .routing_config()
                .and_then(|routing| routing.additional_version_weights())
                .is_some_and(|weights| !weights.is_empty()),
        })
    });
    let asked = client.get_function_configuration().function_name(name);
    // Without the alias, what would run if there were one.
    let asked = if matches!(alias, Ok(Some(_))) { asked.qualifier(LIVE) } else { asked };
    let answer = context.optional("lambda:GetFunctionConfiguration", asked.send().await);
    Function {
        logical_id,
        name: name.to_owned(),
        deployed: deployed(context, logical_id),
        alias,
        configuration: answer.map(|answer| answer.as_ref().map(configuration)),
    }
}

/// SAM names the version after its function and a digest; its name in the account ends with its number.
fn deployed(context: Context<'_>, logical_id: &str) -> Option<String> {
    let is_of = |name: &str| name.strip_prefix(logical_id).is_some_and(|rest| rest.starts_with("Version"));
    let mut versions = context.stack.of_kind(VERSION).filter(|one| is_of(&one.logical_id));
    let (_, number) = versions.next()?.physical_id.rsplit_once(':')?;
    Some(number.to_owned())
}

fn configuration(answer: &GetFunctionConfigurationOutput) -> Configuration {
    let architecture = answer.architectures().first().map(|one| one.as_str().to_owned());
    let settings = [
        ("Timeout", answer.timeout().map(|seconds| seconds.to_string())),
        ("MemorySize", answer.memory_size().map(|megabytes| megabytes.to_string())),
        ("Architectures", architecture),
        ("Role", answer.role().map(str::to_owned)),
    ];
    let variables = answer.environment().and_then(|environment| environment.variables());
    Configuration {
        state: answer.state().map(|state| state.as_str().to_owned()).unwrap_or_default(),
        settings: settings.into_iter().filter_map(|(name, value)| Some((name, value?))).collect(),
        variables: variables
            .into_iter()
            .flatten()
            .map(|(name, value)| (name.clone(), value.clone()))
            .collect(),
    }
}

/// The event source mappings of a function that CloudFormation made, those of nested stacks too.
fn mappings(context: Context<'_>, function: &str) -> Vec<Mapping> {
    // How the local stack names them is its own affair.
    if context.local.is_some() {
        return Vec::new();
    }
    let of_function = context.stack.of_kind(MAPPING).filter(|one| match one.nested_in.as_str() {
        "" => one.logical_id.starts_with(function),
        "IntakeQueueStack" | "IntakeEventsStack" => function == "DispatchFunction",
        "IntakeStreamStack" | "IntakeKafkaStack" => function == INTAKE,
        _ => false,
    });
    of_function
        .map(|one| Mapping { logical_id: one.logical_id.clone(), uuid: one.physical_id.clone() })
        .collect()
}

async fn sources(
    context: Context<'_>,
    client: &Client,
    (function, runbook): (&'static str, &'static str),
    expected: Vec<Mapping>,
    name: &str,
) -> Sources {
    let asked = client.list_event_source_mappings().function_name(format!("{name}:{LIVE}"));
    let answer = context.answer("lambda:ListEventSourceMappings", asked.send().await);
    let sources = answer.map(|answer| answer.event_source_mappings().iter().map(source).collect());
    Sources { function, found: sources, expected, runbook }
}

fn source(mapping: &EventSourceMappingConfiguration) -> EventSource {
    let text = |text: Option<&str>| text.unwrap_or_default().to_owned();
    EventSource {
        uuid: text(mapping.uuid()),
        arn: text(mapping.event_source_arn()),
        state: text(mapping.state()),
        reason: text(mapping.state_transition_reason()),
        last_result: text(mapping.last_processing_result()),
        max_concurrency: mapping
            .scaling_config()
            .and_then(aws_sdk_lambda::types::ScalingConfig::maximum_concurrency),
    }
}
