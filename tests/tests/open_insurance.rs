//! A stack of Open Insurance Brasil, from the registration to the receiver: over mutual TLS, judged by its published contracts.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

use std::time::Duration;

use arauto::explain::Explainer;
use convention::address::AddressPolicy;
use convention::delivery::AttemptMessage;
use convention::directory::{Environment, Operation};
use convention::notification::{AuthorisationServers, Choices, Ecosystem, Scope};
use devkit::directory::StatementClaims;
use devkit::local::{AUTHORISATION_SERVER_ID, change, registration};
use devkit::receiver::{Endpoint, MockReceiver, Settings, WebhookVersion};
use serde_json::{Value, json};
use tests::aws::{NOTIFICATIONS, PKI, call_settings, requeued, verdicts};
use tests::directory_fixture::{Answered, Fixture};

const OPIN: Ecosystem = Ecosystem::OpenInsurance;
const SOON: Duration = Duration::from_secs(10);
/// What each contract is called by the product and by the mock receiver, which share no code.
const CONTRACTS: [(&str, WebhookVersion); 3] = [
    ("1.1.0", WebhookVersion::Insurance1_1_0),
    ("1.2.0", WebhookVersion::Insurance1_2_0),
    ("2.0.0", WebhookVersion::Insurance2_0_0),
];

async fn fixture() -> Fixture {
    let mut fixture = Fixture::new().await;
    fixture.functions.ecosystem = OPIN;
    fixture.functions.environment = Environment::local(&fixture.mock.base_url()).of_ecosystem(OPIN);
    fixture.functions.put_identity(&PKI.sender);
    fixture.directory = fixture.functions.directory();
    fixture
}

async fn receiver(webhook_version: WebhookVersion, answers: &str) -> MockReceiver {
    let settings = Settings {
        webhook_version,
        answers: answers.parse().unwrap(),
        ..Settings::new(PKI.receiver.clone(), PKI.sender_authority.root_pem())
    };
    MockReceiver::start(settings).await.unwrap()
}

/// Registers a client with what it asks for, as the authorization server does.
async fn registers(fixture: &Fixture, client: &str, uris: &[&str], more: Value) -> Answered {
    let statement = fixture.mock.statement(&StatementClaims::of(client).webhook_uris(uris.iter().copied()));
    let uris: Vec<_> = uris.iter().map(|uri| (*uri).to_owned()).collect();
    let mut call = registration(Operation::Dcr, Some(&uris), &statement);
    call.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    fixture.put(client, &call).await
}

/// A change of each kind that an insurer posts.
fn changes(fixture: &Fixture, client: &str) -> Vec<Value> {
    let now = fixture.functions.test_clock.now();
    OPIN.endpoints().iter().map(|row| change(row.endpoint, client, "t-1", now)).collect()
}

async fn dispatched(fixture: &Fixture) -> Vec<AttemptMessage> {
    let messages = fixture.functions.aws.take_messages(NOTIFICATIONS);
    let bodies: Vec<_> = messages.into_iter().map(|message| message.body).collect();
    let dispatch = fixture.functions.dispatch(&fixture.functions.test_clock);
    assert_eq!(requeued(&dispatch, &bodies).await, [0; 0]);
    bodies.iter().map(|body| AttemptMessage::from_json(body).unwrap()).collect()
}

#[tokio::test]
async fn each_notification_of_each_version_arrives_as_its_contract_wants_it() {
    let fixture = fixture().await;
    let intake = fixture.functions.intake();
    for (version, contract) in CONTRACTS {
        let (client, mock) = (format!("iniciadora-{version}"), receiver(contract, "202").await);
        let (base, more) = (mock.base_uri(), json!({ "webhook_version": version }));
        let answered = registers(&fixture, &client, &[&base], more).await;
        assert_eq!((answered.status, answered.warnings()), (200, String::new()), "{}", answered.body);
        assert_eq!(answered.body["ecosystem"], "open-insurance");
        let (status, judged) = verdicts(&intake, &json!({ "changes": changes(&fixture, &client) })).await;
        let expected = match version {
            "2.0.0" => ["accepted", "accepted", "not_notifiable", "accepted", "accepted"],
            _ => ["accepted"; 5],
        };
        assert_eq!((status, judged), (202, expected.map(str::to_owned).to_vec()), "{version}");
        let sent = dispatched(&fixture).await;
        let seen = mock.wait_for(sent.len(), SOON).await.unwrap();
        assert_eq!(seen.len(), sent.len());
        for seen in &seen {
            assert_eq!((seen.answered.as_str(), seen.findings.len()), ("202", 0), "{version} {seen:?}");
            assert!(seen.client_certificate.is_some(), "{seen:?}");
        }
        let mut endpoints: Vec<_> =
            seen.iter().filter_map(|seen| seen.endpoint).map(Endpoint::as_str).collect();
        endpoints.sort_unstable();
        let wanted = OPIN.endpoints().iter().map(|row| row.code);
        let wanted: Vec<_> = wanted.filter(|code| version != "2.0.0" || *code != "I3").collect();
        assert_eq!(endpoints, wanted, "{version}");
        for message in &sent {
            let row = fixture.functions.aws.ledger_row(message.notification.as_str()).unwrap();
            assert_eq!(row.text("status"), "delivered", "{version}");
        }
    }
}

