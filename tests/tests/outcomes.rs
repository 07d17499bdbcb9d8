//! Outcome events from what the functions write to the bus: each that the code can make is one that `infra/events.yaml` publishes,
//! and nothing is lost or told under two ids. On the local stack streams, filters, bus and rules are nobody's here.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::fs::read_to_string;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use aws_smithy_runtime_api::client::http::{HttpConnector, HttpConnectorFuture};
use aws_smithy_runtime_api::client::orchestrator::{HttpRequest, HttpResponse};
use aws_smithy_runtime_api::http::StatusCode;
use aws_smithy_types::body::SdkBody;
use convention::delivery::{AttemptMessage, SlowReceiver};
use convention::notification::{ClientId, Ecosystem, Endpoint, ReceiverKey, StateChange};
use devkit::directory::StatementClaims;
use devkit::stack::Progress;
use jiff::{SignedDuration, Timestamp};
use jsonschema::Validator;
use outcomes::{Bus, EventType, Outcomes, SOURCE, Scope};
use platform::aws::{Receivers, dynamodb};
use serde_json::{Value, json};
use tests::aws::{
    Aws, Functions, LEDGER, Message, NOTIFICATIONS, PKI, RECEIVERS, requeued, requeued_until, requeued_with,
};
use tests::contract::file;
use tests::directory_fixture::Fixture;
use tests::template::{Template, resources};
use tests::world::{World, new_change};
use tokio::time::{Instant, sleep};

const CLIENT: &str = "itp-1";
const STACK: &str = "/arauto/arauto-dev";
const MINUTE: Duration = Duration::from_mins(1);

fn yaml(path: &str) -> Value {
    serde_saphyr::from_str(&read_to_string(file(path).unwrap()).unwrap()).unwrap()
}

/// The contract: what each type of event looks like.
fn contract() -> BTreeMap<String, Validator> {
    let document = yaml("infra/events.yaml");
    assert_eq!(document["asyncapi"], "3.0.0");
    let published = document["channels"]["outcomes"]["messages"].as_object().unwrap();
    let messages = document["components"]["messages"].as_object().unwrap();
    assert!(messages.keys().eq(published.keys()), "a message is on no channel");
    let validator = |message: &Value| {
        let schema = json!({ "allOf": [message["payload"]], "components": document["components"] });
        let validator = jsonschema::options().should_validate_formats(true).build(&schema).unwrap();
        (message["name"].as_str().unwrap().to_owned(), validator)
    };
    messages.values().map(validator).collect()
}

/// A bus: what it took, and what it is going to refuse.
#[derive(Clone, Debug, Default)]
pub(crate) struct FakeBus(Arc<Mutex<Taken>>);

#[derive(Debug, Default)]
struct Taken {
    entries: Vec<Value>,
    calls: usize,
    refusals: VecDeque<Refusal>,
}

#[derive(Debug)]
pub(crate) enum Refusal {
    /// Of a call these entries.
    Entries(Vec<usize>),
    /// The whole call.
    Call,
}

impl FakeBus {
    fn outcomes(&self, scope: Scope) -> Outcomes {
        Outcomes { bus: Some(self.bus()), scope, traces: None }
    }

    pub(crate) fn bus(&self) -> Bus {
        let sdk = Aws::sdk_config_over(self.clone());
        let client = aws_sdk_eventbridge::Client::new(&sdk);
        Bus::new(client, "bank".to_owned(), STACK.to_owned())
    }

    pub(crate) fn refuse(&self, refusals: impl IntoIterator<Item = Refusal>) {
        self.0.lock().unwrap().refusals.extend(refusals);
    }

    /// The CloudEvents that it took, oldest first; each is one that the contract publishes.
    fn events(&self) -> Vec<Value> {
        let contract = contract();
        let taken = self.0.lock().unwrap();
        let events = taken.entries.iter().map(|entry| {
            assert_eq!((&entry["Source"], &entry["EventBusName"]), (&SOURCE.into(), &"bank".into()));
            let event: Value = serde_json::from_str(entry["Detail"].as_str().unwrap()).unwrap();
            assert_eq!((&entry["DetailType"], &event["source"]), (&event["type"], &STACK.into()));
            let schema = &contract[event["type"].as_str().unwrap()];
            let errors: Vec<_> = schema.iter_errors(&event).map(|error| error.to_string()).collect();
            assert_eq!(errors, Vec::<String>::new(), "{event}");
            event
        });
        events.collect()
    }

