//! The pages of data protection against what they tell of: each store of the templates has its row, and each period is that of the
//! template or of the code.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

use std::collections::{BTreeMap, BTreeSet};
use std::fs::{read_dir, read_to_string};
use std::path::{Path, PathBuf};

use regex_lite::Regex;
use serde_json::Value;
use tests::contract::file;
use tests::template::{Template, resources, templates};

use crate::access::{list, statements};

/// Templates that are deployed apart, and keep something.
const APART: &[&str] = &["infra/evidence-replica.yaml"];

/// Types of resources that keep what is put into them.
const STORES: &[&str] = &[
    "AWS::AppConfig::HostedConfigurationVersion",
    "AWS::DynamoDB::Table",
    "AWS::KinesisFirehose::DeliveryStream",
    "AWS::Logs::LogGroup",
    "AWS::S3::Bucket",
    "AWS::SQS::Queue",
    "AWS::Scheduler::ScheduleGroup",
    "AWS::SecretsManager::Secret",
];

/// Types that keep nothing of a notification, a receiver or a caller: what is written in the template, or passes through. A stream
/// of a log group is part of it. A type that is in neither list fails the test.
const NO_STORES: &[&str] = &[
    "AWS::ApiGatewayV2::Api",
    "AWS::ApiGatewayV2::ApiMapping",
    "AWS::ApiGatewayV2::Authorizer",
    "AWS::ApiGatewayV2::DomainName",
    "AWS::ApiGatewayV2::Integration",
    "AWS::ApiGatewayV2::Route",
    "AWS::ApiGatewayV2::Stage",
    "AWS::AppConfig::Application",
    "AWS::AppConfig::ConfigurationProfile",
    "AWS::CloudFormation::Stack",
    "AWS::CloudWatch::Alarm",
    "AWS::CloudWatch::Dashboard",
    "AWS::CodeDeploy::DeploymentConfig",
    "AWS::EC2::EIP",
    "AWS::EC2::FlowLog",
    "AWS::EC2::InternetGateway",
    "AWS::EC2::NatGateway",
    "AWS::EC2::Route",
    "AWS::EC2::RouteTable",
    "AWS::EC2::SecurityGroup",
    "AWS::EC2::Subnet",
    "AWS::EC2::SubnetRouteTableAssociation",
    "AWS::EC2::VPC",
    "AWS::EC2::VPCEndpoint",
    "AWS::EC2::VPCGatewayAttachment",
    "AWS::Events::Rule",
    "AWS::IAM::ManagedPolicy",
    "AWS::IAM::Policy",
    "AWS::IAM::Role",
    "AWS::KMS::Key",
    "AWS::Lambda::EventSourceMapping",
    "AWS::Lambda::Permission",
    "AWS::Logs::LogStream",
    "AWS::Logs::MetricFilter",
    "AWS::S3::BucketPolicy",
    "AWS::SQS::QueuePolicy",
    "AWS::SecretsManager::ResourcePolicy",
    "AWS::Serverless::Function",
];

/// Constants of the code that say for how long a row stays, by the file that has them, and whose row of the pages tells them.
const PERIODS: &[(&str, &str)] = &[
    ("crates/convention/src/delivery/undelivered.rs", "LedgerTable"),
    ("crates/mtls/src/revocation/store.rs", "DirectoryTable"),
    ("crates/platform/src/aws/resource_states.rs", "LedgerTable"),
    ("functions/directory/src/keys.rs", "DirectoryTable"),
    ("functions/directory/src/participants.rs", "DirectoryTable"),
    ("functions/directory/src/software.rs", "DirectoryTable"),
    ("crates/convention/src/directory/onboarding_slo.rs", "DirectoryTable"),
];

/// Hours that DynamoDB keeps a stream's records ("Change data capture for DynamoDB Streams", Amazon DynamoDB Developer Guide).
const STREAM_HOURS: u64 = 24;
/// Hours that Firehose tries to deliver to S3 ("Understand data delivery in Amazon Data Firehose").
const DELIVERY_HOURS: u64 = 24;
/// Days of point-in-time recovery unless `RecoveryPeriodInDays` says otherwise ("Point-in-time backups for DynamoDB").
const BACKUP_DAYS: u64 = 35;

