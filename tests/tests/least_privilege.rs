//! What the roles of the template allow, against what the functions ask of AWS when they do all that they do; and who may call.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

use std::collections::{BTreeMap, BTreeSet};
use std::fs::read_to_string;
use std::time::Duration;

use convention::delivery::{Hour, LedgerWrites};
use convention::notification::Endpoint;
use devkit::local::change;
use jiff::SignedDuration;
use lambda_http::request::RequestContext;
use lambda_http::{Body, Request, RequestExt as _};
use mtls::revocation::Serials;
use serde_json::{Value, json};
use tests::aws::{
    DIRECTORY_IDENTITY_SECRET, Fault, Functions, INTAKE_ARN, INTAKE_EVENTS_ARN, PKI, TIMERS_ARN, from_queue,
    listed, post, requeued, requeued_until, shown,
};
use tests::bucket::Bucket;
use tests::contract::file;
use tests::directory_fixture::{CLIENT, Fixture, URI};
use tests::iam_usage::Use;
use tests::sim::{self, Hazards};
use tests::template::{Template, resources, templates};
use tokio::runtime::Builder;
use tokio::time::Instant;

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
    ("dispatch", "sqs:ReceiveMessage", "IntakeQueue", "the event source mapping polls the queue"),
    ("dispatch", "sqs:DeleteMessage", "IntakeQueue", "it deletes what dispatch did not keep"),
    ("dispatch", "sqs:GetQueueAttributes", "IntakeQueue", "it asks the queue for its size, to scale"),
    ("dispatch", "sqs:ReceiveMessage", "IntakeEventsQueue", "the event source mapping polls the queue"),
    ("dispatch", "sqs:DeleteMessage", "IntakeEventsQueue", "it deletes what dispatch did not keep"),
    ("dispatch", "sqs:GetQueueAttributes", "IntakeEventsQueue", "it asks the queue for its size, to scale"),
    ("dispatch", "sqs:ReceiveMessage", "TimersQueue", "the event source mapping polls the queue"),
    ("dispatch", "sqs:DeleteMessage", "TimersQueue", "it deletes what dispatch did not keep"),
    ("dispatch", "sqs:GetQueueAttributes", "TimersQueue", "it asks the queue for its size, to scale"),
    ("intake", "iam:PassRole", "TimersRole", "the scheduler asks whether intake may give a timer this role"),
    ("intake", "kinesis:DescribeStream", "IntakeStreamArn", "the event source mapping reads the stream"),
    (
        "intake",
        "kinesis:DescribeStreamSummary",
        "IntakeStreamArn",
        "the event source mapping reads the stream",
    ),
    ("intake", "kinesis:GetRecords", "IntakeStreamArn", "the event source mapping reads the stream"),
    ("intake", "kinesis:GetShardIterator", "IntakeStreamArn", "the event source mapping reads the stream"),
    ("intake", "kinesis:ListShards", "IntakeStreamArn", "the event source mapping finds the shards"),
    (
        "intake",
        "kms:Decrypt",
        "IntakeStreamKeyArn",
        "the event source mapping reads what the stream's key encrypts",
    ),
    ("intake", "ec2:DescribeVpcs", "*", "the event source mapping finds the cluster's network"),
    ("intake", "ec2:DescribeSecurityGroups", "*", "the event source mapping finds the cluster's network"),
    ("intake", "kafka:DescribeCluster", "IntakeKafkaCluster", "the event source mapping finds the servers"),
    ("intake", "kafka:DescribeClusterV2", "IntakeKafkaCluster", "the event source mapping finds the servers"),
    (
        "intake",
        "kafka:GetBootstrapBrokers",
        "IntakeKafkaCluster",
        "the event source mapping finds the servers",
    ),
    ("intake", "kafka-cluster:Connect", "IntakeKafkaCluster", "the event source mapping reads the topic"),
    ("intake", "kafka-cluster:DescribeTopic", KAFKA_TOPIC, "the event source mapping reads the topic"),
    ("intake", "kafka-cluster:ReadData", KAFKA_TOPIC, "the event source mapping reads the topic"),
    ("intake", "kafka-cluster:AlterGroup", KAFKA_GROUP, "the event source mapping keeps its position"),
    ("intake", "kafka-cluster:DescribeGroup", KAFKA_GROUP, "the event source mapping keeps its position"),
    (
        "intake",
        "secretsmanager:GetSecretValue",
        "IntakeKafkaSecretArn",
        "the event source mapping authenticates",
    ),
    (
        "intake",
        "secretsmanager:GetSecretValue",
        "IntakeKafkaCaSecretArn",
        "the event source mapping knows the cluster",
    ),
    ("intake", "kms:Decrypt", KEYS_OF_SECRETS, "the event source mapping reads the secret"),
    ("evidence", "dynamodb:DescribeStream", LEDGER_STREAM, "the event source mapping reads the stream"),
    ("evidence", "dynamodb:GetRecords", LEDGER_STREAM, "the event source mapping reads the stream"),
    ("evidence", "dynamodb:GetShardIterator", LEDGER_STREAM, "the event source mapping reads the stream"),
    ("evidence", "dynamodb:ListStreams", LEDGER_STREAM, "the event source mapping finds the stream"),
    ("outcomes", "dynamodb:DescribeStream", LEDGER_STREAM, "the event source mapping reads the stream"),
    ("outcomes", "dynamodb:GetRecords", LEDGER_STREAM, "the event source mapping reads the stream"),
    ("outcomes", "dynamodb:GetShardIterator", LEDGER_STREAM, "the event source mapping reads the stream"),
    ("outcomes", "dynamodb:ListStreams", LEDGER_STREAM, "the event source mapping finds the stream"),
    ("outcomes", "dynamodb:DescribeStream", RECEIVERS_STREAM, "the event source mapping reads the stream"),
    ("outcomes", "dynamodb:GetRecords", RECEIVERS_STREAM, "the event source mapping reads the stream"),
    ("outcomes", "dynamodb:GetShardIterator", RECEIVERS_STREAM, "the event source mapping reads the stream"),
    ("outcomes", "dynamodb:ListStreams", RECEIVERS_STREAM, "the event source mapping finds the stream"),
    ("outcomes", "kms:Decrypt", KEYS_OF_SECRETS, "Secrets Manager decrypts the secret of the collector"),
    ("outcomes", "logs:CreateLogStream", "OutcomesLogGroup", "Lambda writes the log"),
    ("outcomes", "logs:PutLogEvents", "OutcomesLogGroup", "Lambda writes the log"),
    ("outcomes", "xray:PutTraceSegments", "*", "Lambda sends the trace"),
    ("outcomes", "xray:PutTelemetryRecords", "*", "Lambda sends the trace"),
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

