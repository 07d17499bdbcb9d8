//! Faults of ours: each keeps its message at the cost of no attempt, is counted by its code, and is over when its cause is,
//! without anybody's hands.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use convention::codes::Code;
use convention::delivery::{AttemptMessage, AttemptNumber, LEASE};
use convention::notification::Endpoint;
use devkit::local::change;
use devkit::pki::{ClientSubject, Identity, Validity};
use devkit::receiver::MockReceiver;
use dispatch::{Dispatch, Parts};
use jiff::{SignedDuration, Timestamp};
use platform::rng::Rng;
use platform::telemetry::ErrorChain;
use serde_json::{Value, json};
use tests::aws::{DIRECTORY, Fault, Functions, PKI, RECEIVERS, requeued, requeued_with};

const CLIENT: &str = "itp-1";
const NOTHING: [usize; 0] = [];
const SECOND: SignedDuration = SignedDuration::from_secs(1);
const METRIC: &str = "OwnFaults";

/// A receiver that accepts everything, and dispatch in an environment that stays the same.
struct Fixture {
    functions: Functions,
    mock: MockReceiver,
    dispatch: Arc<Dispatch>,
}

impl Fixture {
    async fn new() -> Self {
        let functions = Functions::default();
        functions.put_identity(&PKI.sender);
        Self::with(functions).await
    }

    async fn with(functions: Functions) -> Self {
        let mock = functions.receiver(CLIENT, "202").await;
        let dispatch = functions.dispatch(&functions.test_clock);
        functions.aws.forget_calls();
        Self { functions, mock, dispatch }
    }

    fn message(&self) -> AttemptMessage {
        self.functions.payment(CLIENT, "p-1")
    }

    /// Hands the message over and expects that it is kept for seconds, counted by this code, and that no attempt was made.
    async fn is_kept(&self, message: &AttemptMessage, code: &str) {
        assert_eq!(requeued(&self.dispatch, &[message.to_json()]).await, [0], "{code}");
        self.shows(message, code);
    }

    fn shows(&self, message: &AttemptMessage, code: &str) {
        let Functions { aws, metrics, .. } = &self.functions;
        assert_eq!(metrics.codes(METRIC), [code]);
        assert!(Code::named(code).is_some_and(Code::alarms), "{code} has no alarm");
        let hidden = aws.hidden();
        let [(handle, seconds)] = hidden.as_slice() else { panic!("{code}: {hidden:?}") };
        assert!(handle == "receipt-0" && (4..=5).contains(seconds), "{code}: {hidden:?}");
        assert_eq!(aws.ledger_row(message.notification.as_str()), None, "{code}");
        assert_eq!(self.mock.count(), 0, "{code}");
    }

    /// Hands the message over once more and expects that it is delivered by its first attempt, and nothing more is counted.
    async fn is_delivered(&self, message: &AttemptMessage, code: &str) {
        self.is_delivered_with(message, code, &[]).await;
    }

    /// The same with attributes that SQS gives each message.
    async fn is_delivered_with(&self, message: &AttemptMessage, code: &str, attributes: &[(&str, String)]) {
        self.functions.test_clock.advance(5 * SECOND);
        assert_eq!(requeued_with(&self.dispatch, &[message.to_json()], attributes).await, NOTHING, "{code}");
        let row = self.functions.aws.ledger_row(message.notification.as_str()).unwrap();
        assert_eq!((row.text("status"), row.text("attempt")), ("delivered", "1"), "{code}");
        assert_eq!((self.mock.count(), self.functions.metrics.codes(METRIC).len()), (1, 1), "{code}");
    }
}

fn pair(chain: &Identity, key: &Identity) -> String {
    json!({ "certificate_chain": chain.chain_pem, "private_key": key.key_pem }).to_string()
}

/// An identity that is valid for an hour, from so many seconds after this instant.
fn identity(now: Timestamp, from: i64) -> Identity {
    let not_before = now + SignedDuration::from_secs(from);
    let validity = Validity { not_before, not_after: not_before + SignedDuration::from_hours(1) };
    PKI.sender_authority.client_with(&ClientSubject::default(), validity).unwrap()
}