    pub(crate) fn types(&self) -> Vec<String> {
        let short = |event: Value| event["type"].as_str().unwrap().trim_start_matches("arauto.").to_owned();
        self.events().into_iter().map(short).collect()
    }
}

impl HttpConnector for FakeBus {
    fn call(&self, request: HttpRequest) -> HttpConnectorFuture {
        assert_eq!(request.headers().get("x-amz-target"), Some("AWSEvents.PutEvents"));
        let mut taken = self.0.lock().unwrap();
        taken.calls += 1;
        let body: Value = serde_json::from_slice(request.body().bytes().unwrap()).unwrap();
        let entries = body["Entries"].as_array().unwrap();
        assert!((1..=10).contains(&entries.len()));
        // "PutEvents", Amazon EventBridge API Reference: 256 KB in all.
        assert!(body.to_string().len() < 256 * 1024);
        let refused = match taken.refusals.pop_front() {
            None => vec![],
            Some(Refusal::Entries(refused)) => refused,
            Some(Refusal::Call) => {
                return respond(400, &json!({ "__type": "AccessDeniedException" }));
            }
        };
        let mut answers = Vec::new();
        for (at, entry) in entries.iter().enumerate() {
            if refused.contains(&at) {
                answers.push(json!({ "ErrorCode": "ThrottlingException", "ErrorMessage": "Slow down." }));
            } else {
                taken.entries.push(entry.clone());
                answers.push(json!({ "EventId": at.to_string() }));
            }
        }
        respond(200, &json!({ "FailedEntryCount": refused.len(), "Entries": answers }))
    }
}

fn respond(status: u16, body: &Value) -> HttpConnectorFuture {
    let status = StatusCode::try_from(status).unwrap();
    let mut response = HttpResponse::new(status, SdkBody::from(body.to_string()));
    response.headers_mut().insert("content-type", "application/x-amz-json-1.1");
    HttpConnectorFuture::ready(Ok(response))
}

/// What the events of changes are, and what Lambda is answered.
async fn told(changes: &[Value], scope: Scope) -> FakeBus {
    let bus = FakeBus::default();
    let answer = bus.outcomes(scope).handle(json!({ "Records": changes })).await.unwrap();
    assert_eq!(answer, json!({ "batchItemFailures": [] }));
    bus
}

/// What dispatch writes to the ledger of a notification whose attempts are answered so.
pub(crate) async fn ledger_of(answers: &str) -> Vec<Value> {
    let functions = Functions::default();
    functions.put_identity(&PKI.sender);
    let _mock = functions.receiver(CLIENT, answers).await;
    let dispatch = functions.dispatch(&functions.test_clock);
    functions.aws.stream(LEDGER, Timestamp::UNIX_EPOCH);
    let message = functions.payment(CLIENT, "p-1").to_json();
    assert_eq!(requeued_with(&dispatch, &[message], &[]).await, [0; 0]);
    for seconds in [10, 60] {
        functions.test_clock.advance(SignedDuration::from_secs(seconds));
        for Message { body, .. } in functions.aws.take_messages(NOTIFICATIONS) {
            assert_eq!(requeued_with(&dispatch, &[body], &[]).await, [0; 0]);
        }
    }
    functions.aws.stream(LEDGER, functions.test_clock.now())
}

