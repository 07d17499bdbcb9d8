//! What runs, compared with what was deployed: settings of functions, queues and event sources, and the version in use.

use std::collections::BTreeMap;

use account::DeployedStack;
use serde_json::Value;

use crate::doctor::answer::Answer;
use crate::doctor::expected::Expected;
use crate::doctor::finding::{Area, Finding};

/// What runs.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(crate) struct Running {
    /// The template as SAM expanded it; `None` if it cannot be had as JSON.
    pub(crate) template: Answer<Option<Value>>,
    /// The functions.
    pub(crate) functions: Vec<Function>,
    /// The attributes of queues, by logical id; those that cannot be read are told elsewhere.
    pub(crate) queues: Vec<(&'static str, BTreeMap<String, String>)>,
    /// The maximum of concurrent invocations of dispatch's event source, if it has one.
    pub(crate) max_concurrency: Option<i32>,
}

/// A function.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(crate) struct Function {
    /// Its logical id.
    pub(crate) logical_id: &'static str,
    /// Its name in the account.
    pub(crate) name: String,
    /// The version that was deployed last.
    pub(crate) deployed: Option<String>,
    /// What its alias `live` points to; `None` if there is none.
    pub(crate) alias: Answer<Option<Alias>>,
    /// The configuration of that version; `None` if the function does not exist.
    pub(crate) configuration: Answer<Option<Configuration>>,
}

/// What the alias of a function points to.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub(crate) struct Alias {
    /// The version.
    pub(crate) version: String,
    /// Whether another version has a part of the traffic.
    pub(crate) is_shifting: bool,
}

/// The settings of a function's version.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub(crate) struct Configuration {
    /// `Active`, or why it does not run.
    pub(crate) state: String,
    /// Each by its name in the template.
    pub(crate) settings: BTreeMap<&'static str, String>,
    /// Its environment.
    pub(crate) variables: BTreeMap<String, String>,
}

/// Attributes of a queue, each with the property it is made of.
const OF_QUEUE: [&str; 4] =
    ["VisibilityTimeout", "MessageRetentionPeriod", "KmsMasterKeyId", "KmsDataKeyReusePeriodSeconds"];

/// Compares everything.
pub(crate) fn check(running: &Running, stack: &DeployedStack) -> Vec<Finding> {
    let mut found: Vec<Finding> = running.functions.iter().flat_map(of_function).collect();
    match &running.template {
        Ok(Some(template)) => {
            let expected = Expected::new(template, stack);
            found.extend(running.functions.iter().flat_map(|one| of_settings(one, expected)));
            found.extend(
                running.queues.iter().flat_map(|(id, attributes)| of_queue(id, attributes, expected)),
            );
            found.extend(of_source(running.max_concurrency, expected));
        }
        Ok(None) => found.push(Finding::unknown(
            Area::Settings,
            "the template that was deployed is no JSON, and nothing was compared with it",
            "deploy with SAM",
        )),
        Err(unread) => found.push(unread.finding(Area::Settings, "the template that was deployed")),
    }
    if found.is_empty() {
        found.push(Finding::ok(
            Area::Settings,
            format!(
                "{} functions and {} queues are as they were deployed",
                running.functions.len(),
                running.queues.len()
            ),
        ));
    }
    found
}

fn of_function(function: &Function) -> Vec<Finding> {
    let name = function.logical_id;
    let mut found = Vec::new();
    match &function.configuration {
        Ok(Some(Configuration { state, .. })) if state != "Active" && !state.is_empty() => found.push(
            Finding::error(Area::Settings, format!("{name} is {state}"), "deploy again")
                .runbook("a-function-fails"),
        ),
        Ok(Some(_)) => {}
        Ok(None) => found.push(
            Finding::error(Area::Settings, format!("{name} does not exist"), "deploy it anew")
                .runbook("a-function-fails"),
        ),
        Err(unread) => found.push(unread.finding(Area::Settings, &format!("the configuration of {name}"))),
    }
    found.extend(of_alias(function));
    found
}

