//! One stack, two brands: their authorisation servers give ids of their own, and the same id is two receivers.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

use std::time::Duration;

use convention::delivery::AttemptMessage;
use convention::directory::Operation;
use convention::notification::{Endpoint, StateChange};
use devkit::local::{change, registration};
use devkit::receiver::MockReceiver;
use http::Method;
use serde_json::{Value, json};
use tests::aws::{Functions, NOTIFICATIONS, PKI, RECEIVERS, call, call_with_query, requeued, verdicts};
use tests::directory_fixture::{Fixture, opts_out};

const FIRST: &str = "11111111-aaaa-4000-8000-000000000001";
const SECOND: &str = "22222222-bbbb-4000-8000-000000000002";
const SERVERS: &str = "a=11111111-aaaa-4000-8000-000000000001,b=22222222-BBBB-4000-8000-000000000002";
const CLIENT: &str = "itp/1";
const SEGMENT: &str = "itp%2F1";

async fn fixture() -> Fixture {
    let mut fixture = Fixture::new().await;
    fixture.functions.servers = SERVERS;
    fixture.functions.put_identities(&[(FIRST, &PKI.sender), (SECOND, &PKI.sender)]);
    fixture.directory = fixture.functions.directory();
    fixture
}

/// Calls directory about the client of a brand; of the default one where none is named.
async fn of_brand(fixture: &Fixture, method: Method, brand: Option<&str>, body: &str) -> (u16, Value) {
    let answer = match brand {
        Some(brand) => call_with_query(&fixture.directory, method, SEGMENT, ("brand", brand), body).await,
        None => call(&fixture.directory, method, SEGMENT, body).await,
    };
    (answer.status, serde_json::from_slice(&answer.body).unwrap_or_default())
}

async fn registers(fixture: &Fixture, brand: Option<&str>, base_uri: &str) {
    let statement = fixture.with_uris(CLIENT, &[base_uri])["software_statement"].clone();
    let body = registration(Operation::Dcr, Some(&[base_uri.to_owned()]), statement.as_str().unwrap());
    let (status, answered) = of_brand(fixture, Method::PUT, brand, &body.to_string()).await;
    assert_eq!((status, &answered["base_uri"]), (200, &json!(base_uri)), "{answered}");
}

fn payment(fixture: &Fixture, brand: Option<&str>) -> Value {
    let mut posted = change(Endpoint::PixPayment, CLIENT, "p-1", fixture.functions.test_clock.now());
    posted["brand"] = json!(brand);
    posted
}

async fn mock() -> MockReceiver {
    let functions = Functions::default();
    functions.receiver("unused", "202").await
}

#[tokio::test]
async fn a_client_id_of_two_brands_is_two_receivers_and_a_resource_of_both_is_two_notifications() {
    let fixture = fixture().await;
    let (one, other) = (mock().await, mock().await);
    registers(&fixture, None, &one.base_uri()).await;
    registers(&fixture, Some("b"), &other.base_uri()).await;
    // The default brand's row is as it is where there is one brand.
    let row = fixture.row(CLIENT).unwrap();
    assert!(!row["registration"]["S"].as_str().unwrap().contains("authorisation_server\""), "{row}");
    assert!(fixture.row(&format!("{SECOND} {CLIENT}")).is_some());

    // The default brand by its name, without one, and the other.
    let changes = [Some("a"), None, Some("b")].map(|brand| payment(&fixture, brand));
    let (status, judged) = verdicts(&fixture.functions.intake(), &json!({ "changes": changes })).await;
    assert_eq!((status, judged), (202, ["accepted", "duplicate", "accepted"].map(str::to_owned).to_vec()));
    let messages = fixture.functions.aws.take_messages(NOTIFICATIONS);
    assert_eq!(messages.len(), 2);
    assert_ne!(messages[0].group, messages[1].group);
    assert_eq!(messages[0].group.as_deref(), Some(CLIENT));
    let read: Vec<_> =
        messages.iter().map(|message| AttemptMessage::from_json(&message.body).unwrap()).collect();
    assert_ne!(read[0].notification, read[1].notification);
    assert_eq!(read[0].notification.partition(), read[1].notification.partition());
    // Where there is one brand, it has the same name.
    let alone = StateChange::from_json(&payment(&fixture, Some("a")), "").unwrap();
    assert_eq!(
        AttemptMessage::first(alone, fixture.functions.test_clock.now()).unwrap().notification,
        read[0].notification
    );

    let dispatch = fixture.functions.dispatch(&fixture.functions.test_clock);
    let bodies: Vec<_> = messages.into_iter().map(|message| message.body).collect();
    assert_eq!(requeued(&dispatch, &bodies).await, [0; 0]);
    for mock in [&one, &other] {
        assert_eq!(mock.wait_for(1, Duration::from_secs(5)).await.unwrap().len(), 1);
    }
    // The ledger tells whose client it is; of the default brand it says what it always said.
    let intake = fixture.functions.intake();
    for (message, server) in read.iter().zip([None, Some(SECOND)]) {
        let row = fixture.functions.aws.ledger_row(message.notification.as_str()).unwrap();
        assert_eq!(row.text("authorisation_server"), server.unwrap_or_default());
        let shown = tests::aws::shown(&intake, message.notification.as_str()).await;
        let shown: Value = serde_json::from_slice(&shown.body).unwrap();
        assert_eq!((&shown["client_id"], &shown["authorisation_server"]), (&json!(CLIENT), &json!(server)));
    }
}