#[tokio::test]
async fn three_failed_attempts_are_one_event_and_with_every_outcome_four() {
    let changes = ledger_of("503").await;
    let bus = told(&changes, Scope::Problems).await;
    assert_eq!(bus.types(), ["notification.undelivered"]);
    let event = &bus.events()[0];
    assert_eq!(event["data"]["cause"], json!({ "code": "server_error", "class": "receiver" }));
    let attempt = &event["data"]["attempt"];
    assert_eq!((&attempt["number"], &attempt["http_status"]), (&json!(3), &json!(503)));
    assert!(attempt["host"].as_str().unwrap().starts_with("localhost:"), "{attempt}");
    let bus = told(&changes, Scope::Everything).await;
    let failed = "attempt.failed";
    assert_eq!(bus.types(), [failed, failed, failed, "notification.undelivered"]);
}

#[tokio::test]
async fn each_endpoint_of_open_insurance_is_one_that_the_contract_publishes() {
    let functions = Functions { ecosystem: Ecosystem::OpenInsurance, ..Functions::default() };
    functions.put_identity(&PKI.sender);
    let client: ClientId = CLIENT.parse().unwrap();
    let dispatch = functions.dispatch(&functions.test_clock);
    let started = functions.test_clock.now();
    functions.aws.stream(LEDGER, Timestamp::UNIX_EPOCH);
    // Nobody is registered, so each is cancelled, with its endpoint and resource.
    let rows = Ecosystem::OpenInsurance.endpoints();
    for row in rows {
        let posted = devkit::local::change(row.endpoint, client.as_str(), "t-1", started);
        let change = StateChange::posted_in(Ecosystem::OpenInsurance, &posted, "", started).unwrap();
        let message = AttemptMessage::first(change, started).unwrap().to_json();
        assert_eq!(requeued(&dispatch, &[message]).await, [0; 0], "{}", row.code);
    }
    let bus = told(&functions.aws.stream(LEDGER, started), Scope::Everything).await;
    let told = bus.events();
    let endpoints: BTreeSet<_> =
        told.iter().map(|event| event["data"]["endpoint"].as_str().unwrap()).collect();
    assert_eq!(endpoints, rows.iter().map(|row| row.code).collect::<BTreeSet<_>>());
}

#[tokio::test]
async fn a_delivery_is_told_with_every_outcome_and_otherwise_to_nobody() {
    let changes = ledger_of("503,202").await;
    assert_eq!(told(&changes, Scope::Problems).await.types(), [""; 0]);
    let bus = told(&changes, Scope::Everything).await;
    assert_eq!(bus.types(), ["attempt.failed", "notification.delivered"]);
    // Whatever comes twice has the same ids, and no two events have the same.
    let ids = |bus: &FakeBus| bus.events().iter().map(|one| one["id"].to_string()).collect::<BTreeSet<_>>();
    let again = told(&[&changes[..], &changes[..]].concat(), Scope::Everything).await;
    assert_eq!((ids(&again), again.events().len()), (ids(&bus), 4));
    assert_eq!(ids(&bus).len(), 2);
}

#[tokio::test]
async fn one_that_was_told_to_be_undelivered_and_was_delivered_is_corrected() {
    let changes = ledger_of("503").await;
    let mut late = changes.last().unwrap().clone();
    late["dynamodb"]["OldImage"] = late["dynamodb"]["NewImage"].clone();
    late["dynamodb"]["NewImage"]["status"] = json!({ "S": "delivered" });
    late["dynamodb"]["NewImage"]["attempt_3"]["M"]["outcome"] = json!({ "S": "delivered" });
    assert_eq!(told(&[late], Scope::Problems).await.types(), ["notification.delivered"]);
}

#[tokio::test]
async fn a_fault_of_ours_that_gives_a_notification_up_is_told_as_ours() {
    let functions = Functions::default();
    functions.put_identity_text("no JSON");
    let _mock = functions.receiver(CLIENT, "202").await;
    let dispatch = functions.dispatch(&functions.test_clock);
    functions.aws.stream(LEDGER, Timestamp::UNIX_EPOCH);
    let message = functions.payment(CLIENT, "given-up").to_json();
    let receives = [("ApproximateReceiveCount", "150".to_owned())];
    let until = Instant::now() + Duration::from_secs(5);
    assert_eq!(requeued_until(&dispatch, &[message], &receives, until).await, [0; 0]);
    let bus = told(&functions.aws.stream(LEDGER, functions.test_clock.now()), Scope::Problems).await;
    assert_eq!(bus.types(), ["notification.undelivered"]);
    let data = &bus.events()[0]["data"];
    assert_eq!((&data["cause"]["class"], &data["attempt"]), (&json!("ours"), &Value::Null));
}