/// A page, and how it writes a period and who reads.
struct Page {
    name: &'static str,
    days: &'static str,
    hours: &'static str,
    /// The words for those of [`POLICIES`].
    people: [&'static str; 3],
}

const PAGES: [Page; 2] = [
    Page {
        name: "data-protection.md",
        days: "days",
        hours: "hours",
        people: ["operator", "auditor", "key custodian"],
    },
    Page {
        name: "data-protection.pt-BR.md",
        days: "dias",
        hours: "horas",
        people: ["operador", "auditor", "guardião das chaves"],
    },
];

/// The policies of `infra/access.yaml` for people who read.
const POLICIES: [&str; 3] = ["OperatorPolicy", "AuditorPolicy", "KeyCustodianPolicy"];
/// Actions that show what a store holds.
const READS: &[&str] = &[
    "dynamodb:BatchGetItem",
    "dynamodb:GetItem",
    "dynamodb:Query",
    "dynamodb:Scan",
    "logs:FilterLogEvents",
    "s3:GetObject",
    "secretsmanager:GetSecretValue",
    "sqs:ReceiveMessage",
];

impl Page {
    fn text(&self) -> String {
        read_to_string(file(&format!("docs/{}", self.name)).unwrap()).unwrap()
    }

    /// The rows of the table of stores: its second heading's.
    fn rows(&self) -> Vec<Vec<String>> {
        let text = self.text();
        let section = text.split("\n## ").nth(2).unwrap();
        let rows = section.lines().filter(|line| line.starts_with("| `"));
        rows.map(|row| row.trim_matches('|').split('|').map(|cell| cell.trim().to_owned()).collect())
            .collect()
    }

    /// For how long each store keeps what it holds, as its row says.
    fn periods(&self) -> BTreeMap<String, String> {
        let name = Regex::new("`([A-Za-z]+)`").unwrap();
        let mut periods = BTreeMap::new();
        for row in self.rows() {
            assert_eq!(row.len(), 5, "{}: {row:?}", self.name);
            for found in name.captures_iter(&row[0]) {
                let before = periods.insert(found[1].to_owned(), row[3].clone());
                assert_eq!(before, None, "{}: {} has two rows", self.name, &found[1]);
            }
        }
        periods
    }

    /// The periods that a cell tells, in hours.
    fn told(&self, cell: &str) -> BTreeSet<u64> {
        let period = Regex::new("([0-9]+) ([a-z]+)").unwrap();
        let hours = |found: regex_lite::Captures<'_>| match &found[2] {
            unit if unit == self.days => 24 * found[1].parse::<u64>().unwrap(),
            unit if unit == self.hours => found[1].parse().unwrap(),
            unit => panic!("{}: {unit} in {cell}", self.name),
        };
        period.captures_iter(cell).map(hours).collect()
    }
}

/// All resources, of the stack and of what is deployed beside it.
fn all() -> BTreeMap<String, Value> {
    let paths = templates().unwrap().into_iter().chain(APART.iter().map(|path| (*path).to_owned()));
    paths.flat_map(|path| resources(&path).unwrap()).collect()
}

fn stores() -> BTreeMap<String, Value> {
    let is_store = |resource: &Value| STORES.contains(&resource["Type"].as_str().unwrap());
    all().into_iter().filter(|(_, resource)| is_store(resource)).collect()
}

/// The default of a parameter of the stack, in days.
fn default_of(parameter: &str) -> u64 {
    Template::read("template.yaml").unwrap().bound(parameter, "Default").unwrap()
}

#[test]
fn each_type_of_the_templates_is_known_to_keep_something_or_nothing() {
    for (name, resource) in all() {
        let kind = resource["Type"].as_str().unwrap();
        let known = STORES.contains(&kind) || NO_STORES.contains(&kind);
        assert!(known, "{name} is of a new type, {kind}: say whether it keeps what is put into it");
    }
}

#[test]
fn each_store_has_its_row_on_both_pages_and_each_row_is_a_store() {
    let stores: BTreeSet<_> = stores().into_keys().collect();
    for page in &PAGES {
        let named: BTreeSet<_> = page.periods().into_keys().collect();
        assert_eq!(named, stores, "{}", page.name);
    }
}

