//! State changes that come by queue, bus, stream or topic: verdicts as of the API, nothing lost, nobody blocked.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

use std::env::{join_paths, split_paths, var_os};
use std::fs::{Permissions, read_to_string, set_permissions, write};
use std::io::Write as _;
use std::os::unix::fs::PermissionsExt as _;
use std::process::{Command, Stdio};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use convention::notification::Endpoint;
use devkit::local::change;
use jiff::SignedDuration;
use lambda_http::request::RequestContext;
use lambda_http::{Body, Request, RequestExt as _};
use serde_json::{Value, json};
use tests::aws::{
    Fault, Functions, INTAKE, INTAKE_ARN, LEDGER, NOTIFICATIONS, PKI, REJECTED, from_queue, post, requeued,
    verdicts,
};
use tests::contract::file;
use tests::log::listen;
use tests::skip;

const CLIENT: &str = "itp-1";

/// With an identity, and a receiver that accepts.
async fn functions() -> (Functions, devkit::receiver::MockReceiver) {
    let functions = Functions::default();
    functions.put_identity(&PKI.sender);
    let mock = functions.receiver(CLIENT, "202").await;
    (functions, mock)
}

fn payment(functions: &Functions, id: &str) -> Value {
    change(Endpoint::PixPayment, CLIENT, id, functions.test_clock.now())
}

fn event(detail: &Value) -> Value {
    json!({
        "version": "0", "id": "e-1", "detail-type": "StateChange", "source": "bank.payments",
        "account": "123456789012", "time": "2026-03-10T12:00:00Z", "region": "sa-east-1", "resources": [],
        "detail": detail,
    })
}

/// Posts changes to the API; returns its answer.
async fn post_changes(functions: &Functions, changes: &[&Value]) -> Value {
    let body = json!({ "changes": changes }).to_string();
    let answer = post(&functions.intake(), "application/json", &body).await;
    serde_json::from_slice(&answer.body).unwrap()
}

/// What lies in the rejected queue.
fn rejected(functions: &Functions) -> Vec<Value> {
    let messages = functions.aws.take_messages(REJECTED).into_iter();
    messages.map(|message| serde_json::from_str(&message.body).unwrap()).collect()
}

fn codes_of(functions: &Functions, metric: &str) -> Vec<(String, String)> {
    let lines = functions.metrics.lines().into_iter().filter(|line| line.get(metric).is_some());
    let text = |value: &Value| value.as_str().unwrap().to_owned();
    lines.map(|line| (text(&line["FunctionName"]), text(&line["Source"]))).collect()
}

#[tokio::test]
async fn a_change_of_a_queue_is_the_notification_that_it_is_of_the_api_and_is_sent_once() {
    let (functions, mock) = functions().await;
    let dispatch = functions.dispatch(&functions.test_clock);
    let change = payment(&functions, "p-1");
    let bodies = [
        change.to_string(),
        event(&change).to_string(),
        json!({ "Message": change.to_string() }).to_string(),
    ];
    for body in &bodies {
        assert_eq!(from_queue(&dispatch, INTAKE_ARN, std::slice::from_ref(body), &[]).await, [0; 0]);
    }
    // The same change by the API.
    assert_eq!(verdicts(&functions.intake(), &change).await, (202, vec!["accepted".to_owned()]));
    let posted = functions.aws.take_messages(NOTIFICATIONS);
    assert_eq!(posted.len(), 1);
    assert_eq!(requeued(&dispatch, &[posted[0].body.clone()]).await, [0; 0]);
    assert_eq!(mock.count(), 1, "one change is one notification");
    assert!(rejected(&functions).is_empty());
}

