//! An identity whose key KMS keeps: what it asks of KMS, and what becomes of notifications while KMS does not sign.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

use std::sync::Arc;
use std::time::Duration;

use arauto::local::{AUTHORISATION_SERVER_ID, change};
use arauto::receiver::MockReceiver;
use dispatch::Dispatch;
use jiff::SignedDuration;
use serde_json::{Value, json};
use tests::aws::{Fault, Functions, PKI, Row, requeued};
use tokio::time::{Instant, timeout};
use webhook::codes::Code;
use webhook::delivery::AttemptMessage;
use webhook::notification::Endpoint;
use webhook::peer::SIGN_WITHIN;

const CLIENT: &str = "itp-1";
const KEY: &str = "arn:aws:kms:sa-east-1:123456789012:key/1234abcd-12ab-34cd-56ef-1234567890ab";
const SECOND_SERVER: &str = "9b2e4f60-5c1d-4e8a-8f37-426614174001";
const NOTHING: [usize; 0] = [];
const SECOND: SignedDuration = SignedDuration::from_secs(1);
const METRIC: &str = "OwnFaults";
/// What KMS answers of a key that somebody schedules for deletion, or disables.
const PENDING_DELETION: Fault = Fault::Refused(400, "KMSInvalidStateException");
const DISABLED: Fault = Fault::Refused(400, "DisabledException");

struct Bench {
    functions: Functions,
    mock: MockReceiver,
    dispatch: Arc<Dispatch>,
}

impl Bench {
    /// A receiver that answers so, and the bank's certificate with its key in KMS.
    async fn new(answers: &str) -> Self {
        let functions = Functions::default();
        functions.aws.put_key(KEY, &PKI.sender.key_pem);
        functions.put_identity_text(&in_kms(&PKI.sender.chain_pem).to_string());
        Self::with(functions, answers).await
    }