fn of_alias(function: &Function) -> Option<Finding> {
    let Function { logical_id, name, deployed, alias, .. } = function;
    match (alias, deployed) {
        (Ok(Some(alias)), _) if alias.is_shifting => Some(
            Finding::warn(
                Area::Settings,
                format!("a deployment of {logical_id} is under way: two versions run"),
                "run it again when it is over",
            )
            .runbook("go-back"),
        ),
        (Ok(Some(alias)), Some(deployed)) if alias.version != *deployed => Some(
            Finding::warn(
                Area::Settings,
                format!("{logical_id} runs version {}, and version {deployed} was deployed", alias.version),
                format!("if nobody went back on purpose: aws lambda update-alias --function-name {name} --name live --function-version {deployed}"),
            )
            .runbook("go-back"),
        ),
        (Ok(Some(_)), _) => None,
        (Ok(None), _) => Some(
            Finding::error(Area::Settings, format!("{logical_id} has no alias live: nothing invokes it"), "deploy again")
                .runbook("go-back"),
        ),
        (Err(unread), _) => Some(unread.finding(Area::Settings, &format!("the alias of {logical_id}"))),
    }
}

fn of_settings(function: &Function, expected: Expected<'_>) -> Vec<Finding> {
    let Ok(Some(configuration)) = &function.configuration else { return Vec::new() };
    let id = function.logical_id;
    let of_function = configuration.settings.iter().filter_map(|(name, is)| {
        let path: Vec<&str> = if *name == "Architectures" { vec![*name, "0"] } else { vec![*name] };
        differs(id, name, is, &expected.text(id, &path)?)
    });
    let wanted = expected.texts(id, &["Environment", "Variables"]);
    let variables = wanted.iter().filter_map(|(name, wanted)| {
        let is = configuration.variables.get(name).map(String::as_str).unwrap_or_default();
        differs(id, name, is, wanted)
    });
    of_function.chain(variables).collect()
}

fn of_queue(id: &str, attributes: &BTreeMap<String, String>, expected: Expected<'_>) -> Vec<Finding> {
    let is = |name: &str| attributes.get(name).map(String::as_str).unwrap_or_default();
    let mut found: Vec<Finding> = OF_QUEUE
        .into_iter()
        .filter_map(|name| differs(id, name, is(name), &expected.text(id, &[name])?))
        .collect();
    if let Some(wanted) = expected.text(id, &["RedrivePolicy", "maxReceiveCount"]) {
        let policy: Value = serde_json::from_str(is("RedrivePolicy")).unwrap_or_default();
        let is = policy["maxReceiveCount"].to_string();
        found.extend(differs(id, "maxReceiveCount", is.trim_matches('"'), &wanted));
    }
    found
}

fn of_source(is: Option<i32>, expected: Expected<'_>) -> Option<Finding> {
    let id = "DispatchFunctionNotifications";
    let wanted = expected.text(id, &["ScalingConfig", "MaximumConcurrency"])?;
    differs(id, "MaximumConcurrency", &is?.to_string(), &wanted)
}