#[tokio::test]
async fn an_invalid_change_goes_to_the_rejected_queue_with_each_error_and_blocks_nobody() {
    let (functions, mock) = functions().await;
    let dispatch = functions.dispatch(&functions.test_clock);
    let mut wrong = payment(&functions, "p-1");
    (wrong["to"], wrong["api_version"]) = (json!(7), json!("v0"));
    let bodies = [
        "no JSON".to_owned(),
        wrong.to_string(),
        event(&wrong).to_string(),
        payment(&functions, "p-2").to_string(),
    ];
    assert_eq!(from_queue(&dispatch, INTAKE_ARN, &bodies, &[]).await, [0; 0]);
    assert_eq!(mock.count(), 1);
    let mut rejected = rejected(&functions);
    rejected.sort_by_key(|one| one["record_id"].as_str().unwrap().to_owned());
    let pointers = |one: &Value| -> Vec<String> {
        let errors = one["errors"].as_array().unwrap().iter();
        errors.map(|error| error["pointer"].as_str().unwrap().to_owned()).collect()
    };
    assert_eq!(rejected.len(), 3);
    assert_eq!(
        (&rejected[0]["body"], &rejected[0]["errors"][0]["code"]),
        (&json!("no JSON"), &json!("not_json"))
    );
    let mut of_second = pointers(&rejected[1]);
    of_second.sort_unstable();
    assert_eq!(of_second, ["/api_version", "/to"]);
    assert_eq!((&rejected[1]["source"], &rejected[1]["from"]), (&json!("sqs"), &json!(INTAKE_ARN)));
    assert_eq!(rejected[2]["source"], "eventbridge");
    assert!(pointers(&rejected[2]).iter().all(|pointer| pointer.starts_with("/detail/")));
    let counted = codes_of(&functions, "RejectedChanges");
    assert_eq!(counted, [("dispatch".into(), "eventbridge".into()), ("dispatch".into(), "sqs".into())]);
}

#[tokio::test]
async fn a_producer_cannot_forge_a_message_of_ours() {
    let (functions, mock) = functions().await;
    let dispatch = functions.dispatch(&functions.test_clock);
    let message = functions.payment(CLIENT, "p-1").to_json();
    assert_eq!(from_queue(&dispatch, INTAKE_ARN, std::slice::from_ref(&message), &[]).await, [0; 0]);
    assert!(mock.count() == 0);
    assert_eq!(rejected(&functions)[0]["body"], message);
    assert!(functions.aws.writes(LEDGER).is_empty());
}

#[tokio::test]
async fn a_forged_message_that_cannot_be_rejected_is_not_marked_undelivered() {
    let (functions, _mock) = functions().await;
    let dispatch = functions.dispatch(&functions.test_clock);
    functions.aws.fails_where("SendMessage", |input| input["QueueUrl"] == REJECTED, Fault::DENIED);
    let message = functions.payment(CLIENT, "p-1").to_json();
    let attributes = [("ApproximateReceiveCount", "149".to_owned())];
    assert_eq!(from_queue(&dispatch, INTAKE_ARN, &[message], &attributes).await, [0]);
    assert!(functions.aws.writes(LEDGER).is_empty());
}

#[tokio::test]
async fn a_record_that_could_not_be_rejected_returns_to_its_own_queue() {
    let (functions, _mock) = functions().await;
    let dispatch = functions.dispatch(&functions.test_clock);
    functions.aws.fails_where("SendMessage", |input| input["QueueUrl"] == REJECTED, Fault::DENIED);
    let bodies = ["no JSON".to_owned(), payment(&functions, "p-1").to_string()];
    assert_eq!(from_queue(&dispatch, INTAKE_ARN, &bodies, &[]).await, [0]);
    let calls = functions.aws.calls();
    let hidden: Vec<_> = calls.iter().filter(|call| call.operation == "ChangeMessageVisibility").collect();
    assert_eq!(hidden.len(), 1);
    assert_eq!(hidden[0].input["QueueUrl"], INTAKE);
    assert!(codes_of(&functions, "RejectedChanges").is_empty());
}

#[tokio::test]
async fn a_change_that_nobody_is_notified_of_leaves_no_row_as_by_the_api() {
    let (functions, mock) = functions().await;
    let dispatch = functions.dispatch(&functions.test_clock);
    let stranger = change(Endpoint::PixPayment, "itp-9", "p-1", functions.test_clock.now());
    let mut without = payment(&functions, "p-2");
    without["api"] = json!("accounts");
    let bodies = [stranger.to_string(), without.to_string()];
    assert_eq!(from_queue(&dispatch, INTAKE_ARN, &bodies, &[]).await, [0; 0]);
    assert!(mock.count() == 0 && functions.aws.writes(LEDGER).is_empty());
    assert!(rejected(&functions).is_empty());
    // Once the client is registered, the change may be sent again and is notified.
    let mock = functions.receiver("itp-9", "202").await;
    functions.test_clock.advance(SignedDuration::from_secs(31));
    let later = change(Endpoint::PixPayment, "itp-9", "p-1", functions.test_clock.now());
    assert_eq!(from_queue(&dispatch, INTAKE_ARN, &[later.to_string()], &[]).await, [0; 0]);
    assert_eq!(mock.count(), 1);
}

