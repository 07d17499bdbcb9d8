//! What the roles of the template allow, against what the functions ask of AWS when they do all that they do.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

use std::collections::{BTreeMap, BTreeSet};
use std::fs::read_to_string;

use arauto::local::change;
use arauto::receiver::{Settings, Twin};
use jiff::SignedDuration;
use serde_json::{Value, json};
use tests::aws::{DIRECTORY_IDENTITY_SECRET, PKI, kept, post, shown};
use tests::bench::{Bench, CLIENT, URI};
use tests::bucket::Bucket;
use tests::contract::file;
use tests::sim;
use tests::template::{resources, templates};
use tests::uses::Use;
use tokio::runtime::Builder;
use webhook::delivery::{AttemptMessage, Hour};
use webhook::notification::{Endpoint, StateChange};

/// How many runs of the simulation are looked at. In each the functions meet retries, kills, faults of AWS and receivers that
/// hang; what is rarest among it comes once in a few runs.
const RUNS: u64 = 12;

/// A key whose use a parameter allows.
const KEY: &str = "arn:aws:kms:sa-east-1:123456789012:key/1234abcd-12ab-34cd-56ef-1234567890ab";

/// What AWS does in the name of a role, which no code of the function asks for.
const BY_AWS: &[(&str, &str, &str, &str)] = &[
    ("dispatch", "sqs:ReceiveMessage", "NotificationsQueue", "the event source mapping polls the queue"),
    ("dispatch", "sqs:DeleteMessage", "NotificationsQueue", "it deletes what dispatch did not keep"),
    ("dispatch", "sqs:GetQueueAttributes", "NotificationsQueue", "it asks the queue for its size, to scale"),
    ("evidence", "dynamodb:DescribeStream", LEDGER_STREAM, "the event source mapping reads the stream"),
    ("evidence", "dynamodb:GetRecords", LEDGER_STREAM, "the event source mapping reads the stream"),
    ("evidence", "dynamodb:GetShardIterator", LEDGER_STREAM, "the event source mapping reads the stream"),
    ("evidence", "dynamodb:ListStreams", LEDGER_STREAM, "the event source mapping finds the stream"),
    ("evidence", "logs:CreateLogStream", "EvidenceLogGroup", "Lambda writes the log"),
    ("evidence", "logs:PutLogEvents", "EvidenceLogGroup", "Lambda writes the log"),
    ("evidence", "xray:PutTraceSegments", "*", "Lambda sends the trace"),
    ("evidence", "xray:PutTelemetryRecords", "*", "Lambda sends the trace"),
    ("intake", "logs:CreateLogStream", "IntakeLogGroup", "Lambda writes the log"),
    ("intake", "logs:PutLogEvents", "IntakeLogGroup", "Lambda writes the log"),
    ("dispatch", "logs:CreateLogStream", "DispatchLogGroup", "Lambda writes the log"),
    ("dispatch", "logs:PutLogEvents", "DispatchLogGroup", "Lambda writes the log"),
    ("directory", "logs:CreateLogStream", "DirectoryLogGroup", "Lambda writes the log"),
    ("directory", "logs:PutLogEvents", "DirectoryLogGroup", "Lambda writes the log"),
    ("intake", "xray:PutTraceSegments", "*", "Lambda sends the trace"),
    ("intake", "xray:PutTelemetryRecords", "*", "Lambda sends the trace"),
    ("dispatch", "xray:PutTraceSegments", "*", "Lambda sends the trace"),
    ("dispatch", "xray:PutTelemetryRecords", "*", "Lambda sends the trace"),
    ("directory", "xray:PutTraceSegments", "*", "Lambda sends the trace"),
    ("directory", "xray:PutTelemetryRecords", "*", "Lambda sends the trace"),
];

/// As the template writes it.
const LEDGER_STREAM: &str = "${LedgerTable.Arn}/stream/*";

/// What the functions ask of AWS: in the simulation, and in what it leaves out.
fn asked() -> BTreeSet<Use> {
    let runtime = || Builder::new_current_thread().enable_all().build().unwrap();
    runtime().block_on(sim::warm_up());
    let paused = || Builder::new_current_thread().enable_all().start_paused(true).build().unwrap();
    let mut asked: BTreeSet<Use> =
        (0..RUNS).flat_map(|seed| paused().block_on(sim::run(seed, None)).uses).collect();
    asked.extend(runtime().block_on(beside_the_simulation()));
    asked.extend(runtime().block_on(of_evidence()));
    asked
}

