//! How many invocations may run at a time: the account's limit, what the stack was told of it, and reservations.

use account::DeployedStack;

use crate::doctor::answer::Answer;
use crate::doctor::finding::{Area, Finding};
use crate::doctor::setup::Setup;

/// What Lambda allows.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(crate) struct Concurrency {
    /// The limits of the account in this region.
    pub(crate) account: Answer<Limits>,
    /// The invocations reserved for each function, if any are.
    pub(crate) reserved: Vec<(&'static str, Answer<Option<i32>>)>,
}

/// The limits of an account.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) struct Limits {
    /// Invocations at one time in the region.
    pub(crate) concurrent: i32,
    /// Those of them that no function has reserved.
    pub(crate) unreserved: i32,
}

/// Checks the stack's parameters against the account, and that nothing is reserved.
pub(crate) fn check(found: &Concurrency, stack: &DeployedStack, setup: Setup) -> Vec<Finding> {
    let mut findings = match &found.account {
        Ok(_) if setup.is_local => {
            vec![Finding::not_here(
                Area::Concurrency,
                "the account's concurrency: the local stack has that of its machine",
            )]
        }
        Ok(limits) => of_account(*limits, stack),
        Err(unread) => vec![unread.finding(Area::Concurrency, "the account's concurrency")],
    };
    findings.extend(found.reserved.iter().filter_map(|(function, reserved)| match reserved {
        Ok(reserved) => Some(of_reserved(function, (*reserved)?)),
        Err(unread) => {
            Some(unread.finding(Area::Concurrency, &format!("the reserved concurrency of {function}")))
        }
    }));
    findings
}

fn of_account(limits: Limits, stack: &DeployedStack) -> Vec<Finding> {
    let Limits { concurrent, unreserved } = limits;
    let mut found = Vec::new();
    let told = stack.parameter("AccountConcurrency");
    if told != concurrent.to_string() {
        found.push(
            Finding::warn(
                Area::Concurrency,
                format!("AccountConcurrency is {told} and the account allows {concurrent}: AccountConcurrencyAlarm watches another limit"),
                format!("set AccountConcurrency to {concurrent} and deploy"),
            )
            .runbook("concurrency-runs-out"),
        );
    }
    let dispatch = of_dispatch(stack);
    if dispatch >= i64::from(unreserved) {
        found.push(
            Finding::warn(
                Area::Concurrency,
                format!("dispatch may take {dispatch} of {unreserved} invocations that nothing has reserved: intake would be throttled"),
                "raise the account's quota, or lower what dispatch may take",
            )
            .runbook("concurrency-runs-out"),
        );
    }
    if found.is_empty() {
        found.push(Finding::ok(
            Area::Concurrency,
            format!(
                "the account allows {concurrent}, as AccountConcurrency says; dispatch may take {dispatch}"
            ),
        ));
    }
    found
}

/// A provisioned poller runs ten invocations. The intake queue and the event bus each have a mapping of their own to dispatch,
/// with `DispatchMaximumConcurrency` for each.
fn of_dispatch(stack: &DeployedStack) -> i64 {
    let number = |name: &str| stack.parameter(name).parse().unwrap_or(0_i64);
    let each = number("DispatchMaximumConcurrency");
    let of_notifications = match number("DispatchMaximumPollers") {
        0 => each,
        pollers => pollers * 10,
    };
    let has_queue = stack.parameter("IntakeQueue") == "true";
    let has_events = !stack.parameter("IntakeEventBusName").is_empty();
    of_notifications + each * (i64::from(has_queue) + i64::from(has_events))
}

fn of_reserved(function: &str, reserved: i32) -> Finding {
    let found = match reserved {
        0 => Finding::error(
            Area::Concurrency,
            format!("{function} is stopped: its reserved concurrency is 0"),
            format!("aws lambda delete-function-concurrency for {function}"),
        ),
        some => Finding::warn(
            Area::Concurrency,
            format!(
                "{some} invocations are reserved for {function}, which the template does not ask for: it is throttled beyond them"
            ),
            format!("aws lambda delete-function-concurrency for {function}, unless it is wanted"),
        ),
    };
    found.runbook("concurrency-runs-out")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::doctor::answer::Unread;
    use crate::doctor::finding::Severity;
    use crate::doctor::tests::{one, production, right_stack};

    fn right() -> Concurrency {
        Concurrency {
            account: Ok(Limits { concurrent: 1000, unreserved: 1000 }),
            reserved: vec![("intake", Ok(None)), ("dispatch", Ok(None))],
        }
    }

    fn found(change: impl FnOnce(&mut Concurrency, &mut DeployedStack)) -> Finding {
        let (mut concurrency, mut stack) = (right(), right_stack());
        change(&mut concurrency, &mut stack);
        let mut found = check(&concurrency, &stack, production());
        if found.len() > 1 {
            found.retain(|one| one.severity != Severity::Ok);
        }
        one(&found)
    }

    #[test]
    fn the_account_must_allow_what_the_stack_was_told() {
        assert_eq!(found(|_, _| ()).severity, Severity::Ok);
        let less = found(|found, _| found.account = Ok(Limits { concurrent: 900, unreserved: 900 }));
        assert!(less.severity == Severity::Warn && less.what.contains("is 1000 and the account allows 900"));
        let silent = found(|found, _| found.account = Err(Unread::Failed("no answer".to_owned())));
        assert_eq!(silent.severity, Severity::Unknown);
    }

    #[test]
    fn the_local_stack_has_no_account() {
        let local = Setup { is_local: true, ..production() };
        assert_eq!(one(&check(&right(), &right_stack(), local)).severity, Severity::NotHere);
    }

    #[test]
    fn dispatch_must_leave_room_for_intake() {
        let reserved = found(|found, _| found.account = Ok(Limits { concurrent: 1000, unreserved: 500 }));
        assert!(reserved.what.starts_with("dispatch may take 500 of 500"), "{reserved:?}");
        let pollers = found(|_, stack| {
            stack.parameters.insert("DispatchMaximumPollers".to_owned(), "100".to_owned());
        });
        assert!(pollers.what.starts_with("dispatch may take 1000 of 1000"), "{pollers:?}");
    }

    #[test]
    fn each_source_of_state_changes_that_dispatch_reads_adds_to_what_it_may_take() {
        let sources = found(|_, stack| {
            stack.parameters.insert("IntakeQueue".to_owned(), "true".to_owned());
            stack.parameters.insert("IntakeEventBusName".to_owned(), "bank".to_owned());
        });
        assert!(sources.what.starts_with("dispatch may take 1500 of 1000"), "{sources:?}");
    }

    #[test]
    fn a_function_without_any_concurrency_is_stopped() {
        let stopped = found(|found, _| found.reserved[1].1 = Ok(Some(0)));
        assert!(stopped.severity == Severity::Error && stopped.what.starts_with("dispatch is stopped"));
        let bounded = found(|found, _| found.reserved[0].1 = Ok(Some(10)));
        assert_eq!(bounded.severity, Severity::Warn);
        let denied = found(|found, _| found.reserved[0].1 = Err(Unread::Failed("AccessDenied".to_owned())));
        assert_eq!(denied.severity, Severity::Unknown);
    }
}
