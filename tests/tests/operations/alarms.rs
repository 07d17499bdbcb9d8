//! Every alarm can fire: it watches what the functions really write or what AWS publishes, and its arithmetic goes off.

use std::collections::{BTreeMap, BTreeSet};
use std::fs::read_to_string;

use convention::codes::Code;
use convention::delivery::{FIRST_ATTEMPT_WITHIN, MAX_BACKOFF};
use convention::directory::{Environment, ONBOARDING_AT_RISK};
use convention::notification::Endpoint;
use devkit::directory::StatementClaims;
use devkit::local::{change, expiring};
use devkit::pki::{ClientSubject, Validity};
use evidence::Seal;
use jiff::SignedDuration;
use lambda_http::request::RequestContext;
use lambda_http::{Body, Request, RequestExt as _};
use mtls::Expiry;
use mtls::revocation::{Authority, Path};
use rcgen::{CertificateParams, CrlDistributionPoint, KeyPair};
use regex_lite::Regex;
use serde_json::{Value, json};
use tests::aws::{
    DIRECTORY, DIRECTORY_IDENTITY_SECRET, Fault, Functions, INTAKE_ARN, Measured, PKI, from_queue, post,
    requeued, review,
};
use tests::bucket::Bucket;
use tests::collector::Answer;
use tests::contract::file;
use tests::directory_fixture::Fixture;
use tests::template::{Template, resources, templates};

use super::evaluate::{MISSING, expression, is_on, statistic};
use super::play::{CLIENT, Play, SECOND};
use crate::outcomes::given_up;
use crate::traces::traced;

pub(crate) const TEMPLATE: &str = "infra/operations.yaml";

/// What stops a deployment.
const DEPLOYMENT: &str = "infra/deployment.yaml";

/// The sources of state changes.
const SOURCES: [&str; 6] = [
    "infra/intake-rejected.yaml",
    "infra/intake-queue.yaml",
    "infra/intake-events.yaml",
    "infra/intake-stream.yaml",
    "infra/intake-kafka.yaml",
    "infra/timers.yaml",
];

/// The bucket of evidence and what fills it.
const EVIDENCE: &str = "infra/evidence.yaml";
/// What tells outcomes as events.
const OUTCOMES: &str = "infra/outcomes.yaml";

/// The alarms of these templates, by their names.
pub(crate) fn alarms() -> BTreeMap<String, Value> {
    let mut alarms = alarms_of(TEMPLATE);
    assert!(alarms.len() > 30, "{}", alarms.len());
    alarms.extend(alarms_of(DEPLOYMENT));
    alarms.extend(SOURCES.into_iter().flat_map(alarms_of));
    alarms.extend(alarms_of(OUTCOMES));
    alarms
}

fn alarms_of(path: &str) -> BTreeMap<String, Value> {
    let alarms = resources(path).unwrap().into_iter();
    let alarms = alarms.filter(|(_, resource)| resource["Type"] == "AWS::CloudWatch::Alarm");
    alarms.map(|(name, alarm)| (name, alarm["Properties"].clone())).collect()
}

pub(crate) fn text(value: &Value) -> &str {
    value.as_str().unwrap_or_default()
}

/// A metric by its namespace, name and dimensions. What a dimension is worth is its reference in the template; where a metric
/// is of a function, the function is its first part.
#[derive(Clone, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub(crate) struct Watched {
    pub(crate) namespace: String,
    pub(crate) metric: String,
    pub(crate) dimensions: Vec<String>,
    pub(crate) function: Option<String>,
}

/// What an alarm watches: one metric, those of its expression, or what its query selects.
pub(crate) fn watched(alarm: &Value) -> Vec<Watched> {
    if alarm["Metrics"].is_null() {
        return vec![metric(alarm)];
    }
    let metrics = alarm["Metrics"].as_array().unwrap();
    if let [query] = metrics.as_slice() {
        return vec![selected(text(&query["Expression"]))];
    }
    metrics
        .iter()
        .filter(|query| query["MetricStat"].is_object())
        .map(|query| metric(&query["MetricStat"]["Metric"]))
        .collect()
}