#[tokio::test]
async fn an_attempt_that_a_fault_of_ours_ended_is_told_and_one_that_began_is_not() {
    let changes = ledger_of("503").await;
    let mut rolled_back = changes[1].clone();
    let image = &mut rolled_back["dynamodb"]["NewImage"];
    image["attempt_1"]["M"]["outcome"] = json!({ "S": "signing_unavailable" });
    let bus = told(&[changes[0].clone(), rolled_back], Scope::Problems).await;
    assert_eq!(bus.types(), ["attempt.fault"]);
    assert_eq!(bus.events()[0]["data"]["cause"]["class"], "ours");
}

#[tokio::test]
async fn a_notification_whose_receiver_was_removed_is_cancelled() {
    let functions = Functions::default();
    functions.put_identity(&PKI.sender);
    let _mock = functions.receiver(CLIENT, "202").await;
    let message = functions.payment(CLIENT, "p-1").to_json();
    functions.aws.stream(LEDGER, Timestamp::UNIX_EPOCH);
    functions.remove(CLIENT).await;
    assert_eq!(requeued(&functions.dispatch(&functions.test_clock), &[message]).await, [0; 0]);
    let changes = functions.aws.stream(LEDGER, functions.test_clock.now());
    assert_eq!(told(&changes, Scope::Problems).await.types(), [""; 0]);
    let bus = told(&changes, Scope::Everything).await;
    assert_eq!(bus.types(), ["notification.cancelled"]);
    assert_eq!(bus.events()[0]["data"]["cause"]["class"], "directory");
}

#[tokio::test]
async fn a_receiver_is_slow_once_until_it_recovers_and_another_base_uri_begins_anew() {
    let functions = Functions::default();
    let _mock = functions.receiver(CLIENT, "202").await;
    functions.aws.stream(RECEIVERS, Timestamp::UNIX_EPOCH);
    let clock = functions.test_clock.clock();
    let policy = convention::address::AddressPolicy::PublicAndLoopback;
    let receivers =
        Receivers::new(dynamodb(&functions.aws.sdk_config()), RECEIVERS.to_owned(), policy, clock);
    let key = ReceiverKey::from(&CLIENT.parse::<ClientId>().unwrap());
    let receiver = receivers.find(&key).await.unwrap().unwrap();
    let at = |seconds: i64| functions.test_clock.now() + SignedDuration::from_secs(seconds);
    let mark = |now| SlowReceiver::new(receiver.base_uri.as_str(), now);
    // Suspected, marked, probed; run out, and marked again.
    receivers.count_timeout(&receiver).await.unwrap();
    assert!(receivers.mark_slow(&receiver, mark(at(0)), at(0)).await.unwrap());
    assert!(receivers.claim_probe(&receiver, &mark(at(0)), at(20)).await.unwrap());
    assert!(receivers.mark_slow(&receiver, mark(at(300)), at(300)).await.unwrap());
    let stream = |seconds| functions.aws.stream(RECEIVERS, at(seconds));
    assert_eq!(told(&stream(1), Scope::Problems).await.types(), ["receiver.slow"]);
    assert!(receivers.clear_slow(&receiver, at(310)).await.unwrap());
    assert_eq!(told(&stream(310), Scope::Problems).await.types(), ["receiver.slow", "receiver.recovered"]);
    // A mark that ran out hours ago, of which nobody was told the end.
    assert!(receivers.mark_slow(&receiver, mark(at(400)), at(400)).await.unwrap());
    assert!(receivers.mark_slow(&receiver, mark(at(9_000)), at(9_000)).await.unwrap());
    let last = stream(9_000).pop().unwrap();
    assert_eq!(told(&[last], Scope::Problems).await.types(), ["receiver.slow"]);
    // It moves: the first timeout there clears the mark of where it was.
    let seen = stream(9_000).len();
    functions.moves(CLIENT, "https://localhost:2").await;
    let moved = receivers.find_fresh(&key).await.unwrap().unwrap().receiver;
    receivers.count_timeout(&moved).await.unwrap();
    let after = stream(9_001).split_off(seen);
    assert!(after.len() > 1);
    assert_eq!(told(&after, Scope::Problems).await.types(), [""; 0]);
}