#[tokio::test]
async fn an_identity_that_cannot_be_used_heals_when_another_is_stored() {
    let now = Functions::default().test_clock.now();
    let expired = identity(now, -7_200);
    let other =
        json!({ "9b2e4f60-5c1d-4e8a-8f37-426614174001": { "certificate_chain": "", "private_key": "" } });
    let cases = [
        ("no JSON".to_owned(), "identity_unusable"),
        (pair(&PKI.sender, &PKI.receiver), "identity_unusable"),
        (pair(&expired, &expired), "identity_expired"),
        (other.to_string(), "identity_missing"),
    ];
    for (secret, code) in cases {
        let functions = Functions::default();
        functions.put_identity_text(&secret);
        let fixture = Fixture::with(functions).await;
        let message = fixture.message();
        fixture.is_kept(&message, code).await;
        fixture.functions.put_identity(&PKI.sender);
        fixture.is_delivered(&message, code).await;
    }
}

#[tokio::test]
async fn an_identity_that_is_not_yet_valid_heals_when_its_time_comes() {
    let functions = Functions::default();
    // The receiver goes by the machine's clock, and refuses a certificate of the future: so this one's future is its past.
    functions.test_clock.advance(-60 * SECOND);
    let soon = identity(functions.test_clock.now(), 5);
    functions.put_identity_text(&pair(&soon, &soon));
    let fixture = Fixture::with(functions).await;
    let message = fixture.message();
    fixture.is_kept(&message, "identity_not_yet_valid").await;
    fixture.is_delivered(&message, "identity_not_yet_valid").await;
}

#[tokio::test]
async fn a_service_that_fails_heals_when_it_works_again() {
    let of_table = |table: &'static str| move |input: &Value| input["TableName"] == table;
    let cases: [(&str, Fault, &str); 6] = [
        ("GetSecretValue", Fault::DENIED, "identity_unreadable"),
        ("UpdateItem", Fault::DENIED, "ledger_unavailable"),
        ("UpdateItem", Fault::THROTTLED, "ledger_unavailable"),
        ("GetItem", Fault::DENIED, "receivers_unavailable"),
        ("GetItem", Fault::THROTTLED, "receivers_unavailable"),
        ("GetItem", Fault::Unreachable, "receivers_unavailable"),
    ];
    for (operation, fault, code) in cases {
        let fixture = Fixture::new().await;
        let message = fixture.message();
        match operation {
            "GetItem" => fixture.functions.aws.fails_where(operation, of_table(RECEIVERS), fault),
            _ => fixture.functions.aws.fails(operation, fault),
        }
        fixture.is_kept(&message, code).await;
        fixture.functions.aws.recovers();
        fixture.is_delivered(&message, code).await;
    }
}

#[tokio::test]
async fn the_log_of_a_failed_table_says_whether_it_was_throttled_denied_or_out_of_reach() {
    let cases = [
        (Fault::THROTTLED, "ThrottlingException"),
        (Fault::DENIED, "AccessDeniedException"),
        (Fault::Unreachable, "connection reset"),
        (Fault::Silent, "timeout"),
    ];
    for (fault, expected) in cases {
        let fixture = Fixture::new().await;
        let message = fixture.message();
        fixture.functions.aws.fails("UpdateItem", fault);
        fixture.functions.aws.fails("GetItem", fault);
        let ledger = fixture.functions.parts(&fixture.functions.test_clock).ledger;
        tokio::time::pause();
        let of_ledger = ledger.cancelled(&message, "no_receiver", Timestamp::MIN).await;
        let of_receivers = fixture.dispatch.receivers.find(&message.receiver()).await;
        tokio::time::resume();
        let (of_ledger, of_receivers) = (of_ledger.unwrap_err(), of_receivers.unwrap_err());
        for logged in [ErrorChain(&of_ledger).to_string(), ErrorChain(&of_receivers).to_string()] {
            assert!(logged.to_lowercase().contains(&expected.to_lowercase()), "{fault:?}: {logged}");
        }
    }
}

#[tokio::test]
async fn a_table_that_never_answers_heals_when_it_does() {
    let fixture = Fixture::new().await;
    let message = fixture.message();
    // The identity first, as a first look at a secret takes no part in this.
    fixture.dispatch.identities.prepare().await.unwrap();
    fixture.functions.aws.fails_where("GetItem", |input| input["TableName"] == RECEIVERS, Fault::Silent);
    tokio::time::pause();
    fixture.is_kept(&message, "receivers_unavailable").await;
    tokio::time::resume();
    fixture.functions.aws.recovers();
    fixture.is_delivered(&message, "receivers_unavailable").await;
}

