//! The event sources: what reads queues for dispatch, streams for evidence and outcomes, and streams and topics for intake.

use crate::doctor::answer::Answer;
use crate::doctor::finding::{Area, Finding};

/// What invokes one function.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(crate) struct Sources {
    /// The function, for people.
    pub(crate) function: &'static str,
    /// Its event sources.
    pub(crate) found: Answer<Vec<EventSource>>,
    /// Those that the stack made.
    pub(crate) expected: Vec<Mapping>,
    /// The section for a source that does not work.
    pub(crate) runbook: &'static str,
}

/// An event source mapping, as CloudFormation tells of it.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub(crate) struct Mapping {
    /// Its name in the template.
    pub(crate) logical_id: String,
    /// Its id.
    pub(crate) uuid: String,
}

/// One event source.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub(crate) struct EventSource {
    /// Its id, by which it is enabled.
    pub(crate) uuid: String,
    /// The queue or stream that it reads; empty for a self-managed Kafka cluster.
    pub(crate) arn: String,
    /// `Enabled`, `Disabled`, or on the way to one of them.
    pub(crate) state: String,
    /// Why it is in that state.
    pub(crate) reason: String,
    /// What came of the last invocation; Lambda says `OK`, `No records processed` or `PROBLEM: …`.
    pub(crate) last_result: String,
    /// The maximum of concurrent invocations, of a queue.
    pub(crate) max_concurrency: Option<i32>,
}

/// Checks that each function has an event source, which is enabled and works.
pub(crate) fn check(sources: &[Sources]) -> Vec<Finding> {
    sources.iter().flat_map(of_function).collect()
}

fn of_function(of: &Sources) -> Vec<Finding> {
    let function = of.function;
    match &of.found {
        Ok(sources) if sources.is_empty() && of.expected.is_empty() => vec![
            Finding::error(
                Area::Sources,
                format!("{function} has no event source: nothing invokes it"),
                format!("it was deleted; make it again (aws lambda create-event-source-mapping for the alias live of {function})"),
            )
            .runbook(of.runbook),
        ],
        Ok(sources) => {
            let is_gone = |one: &&Mapping| sources.iter().all(|source| source.uuid != one.uuid);
            let gone = of.expected.iter().filter(is_gone).map(|one| of_gone(one, function, of.runbook));
            gone.chain(sources.iter().map(|source| of_source(source, function, of.runbook))).collect()
        }
        Err(unread) => vec![unread.finding(Area::Sources, &format!("the event source of {function}"))],
    }
}

fn of_gone(mapping: &Mapping, function: &str, runbook: &str) -> Finding {
    let Mapping { logical_id, uuid } = mapping;
    Finding::error(
        Area::Sources,
        format!("{function} has no event source {uuid}, which is {logical_id}: nothing reads what it read"),
        format!("it was deleted; make it again (aws lambda create-event-source-mapping for the alias live of {function})"),
    )
    .runbook(runbook)
}

fn of_source(source: &EventSource, function: &str, runbook: &str) -> Finding {
    let EventSource { uuid, arn, state, reason, last_result, .. } = source;
    let of = if arn.is_empty() { function.to_owned() } else { format!("{function} for {arn}") };
    let why = if reason.is_empty() { String::new() } else { format!(" ({reason})") };
    match state.as_str() {
        "Enabled" if last_result.starts_with("PROBLEM") => Finding::error(
            Area::Sources,
            format!("the event source of {of} is Enabled and does not work: {last_result}"),
            "see the role of the function, the key policy and the queue or stream that it names",
        )
        .runbook(runbook),
        "Enabled" => Finding::ok(Area::Sources, format!("the event source of {of} is Enabled: {uuid}")),
        "Creating" | "Enabling" | "Updating" => Finding::warn(
            Area::Sources,
            format!("the event source of {of} is {state}{why}"),
            "run it again in a minute",
        ),
        _ => Finding::error(
            Area::Sources,
            format!("the event source of {of} is {state}{why}: it invokes nothing"),
            format!("aws lambda update-event-source-mapping --uuid {uuid} --enabled"),
        )
        .runbook(runbook),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::doctor::answer::Unread;
    use crate::doctor::finding::Severity;
    use crate::doctor::tests::one;

    fn found(sources: Answer<Vec<EventSource>>) -> Finding {
        one(&check(&[Sources {
            function: "dispatch",
            found: sources,
            expected: Vec::new(),
            runbook: "notifications-wait-in-the-queue",
        }]))
    }

    fn source(state: &str, last_result: &str) -> EventSource {
        EventSource {
            uuid: "0a1b".to_owned(),
            arn: String::new(),
            state: state.to_owned(),
            reason: "USER_INITIATED".to_owned(),
            last_result: last_result.to_owned(),
            max_concurrency: None,
        }
    }

    #[test]
    fn a_source_must_be_there_enabled_and_without_a_problem() {
        for (sources, severity) in [
            (Ok(vec![source("Enabled", "OK")]), Severity::Ok),
            (Ok(vec![source("Enabled", "")]), Severity::Ok),
            (Ok(vec![source("Enabled", "No records processed")]), Severity::Ok),
            (Ok(vec![source("Updating", "OK")]), Severity::Warn),
            (Ok(vec![source("Enabled", "PROBLEM: Function call failed")]), Severity::Error),
            (Ok(vec![source("Disabling", "OK")]), Severity::Error),
            (Ok(vec![]), Severity::Error),
            (Err(Unread::Failed("AccessDenied".to_owned())), Severity::Unknown),
        ] {
            assert_eq!(found(sources.clone()).severity, severity, "{sources:?}");
        }
    }

    #[test]
    fn each_source_that_the_stack_made_must_be_there() {
        let mapping =
            |uuid: &str| Mapping { logical_id: "IntakeQueueMapping".to_owned(), uuid: uuid.to_owned() };
        let of = Sources {
            function: "dispatch",
            found: Ok(vec![source("Enabled", "OK")]),
            expected: vec![mapping("0a1b"), mapping("2c3d")],
            runbook: "notifications-wait-in-the-queue",
        };
        let mut found = check(&[of]);
        found.retain(|one| one.severity == Severity::Error);
        assert!(one(&found).what.contains("no event source 2c3d, which is IntakeQueueMapping"), "{found:?}");
    }

    #[test]
    fn a_disabled_source_comes_with_the_command_that_enables_it() {
        let found = found(Ok(vec![source("Disabled", "OK")]));
        assert!(found.what.contains("(USER_INITIATED)"), "{found:?}");
        assert_eq!(found.what_to_do, "aws lambda update-event-source-mapping --uuid 0a1b --enabled");
    }
}