#[tokio::test]
async fn a_change_to_a_client_of_one_brand_leaves_that_of_the_other_as_it_is() {
    let fixture = fixture().await;
    registers(&fixture, None, "https://localhost:1/a").await;
    registers(&fixture, Some("b"), "https://localhost:1/b").await;
    let (_, before) = of_brand(&fixture, Method::GET, None, "").await;
    let (status, shown) = of_brand(&fixture, Method::GET, Some("b"), "").await;
    assert_eq!((status, &shown["base_uri"]), (200, &json!("https://localhost:1/b")));
    assert_eq!((&shown["client_id"], &shown["authorisation_server"]), (&json!(CLIENT), &json!(SECOND)));

    assert_eq!(of_brand(&fixture, Method::DELETE, Some("b"), "").await.0, 204);
    assert_eq!(of_brand(&fixture, Method::GET, Some("b"), "").await.0, 404);
    assert_eq!(of_brand(&fixture, Method::GET, None, "").await, (200, before.clone()));
    assert_eq!(of_brand(&fixture, Method::GET, Some("a"), "").await, (200, before));
    // And what waits for the removed one is cancelled, that of the other is not.
    let changes = [None, Some("b")].map(|brand| payment(&fixture, brand));
    let (_, judged) = verdicts(&fixture.functions.intake(), &json!({ "changes": changes })).await;
    assert_eq!(judged, ["accepted", "no_receiver"]);
}

#[tokio::test]
async fn a_review_tells_the_clients_of_two_brands_apart() {
    let fixture = fixture().await;
    registers(&fixture, None, "https://localhost:1/a").await;
    registers(&fixture, Some("b"), "https://localhost:1/b").await;
    let software = devkit::directory::StatementClaims::of(CLIENT);
    fixture.mock.set_organisation_status(&software.org_id, "Withdrawn").unwrap();
    fixture.functions.aws.forget_calls();
    let mut functions = fixture.functions;
    functions.max_suspended_percent = 100;
    tests::aws::review(&functions.directory()).await;
    for key in [CLIENT.to_owned(), format!("{SECOND} {CLIENT}")] {
        let row = functions.aws.row(RECEIVERS, &key).unwrap();
        assert!(row["registration"]["S"].as_str().unwrap().contains("organisation_not_active"), "{row}");
    }
}

#[tokio::test]
async fn a_brand_that_this_stack_does_not_have_is_refused() {
    let fixture = fixture().await;
    for method in [Method::PUT, Method::GET, Method::DELETE] {
        assert_eq!(of_brand(&fixture, method, Some("c"), &opts_out().to_string()).await.0, 400);
    }
    let (status, judged) = verdicts(&fixture.functions.intake(), &payment(&fixture, Some("c"))).await;
    assert_eq!((status, judged), (400, vec!["invalid".to_owned()]));
}