#[tokio::test]
async fn a_batch_whose_table_never_answers_is_kept_in_time_and_heals() {
    let fixture = Fixture::new().await;
    let message = fixture.message();
    fixture.dispatch.identities.prepare().await.unwrap();
    fixture.functions.aws.fails_where("GetItem", |input| input["TableName"] == RECEIVERS, Fault::Silent);
    tokio::time::pause();
    let bodies = [message.to_json(), message.to_json()];
    assert_eq!(requeued(&fixture.dispatch, &bodies).await, [0, 1]);
    // The first asks the table; the second waits for that and no longer.
    let codes = fixture.functions.metrics.codes(METRIC);
    assert_eq!(codes, ["prepare_timeout", "receivers_unavailable"]);
    assert!(Code::PrepareTimeout.alarms());
    tokio::time::resume();
    fixture.functions.aws.recovers();
    fixture.functions.test_clock.advance(5 * SECOND);
    assert_eq!(requeued(&fixture.dispatch, &bodies[..1]).await, NOTHING);
    assert_eq!((fixture.mock.count(), fixture.functions.metrics.codes(METRIC).len()), (1, 2));
}

#[tokio::test]
async fn a_secret_that_never_answers_heals_when_it_does() {
    let fixture = Fixture::new().await;
    let message = fixture.message();
    fixture.functions.aws.fails("GetSecretValue", Fault::Silent);
    tokio::time::pause();
    fixture.is_kept(&message, "identity_unreadable").await;
    tokio::time::resume();
    fixture.functions.aws.recovers();
    fixture.is_delivered(&message, "identity_unreadable").await;
}

#[tokio::test]
async fn a_queue_that_fails_before_an_attempt_heals_when_it_works_again() {
    let fixture = Fixture::new().await;
    // Sent on, as it comes earlier than is worth waiting for.
    let due = fixture.functions.test_clock.now() + 5 * SECOND;
    let message = fixture.message().again(AttemptNumber::FIRST, due);
    fixture.functions.aws.fails("SendMessage", Fault::DENIED);
    fixture.is_kept(&message, "queue_unavailable").await;
    fixture.functions.aws.recovers();
    fixture.is_delivered(&message, "queue_unavailable").await;
}

#[tokio::test]
async fn not_knowing_what_is_revoked_heals_when_the_directory_function_writes() {
    let fixture = Fixture::new().await;
    let Functions { aws, metrics, test_clock, .. } = &fixture.functions;
    for operation in ["GetItem", "BatchGetItem"] {
        aws.fails_where(operation, |input| input["TableName"] == DIRECTORY, Fault::DENIED);
    }
    // The receiver shows its certificate, and for longer than the window nothing can be read of it.
    let shown = fixture.functions.payment(CLIENT, "p-shown").to_json();
    assert_eq!(requeued_with(&fixture.dispatch, &[shown], &[]).await, NOTHING);
    test_clock.advance(SignedDuration::from_mins(61));
    let message = fixture.message();
    assert_eq!(requeued_with(&fixture.dispatch, &[message.to_json()], &[]).await, [0]);
    assert_eq!(metrics.codes(METRIC), ["revocation_unavailable"]);
    aws.recovers();
    directory::revocation::refresh(&fixture.functions.refresher()).await;
    test_clock.advance(SignedDuration::from_mins(1));
    assert_eq!(requeued_with(&fixture.dispatch, &[message.to_json()], &[]).await, NOTHING);
    let row = aws.ledger_row(message.notification.as_str()).unwrap();
    assert_eq!((row.text("status"), row.text("attempt")), ("delivered", "1"), "no attempt was spent");
    assert_eq!(fixture.mock.count(), 2);
}

#[tokio::test]
async fn a_missing_authorisation_server_id_heals_when_it_is_configured() {
    let mut fixture = Fixture::with(Functions { servers: "", ..Functions::default() }).await;
    fixture.functions.put_identity(&PKI.sender);
    let now = fixture.functions.test_clock.now();
    let posted = change(Endpoint::Enrollment, CLIENT, "e-1", now);
    let message = fixture.functions.message_of(&posted);
    fixture.is_kept(&message, "missing_authorisation_server_id").await;
    // A setting is a deployment, and that is another environment.
    fixture.functions.servers = Functions::default().servers;
    fixture.dispatch = fixture.functions.dispatch(&fixture.functions.test_clock);
    fixture.is_delivered(&message, "missing_authorisation_server_id").await;
}