/// As the templates write them.
const KAFKA_TOPIC: &str =
    "arn:${AWS::Partition}:kafka:${AWS::Region}:${AWS::AccountId}:topic/*/${IntakeKafkaTopic}";
const KAFKA_GROUP: &str = "arn:${AWS::Partition}:kafka:${AWS::Region}:${AWS::AccountId}:group/*";
const KEYS_OF_SECRETS: &str = "arn:${AWS::Partition}:kms:${AWS::Region}:${AWS::AccountId}:key/*";
/// As the template writes it.
const LEDGER_STREAM: &str = "${LedgerTable.Arn}/stream/*";
const RECEIVERS_STREAM: &str = "${ReceiversTable.Arn}/stream/*";

/// Every fourth run writes the ledger once, for which dispatch asks it first.
fn writes(seed: u64) -> LedgerWrites {
    if seed.is_multiple_of(4) { LedgerWrites::Lean } else { LedgerWrites::Full }
}

/// What the functions ask of AWS: in the simulation, and in what it leaves out.
fn asked() -> BTreeSet<Use> {
    let runtime = || Builder::new_current_thread().enable_all().build().unwrap();
    runtime().block_on(sim::warm_up());
    let paused = || Builder::new_current_thread().enable_all().start_paused(true).build().unwrap();
    let mut asked: BTreeSet<Use> = (0..RUNS)
        .flat_map(|seed| paused().block_on(sim::run(seed, None, writes(seed), Hazards::all())).uses)
        .collect();
    asked.extend(runtime().block_on(beside_the_simulation()));
    asked.extend(runtime().block_on(of_evidence()));
    // A bus that takes everything: the suite of outcomes looks at what it is given.
    let bus = "arn:${AWS::Partition}:events:${AWS::Region}:${AWS::AccountId}:event-bus/${OutcomeEventBus}";
    // X-Ray and the secret of a collector: the suite of traces looks at what they are asked.
    for (action, resource) in [
        ("events:PutEvents", bus),
        ("xray:PutSpans", "*"),
        ("xray:PutSpansForIndexing", "*"),
        ("secretsmanager:GetSecretValue", "TracesSecretArn"),
    ] {
        let [function, action, resource] = ["outcomes", action, resource].map(str::to_owned);
        asked.insert(Use { function, action, resource });
    }
    asked
}