/// An API that is unknown but well formed is no error, by whatever way its change comes: a line of the log warns of it.
#[tokio::test]
async fn a_change_of_an_unknown_api_is_not_notifiable_with_a_warning_in_every_source() {
    const UNKNOWN: &str = "payroll-credit-portability";
    const MISSPELT: &str = "payment";
    for source in ["api", "sqs", "eventbridge", "kinesis", "kafka"] {
        let (functions, mock) = functions().await;
        let mut unknown = payment(&functions, "p-1");
        (unknown["api"], unknown["resource"]) = (json!(UNKNOWN), json!("portability"));
        // Two names that nobody knows, the second of them twice.
        let mut misspelt = [payment(&functions, "p-3"), payment(&functions, "p-4")];
        for change in &mut misspelt {
            change["api"] = json!(MISSPELT);
        }
        let mut malformed = unknown.clone();
        malformed["api"] = json!("Payroll Credit");
        let known = payment(&functions, "p-2");
        let changes = [&unknown, &malformed, &known, &misspelt[0], &misspelt[1]];
        let bodies = changes.map(Value::to_string);
        let (written, _listening) = listen();
        let dispatch = functions.dispatch(&functions.test_clock);
        match source {
            "api" => {
                let answer = post_changes(&functions, &changes).await;
                let said = &answer["verdicts"];
                assert_eq!(
                    (&said[0]["verdict"], &said[0]["rule"]),
                    (&json!("not_notifiable"), &json!("unknown_api"))
                );
                assert_eq!(said[0]["warnings"], json!(["unknown_api"]));
                assert_eq!(
                    (&said[1]["verdict"], &said[1]["errors"][0]["pointer"]),
                    (&json!("invalid"), &json!("/changes/1/api"))
                );
                assert_eq!(said[2]["verdict"], "accepted");
                assert!(said[2]["warnings"].is_null());
            }
            "sqs" => assert_eq!(from_queue(&dispatch, INTAKE_ARN, &bodies, &[]).await, [0; 0]),
            "eventbridge" => {
                let events = changes.map(|change| event(change).to_string());
                assert_eq!(from_queue(&dispatch, INTAKE_ARN, &events, &[]).await, [0; 0]);
            }
            "kinesis" => {
                assert_eq!(
                    taken_in(&functions, &kinesis(&functions, &bodies)).await.unwrap(),
                    nothing_repeated()
                );
            }
            _ => assert_eq!(taken_in(&functions, &kafka(&bodies)).await.unwrap(), nothing_repeated()),
        }
        // What is malformed is an error as before, and what follows is notified.
        assert_eq!(rejected(&functions).len(), usize::from(source != "api"), "{source}");
        let sent = functions.aws.take_messages(NOTIFICATIONS).len() + mock.count();
        assert_eq!(sent, 1, "{source}");
        let lines = written.take().into_iter().map(|line| serde_json::from_str::<Value>(&line).unwrap());
        let lines: Vec<_> = lines.filter(|line| line["code"] == "unknown_api").collect();
        assert!(lines.iter().all(|line| line["level"] == "WARN" && line["client_id"] == CLIENT), "{lines:?}");
        // Intake writes one line for each name and counts, dispatch one for each record.
        let told = |api: &str| -> Vec<_> {
            lines.iter().filter(|line| line["api"] == api).map(|line| line["changes"].as_u64()).collect()
        };
        let is_of_dispatch = ["sqs", "eventbridge"].contains(&source);
        let (of_one, of_two) =
            if is_of_dispatch { (vec![None], vec![None; 2]) } else { (vec![Some(1)], vec![Some(2)]) };
        assert_eq!((told(UNKNOWN), told(MISSPELT)), (of_one, of_two), "{source}: {lines:?}");
    }
}

