//! The outputs of the stack: what other commands and people are told to use.

use account::DeployedStack;

use crate::doctor::finding::{Area, Finding};
use crate::doctor::setup::Setup;

/// The outputs that each stack has; a test compares them with `template.yaml`.
const ALWAYS: [&str; 19] = [
    "AccountConcurrency",
    "ApiId",
    "ApiUrl",
    "DashboardUrl",
    "DataKeyArn",
    "DeadLetterQueueUrl",
    "DirectoryFunctionName",
    "DirectoryIdentitySecretArn",
    "DirectoryLogGroupName",
    "DirectoryTableName",
    "DispatchFunctionName",
    "DispatchLogGroupName",
    "IdentitySecretArn",
    "IntakeFunctionName",
    "LedgerTableName",
    "NotificationsQueueUrl",
    "ReceiversTableName",
    "RejectedQueueUrl",
    "TrustSecretArn",
];
const WITH_EVIDENCE: [&str; 3] = ["EvidenceBucketName", "EvidenceFunctionName", "EvidenceReplicationRoleArn"];
const WITH_INTAKE_QUEUE: [&str; 1] = ["IntakeQueueUrl"];
const WITH_OUTCOMES: [&str; 1] = ["OutcomesFunctionName"];
const WITH_TIMERS: [&str; 1] = ["TimersQueueUrl"];
const WITH_DOMAIN: [&str; 1] = ["ApiDomainTarget"];
const WITH_OWN_NETWORK: [&str; 1] = ["EgressAddresses"];

/// Checks that each output of the template is there and has a value.
pub(crate) fn check(stack: &DeployedStack, setup: Setup) -> Vec<Finding> {
    let mut wanted = ALWAYS.to_vec();
    if setup.has_evidence {
        wanted.extend(WITH_EVIDENCE);
    }
    if !stack.parameter("ApiCertificateArn").is_empty() {
        wanted.extend(WITH_DOMAIN);
    }
    if stack.parameter("Network") == "own" {
        wanted.extend(WITH_OWN_NETWORK);
    }
    if stack.parameter("IntakeQueue") == "true" {
        wanted.extend(WITH_INTAKE_QUEUE);
    }
    if !stack.parameter("OutcomeEventBus").is_empty() || !stack.parameter("TracesEndpoint").is_empty() {
        wanted.extend(WITH_OUTCOMES);
    }
    if stack.parameter("Timers") == "true" {
        wanted.extend(WITH_TIMERS);
    }
    let is_missing = |name: &&&str| stack.outputs.get(**name).is_none_or(String::is_empty);
    let missing: Vec<&str> = wanted.iter().filter(is_missing).copied().collect();
    if missing.is_empty() {
        return vec![Finding::ok(Area::Outputs, format!("all {} outputs are there", wanted.len()))];
    }
    vec![Finding::error(
        Area::Outputs,
        format!("outputs are missing: {}", missing.join(", ")),
        "name the root stack, deployed by a version of Arauto like this command's; if it is, deploy again",
    )]
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;
    use crate::doctor::finding::Severity;
    use crate::doctor::tests::{one, production, right_stack};

    #[test]
    fn each_output_that_is_missing_or_empty_is_named() {
        assert_eq!(one(&check(&right_stack(), production())).severity, Severity::Ok);
        let mut stack = right_stack();
        stack.outputs.remove("ApiUrl");
        stack.outputs.insert("EvidenceBucketName".to_owned(), String::new());
        let found = one(&check(&stack, production()));
        assert_eq!(found.what, "outputs are missing: ApiUrl, EvidenceBucketName");
        assert_eq!(found.severity, Severity::Error);
    }

    #[test]
    fn what_only_some_stacks_have_is_asked_of_them_alone() {
        let mut stack = right_stack();
        stack.parameters.insert("Network".to_owned(), "own".to_owned());
        stack.parameters.insert("ApiCertificateArn".to_owned(), "arn:aws:acm:1".to_owned());
        stack.parameters.insert("IntakeQueue".to_owned(), "true".to_owned());
        stack.parameters.insert("OutcomeEventBus".to_owned(), "bus".to_owned());
        stack.parameters.insert("Timers".to_owned(), "true".to_owned());
        let found = one(&check(&stack, production()));
        assert_eq!(
            found.what,
            "outputs are missing: ApiDomainTarget, EgressAddresses, IntakeQueueUrl, OutcomesFunctionName, \
             TimersQueueUrl"
        );
    }

    #[test]
    fn the_outputs_are_those_of_the_template() {
        let template = include_str!("../../../../../template.yaml");
        let (_, outputs) = template.split_once("\nOutputs:\n").unwrap();
        // Its value may be on the same line.
        let name = |line: &'static str| Some(line.strip_prefix("  ")?.split_once(':')?.0);
        let is_name = |name: &&str| name.starts_with(|first: char| first.is_ascii_alphabetic());
        let of_template: BTreeSet<&str> = outputs.lines().filter_map(name).filter(is_name).collect();
        let all = [
            &ALWAYS[..],
            &WITH_EVIDENCE,
            &WITH_DOMAIN,
            &WITH_OWN_NETWORK,
            &WITH_INTAKE_QUEUE,
            &WITH_OUTCOMES,
            &WITH_TIMERS,
        ]
        .concat();
        assert_eq!(of_template, all.into_iter().collect());
    }
}