/// The simulation has no schedule, whose Directory it would not reach, and nobody in it asks for a notification.
async fn beside_the_simulation() -> BTreeSet<Use> {
    let bench = Bench::new().await;
    let functions = &bench.functions;
    let identity = json!({
        "certificate_chain": PKI.sender.chain_pem, "private_key": PKI.sender.key_pem, "client_id": "us",
    });
    functions.aws.put_secret(DIRECTORY_IDENTITY_SECRET, &identity.to_string());
    assert_eq!(bench.put(CLIENT, &bench.with_uris(CLIENT, &[URI])).await.status, 200);
    bench.review().await;
    bench.pass(SignedDuration::from_hours(24));
    bench.review().await;

    let intake = functions.intake().await;
    let change = change(Endpoint::PixPayment, CLIENT, "payment", functions.hands.now());
    let posted = post(&intake, "application/json", &change.to_string()).await;
    assert_eq!(posted.status, 202, "{}", posted.text());
    let posted: Value = serde_json::from_slice(&posted.body).unwrap();
    assert_eq!(shown(&intake, posted["verdicts"][0]["notification_id"].as_str().unwrap()).await.status, 404);

    // A certificate whose key stays in KMS; in the simulation it is in the secret.
    functions.aws.put_key(KEY, &PKI.sender.key_pem);
    let identity = json!({ "certificate_chain": PKI.sender.chain_pem, "kms_key_id": KEY });
    functions.put_identity_text(&identity.to_string());
    let twin = Settings::new(PKI.receiver.clone(), PKI.sender_authority.root_pem());
    let twin = Twin::start(twin).await.unwrap();
    functions.register("itp-kms", &twin.base_uri()).await;
    let dispatch = functions.dispatch(&functions.hands).await;
    let posted = arauto::local::change(Endpoint::PixPayment, "itp-kms", "signed", functions.hands.now());
    let message = StateChange::from_json(&posted, "").unwrap();
    let message = AttemptMessage::first(message, functions.hands.now()).unwrap();
    assert_eq!(kept(&dispatch, &[message.to_json()]).await, [0; 0]);
    functions.uses.seen()
}

/// What evidence asks for: a batch of the ledger's stream, and two rounds of sealing.
async fn of_evidence() -> BTreeSet<Use> {
    let bucket = Bucket::default();
    bucket.put("attempts/2026/11/23/13/stream-1", b"{}\n");
    for hour in ["2026-11-23T15", "2026-11-23T16"] {
        let now = hour.parse::<Hour>().unwrap().start() + SignedDuration::from_mins(25);
        let evidence = bucket.evidence(now).await;
        evidence.handle(json!({ "task": "seal" })).await.unwrap();
        let change = json!({
            "eventName": "REMOVE",
            "dynamodb": { "SequenceNumber": "1", "Keys": { "notification": { "S": "n" } } },
        });
        evidence.handle(json!({ "Records": [change] })).await.unwrap();
    }
    bucket.uses()
}

/// The functions of the template by the name of their binary, each with the statements of its role.
fn roles() -> BTreeMap<String, Vec<Value>> {
    let resources = resources("template.yaml").unwrap();
    let functions = resources.values().filter(|resource| resource["Type"] == "AWS::Serverless::Function");
    let roles: BTreeMap<_, _> = functions
        .map(|function| {
            let binary = function["Metadata"]["BuildProperties"]["Binary"].as_str().unwrap().to_owned();
            let role = function["Properties"]["Role"].as_str().unwrap().strip_suffix(".Arn").unwrap();
            let beside = resources.values().filter(|resource| {
                resource["Type"] == "AWS::IAM::Policy"
                    && list(&resource["Properties"]["Roles"]).contains(&role.into())
            });
            let beside = beside.flat_map(|policy| list(&policy["Properties"]["PolicyDocument"]["Statement"]));
            (binary, statements(&resources[role]).into_iter().chain(beside).collect())
        })
        .collect();
    assert!(roles.len() >= 3);
    roles
}