#[tokio::test]
async fn a_clock_of_ours_that_is_behind_rejects_nothing() {
    let (functions, _mock) = functions().await;
    let sent = functions.test_clock.now();
    let body = payment(&functions, "p-1").to_string();
    let behind = functions.test_clock.ahead(SignedDuration::from_mins(-10));
    let dispatch = functions.dispatch(&behind);
    let attributes = [("SentTimestamp", sent.as_millisecond().to_string())];
    assert_eq!(from_queue(&dispatch, INTAKE_ARN, &[body], &attributes).await, [0]);
    assert!(rejected(&functions).is_empty());
}

// ---------------------------------------------------------------------------------------------------------------------
// Streams
// ---------------------------------------------------------------------------------------------------------------------

const STREAM: &str = "arn:aws:kinesis:sa-east-1:123456789012:stream/changes";

/// "Process Amazon Kinesis Data Streams records with Lambda", AWS Lambda Developer Guide.
pub(crate) fn kinesis(functions: &Functions, bodies: &[String]) -> Value {
    let record = |(at, body): (usize, &String)| {
        json!({
            "kinesis": {
                "kinesisSchemaVersion": "1.0",
                "partitionKey": "1",
                "sequenceNumber": format!("4959033827149025660855969253836157109592157598913658889{at}"),
                "data": STANDARD.encode(body),
                "approximateArrivalTimestamp": functions.test_clock.now().as_second(),
            },
            "eventSource": "aws:kinesis",
            "eventVersion": "1.0",
            "eventID": format!("shardId-000000000006:{at}"),
            "eventName": "aws:kinesis:record",
            "invokeIdentityArn": "arn:aws:iam::123456789012:role/intake",
            "awsRegion": "sa-east-1",
            "eventSourceARN": STREAM,
        })
    };
    json!({ "Records": bodies.iter().enumerate().map(record).collect::<Vec<_>>() })
}

/// "Process Amazon MSK messages with Lambda", AWS Lambda Developer Guide.
fn kafka(bodies: &[String]) -> Value {
    let record = |(at, body): (usize, &String)| {
        json!({
            "topic": "changes", "partition": 0, "offset": at, "timestamp": 1_545_084_650_987_u64,
            "timestampType": "CREATE_TIME", "key": "abcDEFghiJKLmnoPQRstuVWXyz1234==",
            "value": STANDARD.encode(body),
            "headers": [{ "headerKey": [104, 101, 97, 100, 101, 114, -17] }],
        })
    };
    json!({
        "eventSource": "aws:kafka",
        "eventSourceArn": "arn:aws:kafka:sa-east-1:123456789012:cluster/c/1",
        "bootstrapServers": "b-1.c.kafka.sa-east-1.amazonaws.com:9098",
        "records": { "changes-0": bodies.iter().enumerate().map(record).collect::<Vec<_>>() },
    })
}

#[tokio::test]
async fn an_odd_record_of_a_topic_does_not_fail_the_batch() {
    for source in ["aws:kafka", "SelfManagedKafka", "aws:SelfManagedKafka"] {
        let (functions, _mock) = functions().await;
        let bodies: Vec<_> = (0..6).map(|id| payment(&functions, &format!("p-{id}")).to_string()).collect();
        let mut event = kafka(&bodies);
        event["eventSource"] = json!(source);
        let records = &mut event["records"]["changes-0"];
        records[0]["timestamp"] = json!(-1);
        records[1]["timestamp"] = json!(1_700_000_000_000_000_000_i64);
        records[2]["headers"] = json!([{ "name": [200] }]);
        records[3].as_object_mut().unwrap().remove("headers");
        records[4]["value"] = json!(7);
        assert_eq!(taken_in(&functions, &event).await.unwrap(), nothing_repeated(), "{source}");
        assert_eq!(functions.aws.take_messages(NOTIFICATIONS).len(), 5, "{source}");
        assert_eq!(rejected(&functions).len(), 1, "{source}");
    }
}

/// Hands intake a batch of records, and returns its answer.
pub(crate) async fn taken_in(functions: &Functions, event: &Value) -> Result<Value, intake::StreamError> {
    let request = Request::new(Body::from(event.to_string()));
    let request = request.with_request_context(RequestContext::PassThrough);
    let answer = functions.intake().serve(request).await?;
    Ok(serde_json::from_str(answer.body()).unwrap())
}