#[tokio::test]
async fn a_registration_is_suspended_and_resumed_as_the_directory_lists_it() {
    let fixture = Fixture::new().await;
    let aws = &fixture.functions.aws;
    aws.stream(RECEIVERS, Timestamp::UNIX_EPOCH);
    let uri = "https://localhost:1/kong3/52998224725";
    assert_eq!(fixture.put(CLIENT, &fixture.with_uris(CLIENT, &[uri])).await.status, 200);
    let organisation = StatementClaims::of(CLIENT).org_id;
    for status in ["Inactive", "Active"] {
        fixture.mock.set_organisation_status(&organisation, status).unwrap();
        fixture.pass(SignedDuration::from_mins(20));
        fixture.review().await;
    }
    let bus = told(&aws.stream(RECEIVERS, fixture.functions.test_clock.now()), Scope::Problems).await;
    assert_eq!(bus.types(), ["registration.suspended", "registration.resumed"]);
    let data = &bus.events()[0]["data"];
    // Of the base URI the host alone.
    assert_eq!(
        *data,
        json!({ "client_id": CLIENT, "host": "localhost:1", "reason": "organisation_not_active" })
    );
}

/// What CloudWatch tells of an alarm ("Alarm events and EventBridge", Amazon CloudWatch User Guide).
fn alarm_event(name: &str, states: (&str, &str), description: &str) -> Value {
    json!({
        "version": "0", "id": "c4c1c1c9-6542-e61b-6ef0-8c4d36933a92", "source": "aws.cloudwatch",
        "detail-type": "CloudWatch Alarm State Change", "account": "123456789012", "time": "2026-11-30T16:31:34Z",
        "region": "sa-east-1",
        "resources": [format!("arn:aws:cloudwatch:sa-east-1:123456789012:alarm:{name}")],
        "detail": {
            "alarmName": name,
            "state": { "value": states.1, "reason": "Threshold Crossed", "timestamp": "2026-11-30T16:31:34.000+0000" },
            "previousState": { "value": states.0, "reason": "Unchecked", "timestamp": "2026-11-30T16:30:34.000+0000" },
            "configuration": { "description": description, "metrics": [] },
        },
    })
}

#[tokio::test]
async fn an_alarm_that_goes_on_or_off_is_told_with_the_fault_that_it_watches() {
    let alarms = resources("infra/operations.yaml").unwrap();
    let description = alarms["IdentityMissingAlarm"]["Properties"]["AlarmDescription"].as_str().unwrap();
    let name = "arauto-dev-OperationsStack-1A2B-IdentityMissingAlarm-3C4D";
    let bus = FakeBus::default();
    let outcomes = bus.outcomes(Scope::Problems);
    for states in [("INSUFFICIENT_DATA", "OK"), ("OK", "ALARM"), ("ALARM", "OK"), ("OK", "INSUFFICIENT_DATA")]
    {
        outcomes.handle(alarm_event(name, states, description)).await.unwrap();
    }
    let events = bus.events();
    let states: Vec<_> = events.iter().map(|event| event["data"]["state"].as_str().unwrap()).collect();
    assert_eq!(states, ["ALARM", "OK"]);
    assert_eq!(events[0]["data"]["fault"], "identity_missing");
    // What the bus does not take, Lambda asks for again.
    bus.refuse([Refusal::Call]);
    assert!(outcomes.handle(alarm_event(name, ("OK", "ALARM"), description)).await.is_err());
    assert!(outcomes.handle(json!({ "task": "other" })).await.is_err());
}

#[test]
fn each_type_that_the_code_makes_is_published_and_no_other() {
    let made: BTreeSet<_> = EventType::ALL.iter().map(|kind| kind.as_str().to_owned()).collect();
    assert_eq!(contract().into_keys().collect::<BTreeSet<_>>(), made);
}