fn metric(of: &Value) -> Watched {
    let mut dimensions = of["Dimensions"].as_array().cloned().unwrap_or_default();
    // Where they depend on a condition: those where it does not hold.
    if dimensions.first().is_some_and(Value::is_string) {
        dimensions = dimensions.pop().unwrap().as_array().cloned().unwrap();
    }
    let named = |name: &str| dimensions.iter().find(|dimension| dimension["Name"] == name);
    let function = named("FunctionName").map(|dimension| text(&dimension["Value"]));
    Watched {
        namespace: text(&of["Namespace"]).to_owned(),
        metric: text(&of["MetricName"]).to_owned(),
        dimensions: dimensions.iter().map(|dimension| text(&dimension["Name"]).to_owned()).collect(),
        function: function.and_then(|name| name.strip_suffix("Function")).map(str::to_lowercase),
    }
}

/// What a query of Metrics Insights selects.
pub(crate) fn selected(query: &str) -> Watched {
    let form =
        r#"^SELECT AVG\((\w+)\) FROM SCHEMA\("([^"]+)", ([\w, ]+)\) GROUP BY (\w+) ORDER BY AVG\(\) ASC$"#;
    let parts = Regex::new(form).unwrap().captures(query).unwrap_or_else(|| panic!("{query}"));
    let dimensions: Vec<_> = parts[3].split(", ").map(str::to_owned).collect();
    assert!(dimensions.contains(&parts[4].to_owned()), "{query}");
    Watched { namespace: parts[2].to_owned(), metric: parts[1].to_owned(), dimensions, function: None }
}

/// The metrics that a line in the embedded format makes.
fn written(line: &Value) -> Vec<Watched> {
    let directives = line["_aws"]["CloudWatchMetrics"].as_array().unwrap();
    let mut all = Vec::new();
    for directive in directives {
        for dimensions in directive["Dimensions"].as_array().unwrap() {
            let dimensions: Vec<_> =
                dimensions.as_array().unwrap().iter().map(|name| text(name).to_owned()).collect();
            assert!(dimensions.iter().all(|name| line[name].is_string()), "{line}");
            for metric in directive["Metrics"].as_array().unwrap() {
                let metric = text(&metric["Name"]).to_owned();
                assert!(line[&metric].is_number() || line[&metric].is_array(), "{line}");
                let function = Some(text(&line["FunctionName"]).to_owned());
                let namespace = text(&directive["Namespace"]).to_owned();
                all.push(Watched { namespace, metric, dimensions: dimensions.clone(), function });
            }
        }
    }
    all
}

