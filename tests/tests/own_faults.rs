//! Faults of ours: each keeps its message at the cost of no attempt, is counted by its code, and is over when its cause is,
//! without anybody's hands.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use arauto::local::change;
use arauto::pki::{ClientSubject, Identity, Validity};
use arauto::receiver::MockReceiver;
use dispatch::Dispatch;
use jiff::{SignedDuration, Timestamp};
use serde_json::{Value, json};
use tests::aws::{DIRECTORY, Fault, Functions, PKI, RECEIVERS, requeued, requeued_with};
use webhook::codes::Code;
use webhook::delivery::{AttemptMessage, AttemptNumber, LEASE};
use webhook::notification::Endpoint;
use webhook::rng::Rng;
use webhook::telemetry::ErrorChain;

const CLIENT: &str = "itp-1";
const NOTHING: [usize; 0] = [];
const SECOND: SignedDuration = SignedDuration::from_secs(1);
const METRIC: &str = "OwnFaults";

/// A receiver that accepts everything, and dispatch in an environment that stays the same.
struct Bench {
    functions: Functions,
    mock: MockReceiver,
    dispatch: Arc<Dispatch>,
}

impl Bench {
    async fn new() -> Self {
        let functions = Functions::default();
        functions.put_identity(&PKI.sender);
        Self::with(functions).await
    }

    async fn with(functions: Functions) -> Self {
        let mock = functions.receiver(CLIENT, "202").await;
        let dispatch = functions.dispatch(&functions.hands);
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
        self.functions.hands.advance(5 * SECOND);
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
    let now = Functions::default().hands.now();
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
        let bench = Bench::with(functions).await;
        let message = bench.message();
        bench.is_kept(&message, code).await;
        bench.functions.put_identity(&PKI.sender);
        bench.is_delivered(&message, code).await;
    }
}

#[tokio::test]
async fn an_identity_that_is_not_yet_valid_heals_when_its_time_comes() {
    let functions = Functions::default();
    // The receiver goes by the machine's clock, and refuses a certificate of the future: so this one's future is its past.
    functions.hands.advance(-60 * SECOND);
    let soon = identity(functions.hands.now(), 5);
    functions.put_identity_text(&pair(&soon, &soon));
    let bench = Bench::with(functions).await;
    let message = bench.message();
    bench.is_kept(&message, "identity_not_yet_valid").await;
    bench.is_delivered(&message, "identity_not_yet_valid").await;
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
        let bench = Bench::new().await;
        let message = bench.message();
        match operation {
            "GetItem" => bench.functions.aws.fails_where(operation, of_table(RECEIVERS), fault),
            _ => bench.functions.aws.fails(operation, fault),
        }
        bench.is_kept(&message, code).await;
        bench.functions.aws.recovers();
        bench.is_delivered(&message, code).await;
    }
}

#[tokio::test]
async fn what_is_logged_of_a_table_says_whether_it_was_throttled_denied_or_out_of_reach() {
    let cases = [
        (Fault::THROTTLED, "ThrottlingException"),
        (Fault::DENIED, "AccessDeniedException"),
        (Fault::Unreachable, "connection reset"),
        (Fault::Silent, "timeout"),
    ];
    for (fault, expected) in cases {
        let bench = Bench::new().await;
        let message = bench.message();
        bench.functions.aws.fails("UpdateItem", fault);
        bench.functions.aws.fails("GetItem", fault);
        tokio::time::pause();
        let of_ledger = bench.dispatch.ledger.cancelled(&message, "no_receiver", Timestamp::MIN).await;
        let of_receivers = bench.dispatch.receivers.find(&message.receiver()).await;
        tokio::time::resume();
        let (of_ledger, of_receivers) = (of_ledger.unwrap_err(), of_receivers.unwrap_err());
        for logged in [ErrorChain(&of_ledger).to_string(), ErrorChain(&of_receivers).to_string()] {
            assert!(logged.to_lowercase().contains(&expected.to_lowercase()), "{fault:?}: {logged}");
        }
    }
}

#[tokio::test]
async fn a_table_that_never_answers_heals_when_it_does() {
    let bench = Bench::new().await;
    let message = bench.message();
    // The identity first, as a first look at a secret takes no part in this.
    bench.dispatch.identities.prepare().await.unwrap();
    bench.functions.aws.fails_where("GetItem", |input| input["TableName"] == RECEIVERS, Fault::Silent);
    tokio::time::pause();
    bench.is_kept(&message, "receivers_unavailable").await;
    tokio::time::resume();
    bench.functions.aws.recovers();
    bench.is_delivered(&message, "receivers_unavailable").await;
}