/// What they ask for where the ledger is written twice, as it is by default: also where a message is given up for a fault of ours.
fn asked_by_default() -> BTreeSet<Use> {
    let runtime = || Builder::new_current_thread().enable_all().build().unwrap();
    let paused = || Builder::new_current_thread().enable_all().start_paused(true).build().unwrap();
    runtime().block_on(sim::warm_up());
    let mut asked: BTreeSet<Use> = (0..RUNS)
        .flat_map(|seed| paused().block_on(sim::run(seed, None, LedgerWrites::Full, Hazards::all())).uses)
        .collect();
    asked.extend(runtime().block_on(async {
        let functions = Functions::default();
        functions.put_identity_text("no JSON");
        let _mock = functions.receiver(CLIENT, "202").await;
        let dispatch = functions.dispatch(&functions.test_clock);
        let message = functions.payment(CLIENT, "given-up").to_json();
        let receives = [("ApproximateReceiveCount", "150".to_owned())];
        let until = Instant::now() + Duration::from_secs(5);
        assert_eq!(requeued_until(&dispatch, std::slice::from_ref(&message), &receives, until).await, [0; 0]);
        // A copy, once the fault is mended.
        let identity =
            json!({ "certificate_chain": PKI.sender.chain_pem, "private_key": PKI.sender.key_pem });
        functions.put_identity_text(&identity.to_string());
        assert_eq!(requeued(&functions.dispatch(&functions.test_clock), &[message]).await, [0; 0]);
        assert_eq!(functions.aws.undelivered_rows().len(), 1);
        functions.uses.seen()
    }));
    asked
}