fn nothing_repeated() -> Value {
    json!({ "batchItemFailures": [] })
}

#[tokio::test]
async fn records_of_a_stream_and_of_a_topic_are_judged_as_by_the_api() {
    for (source, of_stream) in [("kinesis", true), ("kafka", false)] {
        let (functions, _mock) = functions().await;
        let mut wrong = payment(&functions, "p-2");
        wrong["to"] = json!(7);
        let stranger = change(Endpoint::PixPayment, "itp-9", "p-3", functions.test_clock.now());
        let bodies = [
            payment(&functions, "p-1").to_string(),
            wrong.to_string(),
            stranger.to_string(),
            json!({ "specversion": "1.0", "data": payment(&functions, "p-1") }).to_string(),
            "\u{0}poison".to_owned(),
            payment(&functions, "p-4").to_string(),
        ];
        let event = if of_stream { kinesis(&functions, &bodies) } else { kafka(&bodies) };
        assert_eq!(taken_in(&functions, &event).await.unwrap(), nothing_repeated(), "{source}");
        assert_eq!(functions.aws.take_messages(NOTIFICATIONS).len(), 2, "{source}: a copy is none");
        let rejected = rejected(&functions);
        assert_eq!(rejected.len(), 2, "{source}");
        assert!(rejected.iter().all(|one| one["source"] == source));
        assert_eq!(rejected[0]["errors"][0]["pointer"], "/to");
        let id = if of_stream { "shardId-000000000006:1" } else { "changes-0@1" };
        assert_eq!(rejected[0]["record_id"], id);
        assert_eq!(codes_of(&functions, "RejectedChanges"), [("intake".to_owned(), source.to_owned())]);
        assert_eq!(functions.metrics.values("RejectedChanges"), [2.0]);
    }
}

#[tokio::test]
async fn a_queue_that_answers_half_has_the_rest_repeated_and_nothing_rejected_twice() {
    let (functions, _mock) = functions().await;
    let bodies = [
        "first".to_owned(),
        payment(&functions, "p-1").to_string(),
        payment(&functions, "p-2").to_string(),
        "last".to_owned(),
    ];
    let event = kinesis(&functions, &bodies);
    functions.aws.fails_messages_with("p-2", "InternalError", usize::MAX);
    let answer = taken_in(&functions, &event).await.unwrap();
    let failed = &event["Records"][2]["kinesis"]["sequenceNumber"];
    assert_eq!(answer, json!({ "batchItemFailures": [{ "itemIdentifier": failed }] }));
    let bodies_of =
        |rejected: Vec<Value>| -> Vec<_> { rejected.into_iter().map(|one| one["body"].clone()).collect() };
    assert_eq!(bodies_of(rejected(&functions)), ["first"]);
    // Lambda repeats what follows, and now the queue takes it.
    functions.aws.recovers();
    let rest = json!({ "Records": [event["Records"][2], event["Records"][3]] });
    assert_eq!(taken_in(&functions, &rest).await.unwrap(), nothing_repeated());
    assert_eq!(bodies_of(rejected(&functions)), ["last"]);
    assert_eq!(functions.aws.take_messages(NOTIFICATIONS).len(), 2);
}

#[tokio::test]
async fn a_batch_of_a_topic_is_repeated_as_a_whole_and_becomes_the_same_notifications() {
    let (functions, mock) = functions().await;
    let bodies =
        [payment(&functions, "p-1").to_string(), "poison".to_owned(), payment(&functions, "p-2").to_string()];
    functions.aws.fails_messages_with("p-2", "InternalError", usize::MAX);
    assert!(matches!(taken_in(&functions, &kafka(&bodies)).await, Err(intake::StreamError::Repeated(1))));
    assert!(rejected(&functions).is_empty());
    functions.aws.recovers();
    assert_eq!(taken_in(&functions, &kafka(&bodies)).await.unwrap(), nothing_repeated());
    assert_eq!(rejected(&functions).len(), 1);
    let dispatch = functions.dispatch(&functions.test_clock);
    for message in functions.aws.take_messages(NOTIFICATIONS) {
        assert_eq!(requeued(&dispatch, &[message.body]).await, [0; 0]);
    }
    assert_eq!(mock.count(), 2);
}