#[tokio::test]
async fn a_batch_whose_table_never_answers_is_kept_in_time_and_heals() {
    let bench = Bench::new().await;
    let message = bench.message();
    bench.dispatch.identities.prepare().await.unwrap();
    bench.functions.aws.fails_where("GetItem", |input| input["TableName"] == RECEIVERS, Fault::Silent);
    tokio::time::pause();
    let bodies = [message.to_json(), message.to_json()];
    assert_eq!(requeued(&bench.dispatch, &bodies).await, [0, 1]);
    // The first asks the table; the second waits for that and no longer.
    let codes = bench.functions.metrics.codes(METRIC);
    assert_eq!(codes, ["prepare_timeout", "receivers_unavailable"]);
    assert!(Code::PrepareTimeout.alarms());
    tokio::time::resume();
    bench.functions.aws.recovers();
    bench.functions.hands.advance(5 * SECOND);
    assert_eq!(requeued(&bench.dispatch, &bodies[..1]).await, NOTHING);
    assert_eq!((bench.mock.count(), bench.functions.metrics.codes(METRIC).len()), (1, 2));
}

#[tokio::test]
async fn a_secret_that_never_answers_heals_when_it_does() {
    let bench = Bench::new().await;
    let message = bench.message();
    bench.functions.aws.fails("GetSecretValue", Fault::Silent);
    tokio::time::pause();
    bench.is_kept(&message, "identity_unreadable").await;
    tokio::time::resume();
    bench.functions.aws.recovers();
    bench.is_delivered(&message, "identity_unreadable").await;
}

#[tokio::test]
async fn a_queue_that_fails_before_an_attempt_heals_when_it_works_again() {
    let bench = Bench::new().await;
    // Sent on, as it comes earlier than is worth waiting for.
    let due = bench.functions.hands.now() + 5 * SECOND;
    let message = bench.message().again(AttemptNumber::FIRST, due);
    bench.functions.aws.fails("SendMessage", Fault::DENIED);
    bench.is_kept(&message, "queue_unavailable").await;
    bench.functions.aws.recovers();
    bench.is_delivered(&message, "queue_unavailable").await;
}

#[tokio::test]
async fn not_knowing_what_is_revoked_heals_when_the_directory_function_writes() {
    let bench = Bench::new().await;
    let Functions { aws, metrics, hands, .. } = &bench.functions;
    for operation in ["GetItem", "BatchGetItem"] {
        aws.fails_where(operation, |input| input["TableName"] == DIRECTORY, Fault::DENIED);
    }
    // The receiver shows its certificate, and for longer than the window nothing can be read of it.
    let shown = bench.functions.payment(CLIENT, "p-shown").to_json();
    assert_eq!(requeued_with(&bench.dispatch, &[shown], &[]).await, NOTHING);
    hands.advance(SignedDuration::from_mins(61));
    let message = bench.message();
    assert_eq!(requeued_with(&bench.dispatch, &[message.to_json()], &[]).await, [0]);
    assert_eq!(metrics.codes(METRIC), ["revocation_unavailable"]);
    aws.recovers();
    directory::revocation::refresh(&bench.functions.refresher()).await;
    hands.advance(SignedDuration::from_mins(1));
    assert_eq!(requeued_with(&bench.dispatch, &[message.to_json()], &[]).await, NOTHING);
    let row = aws.ledger_row(message.notification.as_str()).unwrap();
    assert_eq!((row.text("status"), row.text("attempt")), ("delivered", "1"), "no attempt was spent");
    assert_eq!(bench.mock.count(), 2);
}

#[tokio::test]
async fn a_missing_authorisation_server_id_heals_when_it_is_configured() {
    let mut bench = Bench::with(Functions { servers: "", ..Functions::default() }).await;
    bench.functions.put_identity(&PKI.sender);
    let now = bench.functions.hands.now();
    let posted = change(Endpoint::Enrollment, CLIENT, "e-1", now);
    let message = bench.functions.message_of(&posted);
    bench.is_kept(&message, "missing_authorisation_server_id").await;
    // A setting is a deployment, and that is another environment.
    bench.functions.servers = Functions::default().servers;
    bench.dispatch = bench.functions.dispatch(&bench.functions.hands);
    bench.is_delivered(&message, "missing_authorisation_server_id").await;
}