/// Everything goes wrong that the functions measure, in this process, and what they wrote of it.
pub(crate) async fn trouble() -> Vec<Value> {
    let mut lines = Vec::new();

    // A certificate that ends soon; a registration that is used late; a first attempt that is late; three failures.
    let play = Play::new("503").await;
    let now = play.functions.test_clock.now();
    let validity =
        Validity { not_before: now - SECOND, not_after: now + SignedDuration::from_hours(24 * 10) };
    let identity = PKI.sender_authority.client_with(&ClientSubject::default(), validity).unwrap();
    play.functions.put_identity(&identity);
    let message = play.payment(CLIENT, "p-1");
    play.functions.test_clock.advance(400 * SECOND);
    assert_eq!(play.dispatch(&[message]).await, 0);
    play.next_attempt(10 * SECOND).await;
    play.next_attempt(60 * SECOND).await;
    // What cannot be read, and what a fault of ours keeps.
    assert_eq!(requeued(&play.dispatch, &["no message".to_owned()]).await, [0; 0]);
    let message = play.payment(CLIENT, "p-2");
    play.functions.aws.fails("UpdateItem", Fault::THROTTLED);
    play.functions.test_clock.advance(1_000 * SECOND);
    assert_eq!(play.dispatch(&[message]).await, 1);
    // What somebody put into the secret, which is looked at beside the work.
    play.functions.put_identity_text("no JSON");
    play.functions.test_clock.advance(400 * SECOND);
    let message = play.payment(CLIENT, "p-3");
    assert_eq!(play.dispatch(&[message]).await, 1);
    while play.lines_with("IdentityNotReloaded").is_empty() {
        tokio::task::yield_now().await;
    }
    // Records of sources that are no state changes.
    assert_eq!(from_queue(&play.dispatch, INTAKE_ARN, &["poison".to_owned()], &[]).await, [0; 0]);
    let stream = json!({ "Records": [{
        "eventSource": "aws:kinesis",
        "kinesis": { "data": "cG9pc29u", "sequenceNumber": "1", "approximateArrivalTimestamp": 1 },
    }] });
    let request = Request::new(Body::from(stream.to_string()));
    let request = request.with_request_context(RequestContext::PassThrough);
    play.functions.intake().serve(request).await.unwrap();
    lines.extend(play.functions.metrics.lines());

    // The Directory calls everybody inactive, and then is away for more than a day.
    let mut fixture = Fixture::new().await;
    for client in [CLIENT, "itp-2"] {
        let body = fixture.with_uris(client, &["https://localhost:1"]);
        assert_eq!(fixture.put(client, &body).await.status, 200);
        let organisation = StatementClaims::of(client).org_id;
        fixture.mock.set_organisation_status(&organisation, "Inactive").unwrap();
    }
    let chain = json!({ "certificate_chain": identity.chain_pem, "private_key": identity.key_pem, "client_id": "arauto" });
    fixture.functions.aws.put_secret(DIRECTORY_IDENTITY_SECRET, &chain.to_string());
    fixture.review().await;
    fixture.functions.environment = Environment::local("http://127.0.0.1:9");
    fixture.functions.test_clock.advance(SignedDuration::from_hours(27));
    review(&fixture.functions.directory()).await;
    // No authority answers about revocation for a day, as nobody listens at its address; and a row that somebody broke.
    let store = fixture.functions.revocation_store();
    store
        .note("itp.example", &path_of_a_silent_authority(), fixture.functions.test_clock.now())
        .await
        .unwrap();
    fixture
        .functions
        .aws
        .put_row(DIRECTORY, json!({ "name": { "S": "path#broken" }, "bytes": { "B": "AAAA" } }));
    fixture.functions.test_clock.advance(SignedDuration::from_hours(25));
    review(&fixture.functions.directory()).await;
    lines.extend(fixture.functions.metrics.lines());

    // Something else stands where the next seal of evidence belongs.
    let bucket = Bucket::default();
    bucket.put("attempts/2026/11/23/13/stream-1", b"{}\n");
    bucket.put(&Seal::key("2026-11-23T14".parse().unwrap()), b"<html>");
    let mut evidence = bucket.evidence("2026-11-23T18:25:00Z".parse().unwrap());
    let measured = Measured::default();
    evidence.metrics = measured.writer("evidence");
    assert!(evidence.handle(json!({ "task": "seal" })).await.is_err());
    lines.extend(measured.lines());

    // The scheduler takes no timer.
    let functions = Functions { timers: true, ..Functions::default() };
    functions.aws.fails("CreateSchedule", Fault::DENIED);
    let now = functions.test_clock.now();
    let consumed = change(Endpoint::PaymentConsent, CLIENT, "C1", now);
    let consumed = expiring(consumed, now + SignedDuration::from_mins(5), "REJECTED");
    post(&functions.intake(), "application/json", &consumed.to_string()).await;
    lines.extend(functions.metrics.lines());

    // A collector refuses spans.
    let functions = Functions::default();
    let (outcomes, collector) = traced(&functions, None).await;
    collector.answer([Answer::Status(400, None)]);
    outcomes.handle(given_up(1..4)).await.unwrap();
    lines.extend(functions.metrics.lines());
    lines
}

/// The path of a certificate whose authority's list is nowhere to be had.
fn path_of_a_silent_authority() -> Path {
    let mut params = CertificateParams::new(vec!["itp.example".to_owned()]).unwrap();
    params.crl_distribution_points =
        vec![CrlDistributionPoint { uris: vec!["http://127.0.0.1:9/list.crl".to_owned()] }];
    let certificate = params.self_signed(&KeyPair::generate().unwrap()).unwrap();
    let authority = Authority::from_certificate(certificate.der()).unwrap();
    Path::new(vec![certificate.der().clone()], authority)
}

/// Values of a metric of our own, as they were written.
pub(crate) fn values(lines: &[Value], of: &Watched) -> Vec<f64> {
    let lines = lines.iter().filter(|line| written(line).contains(of));
    let values = lines.flat_map(|line| {
        line[&of.metric].as_array().cloned().unwrap_or_else(|| vec![line[&of.metric].clone()])
    });
    values.map(|value| value.as_f64().unwrap()).collect()
}