fn differs(id: &str, name: &str, is: &str, wanted: &str) -> Option<Finding> {
    let shown = |text: &str| if text.is_empty() { "empty".to_owned() } else { text.to_owned() };
    (is != wanted).then(|| {
        Finding::warn(
            Area::Settings,
            format!("{name} of {id} is {} and was deployed as {}", shown(is), shown(wanted)),
            "it was changed by hand, or another version runs: deploy again, or change it back",
        )
        .runbook("change-settings")
    })
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::doctor::answer::Unread;
    use crate::doctor::finding::Severity;
    use crate::doctor::tests::{one, right_stack};

    fn right() -> Running {
        let template = json!({
            "Conditions": { "Local": { "Fn::Equals": ["a", "b"] } },
            "Resources": {
                "DispatchFunction": { "Properties": {
                    "Timeout": 45, "MemorySize": 256, "Architectures": [{ "Ref": "Architecture" }],
                    "Environment": { "Variables": { "ARAUTO_LEDGER_RETENTION_DAYS": { "Ref": "LedgerRetentionDays" } } },
                } },
                "NotificationsQueue": { "Properties": { "VisibilityTimeout": 270, "RedrivePolicy": { "maxReceiveCount": "150" } } },
                "DispatchFunctionNotifications": { "Properties": { "ScalingConfig": { "MaximumConcurrency": { "Fn::If": ["Local", 20, 500] } } } },
            },
        });
        let of = |pairs: &[(&str, &str)]| {
            pairs.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect()
        };
        let dispatch = Function {
            logical_id: "DispatchFunction",
            name: "arauto-DispatchFunction-1".to_owned(),
            deployed: Some("7".to_owned()),
            alias: Ok(Some(Alias { version: "7".to_owned(), is_shifting: false })),
            configuration: Ok(Some(Configuration {
                state: "Active".to_owned(),
                settings: [("Timeout", "45"), ("MemorySize", "256"), ("Architectures", "arm64")]
                    .map(|(name, value)| (name, value.to_owned()))
                    .into(),
                variables: of(&[("ARAUTO_LEDGER_RETENTION_DAYS", "1825"), ("AWS_LAMBDA_LOG_LEVEL", "INFO")]),
            })),
        };
        let queue = of(&[("VisibilityTimeout", "270"), ("RedrivePolicy", r#"{"maxReceiveCount":150}"#)]);
        Running {
            template: Ok(Some(template)),
            functions: vec![dispatch],
            queues: vec![("NotificationsQueue", queue)],
            max_concurrency: Some(500),
        }
    }

    fn found(change: impl FnOnce(&mut Running)) -> Finding {
        let mut running = right();
        change(&mut running);
        one(&check(&running, &right_stack()))
    }

    fn configuration(running: &mut Running) -> &mut Configuration {
        running.functions[0].configuration.as_mut().unwrap().as_mut().unwrap()
    }

    #[test]
    fn what_runs_as_it_was_deployed_is_right() {
        let found = found(|_| ());
        assert_eq!(
            (found.severity, found.what.as_str()),
            (Severity::Ok, "1 functions and 1 queues are as they were deployed")
        );
    }

    #[test]
    fn each_setting_that_was_changed_by_hand_is_told_with_both_values() {
        type Change = fn(&mut Running);
        let cases: [(Change, &str); 7] = [
            (
                |running| drop(configuration(running).settings.insert("Timeout", "3".to_owned())),
                "Timeout of DispatchFunction is 3 and was deployed as 45",
            ),
            (
                |running| drop(configuration(running).settings.insert("Architectures", "x86_64".to_owned())),
                "Architectures of DispatchFunction is x86_64 and was deployed as arm64",
            ),
            (
                |running| drop(configuration(running).variables.remove("ARAUTO_LEDGER_RETENTION_DAYS")),
                "ARAUTO_LEDGER_RETENTION_DAYS of DispatchFunction is empty and was deployed as 1825",
            ),
            (
                |running| drop(running.queues[0].1.insert("VisibilityTimeout".to_owned(), "30".to_owned())),
                "VisibilityTimeout of NotificationsQueue is 30 and was deployed as 270",
            ),
            (
                |running| drop(running.queues[0].1.remove("RedrivePolicy")),
                "maxReceiveCount of NotificationsQueue is null and was deployed as 150",
            ),
            (
                |running| running.max_concurrency = Some(2),
                "MaximumConcurrency of DispatchFunctionNotifications is 2 and was deployed as 500",
            ),
            (
                |running| {
                    running.functions[0].alias.as_mut().unwrap().as_mut().unwrap().version = "6".to_owned();
                },
                "DispatchFunction runs version 6, and version 7 was deployed",
            ),
        ];
        for (change, text) in cases {
            let found = found(change);
            assert_eq!((found.severity, found.what.as_str()), (Severity::Warn, text));
        }
    }

    #[test]
    fn a_function_that_is_gone_fails_or_is_being_changed_is_told() {
        type Change = fn(&mut Running);
        let cases: [(Change, Severity, &str); 6] = [
            (|running| running.functions[0].configuration = Ok(None), Severity::Error, "does not exist"),
            (|running| configuration(running).state = "Failed".to_owned(), Severity::Error, "is Failed"),
            (|running| running.functions[0].alias = Ok(None), Severity::Error, "has no alias live"),
            (
                |running| running.functions[0].alias.as_mut().unwrap().as_mut().unwrap().is_shifting = true,
                Severity::Warn,
                "two versions run",
            ),
            (|running| running.template = Ok(None), Severity::Unknown, "is no JSON"),
            (|running| running.template = Err(Unread::NotHere), Severity::NotHere, "the template"),
        ];
        for (change, severity, text) in cases {
            let found = found(change);
            assert!(found.severity == severity && found.what.contains(text), "{text}: {found:?}");
        }
        let denied = || Unread::Failed("AccessDenied on lambda:GetAlias".to_owned());
        assert_eq!(found(|running| running.functions[0].alias = Err(denied())).severity, Severity::Unknown);
        assert_eq!(
            found(|running| running.functions[0].configuration = Err(denied())).severity,
            Severity::Unknown
        );
    }
}
