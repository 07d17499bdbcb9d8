//! What the bill of a load counts as standing is what the templates have and what the functions emit.

use std::collections::BTreeSet;

use arauto::bill::{Inventory, Model, Setting, Stack};
use regex_lite::Regex;
use serde_json::Value;
use tests::aws::{Functions, PKI, review};
use tests::directory_fixture::Fixture;
use tests::template::{Template, resources};

/// How the stack of a bank is deployed: the parameters that conditions of alarms and keys depend on.
fn holds(condition: &Value, essential: bool) -> bool {
    match condition.as_str() {
        None | Some("Calculates" | "HasCustodian" | "MakesDataKey" | "WatchesRejected") => true,
        Some("MonitorsAll" | "CalculatesAll") => !essential,
        Some("MonitorsEssentials") => essential,
        Some(
            "WatchesCost"
            | "WatchesEvidence"
            | "WatchesEvidencesSource"
            | "WatchesTimers"
            | "HasReplica"
            | "HasTraces",
        ) => false,
        Some(other) => panic!("whether {other} holds is not known here"),
    }
}

/// Metrics that the alarms of these templates read, without a query of Metrics Insights, and how many queries.
fn alarms(paths: &[&str], essential: bool) -> (u64, u64) {
    let (mut metrics, mut queries) = (0, 0);
    for (_, resource) in paths.iter().flat_map(|path| resources(path).unwrap()) {
        if resource["Type"] != "AWS::CloudWatch::Alarm" || !holds(&resource["Condition"], essential) {
            continue;
        }
        let properties = &resource["Properties"];
        // A period below a minute makes an alarm of high resolution, which costs thrice.
        let text = properties.to_string();
        let period = Regex::new(r#""Period":(\d+)"#).unwrap();
        assert!(period.captures_iter(&text).all(|found| found[1].parse::<u64>().unwrap() >= 60), "{text}");
        let all = properties["Metrics"].as_array().cloned().unwrap_or_default();
        if all.iter().any(|one| one["Expression"].as_str().is_some_and(|text| text.starts_with("SELECT"))) {
            queries += 1;
        } else {
            metrics += all.iter().filter(|one| one["MetricStat"].is_object()).count().max(1) as u64;
        }
    }
    (metrics, queries)
}

#[test]
fn alarms_are_counted_in_the_templates() {
    // infra/intake-rejected.yaml watches a queue that every source has.
    let always = ["infra/operations.yaml", "infra/deployment.yaml"];
    assert_eq!(alarms(&always, false), (Inventory::ALARMS, 1));
    assert_eq!(alarms(&always, true), (Inventory::ESSENTIAL_ALARMS, 0));
    let queue = alarms(&["infra/intake-queue.yaml", "infra/intake-rejected.yaml"], false);
    assert_eq!(queue, (Inventory::QUEUE_ALARMS, 0));
    // The alarms of infra/operations.yaml on evidence: three on one metric, one that compares two; and those of its own template.
    assert_eq!(alarms(&["infra/evidence.yaml"], false).0 + 5, Inventory::EVIDENCE_ALARMS);
}

#[test]
fn keys_and_secrets_are_counted_in_the_templates() {
    let count = |path: &str, kind: &str| {
        resources(path).unwrap().values().filter(|resource| resource["Type"] == kind).count() as u64
    };
    let key = "AWS::KMS::Key";
    assert_eq!(count("infra/data-key.yaml", key) + count("infra/roles.yaml", key), Inventory::KEYS);
    assert_eq!(count("infra/evidence.yaml", key), Inventory::EVIDENCE_KEYS);
    assert_eq!(count("infra/roles.yaml", "AWS::SecretsManager::Secret"), Inventory::SECRETS);
}

/// The metrics, each with its dimensions, that lines in the embedded format make.
fn metrics(lines: &[Value]) -> BTreeSet<String> {
    let mut all = BTreeSet::new();
    for line in lines {
        for directive in line["_aws"]["CloudWatchMetrics"].as_array().unwrap() {
            for dimensions in directive["Dimensions"].as_array().unwrap() {
                let values = dimensions
                    .as_array()
                    .unwrap()
                    .iter()
                    .map(|name| line[name.as_str().unwrap()].to_string());
                let values = values.collect::<Vec<_>>().join(" ");
                for metric in directive["Metrics"].as_array().unwrap() {
                    all.insert(format!("{} {values}", metric["Name"]));
                }
            }
        }
    }
    all
}

#[tokio::test]
async fn metrics_are_counted_in_what_the_functions_emit() {
    let functions = Functions::default();
    functions.put_identity(&PKI.sender);
    let _mock = functions.receiver("itp-1", "202").await;
    let dispatch = functions.dispatch(&functions.test_clock);
    let now = functions.test_clock.now();
    let change = devkit::local::change(convention::notification::Endpoint::PixPayment, "itp-1", "p-1", now);
    tests::aws::verdicts(&functions.intake(), &change).await;
    for message in functions.aws.take_messages(tests::aws::NOTIFICATIONS) {
        tests::aws::requeued(&dispatch, &[message.body]).await;
    }
    // Beside them, a certificate is measured once a load, and a registration once.
    let lines = functions.metrics.lines().into_iter().filter(|line| !line["Delivered"].is_null());
    let of_traffic = metrics(&lines.collect::<Vec<_>>());
    assert_eq!(of_traffic.len() as u64, Inventory::TRAFFIC_METRICS, "{of_traffic:?}");
    // A run of the schedule without findings: its failures twice, and how old the Directory's keys are. In production also how old its list
    // is, and by their own schedules the certificate of dispatch, and that for the Directory.
    let fixture = Fixture::new().await;
    review(&fixture.functions.directory()).await;
    let of_a_run = metrics(&fixture.functions.metrics.lines());
    let of_a_run: Vec<_> = of_a_run.iter().filter(|metric| !metric.contains("ReceiverWarnings")).collect();
    let in_production = 3;
    assert_eq!(of_a_run.len() as u64 + in_production, Inventory::METRICS, "{of_a_run:?}");
}

#[test]
fn parameters_have_the_defaults_of_the_template() {
    let template = Template::read("template.yaml").unwrap();
    let default = |name: &str| template.section("Parameters")[name]["Default"].to_string().replace('"', "");
    let stack = Stack::default();
    for (name, is) in [
        ("LedgerWrites", if stack.lean { "lean" } else { "full" }.to_owned()),
        (
            "LedgerTableClass",
            if stack.infrequent { "STANDARD_INFREQUENT_ACCESS" } else { "STANDARD" }.to_owned(),
        ),
        ("DispatchMemory", stack.memory_mb.to_string()),
        ("DispatchBatchingWindow", stack.window_s.to_string()),
        ("Monitoring", if stack.essential { "essential" } else { "full" }.to_owned()),
        ("Tracing", if stack.tracing { "Active" } else { "PassThrough" }.to_owned()),
        ("Network", if stack.own_network { "own" } else { "none" }.to_owned()),
        ("Evidence", stack.evidence.to_string()),
        ("LedgerRetentionDays", stack.ledger_days.to_string()),
        ("LogRetentionDays", stack.log_days.to_string()),
    ] {
        assert_eq!(default(name), is, "{name}");
    }
    assert_eq!(stack.maximum_concurrency, None);
    let accepted = |name: &str, value: u64| format!("{name}={value}").parse::<Setting>().is_ok();
    let days = template.section("Parameters")["LogRetentionDays"]["AllowedValues"].as_array().unwrap();
    let days: Vec<_> = days.iter().map(|days| days.as_u64().unwrap()).collect();
    for day in 0..4_000 {
        assert_eq!(accepted("LogRetentionDays", day), days.contains(&day), "{day}");
    }
    let most = template.bound("DispatchMemory", "MaxValue").unwrap();
    assert!(accepted("DispatchMemory", most) && !accepted("DispatchMemory", most + 1));
}

#[test]
fn the_line_of_the_access_log_has_no_more_bytes_than_the_model_says() {
    let template = Template::read("infra/http-api.yaml").unwrap();
    let stage = template.resources();
    let format =
        stage.values().find_map(|one| one["Properties"]["AccessLogSettings"]["Format"].as_str()).unwrap();
    // What a call signed by a role of the bank has, with names of usual length; "-" marks what is absent.
    let mut line = format.to_owned();
    for (variable, value) in [
        ("$context.requestId", "JKJaXmPLvHcESHA="),
        ("$context.requestTime", "30/Nov/2026:12:00:00 +0000"),
        (
            "$context.identity.userArn",
            "arn:aws:sts::123456789012:assumed-role/core-banking-production/i-0123456789abcdef0",
        ),
        ("$context.identity.sourceIp", "203.0.113.17"),
        ("$context.routeKey", "POST /v1/state-changes"),
        ("$context.path", "/v1/state-changes"),
        ("$context.status", "202"),
        ("$context.responseLength", "187"),
        ("$context.responseLatency", "43"),
        ("$context.integrationStatus", "200"),
    ] {
        line = line.replace(variable, value);
    }
    let absent = Regex::new(r"\$context\.[A-Za-z_.]+").unwrap();
    let bytes = absent.replace_all(&line, "-").len() as u64;
    assert!(bytes <= Model::ACCESS_LOG_BYTES && 10 * bytes >= 9 * Model::ACCESS_LOG_BYTES, "{bytes}: {line}");
}