#[tokio::test]
async fn each_alarm_on_a_metric_of_ours_is_on_after_trouble_that_the_functions_measured() {
    let lines = Box::pin(trouble()).await;
    let all: BTreeSet<_> = lines.iter().flat_map(written).collect();
    let mut seen = 0;
    for (name, alarm) in alarms() {
        for of in watched(&alarm).into_iter().filter(|of| of.namespace == "Arauto") {
            assert!(all.contains(&of), "{name}: no function writes {of:?}");
            seen += 1;
            // What calculates has a test of its own.
            if !alarm["Metrics"].is_null() {
                continue;
            }
            let stat = ["Statistic", "ExtendedStatistic"].map(|kind| text(&alarm[kind]).to_owned()).concat();
            let values = values(&lines, &of);
            // The trouble lasts: each period of the alarm sees it. Of a schedule that stopped, nothing is seen.
            let is_of_a_stop = stat == "SampleCount";
            let trouble = if is_of_a_stop { MISSING } else { statistic(&stat, &values) };
            assert!(is_on(&alarm, &[trouble; 5]), "{name}: {values:?}");
            let well = match of.metric.as_str() {
                "CertificateDaysLeft" => 31.0,
                _ if is_of_a_stop => statistic(&stat, &values),
                _ => 0.0,
            };
            assert!(!is_on(&alarm, &[well; 5]), "{name}");
        }
    }
    assert!(seen > 20, "{seen}");
    // And the other way round: what is written is told in docs/logging.md.
    let told = read_to_string(file("docs/logging.md").unwrap()).unwrap();
    let (_, told) = told.split_once("## Metrics").unwrap();
    for of in all {
        let function = format!("| {} |", of.function.unwrap());
        let mut rows = told.lines().filter(|row| row.starts_with(&function));
        let row = rows.find(|row| row.contains(&format!("`{}`", of.metric)));
        let row = row.unwrap_or_else(|| panic!("{} is not in docs/logging.md", of.metric));
        for more in of.dimensions.iter().skip(1) {
            assert!(row.contains(&format!("`{more}`")), "{row}");
        }
    }
}

#[test]
fn each_alarm_on_a_metric_of_aws_watches_what_aws_says_that_it_publishes() {
    let table = read_to_string(file("tests/tests/operations/published.json").unwrap()).unwrap();
    let table: Vec<Value> = serde_json::from_str(&table).unwrap();
    let mut seen = 0;
    for (name, alarm) in alarms().into_iter().chain(alarms_of(EVIDENCE)) {
        for of in watched(&alarm).into_iter().filter(|of| of.namespace.starts_with("AWS/")) {
            let published = table.iter().any(|row| {
                let holds = |field: &str, value: &Value| row[field].as_array().unwrap().contains(value);
                row["namespace"] == of.namespace.as_str()
                    && holds("metrics", &json!(of.metric))
                    && holds("dimensions", &json!(of.dimensions))
            });
            assert!(published, "{name}: AWS publishes no {of:?}");
            seen += 1;
        }
    }
    assert!(seen > 25, "{seen}");
}

#[test]
fn a_rule_that_fails_is_watched_by_the_dimensions_that_its_kind_of_bus_has() {
    // Source: "Monitoring Amazon EventBridge": on the default bus a rule's metrics have RuleName alone.
    let dimensions = &alarms()["IntakeRuleFailsAlarm"]["Dimensions"];
    assert_eq!(dimensions[0], "IsDefaultBus");
    for (bus, expected) in [(1, vec!["RuleName"]), (2, vec!["EventBusName", "RuleName"])] {
        let dimensions = dimensions[bus].as_array().unwrap();
        let names: Vec<_> = dimensions.iter().map(|one| text(&one["Name"])).collect();
        assert_eq!(names, expected);
    }
}

#[test]
fn each_alarm_on_one_metric_of_aws_goes_on_beyond_its_threshold_and_off_again() {
    for (name, alarm) in alarms().into_iter().chain(alarms_of(EVIDENCE)) {
        if alarm["Metrics"].is_null() && alarm["Namespace"] != "Arauto" {
            let threshold = alarm["Threshold"].as_f64().unwrap();
            let stat = text(&alarm["Statistic"]);
            let further = if alarm["ComparisonOperator"] == "LessThanThreshold" { -1.0 } else { 1.0 };
            let (beyond, at) = (statistic(stat, &[threshold + further]), statistic(stat, &[threshold]));
            assert!(is_on(&alarm, &[beyond; 5]) && !is_on(&alarm, &[beyond, beyond, at, at, at]), "{name}");
        }
    }
}