/// What the queue never takes is a defect of ours. Repeated, its record would keep all that follows it waiting.
#[tokio::test]
async fn a_record_that_our_queue_never_takes_blocks_nobody() {
    for event in [kinesis, |_: &Functions, bodies: &[String]| kafka(bodies)] {
        let (functions, _mock) = functions().await;
        let bodies = ["p-1", "p-2", "p-3"].map(|id| payment(&functions, id).to_string());
        functions.aws.fails_messages_with("p-2", "InvalidMessageContents", usize::MAX);
        assert_eq!(taken_in(&functions, &event(&functions, &bodies)).await.unwrap(), nothing_repeated());
        assert_eq!(functions.aws.take_messages(NOTIFICATIONS).len(), 2);
        let rejected = rejected(&functions);
        assert_eq!(rejected.len(), 1);
        assert_eq!(
            (&rejected[0]["body"], &rejected[0]["errors"][0]["code"]),
            (&json!(bodies[1]), &json!("message_rejected"))
        );
        // A request is told that its change is not taken, and its caller keeps it.
        let change = payment(&functions, "p-2");
        assert_eq!(verdicts(&functions.intake(), &change).await, (503, vec!["unavailable".to_owned()]));
    }
}

#[tokio::test]
async fn a_record_that_cannot_be_rejected_is_repeated() {
    let (functions, _mock) = functions().await;
    functions.aws.fails_where("SendMessage", |input| input["QueueUrl"] == REJECTED, Fault::DENIED);
    let event = kinesis(&functions, &[payment(&functions, "p-1").to_string(), "poison".to_owned()]);
    let failed = &event["Records"][1]["kinesis"]["sequenceNumber"];
    let answer = taken_in(&functions, &event).await.unwrap();
    assert_eq!(answer, json!({ "batchItemFailures": [{ "itemIdentifier": failed }] }));
    assert!(functions.metrics.values("RejectedChanges").is_empty());
}

#[tokio::test]
async fn a_receivers_table_that_does_not_answer_has_records_repeated() {
    let (functions, _mock) = functions().await;
    functions.aws.fails("GetItem", Fault::DENIED);
    let event = kinesis(&functions, &[payment(&functions, "p-1").to_string()]);
    let failed = &event["Records"][0]["kinesis"]["sequenceNumber"];
    let answer = taken_in(&functions, &event).await.unwrap();
    assert_eq!(answer["batchItemFailures"][0]["itemIdentifier"], *failed);
}

/// The command that installs what polls a broker.
const INSTALL_KAFKA: &str = "python3 -m venv .arauto/kafka && .arauto/kafka/bin/pip install --require-hashes -r infra/tools/kafka.txt";

/// Has a broker take records, polls them as Lambda does, and returns the event; nothing where no Kafka client is installed.
fn polled(bodies: &[String]) -> Option<Value> {
    let python = file(".arauto/kafka/bin/python").ok().filter(|python| python.is_file());
    let python = skip::unless("records_that_a_broker_took_are_taken_in", python, INSTALL_KAFKA).unwrap()?;
    let mut poll = Command::new(python)
        .arg(file("tests/kafka/poll.py").unwrap())
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let values: Vec<_> = bodies.iter().map(|body| STANDARD.encode(body)).collect();
    poll.stdin.take().unwrap().write_all(json!(values).to_string().as_bytes()).unwrap();
    let polled = poll.wait_with_output().unwrap();
    assert!(polled.status.success());
    Some(serde_json::from_slice(&polled.stdout).unwrap())
}

#[tokio::test]
async fn records_that_a_broker_took_are_taken_in() {
    let (functions, _mock) = functions().await;
    let cloud_event = json!({ "specversion": "1.0", "data": payment(&functions, "p-2") });
    let bodies = [payment(&functions, "p-1").to_string(), "poison".to_owned(), cloud_event.to_string()];
    let Some(event) = polled(&bodies) else { return };
    functions.aws.refuses_messages_with("p-2");
    assert!(matches!(taken_in(&functions, &event).await, Err(intake::StreamError::Repeated(1))));
    functions.aws.recovers();
    assert_eq!(taken_in(&functions, &event).await.unwrap(), nothing_repeated());
    assert_eq!(functions.aws.take_messages(NOTIFICATIONS).len(), 3, "p-1 twice, a copy that does no harm");
    // The last is a record without a value.
    let ids: Vec<_> = rejected(&functions).into_iter().map(|one| one["record_id"].clone()).collect();
    assert_eq!(ids, ["changes-0@1", "changes-0@3"]);
}