#[tokio::test]
async fn a_quote_whose_receiver_fails_is_tried_again_under_another_id() {
    let fixture = fixture().await;
    let mock = receiver(WebhookVersion::Insurance2_0_0, "503,202").await;
    registers(&fixture, "iniciadora-1", &[&mock.base_uri()], json!({})).await;
    let quote = changes(&fixture, "iniciadora-1").remove(0);
    verdicts(&fixture.functions.intake(), &quote).await;
    dispatched(&fixture).await;
    fixture.pass(jiff::SignedDuration::from_secs(11));
    dispatched(&fixture).await;
    let seen = mock.wait_for(2, SOON).await.unwrap();
    assert_eq!(seen.iter().map(|seen| seen.answered.as_str()).collect::<Vec<_>>(), ["503", "202"]);
    assert!(
        seen[0].path.ends_with("/quote/v1/request/urn:seguradoraex:t-1/quote-status"),
        "{}",
        seen[0].path
    );
    assert_eq!(seen[0].path, seen[1].path);
    assert_ne!(seen[0].interaction_id, seen[1].interaction_id);
    assert!(seen.iter().all(|seen| seen.findings.is_empty()), "{seen:?}");
}

#[tokio::test]
async fn a_stack_takes_changes_of_its_own_ecosystem_alone() {
    let fixture = fixture().await;
    let now = fixture.functions.test_clock.now();
    for row in Ecosystem::OpenFinance.endpoints() {
        let (status, judged) =
            verdicts(&fixture.functions.intake(), &change(row.endpoint, "itp-1", "t-1", now)).await;
        assert_eq!((status, judged), (400, vec!["invalid".to_owned()]), "{}", row.code);
    }
    let of_finance = tests::aws::Functions::default();
    for posted in changes(&fixture, "itp-1") {
        let (status, judged) = verdicts(&of_finance.intake(), &posted).await;
        assert_eq!((status, judged), (400, vec!["invalid".to_owned()]), "{posted}");
    }
}

#[tokio::test]
async fn what_another_server_publishes_is_refused() {
    let fixture = fixture().await;
    registers(&fixture, "iniciadora-1", &["https://localhost:1"], json!({})).await;
    let of_server = OPIN.endpoints().iter().filter(|row| row.scope == Scope::Server);
    for row in of_server {
        let mut posted = change(row.endpoint, "iniciadora-1", "t-1", fixture.functions.test_clock.now());
        let judge = async |posted: &Value| verdicts(&fixture.functions.intake(), posted).await.1;
        assert_eq!(judge(&posted).await, ["accepted"], "{}", row.code);
        posted["resource_id"] = json!("11111111-aaaa-4000-8000-000000000001");
        assert_eq!(judge(&posted).await, ["invalid"], "{}", row.code);
    }
}

#[tokio::test]
async fn a_registration_is_refused_by_the_same_error_and_knows_nothing_of_open_finance() {
    let fixture = fixture().await;
    let long = format!("https://localhost:1/{}", "a".repeat(240));
    for uri in ["http://localhost:1", &long, "https://localhost:1/?x"] {
        let refused = registers(&fixture, "iniciadora-1", &[uri], json!({})).await;
        assert_eq!((refused.status, refused.error()), (400, "invalid_webhook_uris"), "{uri}");
    }
    let differs =
        fixture.mock.statement(&StatementClaims::of("iniciadora-1").webhook_uris(["https://a.example"]));
    let call = registration(Operation::Dcr, Some(&["https://b.example".to_owned()]), &differs);
    assert_eq!(fixture.put("iniciadora-1", &call).await.error(), "invalid_webhook_uris");
    // There is no pattern, so a final slash is none of its errors.
    let taken = registers(&fixture, "iniciadora-1", &["https://localhost:1/a/"], json!({})).await;
    assert_eq!((taken.status, &taken.body["base_uri"]), (200, &json!("https://localhost:1/a")));
    assert_eq!(taken.body["webhook_uris"], json!(["https://localhost:1/a/"]));
    assert_eq!(taken.body["webhook_version"], "2.0.0");
    for more in [json!({ "webhook_version": "1.3.0" }), json!({ "notify_optional": true })] {
        assert_eq!(registers(&fixture, "iniciadora-2", &["https://localhost:1"], more).await.status, 400);
    }
}