/// The simulation has no schedule, whose Directory it would not reach, and nobody in it asks for a notification.
async fn beside_the_simulation() -> BTreeSet<Use> {
    let fixture = Fixture::new().await;
    let functions = &fixture.functions;
    let identity = json!({
        "certificate_chain": PKI.sender.chain_pem, "private_key": PKI.sender.key_pem, "client_id": "us",
    });
    functions.aws.put_secret(DIRECTORY_IDENTITY_SECRET, &identity.to_string());
    assert_eq!(fixture.put(CLIENT, &fixture.with_uris(CLIENT, &[URI])).await.status, 200);
    fixture.review().await;
    fixture.pass(SignedDuration::from_hours(24));
    fixture.review().await;

    let intake = functions.intake();
    let change = change(Endpoint::PixPayment, CLIENT, "payment", functions.test_clock.now());
    let posted = post(&intake, "application/json", &change.to_string()).await;
    assert_eq!(posted.status, 202, "{}", posted.text());
    let posted: Value = serde_json::from_slice(&posted.body).unwrap();
    assert_eq!(shown(&intake, posted["verdicts"][0]["notification_id"].as_str().unwrap()).await.status, 404);
    let now = functions.test_clock.now();
    let (from, to) = ((now - SignedDuration::from_hours(1)).to_string(), now.to_string());
    let window = [("client_id", CLIENT), ("from", from.as_str()), ("to", to.as_str())];
    assert_eq!(listed(&intake, &window).await.status, 200);

    // What sources bring: rejected, and requeued for a fault of ours.
    functions.put_identity(&PKI.sender);
    let dispatch = functions.dispatch(&functions.test_clock);
    let poison = ["no state change".to_owned()];
    let stream = json!({ "Records": [{
        "eventSource": "aws:kinesis",
        "kinesis": { "data": "cG9pc29u", "sequenceNumber": "1", "approximateArrivalTimestamp": 1 },
    }] });
    let request = Request::new(Body::from(stream.to_string()));
    intake.serve(request.with_request_context(RequestContext::PassThrough)).await.unwrap();
    for arn in [INTAKE_ARN, INTAKE_EVENTS_ARN] {
        assert_eq!(from_queue(&dispatch, arn, &poison, &[]).await, [0; 0]);
        functions.aws.fails("SendMessage", Fault::DENIED);
        assert_eq!(from_queue(&dispatch, arn, &poison, &[]).await, [0]);
        functions.aws.recovers();
    }

    // A timer that is set, fires early, and ends.
    let with_timers = Functions { timers: true, ..Functions::default() };
    let now = with_timers.test_clock.now();
    let consumed = devkit::local::change(Endpoint::PaymentConsent, "itp", "C1", now);
    let consumed = devkit::local::expiring(consumed, now + SignedDuration::from_mins(5), "REJECTED");
    post(&with_timers.intake(), "application/json", &consumed.to_string()).await;
    let timer = with_timers.aws.schedules().into_values().next().unwrap();
    let timer = [timer["Target"]["Input"].as_str().unwrap().to_owned()];
    assert_eq!(
        from_queue(&with_timers.dispatch(&with_timers.test_clock), TIMERS_ARN, &timer, &[]).await,
        [0]
    );
    with_timers.test_clock.advance(SignedDuration::from_mins(5));
    from_queue(&with_timers.dispatch(&with_timers.test_clock), TIMERS_ARN, &timer, &[]).await;
    let mut ended =
        devkit::local::change(Endpoint::PaymentConsent, "itp", "C1", with_timers.test_clock.now());
    (ended["from"], ended["to"]) = (json!("AWAITING_AUTHORISATION"), json!("REJECTED"));
    post(&with_timers.intake(), "application/json", &ended.to_string()).await;
    assert!(with_timers.aws.schedules().is_empty());
    assert_eq!(rejected_from_timers(&with_timers).await, [0; 0]);

    // A certificate whose key stays in KMS; in the simulation it is in the secret.
    functions.aws.put_key(KEY, &PKI.sender.key_pem);
    let identity = json!({ "certificate_chain": PKI.sender.chain_pem, "kms_key_id": KEY });
    functions.put_identity_text(&identity.to_string());
    let _mock = functions.receiver("itp-kms", "202").await;
    let dispatch = functions.dispatch(&functions.test_clock);
    let message = functions.payment("itp-kms", "signed");
    assert_eq!(requeued(&dispatch, &[message.to_json()]).await, [0; 0]);

    // The receiver's certificate is noted now, so that there are rows for an environment that starts.
    fixture.pass(SignedDuration::from_mins(5));
    fixture.review().await;
    functions.dispatch(&functions.test_clock).identities.prepare().await.unwrap();
    // The third generation of an authority's serials takes the place of the first.
    let (store, mut before) = (functions.revocation_store_of_directory(), None);
    for serial in 0..3 {
        let serials = Serials { revoked: vec![serial], held: Vec::new() };
        before = Some(store.put_serials("a", &serials, before, functions.test_clock.now()).await.unwrap());
    }
    &functions.uses.seen() | &with_timers.uses.seen()
}