#[tokio::test]
async fn an_event_of_no_known_source_is_an_error() {
    let functions = Functions::default();
    for event in [json!({}), json!({ "Records": [{ "eventSource": "aws:s3" }] }), json!(null)] {
        assert!(taken_in(&functions, &event).await.is_err(), "{event}");
    }
}

// ---------------------------------------------------------------------------------------------------------------------
// Examples
// ---------------------------------------------------------------------------------------------------------------------

/// Runs a program of `examples/` with what stands in for what it needs, and returns what it produced.
fn produced(program: &str, arguments: &[&str], stand_ins: &[(&str, &str)]) -> String {
    let folder = tempfile::tempdir().unwrap();
    for (name, text) in stand_ins {
        let path = folder.path().join(name);
        write(&path, text).unwrap();
        set_permissions(&path, Permissions::from_mode(0o755)).unwrap();
    }
    let paths = [folder.path().into(), file("examples/outbox").unwrap()].into_iter();
    let paths = paths.chain(split_paths(&var_os("PATH").unwrap()).collect::<Vec<_>>());
    let out = folder.path().join("out");
    let ended = Command::new(program)
        .args(arguments)
        .current_dir(file("examples").unwrap())
        .env("PATH", join_paths(paths).unwrap())
        .env("PYTHONPATH", join_paths([folder.path().into(), file("examples/outbox").unwrap()]).unwrap())
        .env("PYTHONDONTWRITEBYTECODE", "1")
        .env("CLIENT_ID", CLIENT)
        .env("OUT", &out)
        .output()
        .unwrap();
    assert!(ended.status.success(), "{}", String::from_utf8_lossy(&ended.stderr));
    read_to_string(out).unwrap()
}

#[tokio::test]
async fn what_the_examples_produce_is_taken() {
    let (functions, mock) = functions().await;
    let dispatch = functions.dispatch(&functions.test_clock);
    let aws = "#!/bin/sh\nprintf '%s' \"$4\" > \"$OUT\"\necho 0\n";
    let entries = produced("sh", &["eventbridge/put-events.sh"], &[("aws", aws)]);
    let entries: Value = serde_json::from_str(&entries).unwrap();
    let detail: Value = serde_json::from_str(entries[0]["Detail"].as_str().unwrap()).unwrap();
    // The script has the machine's time, which the clock of the test stands still behind.
    functions.test_clock.advance(SignedDuration::from_mins(1));
    assert_eq!(from_queue(&dispatch, INTAKE_ARN, &[event(&detail).to_string()], &[]).await, [0; 0]);
    assert_eq!(mock.count(), 1);

    let modules = [("psycopg.py", ""), ("boto3.py", "")];
    let change = payment(&functions, "p-1").to_string();
    let code = format!(
        "import json, os, relay\nrow = relay.entry(7, json.loads({change:?}))\n\
         open(os.environ['OUT'], 'w').write(json.dumps(row))"
    );
    let entry: Value = serde_json::from_str(&produced("python3", &["-c", &code], &modules)).unwrap();
    assert_eq!(entry["MessageGroupId"], CLIENT);
    let body = entry["MessageBody"].as_str().unwrap().to_owned();
    assert_eq!(from_queue(&dispatch, INTAKE_ARN, &[body], &[]).await, [0; 0]);
    assert_eq!(mock.count(), 2);

    let producer = "import os\nclass Producer:\n    def __init__(self, settings): pass\n    \
        def produce(self, topic, key, value): open(os.environ['OUT'], 'w').write(value)\n    \
        def flush(self, seconds): return 0\n";
    let arguments = ["kafka/produce.py", "localhost:9092", "changes"];
    let record = produced("python3", &arguments, &[("confluent_kafka.py", producer)]);
    assert_eq!(taken_in(&functions, &kafka(&[record])).await.unwrap(), nothing_repeated());
    assert_eq!(functions.aws.take_messages(NOTIFICATIONS).len(), 1);
    assert!(rejected(&functions).is_empty());
}