#[test]
fn each_rule_of_the_example_names_what_is_told() {
    let made: BTreeSet<_> = EventType::ALL.iter().map(|kind| kind.as_str()).collect();
    let schemas = yaml("infra/events.yaml")["components"]["schemas"].clone();
    let mut rules = 0;
    for (name, rule) in resources("examples/outcome-rules.yaml").unwrap() {
        let properties = &rule["Properties"];
        if rule["Type"] != "AWS::Events::Rule" {
            continue;
        }
        assert_eq!(properties["EventPattern"]["source"], json!([SOURCE]), "{name}");
        for kind in properties["EventPattern"]["detail-type"].as_array().unwrap() {
            assert!(made.contains(kind.as_str().unwrap()), "{name}: {kind}");
        }
        let paths = &properties["Targets"][0]["InputTransformer"]["InputPathsMap"];
        for path in paths.as_object().unwrap().values().filter_map(Value::as_str) {
            let Some(field) = path.strip_prefix("$.detail.data.") else { continue };
            let field = field.split('.').next().unwrap();
            let has = |data: &str| schemas[data]["properties"][field].is_object();
            assert!(has("NotificationData") || has("ClientData"), "{name}: {path}");
        }
        rules += 1;
    }
    assert_eq!(rules, 3);
}

/// So many changes of the ledger: notifications that are given up.
pub(crate) fn given_up(sequences: std::ops::Range<usize>) -> Value {
    let change = |at: usize| {
        let name = format!("{at:032x}");
        json!({
            "eventName": "INSERT",
            "dynamodb": {
                "ApproximateCreationDateTime": 1_795_348_801.0, "SequenceNumber": at.to_string(),
                "Keys": { "partition": { "S": "1" }, "notification": { "S": name } },
                "NewImage": {
                    "notification": { "S": name }, "status": { "S": "undelivered" }, "client_id": { "S": CLIENT },
                    "endpoint": { "S": "E2" }, "resource_id": { "S": "p-1" }, "reason": { "S": "identity_missing" },
                    "event_instant": { "S": "2026-11-22T12:00:00Z" },
                },
            },
        })
    };
    json!({ "Records": sequences.map(change).collect::<Vec<_>>() })
}

#[tokio::test]
async fn events_that_the_bus_refuses_are_put_again_and_those_it_took_are_not() {
    let bus = FakeBus::default();
    let outcomes = bus.outcomes(Scope::Problems);
    tokio::time::pause();
    bus.refuse([Refusal::Entries(vec![1, 7]), Refusal::Entries(vec![0])]);
    assert_eq!(outcomes.handle(given_up(0..20)).await.unwrap(), json!({ "batchItemFailures": [] }));
    assert_eq!(bus.events().len(), 20);
    // Ten, of which two, of which one; then the other ten.
    assert_eq!(bus.0.lock().unwrap().calls, 4);
}

#[tokio::test]
async fn nothing_of_a_batch_is_lost_though_the_bus_is_down_for_a_while() {
    let bus = FakeBus::default();
    let outcomes = bus.outcomes(Scope::Problems);
    tokio::time::pause();
    // The second event of the first call is refused to the end, then a whole call is.
    bus.refuse([Refusal::Entries(vec![1])]);
    bus.refuse((0..4).map(|_| Refusal::Entries(vec![0])));
    bus.refuse([Refusal::Call]);
    let (mut from, end, mut rounds) = (0, 40, 0);
    while from < end {
        let answer = outcomes.handle(given_up(from..end)).await.unwrap();
        let failed = answer["batchItemFailures"].as_array().unwrap();
        // What Lambda does: it hands over again all from the first failure on.
        from = failed.first().map_or(end, |item| item["itemIdentifier"].as_str().unwrap().parse().unwrap());
        rounds += 1;
    }
    assert_eq!(rounds, 3);
    let ids: BTreeSet<_> = bus.events().iter().map(|event| event["id"].to_string()).collect();
    assert_eq!(ids.len(), 40);
}