#[test]
fn each_period_is_that_of_the_template_or_of_the_code_and_none_is_missing() {
    let of_code = periods_of_the_code();
    for page in &PAGES {
        let told = page.periods();
        for (name, store) in stores() {
            let mut expected = BTreeSet::from_iter(of_code.get(name.as_str()).cloned().unwrap_or_default());
            expected.extend(fixed(&store));
            if let Some(parameter) = parameter(&name, &store) {
                let days = default_of(parameter);
                expected.insert(24 * days);
                let whole = format!("`{parameter}` ({days} {})", page.days);
                assert!(told[&name].contains(&whole), "{}: {name} is not kept {whole}", page.name);
            }
            assert_eq!(page.told(&told[&name]), expected, "{}: {name}, in hours", page.name);
        }
    }
}

/// The parameter that says for how long a store keeps, if one does.
fn parameter(name: &str, store: &Value) -> Option<&'static str> {
    let properties = &store["Properties"];
    match store["Type"].as_str().unwrap() {
        "AWS::Logs::LogGroup" => {
            assert_eq!(properties["RetentionInDays"], "LogRetentionDays", "{name}");
            Some("LogRetentionDays")
        }
        "AWS::S3::Bucket" => {
            let rules = properties["LifecycleConfiguration"]["Rules"].as_array().unwrap();
            let expires = rules.iter().find(|rule| !rule["ExpirationInDays"].is_null()).unwrap();
            assert_eq!(expires["ExpirationInDays"], "RetentionDays", "{name}");
            Some("EvidenceRetentionDays")
        }
        "AWS::DynamoDB::Table" if name == "LedgerTable" => Some("LedgerRetentionDays"),
        _ => None,
    }
}

/// The periods of a store that no parameter changes, in hours: those of its template, of its stream and of its backup.
fn fixed(store: &Value) -> Vec<u64> {
    let properties = &store["Properties"];
    match store["Type"].as_str().unwrap() {
        "AWS::SQS::Queue" => vec![properties["MessageRetentionPeriod"].as_u64().unwrap() / 3_600],
        "AWS::KinesisFirehose::DeliveryStream" => vec![DELIVERY_HOURS],
        "AWS::DynamoDB::Table" => {
            let stream = (!properties["StreamSpecification"].is_null()).then_some(STREAM_HOURS);
            let recovery = &properties["PointInTimeRecoverySpecification"];
            let is_backed_up = recovery["PointInTimeRecoveryEnabled"] == true;
            let days = recovery["RecoveryPeriodInDays"].as_u64().unwrap_or(BACKUP_DAYS);
            stream.into_iter().chain(is_backed_up.then_some(24 * days)).collect()
        }
        _ => Vec::new(),
    }
}

/// The periods of [`PERIODS`], in hours, by store.
fn periods_of_the_code() -> BTreeMap<&'static str, BTreeSet<u64>> {
    let mut found = BTreeMap::new();
    for folder in ["crates", "functions"] {
        constants(&file(folder).unwrap(), &mut found);
    }
    let expected: BTreeSet<_> = PERIODS.iter().map(|(path, _)| file(path).unwrap()).collect();
    assert_eq!(found.keys().cloned().collect::<BTreeSet<_>>(), expected, "a period that no row tells");
    let mut by_store = BTreeMap::<_, BTreeSet<_>>::new();
    for (path, store) in PERIODS {
        by_store.entry(*store).or_default().extend(&found[&file(path).unwrap()]);
    }
    by_store
}

/// Finds the constants that say for how long a row stays, in hours, by file.
fn constants(folder: &Path, found: &mut BTreeMap<PathBuf, Vec<u64>>) {
    let period = Regex::new(
        r"const \w*(?:TIME_TO_LIVE|RETENTION)\w*: SignedDuration =\s*SignedDuration::from_hours\(([0-9 *]+)\)",
    )
    .unwrap();
    for entry in read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            constants(&path, found);
        } else if path.extension().is_some_and(|kind| kind == "rs") {
            let code = read_to_string(&path).unwrap();
            // The tests of a file come last.
            for constant in period.captures_iter(code.split("#[cfg(test)]").next().unwrap()) {
                let factors = constant[1].split('*').map(|factor| factor.trim().parse::<u64>().unwrap());
                found.entry(path.clone()).or_default().push(factors.product());
            }
        }
    }
}