/// A text of the template with the parameters, and the prices of us-east-1, put in.
pub(crate) fn calculated(of: &Value) -> String {
    let (mut text, with) = match &of["Fn::Sub"] {
        Value::Array(parts) => (text(&parts[0]).to_owned(), parts[1].as_object().unwrap().clone()),
        _ => (text(of).to_owned(), serde_json::Map::new()),
    };
    let template = Template::read(TEMPLATE).unwrap();
    let prices = &template.section("Mappings")["Prices"]["us-east-1"];
    let price = |path: &Value| prices[path[2].as_str().unwrap()].as_str().unwrap().to_owned();
    for (name, value) in with {
        // The first branch of a condition is another region's; where it is the processor, it is ours.
        let path = if value[0] == "IsSaoPaulo" {
            &value[2]
        } else if value[0] == "IsArm" {
            &value[1]
        } else {
            &value
        };
        text = text.replace(&format!("${{{name}}}"), &price(path));
    }
    text.replace("${DispatchMaximumConcurrency}", "500").replace("${AccountConcurrency}", "1000")
}

/// What an alarm calculates of metrics with these values, by their ids in it. The others have none.
pub(crate) fn value(name: &str, metrics: &[(&str, f64)]) -> f64 {
    let alarm = alarms().remove(name).unwrap();
    let known = alarm["Metrics"].as_array().unwrap();
    for (id, _) in metrics {
        let id = id.trim_start_matches("DIFF(").trim_end_matches(')');
        assert!(known.iter().any(|query| query["Id"] == id), "{name} has no {id}");
    }
    let metrics = metrics.iter().map(|(id, value)| ((*id).to_owned(), *value)).collect();
    expression(&calculated(&alarm["Metrics"][0]["Expression"]), &metrics)
}

#[test]
fn each_alarm_that_calculates_goes_on_at_what_it_is_for() {
    let alarms = alarms();
    let on = |name: &str, value: f64| is_on(&alarms[name], &[value; 5]);
    assert!(on("DispatchConcurrencyAlarm", value("DispatchConcurrencyAlarm", &[("running", 401.0)])));
    assert!(!on("DispatchConcurrencyAlarm", value("DispatchConcurrencyAlarm", &[("running", 400.0)])));
    assert!(on("AccountConcurrencyAlarm", value("AccountConcurrencyAlarm", &[("claimed", 801.0)])));
    assert!(!on("AccountConcurrencyAlarm", value("AccountConcurrencyAlarm", &[("claimed", 800.0)])));
    assert!(on("TablesThrottledAlarm", value("TablesThrottledAlarm", &[("ledgerWrites", 1.0)])));
    assert!(on("TablesThrottledAlarm", value("TablesThrottledAlarm", &[("directoryReads", 1.0)])));
    assert!(!on("TablesThrottledAlarm", value("TablesThrottledAlarm", &[])));

    // A million notifications, each alone in its batch, 200 ms of dispatch and 50 ms of intake.
    let million = 1e6;
    let day = [
        ("dispatchMs", 200.0 * million),
        ("intakeMs", 50.0 * million),
        ("dispatches", million),
        ("intakes", million),
        ("sent", million),
        ("writes", 2.0 * million),
        ("calls", million),
        ("logged", 740.0 * million),
    ];
    let usd = value("DailyCostAlarm", &day);
    assert!((5.0..6.0).contains(&usd), "{usd}");
    let mut budget = alarms["DailyCostAlarm"].clone();
    for (limit, expected) in [(5, true), (6, false)] {
        budget["Threshold"] = json!(limit);
        assert_eq!(is_on(&budget, &[usd]), expected);
    }
}