#[tokio::test]
async fn a_row_that_cannot_be_read_holds_up_nobody() {
    let mut batch = given_up(0..3);
    batch["Records"][1]["dynamodb"]["NewImage"] = json!({ "status": { "S": "later" } });
    batch["Records"][2] = json!("?");
    let client = json!({
        "eventName": "MODIFY",
        "dynamodb": { "Keys": { "client_id": { "S": CLIENT } }, "NewImage": { "registration": { "S": "{}" } } },
    });
    let mut changes = batch["Records"].as_array().unwrap().clone();
    changes.push(client);
    assert_eq!(told(&changes, Scope::Problems).await.events().len(), 1);
}

#[test]
fn the_rule_on_alarms_matches_each_nested_stack_that_has_alarms() {
    let rule = &resources("infra/outcomes.yaml").unwrap()["AlarmChangesRule"];
    let prefixes = rule["Properties"]["EventPattern"]["resources"].to_string();
    let main = read_to_string(file("template.yaml").unwrap()).unwrap();
    let mut stack = "";
    for line in main.lines() {
        if let Some(name) = line.strip_prefix("  ").filter(|name| !name.starts_with([' ', '#'])) {
            stack = name.trim_end_matches(':');
        }
        let Some(path) = line.trim().strip_prefix("TemplateURL: ") else { continue };
        let alarms = resources(path).unwrap();
        // Those of a new version stop its deployment, and are not told.
        if stack == "DeploymentStack"
            || alarms.values().all(|resource| resource["Type"] != "AWS::CloudWatch::Alarm")
        {
            continue;
        }
        let told = prefixes.split("${").filter_map(|prefix| prefix.split_once('}')).any(|(of, name)| {
            let name = name.split('"').next().unwrap_or_default();
            of == "OperationsStackName" && stack == "OperationsStack"
                || of == "StackName" && stack.starts_with(name.trim_start_matches('-'))
        });
        assert!(told, "{stack}: {prefixes}");
    }
}

#[test]
fn the_filters_let_through_whatever_makes_an_event() {
    let template = Template::read("template.yaml").unwrap();
    let ledger = &template.property("OutcomesFunction", "Events")["Ledger"]["Properties"];
    let filters = ledger["FilterCriteria"]["Filters"].as_array().unwrap();
    let pattern = |text: &Value| serde_json::from_str::<Value>(text.as_str().unwrap()).unwrap();
    let status = |filter: &Value, image: &str| {
        let allowed = filter["dynamodb"][image]["status"]["S"].as_array().unwrap().clone();
        allowed.iter().map(|status| status.as_str().unwrap().to_owned()).collect::<BTreeSet<_>>()
    };
    let of = |statuses: &[&str]| statuses.iter().map(|one| (*one).to_owned()).collect::<BTreeSet<_>>();
    // Alarms are told on a bus alone.
    let rule = &resources("infra/outcomes.yaml").unwrap()["AlarmChangesRule"];
    assert_eq!(rule["Condition"], "HasOutcomeEventBus");
    // Spans are made of every attempt.
    let conditions = template.section("Conditions");
    assert_eq!(conditions["TellsEveryOutcome"], json!([["OutcomeEvents", "all"], "HasTraces"]));
    // An attempt that a fault of ours ended leaves its notification waiting, or undelivered.
    let chosen = &filters[0]["Pattern"];
    assert_eq!(chosen[0], "TellsEveryOutcome");
    let all = status(&pattern(&chosen[1]), "NewImage");
    assert_eq!(all, of(&["waiting", "delivered", "undelivered", "cancelled"]));
    assert_eq!(status(&pattern(&chosen[2]), "NewImage"), of(&["waiting", "undelivered"]));
    // What was undelivered, and is delivered after all.
    assert_eq!(status(&pattern(&filters[1]["Pattern"]), "OldImage"), of(&["undelivered"]));
}