#[tokio::test]
async fn a_clock_that_is_wrong_heals_when_it_is_set() {
    let millis = |at: Timestamp| at.as_millisecond().to_string();
    for (ahead_s, attribute) in [(-3, "SentTimestamp"), (300, "ApproximateFirstReceiveTimestamp")] {
        let bench = Bench::new().await;
        let message = bench.message();
        let at = bench.functions.hands.now();
        let attributes = [(attribute, millis(at)), ("ApproximateReceiveCount", "1".to_owned())];
        bench.functions.hands.advance(SignedDuration::from_secs(ahead_s));
        assert_eq!(requeued_with(&bench.dispatch, &[message.to_json()], &attributes).await, [0]);
        bench.shows(&message, "clock_skew");
        bench.functions.hands.advance(SignedDuration::from_secs(-ahead_s));
        bench.is_delivered_with(&message, "clock_skew", &attributes).await;
    }
}

#[tokio::test]
async fn a_panic_costs_the_message_some_seconds() {
    let mut bench = Bench::new().await;
    let panicked = AtomicBool::new(false);
    let rng = Rng::from_fn(move || {
        assert!(panicked.swap(true, Ordering::Relaxed), "this is the panic that the test provokes");
        Rng::system().bits()
    });
    Arc::get_mut(&mut bench.dispatch).unwrap().rng = rng;
    let message = bench.message();
    bench.is_kept(&message, "panic").await;
    bench.is_delivered(&message, "panic").await;
}

#[tokio::test]
async fn a_message_kept_again_and_again_waits_longer_each_time() {
    let bench = Bench::new().await;
    let message = bench.message();
    bench.functions.aws.fails("UpdateItem", Fault::DENIED);
    for (receives, longest) in [(1, 5), (2, 10), (3, 20), (9, 900), (100, 900)] {
        bench.functions.aws.forget_calls();
        let attributes = [("ApproximateReceiveCount", receives.to_string())];
        assert_eq!(requeued_with(&bench.dispatch, &[message.to_json()], &attributes).await, [0]);
        let seconds = bench.functions.aws.hidden()[0].1;
        assert!((longest * 3 / 4..=longest).contains(&seconds), "{receives}: {seconds}");
    }
}

#[tokio::test]
async fn a_message_that_another_process_is_at_comes_again_after_its_lease_and_is_no_fault() {
    let bench = Bench::new().await;
    let message = bench.message();
    bench.functions.aws.fails_where(
        "UpdateItem",
        |input| input["ExpressionAttributeValues"][":status"]["S"] == "delivered",
        Fault::DENIED,
    );
    assert_eq!(requeued(&bench.dispatch, &[message.to_json()]).await, [0]);
    assert_eq!(bench.functions.metrics.codes(METRIC), ["ledger_unavailable"]);
    bench.functions.aws.forget_calls();

    bench.functions.hands.advance(10 * SECOND);
    let other = bench.functions.dispatch(&bench.functions.hands);
    assert_eq!(requeued(&other, &[message.to_json()]).await, [0]);
    assert_eq!(bench.functions.metrics.codes(METRIC).len(), 1);
    let left = LEASE.as_secs().unsigned_abs() - 10;
    let seconds = bench.functions.aws.hidden()[0].1;
    assert!((left..=left + 1).contains(&seconds), "{seconds}");
}

#[tokio::test]
async fn a_queue_that_cannot_be_told_when_a_message_comes_again_costs_nothing_but_that() {
    for fault in [Fault::DENIED, Fault::Silent] {
        let bench = Bench::new().await;
        bench.dispatch.identities.prepare().await.unwrap();
        bench.functions.aws.fails("UpdateItem", Fault::DENIED);
        bench.functions.aws.fails("ChangeMessageVisibility", fault);
        tokio::time::pause();
        let started = tokio::time::Instant::now();
        assert_eq!(requeued(&bench.dispatch, &[bench.message().to_json()]).await, [0], "{fault:?}");
        assert!(started.elapsed().as_millis() <= 2_001, "{fault:?}: {:?}", started.elapsed());
        tokio::time::resume();
    }
}
