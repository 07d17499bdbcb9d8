//! The stack as CloudFormation sees it: its state, and what its parameters leave out.

use account::DeployedStack;
use convention::notification::Ecosystem;

use crate::doctor::finding::{Area, Finding};
use crate::doctor::setup::Setup;

/// What production cannot do without, and what happens where it is missing.
const NEEDED: [(&str, &str); 3] = [
    ("AlarmTopicArn", "alarms notify nobody"),
    ("AuthorisationServers", "notifications that need the id are requeued"),
    ("IdentityCustodianArn", "whoever may read secrets of the account may read the sender's keys"),
];

/// The same in Open Insurance, where no header names the server, and no issuer of statements is published.
const NEEDED_IN_INSURANCE: [(&str, &str); 4] = [
    ("AlarmTopicArn", "alarms notify nobody"),
    ("AuthorisationServers", "what any server publishes is notified, ours or not"),
    ("IdentityCustodianArn", "whoever may read secrets of the account may read the sender's keys"),
    ("SoftwareStatementIssuers", "every software statement is refused"),
];

/// Checks the state of the stack, and the parameters that a stage needs.
pub(crate) fn check(stack: &DeployedStack, setup: Setup) -> Vec<Finding> {
    let mut found = vec![state(stack)];
    if setup.is_production && !stack.is_protected {
        found.push(Finding::warn(
            Area::Stack,
            "termination protection is off, in production",
            format!("aws cloudformation update-termination-protection --enable-termination-protection --stack-name {}", stack.name),
        ));
    }
    // A sandbox tells its faults to nobody only if that is wanted, and the local stack has no topic.
    let needed = match stack.parameter("Ecosystem").parse() {
        Ok(Ecosystem::OpenInsurance) => NEEDED_IN_INSURANCE.as_slice(),
        _ => NEEDED.as_slice(),
    };
    for &(name, effect) in needed.iter().filter(|(name, _)| stack.parameter(name).is_empty()) {
        let what = format!("{name} is empty: {effect}");
        let what_to_do = format!("set {name} and deploy");
        if setup.is_production {
            found.push(Finding::error(Area::Stack, what, what_to_do).runbook("change-settings"));
        } else if !setup.is_local && name != "IdentityCustodianArn" {
            found.push(Finding::warn(Area::Stack, what, what_to_do).runbook("change-settings"));
        }
    }
    found
}

/// Source: "Stack status codes", AWS CloudFormation User Guide.
fn state(stack: &DeployedStack) -> Finding {
    let DeployedStack { name, status, .. } = stack;
    let what = format!("{name} is {status}");
    match status.as_str() {
        "CREATE_COMPLETE" | "UPDATE_COMPLETE" => Finding::ok(Area::Stack, what),
        "UPDATE_ROLLBACK_COMPLETE" => Finding::warn(
            Area::Stack,
            format!("{what}: the last deployment was taken back"),
            format!(
                "aws cloudformation describe-stack-events --stack-name {name} says why; repair and deploy"
            ),
        )
        .runbook("a-deployment-was-stopped"),
        busy if busy.ends_with("_IN_PROGRESS") => Finding::warn(
            Area::Stack,
            format!("{what}: what is said below may be of before or after it"),
            "run it again when the deployment is over",
        ),
        _ => Finding::error(
            Area::Stack,
            what,
            format!("aws cloudformation describe-stack-events --stack-name {name} says why"),
        )
        .runbook("go-back"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::doctor::finding::Severity;
    use crate::doctor::tests::{one, production, right_stack};

    fn found(change: impl FnOnce(&mut DeployedStack)) -> Vec<Finding> {
        let mut stack = right_stack();
        change(&mut stack);
        check(&stack, production())
    }

    #[test]
    fn a_stack_that_is_complete_and_protected_is_right() {
        assert!(found(|_| ()).iter().all(|one| one.severity == Severity::Ok));
    }

    #[test]
    fn each_state_that_is_none_of_rest_is_told() {
        for (status, severity) in [
            ("CREATE_COMPLETE", Severity::Ok),
            ("UPDATE_ROLLBACK_COMPLETE", Severity::Warn),
            ("UPDATE_IN_PROGRESS", Severity::Warn),
            ("UPDATE_COMPLETE_CLEANUP_IN_PROGRESS", Severity::Warn),
            ("UPDATE_ROLLBACK_FAILED", Severity::Error),
            ("ROLLBACK_COMPLETE", Severity::Error),
            ("DELETE_FAILED", Severity::Error),
        ] {
            let found = found(|stack| status.clone_into(&mut stack.status));
            assert_eq!((found.len(), found[0].severity), (1, severity), "{status}");
        }
    }

    #[test]
    fn a_production_stage_needs_protection_a_topic_an_authorisation_server_and_a_custodian() {
        let wrong = |change: fn(&mut DeployedStack)| {
            let mut found = found(change);
            found.retain(|one| one.severity != Severity::Ok);
            one(&found)
        };
        let off = wrong(|stack| stack.is_protected = false);
        assert!(off.severity == Severity::Warn && off.what_to_do.ends_with("--stack-name arauto"), "{off:?}");
        for (name, _) in NEEDED {
            let mut missing = found(|stack| drop(stack.parameters.remove(name)));
            missing.retain(|one| one.severity != Severity::Ok);
            let missing = one(&missing);
            assert_eq!(missing.severity, Severity::Error);
            assert!(missing.what.starts_with(name), "{missing:?}");
        }
    }

    #[test]
    fn a_stack_of_open_insurance_needs_the_issuer_of_statements() {
        let of_insurance = |issuers: &str, setup| {
            let mut stack = right_stack();
            stack.parameters.insert("Ecosystem".to_owned(), "open-insurance".to_owned());
            stack.parameters.insert("SoftwareStatementIssuers".to_owned(), issuers.to_owned());
            stack.parameters.remove("AuthorisationServers");
            let mut found = check(&stack, setup);
            found.retain(|one| one.severity != Severity::Ok);
            found
        };
        let server = one(&of_insurance("https://directory.example", production()));
        assert!(server.what.ends_with("what any server publishes is notified, ours or not"), "{server:?}");
        let both = of_insurance("", production());
        assert_eq!(both.len(), 2);
        assert!(both[1].what.starts_with("SoftwareStatementIssuers") && both[1].severity == Severity::Error);
        let warned = of_insurance("", Setup { is_production: false, ..production() });
        assert_eq!(warned.iter().map(|one| one.severity).collect::<Vec<_>>(), [Severity::Warn; 2]);
    }

    #[test]
    fn homologation_is_warned_and_the_local_stack_needs_none_of_it() {
        let empty = DeployedStack { status: "CREATE_COMPLETE".to_owned(), ..DeployedStack::default() };
        let sandbox = Setup { is_production: false, ..production() };
        let warned = check(&empty, sandbox);
        assert_eq!(warned.iter().filter(|one| one.severity == Severity::Warn).count(), 2);
        assert_eq!(check(&empty, Setup { is_local: true, ..sandbox }).len(), 1);
    }
}