fn statements(role: &Value) -> Vec<Value> {
    let policies = role["Properties"]["Policies"].as_array().unwrap();
    let statements = policies.iter().flat_map(|policy| list(&policy["PolicyDocument"]["Statement"]));
    // One that is there on a condition is the second of an `If`.
    statements.map(|one| if one.is_array() { one[1].clone() } else { one }).collect()
}

/// One or many, as IAM writes them.
fn list(value: &Value) -> Vec<Value> {
    value.as_array().cloned().unwrap_or_else(|| vec![value.clone()])
}

/// The logical ids or the actions of a statement.
fn names(value: &Value) -> Vec<String> {
    list(value).iter().map(|name| name.as_str().unwrap().trim_end_matches(".Arn").to_owned()).collect()
}

/// Says whether a statement is about the key that everything kept is encrypted with.
fn is_of_the_key(statement: &Value) -> bool {
    statement["Resource"] == json!(["MakesDataKey", "DataKey.Arn", "DataKeyArn"])
}

fn allowed() -> BTreeSet<Use> {
    let mut allowed = BTreeSet::new();
    for (function, statements) in roles() {
        for statement in statements.iter().filter(|statement| !is_of_the_key(statement)) {
            assert_eq!(statement["Effect"], "Allow", "{statement}");
            for resource in names(&statement["Resource"]) {
                allowed.extend(names(&statement["Action"]).into_iter().map(|action| Use {
                    function: function.clone(),
                    action,
                    resource: resource.clone(),
                }));
            }
        }
    }
    allowed
}

fn by_aws() -> BTreeSet<Use> {
    let entry = |&(function, action, resource, _): &(&str, &str, &str, &str)| Use {
        function: function.to_owned(),
        action: action.to_owned(),
        resource: resource.to_owned(),
    };
    BY_AWS.iter().map(entry).collect()
}

#[test]
fn each_role_allows_what_its_function_asks_for_and_nothing_more() {
    let (allowed, asked, by_aws) = (allowed(), asked(), by_aws());
    let missing: Vec<_> = asked.union(&by_aws).filter(|needed| !allowed.contains(needed)).collect();
    assert!(missing.is_empty(), "the roles of template.yaml do not allow {missing:#?}");
    let more: Vec<_> = allowed.iter().filter(|one| !asked.contains(one) && !by_aws.contains(one)).collect();
    assert!(more.is_empty(), "the roles of template.yaml allow what nobody asks for: {more:#?}");
    let both: Vec<_> = asked.intersection(&by_aws).collect();
    assert!(both.is_empty(), "the functions ask for it themselves: {both:#?}");
}

#[test]
fn each_role_may_use_the_key_for_the_queues_tables_and_secrets_it_uses_and_for_nothing_else() {
    let services = [
        ("sqs", "kms:EncryptionContext:aws:sqs:arn"),
        ("dynamodb", "kms:EncryptionContext:aws:dynamodb:tableName"),
        ("secretsmanager", "kms:EncryptionContext:SecretARN"),
    ];
    let used = allowed();
    for (function, statements) in roles() {
        let mut through = BTreeSet::new();
        for statement in statements.iter().filter(|statement| is_of_the_key(statement)) {
            let conditions = statement["Condition"]["StringEquals"].as_object().unwrap();
            let via = conditions["kms:ViaService"].as_str().unwrap();
            let Some((service, context)) = services
                .into_iter()
                .find(|(service, _)| via == format!("{service}.${{AWS::Region}}.amazonaws.com"))
            else {
                continue;
            };
            assert_eq!(conditions.len(), 2, "{statement}");
            let of_service =
                |one: &&Use| one.function == function && one.action.starts_with(&format!("{service}:"));
            // Of a stream, the key's context is the table.
            let table = |one: &Use| match one.resource.as_str() {
                LEDGER_STREAM => "LedgerTable".to_owned(),
                resource => resource.to_owned(),
            };
            let of: BTreeSet<_> = used.iter().filter(of_service).map(table).collect();
            assert_eq!(names(&conditions[context]).into_iter().collect::<BTreeSet<_>>(), of, "{statement}");
            // Only what is put into a queue is encrypted in the caller's name.
            let expected: &[&str] =
                if service == "sqs" { &["kms:GenerateDataKey", "kms:Decrypt"] } else { &["kms:Decrypt"] };
            assert_eq!(names(&statement["Action"]), expected, "{statement}");
            assert!(through.insert(service), "{function} has two statements for {service}");
        }
        for (service, _) in services {
            let is_used = used
                .iter()
                .any(|one| one.function == function && one.action.starts_with(&format!("{service}:")));
            assert_eq!(through.contains(service), is_used, "{function} and the key for {service}");
        }
    }
}

