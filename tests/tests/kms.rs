//! An identity whose key KMS keeps: what it asks of KMS, and what becomes of notifications while KMS does not sign.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

use std::sync::Arc;
use std::time::Duration;

use convention::codes::Code;
use convention::delivery::AttemptMessage;
use convention::notification::Endpoint;
use devkit::local::{AUTHORISATION_SERVER_ID, change};
use devkit::receiver::MockReceiver;
use dispatch::Dispatch;
use jiff::SignedDuration;
use mtls::SIGN_TIMEOUT;
use serde_json::{Value, json};
use tests::aws::{Fault, Functions, PKI, Row, requeued};
use tokio::time::{Instant, timeout};

const CLIENT: &str = "itp-1";
const KEY: &str = "arn:aws:kms:sa-east-1:123456789012:key/1234abcd-12ab-34cd-56ef-1234567890ab";
const SECOND_SERVER: &str = "9b2e4f60-5c1d-4e8a-8f37-426614174001";
const NOTHING: [usize; 0] = [];
const SECOND: SignedDuration = SignedDuration::from_secs(1);
const METRIC: &str = "OwnFaults";
/// What KMS answers of a key that somebody schedules for deletion, or disables.
const PENDING_DELETION: Fault = Fault::Refused(400, "KMSInvalidStateException");
const DISABLED: Fault = Fault::Refused(400, "DisabledException");

struct Fixture {
    functions: Functions,
    mock: MockReceiver,
    dispatch: Arc<Dispatch>,
}

impl Fixture {
    /// A receiver that answers so, and the bank's certificate with its key in KMS.
    async fn new(answers: &str) -> Self {
        let functions = Functions::default();
        functions.aws.put_key(KEY, &PKI.sender.key_pem);
        functions.put_identity_text(&in_kms(&PKI.sender.chain_pem).to_string());
        Self::with(functions, answers).await
    }

    async fn with(functions: Functions, answers: &str) -> Self {
        let mock = functions.receiver(CLIENT, answers).await;
        let dispatch = functions.dispatch(&functions.test_clock);
        Self { functions, mock, dispatch }
    }

    fn message(&self, resource: &str) -> AttemptMessage {
        self.functions.payment(CLIENT, resource)
    }

    async fn hand_over(&self, message: &AttemptMessage) -> Vec<usize> {
        requeued(&self.dispatch, &[message.to_json()]).await
    }

    fn row(&self, message: &AttemptMessage) -> Row {
        self.functions.aws.ledger_row(message.notification.as_str()).unwrap()
    }

    fn codes(&self) -> Vec<String> {
        self.functions.metrics.codes(METRIC)
    }

    fn asked(&self, operation: &str) -> usize {
        self.functions.aws.calls().iter().filter(|call| call.operation == operation).count()
    }
}

fn in_kms(chain: &str) -> Value {
    json!({ "certificate_chain": chain, "kms_key_id": KEY })
}

/// The message of a payment of a brand's customer.
fn message(functions: &Functions, client: &str, resource: &str, brand: &str) -> AttemptMessage {
    let mut posted = change(Endpoint::PixPayment, client, resource, functions.test_clock.now());
    posted["brand"] = brand.into();
    functions.message_of(&posted)
}

#[tokio::test]
async fn kms_signs_once_for_each_connection_and_shows_its_key_once() {
    let fixture = Fixture::new("202").await;
    for resource in ["p-1", "p-2"] {
        assert_eq!(fixture.hand_over(&fixture.message(resource)).await, NOTHING);
    }
    let received = fixture.mock.wait_for(2, Duration::from_secs(5)).await.unwrap();
    for request in &received {
        let certificate = request.client_certificate.as_ref().unwrap();
        assert!(certificate.subject.contains("organizationIdentifier=OFBBR-"), "{}", certificate.subject);
    }
    assert_eq!((fixture.asked("Sign"), fixture.asked("GetPublicKey")), (1, 1));

    // The identity is looked at again, is the same one, and keeps its connections.
    fixture.functions.test_clock.advance(SignedDuration::from_mins(5));
    fixture.dispatch.identities.prepare().await.unwrap();
    assert_eq!(fixture.hand_over(&fixture.message("p-3")).await, NOTHING);
    assert_eq!(fixture.asked("GetPublicKey"), 1);
}