/// What evidence asks for: a batch of the ledger's stream, and two rounds of sealing.
async fn of_evidence() -> BTreeSet<Use> {
    let bucket = Bucket::default();
    bucket.put("attempts/2026/11/23/13/stream-1", b"{}\n");
    for hour in ["2026-11-23T15", "2026-11-23T16"] {
        let now = hour.parse::<Hour>().unwrap().start() + SignedDuration::from_mins(25);
        let evidence = bucket.evidence(now);
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
    roles_without(&[])
}

/// The same without the policies that are there on these conditions only.
fn roles_without(conditions: &[&str]) -> BTreeMap<String, Vec<Value>> {
    let resources = Template::stack().unwrap().resources();
    let functions = resources.values().filter(|resource| resource["Type"] == "AWS::Serverless::Function");
    let roles: BTreeMap<_, _> = functions
        .map(|function| {
            let binary = function["Metadata"]["BuildProperties"]["Binary"].as_str().unwrap().to_owned();
            let role = function["Properties"]["Role"].as_str().unwrap().strip_suffix(".Arn").unwrap();
            let beside = resources.values().filter(|resource| {
                resource["Type"] == "AWS::IAM::Policy"
                    && !resource["Condition"]
                        .as_str()
                        .is_some_and(|name| name.starts_with("HasPreviousDataKey"))
                    && conditions.iter().all(|condition| resource["Condition"] != *condition)
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
    // One on a condition would be a list, and hide what it allows.
    statements.inspect(|statement| assert!(statement.is_object(), "{statement}")).collect()
}

/// One or many, as IAM writes them.
fn list(value: &Value) -> Vec<Value> {
    value.as_array().cloned().unwrap_or_else(|| vec![value.clone()])
}

/// The logical ids or the actions of a statement.
fn names(value: &Value) -> Vec<String> {
    list(value).iter().map(|name| name.as_str().unwrap().trim_end_matches(".Arn").to_owned()).collect()
}

/// Says whether a statement is about a key that something kept is encrypted with.
fn is_of_the_key(statement: &Value) -> bool {
    statement["Resource"] == data_key() || statement["Resource"] == EVIDENCE_KEY
}

/// The key of queues, tables, secrets and logs.
fn data_key() -> Value {
    json!(["MakesDataKey", "DataKey.Arn", "DataKeyArn"])
}

/// The key of the bucket of evidence.
const EVIDENCE_KEY: &str = "EvidenceKey.Arn";

/// What the roles allow, but for the use of the key, which has a test of its own.
fn allowed() -> BTreeSet<Use> {
    allowed_by(roles())
}

fn allowed_by(roles: BTreeMap<String, Vec<Value>>) -> BTreeSet<Use> {
    let mut allowed = BTreeSet::new();
    for (function, statements) in roles {
        for statement in &statements {
            assert_eq!(statement["Effect"], "Allow", "{statement}");
            for negated in ["NotAction", "NotResource"] {
                assert!(statement[negated].is_null(), "{statement}");
            }
            let of_the_key = is_of_the_key(statement);
            let resources =
                if of_the_key { vec!["DataKey".to_owned()] } else { names(&statement["Resource"]) };
            let actions = names(&statement["Action"]).into_iter();
            let actions: Vec<_> =
                actions.filter(|action| !(of_the_key && action.starts_with("kms:"))).collect();
            for resource in resources {
                allowed.extend(actions.iter().cloned().map(|action| Use {
                    function: function.clone(),
                    action,
                    resource: resource.clone(),
                }));
            }
        }
    }
    allowed
}

/// What a resource is part of, as the key's context names it: of a stream its table, of an object its bucket.
fn whole(resource: &str) -> String {
    let inner = resource.strip_prefix("${").and_then(|rest| rest.split_once('}'));
    inner.map_or(resource, |(name, _)| name).trim_end_matches(".Arn").to_owned()
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
    assert!(missing.is_empty(), "the roles of the stack do not allow {missing:#?}");
    let more: Vec<_> = allowed.iter().filter(|one| !asked.contains(one) && !by_aws.contains(one)).collect();
    assert!(more.is_empty(), "the roles of the stack allow what nobody asks for: {more:#?}");
    let both: Vec<_> = asked.intersection(&by_aws).collect();
    assert!(both.is_empty(), "the functions ask for it themselves: {both:#?}");
}

/// Hands dispatch a message of the timers' queue that is none.
async fn rejected_from_timers(functions: &Functions) -> Vec<usize> {
    from_queue(&functions.dispatch(&functions.test_clock), TIMERS_ARN, &["{}".to_owned()], &[]).await
}

#[tokio::test]
async fn what_timers_need_is_allowed_without_any_other_source() {
    let functions = Functions { timers: true, ..Functions::default() };
    assert_eq!(rejected_from_timers(&functions).await, [0; 0]);
    let others = ["HasIntakeQueue", "HasIntakeEvents", "HasIntakeStream", "HasIntakeKafka"];
    let allowed = allowed_by(roles_without(&others));
    let asked = functions.uses.seen();
    assert!(asked.iter().any(|one| one.resource == "RejectedQueue"), "{asked:?}");
    let missing: Vec<_> = asked.iter().filter(|needed| !allowed.contains(needed)).collect();
    assert!(missing.is_empty(), "with timers alone the roles do not allow {missing:#?}");
}

#[test]
fn what_lean_ledger_writes_need_is_asked_for_by_nobody_else() {
    let allowed = allowed_by(roles_without(&["WritesTheLedgerOnce", "HasTimers"]));
    let missing: Vec<_> = asked_by_default().into_iter().filter(|needed| !allowed.contains(needed)).collect();
    assert!(missing.is_empty(), "by default the roles of the stack do not allow {missing:#?}");
}

#[test]
fn each_role_may_use_the_key_for_what_it_uses_and_for_nothing_else() {
    let services = [
        ("s3", "kms:EncryptionContext:aws:s3:arn"),
        ("sqs", "kms:EncryptionContext:aws:sqs:arn"),
        ("dynamodb", "kms:EncryptionContext:aws:dynamodb:tableName"),
        ("secretsmanager", "kms:EncryptionContext:SecretARN"),
    ];
    let used = allowed();
    for (function, statements) in roles() {
        // A policy of a source adds what its queue needs.
        let mut through: BTreeMap<&str, BTreeSet<String>> = BTreeMap::new();
        for statement in statements.iter().filter(|statement| is_of_the_key(statement)) {
            let conditions = statement["Condition"]["StringEquals"].as_object().unwrap();
            let via = conditions["kms:ViaService"].as_str().unwrap();
            let (service, context) = services
                .into_iter()
                .find(|(service, _)| via == format!("{service}.${{AWS::Region}}.amazonaws.com"))
                .unwrap_or_else(|| panic!("{via} is no service that {function} uses the key through"));
            assert_eq!(conditions.len(), 2, "{statement}");
            let key = if service == "s3" { EVIDENCE_KEY.into() } else { data_key() };
            assert_eq!(statement["Resource"], key, "{statement}");
            through.entry(service).or_default().extend(names(&conditions[context]));
            // Only what is put into a queue or bucket is encrypted in the caller's name.
            let expected: &[&str] = match service {
                // Timers write there, in the name of their own role.
                "sqs" if names(&conditions[context]) == ["TimersQueue"] => &["kms:Decrypt"],
                "sqs" | "s3" => &["kms:GenerateDataKey", "kms:Decrypt"],
                _ => &["kms:Decrypt"],
            };
            assert_eq!(names(&statement["Action"]), expected, "{statement}");
        }
        for (service, _) in services {
            // The secrets of a Kafka cluster and of a collector are the bank's, and have a key of their own.
            let of_service = |one: &&Use| {
                one.function == function
                    && one.action.starts_with(&format!("{service}:"))
                    && !one.resource.starts_with("IntakeKafka")
                    && one.resource != "TracesSecretArn"
            };
            let of: BTreeSet<_> = used.iter().filter(of_service).map(|one| whole(&one.resource)).collect();
            assert_eq!(
                through.remove(service).unwrap_or_default(),
                of,
                "{function} and the key for {service}"
            );
        }
    }
}

#[test]
fn what_a_key_encrypted_before_can_be_read_with_it_and_nothing_encrypted() {
    let resources = Template::stack().unwrap().resources();
    let policies: Vec<_> =
        resources.values().filter(|resource| resource["Condition"] == "HasPreviousDataKey").collect();
    let mut roles = BTreeSet::new();
    for policy in policies {
        let properties = &policy["Properties"];
        roles.extend(names(&properties["Roles"]));
        for statement in list(&properties["PolicyDocument"]["Statement"]) {
            assert_eq!(names(&statement["Action"]), ["kms:Decrypt"]);
            assert_eq!(statement["Resource"], "PreviousDataKeyArn");
        }
    }
    let all: BTreeSet<_> = ["IntakeRole", "DispatchRole", "DirectoryRole", "EvidenceRole"]
        .into_iter()
        .map(str::to_owned)
        .collect();
    assert_eq!(roles, all);
}

#[test]
fn with_a_custodian_nobody_but_it_and_dispatch_reads_the_identity() {
    let resources = Template::stack().unwrap().resources();
    let (secret, key, policy) =
        (&resources["IdentitySecret"], &resources["IdentityKey"], &resources["IdentitySecretPolicy"]);
    let encrypted = &secret["Properties"]["KmsKeyId"];
    assert_eq!((&encrypted[0], &encrypted[1]), (&json!("HasCustodian"), &json!("IdentityKey.Arn")));
    let denied = &list(&policy["Properties"]["ResourcePolicy"]["Statement"])[0];
    assert_eq!((&denied["Effect"], &denied["Principal"]), (&json!("Deny"), &json!("*")));
    assert!(names(&denied["Action"]).contains(&"secretsmanager:GetSecretValue".to_owned()));
    let but = json!({ "ArnNotEquals": { "aws:PrincipalArn": ["DispatchRole.Arn", "IdentityCustodianArn"] } });
    assert_eq!(denied["Condition"], but);
    // Who administers the key cannot use it.
    for statement in list(&key["Properties"]["KeyPolicy"]["Statement"]) {
        let uses = |action: &String| ["kms:*", "kms:Decrypt", "kms:CreateGrant"].contains(&action.as_str());
        let may_use = names(&statement["Action"]).iter().any(uses);
        let principal = &statement["Principal"]["AWS"];
        assert_eq!(
            may_use,
            principal == "DispatchRole.Arn" || principal == "IdentityCustodianArn",
            "{statement}"
        );
    }
    for name in ["IdentityKey", "IdentitySecretPolicy"] {
        assert_eq!(resources[name]["Condition"], "HasCustodian");
    }
}

#[test]
fn nobody_deletes_the_key_of_evidence_and_its_bucket_keeps_its_policy() {
    let resources = Template::stack().unwrap().resources();
    let statements = list(&resources["EvidenceKey"]["Properties"]["KeyPolicy"]["Statement"]);
    let denied = statements.iter().find(|statement| statement["Effect"] == "Deny").unwrap();
    assert_eq!(denied["Principal"], "*");
    for action in ["kms:ScheduleKeyDeletion", "kms:DisableKey"] {
        assert!(names(&denied["Action"]).contains(&action.to_owned()), "{denied}");
    }
    for kept in ["EvidenceKey", "Bucket", "EvidenceBucketPolicy"] {
        assert_eq!(resources[kept]["DeletionPolicy"], "RetainExceptOnCreate", "{kept}");
    }
}

#[test]
fn no_role_has_rights_that_are_written_elsewhere_but_those_to_lambdas_network_interfaces() {
    let all = Template::stack().unwrap().resources();
    let functions = all.values().filter(|resource| resource["Type"] == "AWS::Serverless::Function");
    let of_functions: BTreeSet<_> =
        functions.flat_map(|function| names(&function["Properties"]["Role"])).collect();
    for (name, resource) in &all {
        let properties = &resource["Properties"];
        match resource["Type"].as_str().unwrap().strip_prefix("AWS::IAM::") {
            None => {}
            Some("Role") => {
                let trusted = &properties["AssumeRolePolicyDocument"]["Statement"][0]["Principal"];
                let of_lambda = trusted["Service"] == "lambda.amazonaws.com";
                assert_eq!(of_lambda, of_functions.contains(name), "{name}");
                let expected = if of_lambda { json!(["NetworkInterfacesPolicy"]) } else { Value::Null };
                assert_eq!(properties["ManagedPolicyArns"], expected, "{name}");
            }
            // Those of a function's role are looked at with it, and those of replication in `replica`.
            Some("Policy") => {
                let is_looked_at = |role: &String| of_functions.contains(role) || role == "ReplicationRole";
                assert!(names(&properties["Roles"]).iter().all(is_looked_at), "{name}");
                for attached in ["Users", "Groups"] {
                    assert!(properties[attached].is_null(), "{name}");
                }
            }
            Some("ManagedPolicy") => {
                assert_eq!(name, "NetworkInterfacesPolicy");
                for attached in ["Roles", "Users", "Groups"] {
                    assert!(properties[attached].is_null(), "{name}");
                }
            }
            Some(kind) => panic!("{name} is a {kind}, whose rights no test looks at"),
        }
    }
}

#[test]
fn lambda_keeps_its_network_interfaces_and_the_code_of_a_function_does_not() {
    let policy = Template::stack().unwrap().resources()["NetworkInterfacesPolicy"].clone();
    let expected = json!([
        {
            "Sid": "LambdaKeepsTheInterfaces",
            "Effect": "Allow",
            "Action": [
                "ec2:CreateNetworkInterface",
                "ec2:DescribeNetworkInterfaces",
                "ec2:DescribeSubnets",
                "ec2:DeleteNetworkInterface",
                "ec2:AssignPrivateIpAddresses",
                "ec2:UnassignPrivateIpAddresses",
            ],
            "Resource": "*",
        },
        {
            "Sid": "TheCodeItselfDoesNot",
            "Effect": "Deny",
            "Action": "ec2:*",
            "Resource": "*",
            "Condition": { "Null": { "lambda:SourceFunctionArn": "false" } },
        },
    ]);
    assert_eq!(policy["Properties"]["PolicyDocument"]["Statement"], expected);
}

#[test]
fn each_route_asks_for_the_scope_of_what_it_does() {
    let mut routes = 0;
    for (name, route) in Template::stack().unwrap().resources() {
        if route["Type"] != "AWS::ApiGatewayV2::Route" {
            continue;
        }
        let properties = &route["Properties"];
        let key = properties["RouteKey"].as_str().unwrap();
        let path = key.split_once(" /v1/").unwrap().1;
        let scope = match path.split('/').next().unwrap() {
            "state-changes" => "StateChangesScope",
            "notifications" => "NotificationsScope",
            "clients" => "ClientsScope",
            _ => panic!("{name} is a route that has no scope yet: {key}"),
        };
        let scopes = json!([format!("Has{scope}"), [format!("Jwt{scope}")], "AWS::NoValue"]);
        // Whoever operates the stack may be another than who registers clients, and need not be.
        let is_settings = path.ends_with("/settings");
        let scopes =
            if is_settings { json!(["HasSettingsScope", ["JwtSettingsScope"], scopes]) } else { scopes };
        assert_eq!(properties["AuthorizationScopes"], scopes, "{name}");
        assert_eq!(properties["AuthorizationType"], json!(["UsesTokens", "JWT", "AWS_IAM"]), "{name}");
        assert_eq!(
            properties["AuthorizerId"],
            json!(["UsesTokens", "TokenAuthorizer", "AWS::NoValue"]),
            "{name}"
        );
        routes += 1;
    }
    assert_eq!(routes, 9);
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
    for (name, resource) in Template::stack().unwrap().resources() {
        if resource["Type"] == "AWS::Serverless::Function" {
            let role = resource["Properties"]["Role"].as_str().unwrap().to_owned();
            assert_eq!(roles_of.insert(role, name), None);
        }
    }
    for path in templates().unwrap() {
        for (name, resource) in resources(&path).unwrap() {
            let mut sids = BTreeSet::new();
            for statement in every_statement(&resource) {
                let sid = statement["Sid"].as_str().unwrap_or_default().to_owned();
                // More than one word, each with a capital.
                let words = sid.chars().filter(char::is_ascii_uppercase).count();
                assert!(words > 1, "{name} of {path}: {statement}");
                assert!(sids.insert(sid), "{name} of {path} has a Sid twice: {statement}");
            }
        }
    }
}

/// Every statement of a role, a policy, a queue, a bucket, an endpoint or a key.
fn every_statement(resource: &Value) -> Vec<Value> {
    let properties = &resource["Properties"];
    let inline = list(&properties["Policies"]);
    let documents = inline
        .iter()
        .map(|policy| &policy["PolicyDocument"])
        .chain(["AssumeRolePolicyDocument", "PolicyDocument", "KeyPolicy"].map(|key| &properties[key]));
    let statements = documents.filter(|one| one.is_object()).flat_map(|one| list(&one["Statement"]));
    statements.inspect(|statement| assert!(statement.is_object(), "{statement}")).collect()
}

#[test]
fn every_wildcard_has_its_reason_beside_it() {
    let (mut found, mut missing) = (0, BTreeSet::new());
    for path in templates().unwrap() {
        let text = read_to_string(file(&path).unwrap()).unwrap();
        let lines: Vec<_> = text.lines().collect();
        for (name, resource) in resources(&path).unwrap() {
            // Another resource may have a statement of the same name.
            let start = lines.iter().position(|line| *line == format!("  {name}:")).unwrap();
            let end = lines
                .iter()
                .skip(start + 1)
                .position(|line| line.starts_with("  ") && !line.starts_with("   "));
            let within = lines
                .iter()
                .map(|line| line.trim())
                .enumerate()
                .skip(start)
                .take(end.map_or(usize::MAX, |end| end + 1));
            for statement in every_statement(&resource).iter().filter(|one| is_wild(one)) {
                let sid = format!("- Sid: {}", statement["Sid"].as_str().unwrap());
                let (at, _) = within.clone().find(|(_, line)| *line == sid).unwrap();
                if !lines[at - 1].trim().starts_with('#') {
                    missing.insert(format!("{path}, line {}: {name}: {statement}", at + 1));
                }
                found += 1;
            }
        }
    }
    assert!(missing.is_empty(), "no reason is given: {missing:#?}");
    assert!(found > 10, "{found}");
}

/// Says whether a statement allows more than it spells out. What one that denies leaves out would be the danger.
fn is_wild(statement: &Value) -> bool {
    let wild = |key: &str| statement[key].to_string().contains('*');
    statement["Effect"] != "Deny" && ["Action", "NotAction", "Resource", "NotResource"].into_iter().any(wild)
}