#[test]
fn only_dispatch_may_read_the_identity_it_presents_and_only_directory_its_own() {
    let readers = |secret: &str| -> Vec<_> {
        let reads = |one: &Use| one.resource == secret && one.action.starts_with("secretsmanager:Get");
        allowed().into_iter().filter(reads).map(|one| one.function).collect()
    };
    assert_eq!(readers("IdentitySecret"), ["dispatch"]);
    assert_eq!(readers("DirectoryIdentitySecret"), ["directory"]);
}

#[test]
fn no_role_is_without_the_boundary_and_none_is_left_to_sam() {
    for path in templates().unwrap() {
        for (name, resource) in resources(&path).unwrap() {
            let properties = &resource["Properties"];
            match resource["Type"].as_str().unwrap() {
                "AWS::IAM::Role" => assert_eq!(
                    properties["PermissionsBoundary"],
                    json!(["HasPermissionsBoundary", "PermissionsBoundaryArn", "AWS::NoValue"]),
                    "{name} of {path}"
                ),
                // SAM makes a role for a function, a schedule or a gradual deployment that names none.
                "AWS::Serverless::Function" => {
                    assert!(properties["Role"].is_string(), "{name} names no role");
                    for (event, source) in properties["Events"].as_object().into_iter().flatten() {
                        assert!(
                            source["Type"] != "ScheduleV2" || source["Properties"]["RoleArn"].is_string(),
                            "{event} of {name} names no role"
                        );
                    }
                    let gradual = &properties["DeploymentPreference"];
                    assert!(gradual.is_null() || gradual["Role"].is_string(), "{name} names no role");
                }
                _ => {}
            }
        }
    }
}

#[test]
fn no_role_is_shared_and_each_statement_says_why_it_is_there() {
    let mut roles_of = BTreeMap::new();
    for (name, resource) in resources("template.yaml").unwrap() {
        if resource["Type"] == "AWS::Serverless::Function" {
            let role = resource["Properties"]["Role"].as_str().unwrap().to_owned();
            assert_eq!(roles_of.insert(role, name), None);
        }
    }
    for path in templates().unwrap() {
        for (name, resource) in resources(&path).unwrap() {
            let properties = &resource["Properties"];
            let policies = list(&properties["Policies"]);
            let documents = policies.iter().map(|policy| &policy["PolicyDocument"]).chain(
                ["AssumeRolePolicyDocument", "PolicyDocument", "KeyPolicy"].map(|key| &properties[key]),
            );
            let mut sids = BTreeSet::new();
            for statement in documents.filter(|one| one.is_object()).flat_map(|one| list(&one["Statement"])) {
                let sid = statement["Sid"].as_str().unwrap_or_default().to_owned();
                // More than one word, each with a capital.
                let words = sid.chars().filter(char::is_ascii_uppercase).count();
                assert!(words > 1, "{name} of {path}: {statement}");
                assert!(sids.insert(sid), "{name} of {path} has a Sid twice: {statement}");
            }
        }
    }
}

#[test]
fn every_wildcard_has_its_reason_beside_it() {
    for path in templates().unwrap() {
        let text = read_to_string(file(&path).unwrap()).unwrap();
        let lines: Vec<_> = text.lines().map(str::trim).collect();
        let wild =
            |line: &&str| *line == r#"Resource: "*""# || line.starts_with("Action:") && line.ends_with(":*");
        for (at, line) in lines.iter().enumerate().filter(|(_, line)| wild(line)) {
            let sid = lines[..at].iter().rposition(|line| line.starts_with("- Sid:")).unwrap();
            let denies = lines[sid..at].contains(&"Effect: Deny");
            assert!(denies || lines[sid - 1].starts_with('#'), "{path}, line {}: {line}", at + 1);
        }
    }
}