#[tokio::test]
async fn while_kms_does_not_sign_a_notification_is_kept_at_the_cost_of_no_attempt() {
    let faults =
        [Fault::DENIED, Fault::THROTTLED, Fault::Unreachable, PENDING_DELETION, DISABLED, Fault::Silent];
    for fault in faults {
        let fixture = Fixture::new("202").await;
        fixture.dispatch.identities.prepare().await.unwrap();
        let message = fixture.message("p-1");
        fixture.functions.aws.fails("Sign", fault);
        let started = Instant::now();
        assert_eq!(fixture.hand_over(&message).await, [0], "{fault:?}");
        assert!(started.elapsed() < SIGN_TIMEOUT + Duration::from_secs(1), "{fault:?}");
        assert_eq!(fixture.codes(), ["signing_unavailable"], "{fault:?}");
        let row = fixture.row(&message);
        assert_eq!((row.text("status"), row.text("attempt")), ("waiting", "0"), "{fault:?}");
        assert_eq!(
            (row.attempt(1, "outcome"), fixture.mock.count()),
            ("signing_unavailable", 0),
            "{fault:?}"
        );

        fixture.functions.aws.recovers();
        fixture.functions.test_clock.advance(5 * SECOND);
        assert_eq!(fixture.hand_over(&message).await, NOTHING, "{fault:?}");
        let row = fixture.row(&message);
        assert_eq!((row.text("status"), row.text("attempt")), ("delivered", "1"), "{fault:?}");
        assert_eq!(row.attempt(1, "outcome"), "delivered", "{fault:?}");
        assert_eq!((fixture.mock.count(), fixture.codes().len()), (1, 1), "{fault:?}");
    }
    assert!(Code::SigningUnavailable.alarms());
}

#[tokio::test]
async fn an_attempt_that_kms_did_not_sign_is_made_once_it_does_and_no_fourth_comes() {
    let fixture = Fixture::new("503").await;
    let mut message = fixture.message("p-1");
    for attempt in 1..=3 {
        // A new connection for each, as kept ones need no signature.
        fixture.functions.aws.fails("Sign", Fault::DENIED);
        for _ in 0..2 {
            assert_eq!(fixture.hand_over(&message).await, [0], "{attempt}");
            let row = fixture.row(&message);
            assert_eq!((row.text("status"), row.text("attempt")), ("waiting", &*(attempt - 1).to_string()));
            assert_eq!(row.attempt(attempt, "outcome"), "signing_unavailable", "{attempt}");
        }
        fixture.functions.aws.recovers();
        assert_eq!(fixture.hand_over(&message).await, NOTHING, "{attempt}");
        assert_eq!(fixture.mock.count(), usize::from(attempt));
        if attempt < 3 {
            let next = fixture.functions.aws.take_messages(tests::aws::NOTIFICATIONS);
            message = AttemptMessage::from_json(&next[0].body).unwrap();
            fixture.functions.test_clock.advance(60 * SECOND);
        }
    }
    let row = fixture.row(&message);
    assert_eq!((row.text("status"), row.attempt(3, "outcome")), ("undelivered", "server_error"));
    assert_eq!(fixture.codes(), ["signing_unavailable"; 6]);
}