#[test]
fn an_outcome_reaches_a_queue_by_a_rule_on_the_local_stack() {
    let parameters = [("OutcomeEventBus", "default"), ("OutcomeEvents", "all")];
    let world = World::start_with(Progress::stderr(), &parameters).unwrap();
    world.run_alone(on_the_stack).unwrap();
}

async fn on_the_stack(world: &World) -> Result<()> {
    let sdk = world.stack.sdk_config();
    let (bus, sqs) = (aws_sdk_eventbridge::Client::new(&sdk), aws_sdk_sqs::Client::new(&sdk));
    let queue = sqs.create_queue().queue_name("outcomes").send().await?;
    let queue = queue.queue_url.context("a queue has a URL")?;
    let pattern = json!({ "source": [SOURCE] }).to_string();
    bus.put_rule().name("outcomes").event_pattern(pattern).send().await?;
    let arn = "arn:aws:sqs:us-east-1:000000000000:outcomes";
    let target = aws_sdk_eventbridge::types::Target::builder().id("queue").arn(arn).build()?;
    bus.put_targets().rule("outcomes").targets(target).send().await?;

    // A failed attempt and a delivery; a client that the Directory calls inactive.
    let (client, mock) = world.receiver("503,202").await?;
    let id = world.notify(&new_change(Endpoint::PixPayment, &client)).await?;
    world.ended(&id, "delivered", MINUTE).await?;
    mock.stop().await;
    let claims = StatementClaims::of(&client);
    world.directory.set_organisation_status(&claims.org_id, "Inactive")?;
    world.review().await?;
    // What CloudWatch tells, which MiniStack does not; the rule on it has its own test.
    let alarm = alarm_event("arauto-QueueAgeAlarm", ("OK", "ALARM"), "The queue. A fila.");
    let answer = world.invoke("OutcomesFunctionName", &alarm.to_string()).await?;
    ensure!(answer.status == 200, "{}", answer.text());

    let contract = contract();
    let mut expected: BTreeSet<_> = [
        "arauto.attempt.failed",
        "arauto.notification.delivered",
        "arauto.registration.suspended",
        "arauto.alarm.changed",
    ]
    .into();
    let deadline = Instant::now() + MINUTE;
    while !expected.is_empty() {
        ensure!(Instant::now() < deadline, "no event of {expected:?} came");
        let received = sqs.receive_message().queue_url(&queue).max_number_of_messages(10).send().await?;
        for message in received.messages() {
            let event: Value = serde_json::from_str(message.body().unwrap_or_default())?;
            let kind = event["detail-type"].as_str().unwrap_or_default().to_owned();
            let detail = &event["detail"];
            ensure!(contract[&kind].is_valid(detail), "{event}");
            ensure!(
                detail["data"]["client_id"] == client.as_str() || kind == "arauto.alarm.changed",
                "{event}"
            );
            expected.remove(kind.as_str());
        }
        sleep(Duration::from_millis(200)).await;
    }

    // The rule on alarms of the stack takes those of its nested stack, and no others.
    let rules = bus.list_rules().send().await?;
    let rule =
        rules.rules().iter().find(|rule| rule.name().is_some_and(|name| name.contains("AlarmChanges")));
    let pattern = rule.and_then(|rule| rule.event_pattern()).context("there is no rule on alarms")?;
    let pattern: Value = serde_json::from_str(pattern)?;
    let prefix = pattern["resources"][0]["prefix"].as_str().unwrap_or_default();
    ensure!(prefix.contains("OperationsStack") && prefix.ends_with('-'), "{prefix}");
    for (name, matches) in [
        (format!("{}QueueAgeAlarm-1", prefix.rsplit(':').next().unwrap_or_default()), true),
        ("arauto-other-QueueAgeAlarm-1".to_owned(), false),
    ] {
        let mut event = alarm_event(&name, ("OK", "ALARM"), "");
        event["resources"] =
            json!([format!("{}{name}", prefix.rsplit_once(':').context("an ARN")?.0.to_owned() + ":")]);
        let tested = bus.test_event_pattern().event_pattern(pattern.to_string()).event(event.to_string());
        ensure!(tested.send().await?.result == matches, "{name}");
    }
    Ok(())
}