#[tokio::test]
async fn settings_of_a_client_of_the_other_ecosystem_are_not_changed_before_it_registers_anew() {
    let mut fixture = fixture().await;
    let environments = [
        Environment::local(&fixture.mock.base_url()),
        Environment::local(&fixture.mock.base_url()).of_ecosystem(OPIN),
    ];
    for (before, after) in [(0, 1), (1, 0)] {
        let serve = |fixture: &mut Fixture, ecosystem: usize| {
            fixture.functions.ecosystem = Ecosystem::ALL[ecosystem];
            fixture.functions.environment = environments[ecosystem].clone();
            fixture.directory = fixture.functions.directory();
        };
        let client = format!("client-{before}");
        serve(&mut fixture, before);
        let uris = ["https://localhost:1"];
        assert_eq!(registers(&fixture, &client, &uris, json!({})).await.status, 200);
        let registered = fixture.functions.registration(&client).await;
        serve(&mut fixture, after);
        // A profile that both have.
        let asked = json!({ "webhook_version": "1.1.0" }).to_string();
        let refused = call_settings(&fixture.directory, &client, &asked).await;
        let said: Value = serde_json::from_slice(&refused.body).unwrap();
        assert_eq!((refused.status, &said["type"]), (409, &json!("urn:arauto:other-ecosystem")), "{said}");
        assert_eq!(fixture.functions.registration(&client).await, registered);
        fixture.pass(jiff::SignedDuration::from_secs(1));
        assert_eq!(registers(&fixture, &client, &uris, json!({})).await.status, 200);
        fixture.pass(jiff::SignedDuration::from_secs(1));
        assert_eq!(call_settings(&fixture.directory, &client, &asked).await.status, 200);
    }
}

#[tokio::test]
async fn no_client_is_suspended_since_no_rule_of_open_insurance_says_so() {
    let fixture = fixture().await;
    registers(&fixture, "iniciadora-1", &["https://localhost:1"], json!({})).await;
    let software = StatementClaims::of("iniciadora-1");
    fixture.mock.set_organisation_status(&software.org_id, "Withdrawn").unwrap();
    fixture.review().await;
    let shown = fixture.get("iniciadora-1").await;
    assert_eq!((&shown.body["webhook"], &shown.body["suspension"]), (&json!("enabled"), &Value::Null));
    // Open Finance's would be.
    let mut of_finance = fixture.functions;
    of_finance.environment = Environment::local(&fixture.mock.base_url());
    of_finance.max_suspended_percent = 100;
    tests::aws::review(&of_finance.directory()).await;
    let row = of_finance.registration("iniciadora-1").await.unwrap();
    assert_eq!(row.webhook(), "suspended");
}

#[test]
fn what_would_be_sent_is_explained_as_it_is_sent() {
    let explainer = |servers: &str| Explainer {
        choices: Choices::default(),
        receiver: Some(
            json!({ "webhook_uris": ["https://corretora.example/x"], "webhook_version": "1.2.0" }),
        ),
        servers: servers.parse::<AuthorisationServers>().unwrap(),
        ecosystem: OPIN,
        policy: AddressPolicy::Public,
        now: "2026-11-30T12:00:00Z".parse().unwrap(),
    };
    let mut fields = json!({
        "client_id": "iniciadora-1", "api": "dynamic-fields", "resource": "damage_and_person", "api_version": "v1",
        "resource_id": AUTHORISATION_SERVER_ID, "to": "UPDATED", "event_instant": "2026-11-30T11:59:59Z",
    });
    let explain =
        |servers: &str, change: &Value| serde_json::to_value(explainer(servers).explain(1, change)).unwrap();
    let told = explain(AUTHORISATION_SERVER_ID, &fields);
    assert_eq!((&told["decision"], &told["endpoint"]), (&json!("notify"), &json!("I4")));
    let path =
        format!("/open-insurance/webhook/v1/dynamic-fields/{AUTHORISATION_SERVER_ID}/v1/damage-and-person");
    assert_eq!(told["url"], format!("https://corretora.example/x{path}"));
    assert_eq!(told["body"], json!({ "data": { "timestamp": "2026-11-30T11:59:59Z" } }));
    assert_eq!(explain("another", &fields)["errors"][0]["code"], "other_server");
    fields["api"] = json!("payments");
    assert_eq!(explain("", &fields)["errors"][0]["pointer"], "/api");
}