#[tokio::test]
async fn a_clock_that_is_wrong_heals_when_it_is_set() {
    let millis = |at: Timestamp| at.as_millisecond().to_string();
    for (ahead_s, attribute) in [(-3, "SentTimestamp"), (300, "ApproximateFirstReceiveTimestamp")] {
        let fixture = Fixture::new().await;
        let message = fixture.message();
        let at = fixture.functions.test_clock.now();
        let attributes = [(attribute, millis(at)), ("ApproximateReceiveCount", "1".to_owned())];
        fixture.functions.test_clock.advance(SignedDuration::from_secs(ahead_s));
        assert_eq!(requeued_with(&fixture.dispatch, &[message.to_json()], &attributes).await, [0]);
        fixture.shows(&message, "clock_skew");
        fixture.functions.test_clock.advance(SignedDuration::from_secs(-ahead_s));
        fixture.is_delivered_with(&message, "clock_skew", &attributes).await;
    }
}

#[tokio::test]
async fn a_panic_costs_the_message_some_seconds() {
    let mut fixture = Fixture::new().await;
    let panicked = AtomicBool::new(false);
    let rng = Rng::from_fn(move || {
        assert!(panicked.swap(true, Ordering::Relaxed), "this is the panic that the test provokes");
        Rng::system().bits()
    });
    let parts = fixture.functions.parts(&fixture.functions.test_clock);
    fixture.dispatch = Dispatch::new(Parts { rng, ..parts });
    let message = fixture.message();
    fixture.is_kept(&message, "panic").await;
    fixture.is_delivered(&message, "panic").await;
}

#[tokio::test]
async fn a_message_kept_again_and_again_waits_longer_each_time() {
    let fixture = Fixture::new().await;
    let message = fixture.message();
    fixture.functions.aws.fails("UpdateItem", Fault::DENIED);
    for (receives, longest) in [(1, 5), (2, 10), (3, 20), (9, 900), (100, 900)] {
        fixture.functions.aws.forget_calls();
        let attributes = [("ApproximateReceiveCount", receives.to_string())];
        assert_eq!(requeued_with(&fixture.dispatch, &[message.to_json()], &attributes).await, [0]);
        let seconds = fixture.functions.aws.hidden()[0].1;
        assert!((longest * 3 / 4..=longest).contains(&seconds), "{receives}: {seconds}");
    }
}

#[tokio::test]
async fn a_message_that_another_process_is_at_comes_again_after_its_lease_and_is_no_fault() {
    let fixture = Fixture::new().await;
    let message = fixture.message();
    fixture.functions.aws.fails_where(
        "UpdateItem",
        |input| input["ExpressionAttributeValues"][":status"]["S"] == "delivered",
        Fault::DENIED,
    );
    assert_eq!(requeued(&fixture.dispatch, &[message.to_json()]).await, [0]);
    assert_eq!(fixture.functions.metrics.codes(METRIC), ["ledger_unavailable"]);
    fixture.functions.aws.forget_calls();

    fixture.functions.test_clock.advance(10 * SECOND);
    let other = fixture.functions.dispatch(&fixture.functions.test_clock);
    assert_eq!(requeued(&other, &[message.to_json()]).await, [0]);
    assert_eq!(fixture.functions.metrics.codes(METRIC).len(), 1);
    let left = LEASE.as_secs().unsigned_abs() - 10;
    let seconds = fixture.functions.aws.hidden()[0].1;
    assert!((left..=left + 1).contains(&seconds), "{seconds}");
}

#[tokio::test]
async fn a_queue_that_cannot_be_told_when_a_message_comes_again_costs_nothing_but_that() {
    for fault in [Fault::DENIED, Fault::Silent] {
        let fixture = Fixture::new().await;
        fixture.dispatch.identities.prepare().await.unwrap();
        fixture.functions.aws.fails("UpdateItem", Fault::DENIED);
        fixture.functions.aws.fails("ChangeMessageVisibility", fault);
        tokio::time::pause();
        let started = tokio::time::Instant::now();
        assert_eq!(requeued(&fixture.dispatch, &[fixture.message().to_json()]).await, [0], "{fault:?}");
        assert!(started.elapsed().as_millis() <= 2_001, "{fault:?}: {:?}", started.elapsed());
        tokio::time::resume();
    }
}