    async fn with(functions: Functions, answers: &str) -> Self {
        let mock = functions.receiver(CLIENT, answers).await;
        let dispatch = functions.dispatch(&functions.hands);
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
    let mut posted = change(Endpoint::PixPayment, client, resource, functions.hands.now());
    posted["brand"] = brand.into();
    functions.message_of(&posted)
}

#[tokio::test]
async fn kms_signs_once_for_each_connection_and_shows_its_key_once() {
    let bench = Bench::new("202").await;
    for resource in ["p-1", "p-2"] {
        assert_eq!(bench.hand_over(&bench.message(resource)).await, NOTHING);
    }
    let received = bench.mock.wait_for(2, Duration::from_secs(5)).await.unwrap();
    for request in &received {
        let certificate = request.client_certificate.as_ref().unwrap();
        assert!(certificate.subject.contains("organizationIdentifier=OFBBR-"), "{}", certificate.subject);
    }
    assert_eq!((bench.asked("Sign"), bench.asked("GetPublicKey")), (1, 1));

    // The identity is looked at again, is the same one, and keeps its connections.
    bench.functions.hands.advance(SignedDuration::from_mins(5));
    bench.dispatch.identities.prepare().await.unwrap();
    assert_eq!(bench.hand_over(&bench.message("p-3")).await, NOTHING);
    assert_eq!(bench.asked("GetPublicKey"), 1);
}

#[tokio::test]
async fn while_kms_does_not_sign_a_notification_is_kept_at_the_cost_of_no_attempt() {
    let faults =
        [Fault::DENIED, Fault::THROTTLED, Fault::Unreachable, PENDING_DELETION, DISABLED, Fault::Silent];
    for fault in faults {
        let bench = Bench::new("202").await;
        bench.dispatch.identities.prepare().await.unwrap();
        let message = bench.message("p-1");
        bench.functions.aws.fails("Sign", fault);
        let started = Instant::now();
        assert_eq!(bench.hand_over(&message).await, [0], "{fault:?}");
        assert!(started.elapsed() < SIGN_WITHIN + Duration::from_secs(1), "{fault:?}");
        assert_eq!(bench.codes(), ["signing_unavailable"], "{fault:?}");
        let row = bench.row(&message);
        assert_eq!((row.text("status"), row.text("attempt")), ("waiting", "0"), "{fault:?}");
        assert_eq!((row.attempt(1, "outcome"), bench.mock.count()), ("signing_unavailable", 0), "{fault:?}");

        bench.functions.aws.recovers();
        bench.functions.hands.advance(5 * SECOND);
        assert_eq!(bench.hand_over(&message).await, NOTHING, "{fault:?}");
        let row = bench.row(&message);
        assert_eq!((row.text("status"), row.text("attempt")), ("delivered", "1"), "{fault:?}");
        assert_eq!(row.attempt(1, "outcome"), "delivered", "{fault:?}");
        assert_eq!((bench.mock.count(), bench.codes().len()), (1, 1), "{fault:?}");
    }
    assert!(Code::SigningUnavailable.alarms());
}

#[tokio::test]
async fn an_attempt_that_kms_did_not_sign_is_made_once_it_does_and_no_fourth_comes() {
    let bench = Bench::new("503").await;
    let mut message = bench.message("p-1");
    for attempt in 1..=3 {
        // A new connection for each, as kept ones need no signature.
        bench.functions.aws.fails("Sign", Fault::DENIED);
        for _ in 0..2 {
            assert_eq!(bench.hand_over(&message).await, [0], "{attempt}");
            let row = bench.row(&message);
            assert_eq!((row.text("status"), row.text("attempt")), ("waiting", &*(attempt - 1).to_string()));
            assert_eq!(row.attempt(attempt, "outcome"), "signing_unavailable", "{attempt}");
        }
        bench.functions.aws.recovers();
        assert_eq!(bench.hand_over(&message).await, NOTHING, "{attempt}");
        assert_eq!(bench.mock.count(), usize::from(attempt));
        if attempt < 3 {
            let next = bench.functions.aws.take_messages(tests::aws::NOTIFICATIONS);
            message = AttemptMessage::from_json(&next[0].body).unwrap();
            bench.functions.hands.advance(60 * SECOND);
        }
    }
    let row = bench.row(&message);
    assert_eq!((row.text("status"), row.attempt(3, "outcome")), ("undelivered", "server_error"));
    assert_eq!(bench.codes(), ["signing_unavailable"; 6]);
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
    let bench = Bench::with(functions, "202").await;
    let other = bench.functions.receiver("itp-2", "202").await;
    bench.dispatch.identities.prepare().await.unwrap();
    bench.functions.aws.fails("Sign", Fault::Silent);

    let unsigned = message(&bench.functions, CLIENT, "p-1", "two").to_json();
    let signed = message(&bench.functions, "itp-2", "p-2", "one").to_json();
    let started = Instant::now();
    let both = tokio::spawn({
        let (dispatch, bodies) = (Arc::clone(&bench.dispatch), [unsigned, signed]);
        async move { requeued(&dispatch, &bodies).await }
    });
    // The one thread of this runtime goes on while the other handshake waits for KMS.
    timeout(SIGN_WITHIN / 2, other.wait_for(1, SIGN_WITHIN)).await.unwrap().unwrap();
    assert!(!both.is_finished() && started.elapsed() < SIGN_WITHIN / 2);
    assert_eq!(both.await.unwrap(), [0]);
    assert_eq!((bench.codes(), bench.mock.count()), (vec!["signing_unavailable".to_owned()], 0));
}

#[tokio::test]
async fn a_key_that_kms_does_not_show_keeps_notifications_before_their_attempt() {
    for (fault, code) in [(Fault::DENIED, "signing_unavailable"), (PENDING_DELETION, "signing_unavailable")] {
        let bench = Bench::new("202").await;
        bench.functions.aws.fails("GetPublicKey", fault);
        let message = bench.message("p-1");
        assert_eq!(bench.hand_over(&message).await, [0], "{fault:?}");
        assert_eq!(bench.codes(), [code], "{fault:?}");
        assert_eq!(bench.functions.aws.ledger_row(message.notification.as_str()), None);
        bench.functions.aws.recovers();
        bench.functions.hands.advance(5 * SECOND);
        assert_eq!(bench.hand_over(&message).await, NOTHING, "{fault:?}");
        assert_eq!(bench.mock.count(), 1, "{fault:?}");
    }
}

#[tokio::test]
async fn a_kms_key_of_another_certificate_is_refused_before_any_handshake() {
    let bench = Bench::new("202").await;
    bench.functions.aws.put_key(KEY, &PKI.receiver.key_pem);
    let message = bench.message("p-1");
    assert_eq!(bench.hand_over(&message).await, [0]);
    assert_eq!((bench.codes(), bench.asked("Sign")), (vec!["identity_unusable".to_owned()], 0));
    bench.functions.aws.put_key(KEY, &PKI.sender.key_pem);
    bench.functions.hands.advance(5 * SECOND);
    assert_eq!(bench.hand_over(&message).await, NOTHING);
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
        let bench = Bench::with(functions, "202").await;
        assert_eq!(bench.hand_over(&bench.message("p-1")).await, [0]);
        assert_eq!(bench.codes(), ["identity_unusable"]);
    }
}