/// Says whether a policy's resource, such as `arn:…:table/${StackName}-LedgerTable-*`, is a store. CloudFormation names a resource
/// after its stack and itself.
fn is_of(resource: &str, name: &str, store: &Value) -> bool {
    let tail = |prefix: &str| resource.split_once(prefix).map(|(_, tail)| tail);
    match store["Type"].as_str().unwrap() {
        "AWS::DynamoDB::Table" => tail(":table/${StackName}-") == Some(&format!("{name}-*")),
        "AWS::SQS::Queue" => resource.contains(":sqs:") && resource.ends_with(&format!("}}-{name}-*")),
        "AWS::Logs::LogGroup" => tail(":log-group:") == Some("${StackName}-*"),
        "AWS::S3::Bucket" => resource.ends_with(":s3:::*-evidencestack-*"),
        "AWS::SecretsManager::Secret" => {
            let end = tail(":secret:*").and_then(|tail| tail.strip_suffix("-*"));
            end.is_some_and(|end| name.ends_with(end))
        }
        _ => false,
    }
}

#[test]
fn each_row_names_the_people_whose_policy_lets_them_read() {
    let mut stores = stores();
    // Those of another account are not of these policies.
    stores.remove("Replica");
    for page in &PAGES {
        for row in page.rows() {
            let of_row = |name: &String| row[0].contains(&format!("`{name}`"));
            let of_row: Vec<_> = stores.iter().filter(|(name, _)| of_row(name)).collect();
            for (policy, person) in POLICIES.iter().zip(page.people) {
                let reads = statements(policy).iter().any(|statement| {
                    let is_read = |action: &Value| READS.contains(&action.as_str().unwrap());
                    let shows = list(&statement["Action"]).iter().any(is_read);
                    let on = list(&statement["Resource"]);
                    let has = |name: &str, store: &Value| {
                        on.iter().any(|on| is_of(on.as_str().unwrap(), name, store))
                    };
                    shows && of_row.iter().any(|(name, store)| has(name, store))
                });
                let told = row[4].to_lowercase().contains(person);
                assert!(of_row.is_empty() || told == reads, "{}: {policy} reads {reads}: {row:?}", page.name);
            }
        }
    }
}

/// Parameters that name a place outside the stack, by how parameters are named.
#[test]
fn each_parameter_that_names_a_place_outside_is_among_what_leaves_the_region() {
    let outside = Regex::new("(Endpoint|TopicArns?|EventBus|BucketName|Ur[li]|Issuer)$").unwrap();
    let stack = Template::read("template.yaml").unwrap();
    let parameters = stack.section("Parameters").as_object().unwrap();
    let outside: Vec<_> = parameters.keys().filter(|name| outside.is_match(name)).collect();
    assert!(outside.len() > 6, "{outside:?}");
    for page in &PAGES {
        let text = page.text();
        let section = text.split("\n## ").nth(3).unwrap();
        for parameter in &outside {
            assert!(section.contains(&format!("`{parameter}`")), "{}: {parameter}", page.name);
        }
    }
}

/// Nothing of the templates copies to another region by itself.
#[test]
fn nothing_replicates_unless_a_parameter_says_so() {
    for (name, resource) in all() {
        let properties = &resource["Properties"];
        for replicas in ["Replicas", "ReplicaRegions"] {
            assert_eq!(properties[replicas], Value::Null, "{name}");
        }
        let replication = &properties["ReplicationConfiguration"];
        assert!(replication.is_null() || replication[0] == "HasReplica", "{name}: {replication}");
    }
    let samconfig = read_to_string(file("samconfig.toml").unwrap()).unwrap();
    let production = samconfig.split("[production.global.parameters]").nth(1).unwrap();
    let region = production.lines().find_map(|line| line.strip_prefix("region = ")).unwrap();
    for page in &PAGES {
        assert!(page.text().contains(&format!("`{}`", region.trim_matches('"'))), "{}", page.name);
    }
}