#[tokio::test]
async fn a_receiver_learns_nothing_of_a_signature_that_does_not_come_and_others_do_not_wait() {
    let functions = Functions {
        servers: "one=11111111-aaaa-4000-8000-000000000001,two=9b2e4f60-5c1d-4e8a-8f37-426614174001",
        ..Functions::default()
    };
    functions.aws.put_key(KEY, &PKI.sender.key_pem);
    let whole = json!({ "certificate_chain": PKI.sender.chain_pem, "private_key": PKI.sender.key_pem });
    let both = json!({ "11111111-aaaa-4000-8000-000000000001": whole, SECOND_SERVER: in_kms(&PKI.sender.chain_pem) });
    functions.put_identity_text(&both.to_string());
    let fixture = Fixture::with(functions, "202").await;
    let other = fixture.functions.receiver("itp-2", "202").await;
    fixture.dispatch.identities.prepare().await.unwrap();
    fixture.functions.aws.fails("Sign", Fault::Silent);

    let unsigned = message(&fixture.functions, CLIENT, "p-1", "two").to_json();
    let signed = message(&fixture.functions, "itp-2", "p-2", "one").to_json();
    let started = Instant::now();
    let both = tokio::spawn({
        let (dispatch, bodies) = (Arc::clone(&fixture.dispatch), [unsigned, signed]);
        async move { requeued(&dispatch, &bodies).await }
    });
    // The one thread of this runtime goes on while the other handshake waits for KMS.
    timeout(SIGN_TIMEOUT / 2, other.wait_for(1, SIGN_TIMEOUT)).await.unwrap().unwrap();
    assert!(!both.is_finished() && started.elapsed() < SIGN_TIMEOUT / 2);
    assert_eq!(both.await.unwrap(), [0]);
    assert_eq!((fixture.codes(), fixture.mock.count()), (vec!["signing_unavailable".to_owned()], 0));
}

#[tokio::test]
async fn a_key_that_kms_does_not_show_keeps_notifications_before_their_attempt() {
    for (fault, code) in [(Fault::DENIED, "signing_unavailable"), (PENDING_DELETION, "signing_unavailable")] {
        let fixture = Fixture::new("202").await;
        fixture.functions.aws.fails("GetPublicKey", fault);
        let message = fixture.message("p-1");
        assert_eq!(fixture.hand_over(&message).await, [0], "{fault:?}");
        assert_eq!(fixture.codes(), [code], "{fault:?}");
        assert_eq!(fixture.functions.aws.ledger_row(message.notification.as_str()), None);
        fixture.functions.aws.recovers();
        fixture.functions.test_clock.advance(5 * SECOND);
        assert_eq!(fixture.hand_over(&message).await, NOTHING, "{fault:?}");
        assert_eq!(fixture.mock.count(), 1, "{fault:?}");
    }
}

#[tokio::test]
async fn a_kms_key_of_another_certificate_is_refused_before_any_handshake() {
    let fixture = Fixture::new("202").await;
    fixture.functions.aws.put_key(KEY, &PKI.receiver.key_pem);
    let message = fixture.message("p-1");
    assert_eq!(fixture.hand_over(&message).await, [0]);
    assert_eq!((fixture.codes(), fixture.asked("Sign")), (vec!["identity_unusable".to_owned()], 0));
    fixture.functions.aws.put_key(KEY, &PKI.sender.key_pem);
    fixture.functions.test_clock.advance(5 * SECOND);
    assert_eq!(fixture.hand_over(&message).await, NOTHING);
}

#[tokio::test]
async fn an_identity_names_one_place_of_its_key_and_that_is_no_alias() {
    let chain = &PKI.sender.chain_pem;
    let key = &PKI.sender.key_pem;
    for identity in [
        json!({ "certificate_chain": chain }),
        json!({ "certificate_chain": chain, "private_key": key, "kms_key_id": KEY }),
        json!({ "certificate_chain": chain, "kms_key_id": "alias/webhook" }),
    ] {
        let functions = Functions { servers: AUTHORISATION_SERVER_ID, ..Functions::default() };
        functions.put_identity_text(&identity.to_string());
        let fixture = Fixture::with(functions, "202").await;
        assert_eq!(fixture.hand_over(&fixture.message("p-1")).await, [0]);
        assert_eq!(fixture.codes(), ["identity_unusable"]);
    }
}