#[test]
fn each_alarm_says_what_to_do_in_two_languages_and_is_told_when_it_is_over() {
    let runbook = read_to_string(file("docs/operations.md").unwrap()).unwrap();
    let anchors: BTreeSet<_> = runbook
        .lines()
        .filter_map(|line| line.strip_prefix("### "))
        .map(|title| title.to_lowercase().replace(' ', "-").replace(['`', ',', '\''], ""))
        .collect();
    // Those of evidence too, which lie in other templates.
    let all: Vec<_> = templates().unwrap().iter().flat_map(|path| alarms_of(path)).collect();
    assert!(all.len() > alarms().len());
    for (name, alarm) in all {
        let description = text(&alarm["AlarmDescription"]);
        let (told, anchor) = description.split_once(" docs/operations.md#").unwrap();
        assert!(anchors.contains(anchor), "{name}: {anchor} is no section of docs/operations.md");
        assert!(description.len() <= 1024, "{name}");
        // English, then Portuguese.
        assert!(told.matches(". ").count() >= 1 && told.ends_with('.'), "{name}: {told}");
        assert_eq!(alarm["AlarmActions"], alarm["OKActions"], "{name}");
        let severity = text(&alarm["Tags"][0]["Value"]);
        // Who deploys is told by the deployment.
        if severity == "deployment" {
            assert!(alarm["AlarmActions"].is_null(), "{name}");
        } else {
            assert_eq!(alarm["AlarmActions"][1], json!(["AlarmTopicArn"]), "{name}");
            assert!(["page", "notice"].contains(&severity), "{name}");
            // Tags do not reach the topic by themselves.
            assert_eq!(
                alarm["ActionConfiguration"]["AlarmTagsPropagation"],
                json!({ "Enabled": true }),
                "{name}"
            );
        }
        let missing = text(&alarm["TreatMissingData"]);
        let of_a_schedule = ["ReviewStoppedAlarm", "CertificateExpiringAlarm", "EvidenceUnsealedAlarm"];
        let is_of_a_schedule = of_a_schedule.contains(&name.as_str());
        assert_eq!(missing, if is_of_a_schedule { "breaching" } else { "notBreaching" }, "{name}");
        // A new stack has measured nothing yet: that alarms nobody on its first day.
        let warm_up = &alarm["WarmUpConfiguration"]["WarmUpPeriodDurationInMinutes"];
        assert_eq!(warm_up.is_u64(), is_of_a_schedule, "{name}");
        assert!(alarm["AlarmName"].is_null(), "{name}: two stacks fit in one account");
    }
}

#[test]
fn each_fault_of_ours_has_one_alarm_that_stays_on_between_two_receives() {
    let mut alarmed = Vec::new();
    for (name, alarm) in alarms() {
        if alarm["MetricName"] != "OwnFaults" || alarm["Dimensions"][1]["Name"] != "Code" {
            continue;
        }
        let code = text(&alarm["Dimensions"][1]["Value"]).to_owned();
        assert!(text(&alarm["AlarmDescription"]).starts_with(&format!("{code}: ")), "{name}");
        assert!(MAX_BACKOFF.as_secs() < alarm["Period"].as_u64().unwrap(), "{name}");
        alarmed.push(code);
    }
    alarmed.sort();
    let ours = Code::ALL.iter().filter(|code| code.alarms());
    let mut ours: Vec<_> = ours.map(|code| code.as_str().to_owned()).collect();
    ours.sort();
    assert_eq!(alarmed, ours, "each fault of ours has one alarm");
}

#[test]
fn the_alarms_and_the_code_have_the_same_limits() {
    let alarms = alarms();
    let of = |name: &str| (&alarms[name]["Threshold"], text(&alarms[name]["ComparisonOperator"]));
    assert_eq!(of("CertificateExpiringAlarm"), (&json!(Expiry::ALARM_DAYS), "LessThanOrEqualToThreshold"));
    assert!(text(&alarms["CertificateExpiringAlarm"]["AlarmDescription"]).starts_with(Expiry::CODE));
    let seconds = ONBOARDING_AT_RISK.as_secs();
    assert_eq!(of("RegistrationSlowAlarm"), (&json!(seconds), "GreaterThanThreshold"));
    let late = i64::try_from(FIRST_ATTEMPT_WITHIN.as_millis()).unwrap();
    assert_eq!(of("FirstAttemptLateAlarm"), (&json!(late), "GreaterThanThreshold"));
    // A percentile has a property of its own, and an alarm has one of the two.
    for (name, alarm) in &alarms {
        let kinds = ["Statistic", "ExtendedStatistic", "Metrics"].map(|kind| !alarm[kind].is_null());
        assert_eq!(kinds.iter().filter(|kind| **kind).count(), 1, "{name}");
    }
}
