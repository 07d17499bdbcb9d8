//! Whose fault it is: what our machine, network, table or queue does is booked on no receiver, costs no attempt, and ends in the
//! ledger all the same.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

use std::io;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use convention::address::AddressPolicy;
use convention::codes::Code;
use convention::delivery::{AttemptMessage, Hour, LEASE, Status, Unlisted};
use convention::notification::Endpoint;
use devkit::local::change;
use devkit::pki::Authority;
use devkit::receiver::MockReceiver;
use dispatch::Dispatch;
use jiff::SignedDuration;
use mtls::{Network, Transport};
use platform::aws::Begin;
use serde_json::{Value, json};
use tests::aws::{
    Fault, Functions, LEDGER, NOTIFICATIONS, PKI, TestClock, UNDELIVERED, requeued, requeued_until,
    requeued_with, verdicts,
};
use tokio::net::TcpStream;
use tokio::time::{Instant, sleep};

const CLIENT: &str = "itp-1";
const NOTHING: [usize; 0] = [];
const METRIC: &str = "OwnFaults";
const SECOND: SignedDuration = SignedDuration::from_secs(1);
/// Longer than a message may take from its beginning until all of it is written down.
const RECORDED_WITHIN: Duration = Duration::from_secs(40);
const OWN_NAME: &str = "dynamodb.sa-east-1.amazonaws.com";

/// What the network does with a name or an address.
type Script<T> = Arc<Mutex<Box<dyn Fn(T) -> Option<io::Error> + Send>>>;

/// A network whose failures a test decides on; else it is the machine's.
#[derive(Clone)]
struct Scripted {
    resolves: Script<String>,
    opens: Script<SocketAddr>,
    /// What hosts resolve to, besides this machine.
    also: Arc<Mutex<Vec<SocketAddr>>>,
    later: Arc<Mutex<Duration>>,
}

impl Scripted {
    fn new() -> Self {
        Self {
            resolves: Arc::new(Mutex::new(Box::new(|_| None))),
            opens: Arc::new(Mutex::new(Box::new(|_| None))),
            also: Arc::default(),
            later: Arc::default(),
        }
    }

    fn resolving_fails(&self, script: impl Fn(String) -> Option<io::Error> + Send + 'static) {
        *self.resolves.lock().unwrap() = Box::new(script);
    }

    fn opening_fails(&self, script: impl Fn(SocketAddr) -> Option<io::Error> + Send + 'static) {
        *self.opens.lock().unwrap() = Box::new(script);
    }

    fn works(&self) {
        self.resolving_fails(|_| None);
        self.opening_fails(|_| None);
        *self.later.lock().unwrap() = Duration::ZERO;
    }

    fn network(&self) -> Network {
        let (names, sockets) = (self.clone(), self.clone());
        Network::new(
            AddressPolicy::PublicAndLoopback,
            move |host: String, port| {
                let failed = names.resolves.lock().unwrap()(host);
                let mut addresses = names.also.lock().unwrap().clone();
                addresses.push(SocketAddr::from(([127, 0, 0, 1], port)));
                async move { failed.map_or(Ok(addresses), Err) }
            },
            move |address| {
                let (failed, later) =
                    (sockets.opens.lock().unwrap()(address), *sockets.later.lock().unwrap());
                async move {
                    if !later.is_zero() {
                        sleep(later).await;
                    }
                    match failed {
                        Some(error) => Err(error),
                        None => Ok(Box::new(TcpStream::connect(address).await?) as Box<dyn Transport>),
                    }
                }
            },
        )
        .with_own_name(Some((OWN_NAME.to_owned(), 443)))
    }
}

struct Fixture {
    functions: Functions,
    mock: MockReceiver,
    dispatch: Arc<Dispatch>,
    network: Scripted,
}

impl Fixture {
    async fn new() -> Self {
        let network = Scripted::new();
        let functions = Functions { network: network.network(), ..Functions::default() };
        let (mock, dispatch) = functions.with_receiver(CLIENT, "202").await;
        functions.aws.forget_calls();
        Self { functions, mock, dispatch, network }
    }

    fn message(&self) -> AttemptMessage {
        self.functions.payment(CLIENT, "p-1")
    }

    fn row_text(&self, message: &AttemptMessage, name: &str) -> String {
        let row = self.functions.aws.ledger_row(message.notification.as_str());
        row.map(|row| row.text(name).to_owned()).unwrap_or_default()
    }

    /// Expects that the message is kept by this code and no attempt is spent, and that it is delivered by its first once that is over.
    async fn is_kept_and_heals(&self, code: &str) {
        let message = self.message();
        assert_eq!(requeued(&self.dispatch, &[message.to_json()]).await, [0], "{code}");
        assert_eq!(self.functions.metrics.codes(METRIC), [code]);
        assert!(Code::named(code).unwrap().alarms());
        assert_eq!(self.row_text(&message, "status"), "waiting", "{code}");
        assert_eq!((self.mock.count(), self.functions.aws.messages(NOTIFICATIONS).len()), (0, 0), "{code}");
        self.network.works();
        self.functions.test_clock.advance(5 * SECOND);
        assert_eq!(requeued(&self.dispatch, &[message.to_json()]).await, NOTHING, "{code}");
        assert_eq!(self.row_text(&message, "status"), "delivered", "{code}");
        assert_eq!((self.row_text(&message, "attempt").as_str(), self.mock.count()), ("1", 1), "{code}");
    }

    /// Expects that the attempt is spent, with this outcome.
    async fn is_booked(&self, outcome: &str) {
        let message = self.message();
        assert_eq!(requeued(&self.dispatch, &[message.to_json()]).await, NOTHING, "{outcome}");
        let row = self.functions.aws.ledger_row(message.notification.as_str()).unwrap();
        assert_eq!((row.text("status"), row.attempt(1, "outcome")), ("waiting", outcome));
        assert_eq!(self.functions.metrics.codes(METRIC), [""; 0]);
    }
}

fn os(code: i32) -> io::Error {
    io::Error::from_raw_os_error(code)
}

// Linux, include/uapi/asm-generic/errno-base.h and errno.h.
const EPERM: i32 = 1;
const EACCES: i32 = 13;
const ENFILE: i32 = 23;
const EMFILE: i32 = 24;
const EADDRNOTAVAIL: i32 = 99;
const ENETDOWN: i32 = 100;
const ENETUNREACH: i32 = 101;
const ENOBUFS: i32 = 105;
const ECONNREFUSED: i32 = 111;
const EHOSTUNREACH: i32 = 113;

#[tokio::test]
async fn an_error_of_this_machine_keeps_the_message_and_takes_the_attempt_back() {
    for code in [EPERM, EACCES, ENFILE, EMFILE, EADDRNOTAVAIL, ENETDOWN, ENETUNREACH, ENOBUFS, EHOSTUNREACH] {
        let fixture = Fixture::new().await;
        fixture.network.opening_fails(move |_| Some(os(code)));
        fixture.is_kept_and_heals("network_unavailable").await;
    }
}

#[tokio::test]
async fn a_route_that_a_router_on_the_way_lacks_is_the_receivers() {
    for code in [ENETUNREACH, EHOSTUNREACH] {
        let fixture = Fixture::new().await;
        *fixture.network.later.lock().unwrap() = Duration::from_millis(2);
        fixture.network.opening_fails(move |_| Some(os(code)));
        fixture.is_booked("connect_timeout").await;
    }
}

#[tokio::test]
async fn a_receiver_with_an_address_that_has_no_route_is_judged_by_its_other_one() {
    let v6: SocketAddr = "[2606:4700::1111]:443".parse().unwrap();
    let of = |v6_code, v4_code| {
        move |address: SocketAddr| match (address.is_ipv6(), v4_code) {
            (true, _) => Some(os(v6_code)),
            (false, 0) => None,
            (false, code) => Some(os(code)),
        }
    };
    for v6_code in [ENETUNREACH, EADDRNOTAVAIL, EACCES] {
        let fixture = Fixture::new().await;
        fixture.network.also.lock().unwrap().push(v6);
        fixture.network.opening_fails(of(v6_code, ECONNREFUSED));
        fixture.is_booked("connection_refused").await;

        let fixture = Fixture::new().await;
        fixture.network.also.lock().unwrap().push(v6);
        fixture.network.opening_fails(of(v6_code, ENETUNREACH));
        fixture.is_kept_and_heals_with_v4_only(v6_code).await;
    }
    let fixture = Fixture::new().await;
    fixture.network.also.lock().unwrap().push(v6);
    fixture.network.opening_fails(of(EMFILE, ECONNREFUSED));
    let message = fixture.message();
    assert_eq!(
        requeued(&fixture.dispatch, &[message.to_json()]).await,
        [0],
        "the other may have been the one that works"
    );
}

impl Fixture {
    async fn is_kept_and_heals_with_v4_only(&self, code: i32) {
        let message = self.message();
        assert_eq!(requeued(&self.dispatch, &[message.to_json()]).await, [0], "{code}");
        assert_eq!(self.functions.metrics.codes(METRIC), ["network_unavailable"], "{code}");
    }
}

#[tokio::test]
async fn a_receiver_with_ipv6_alone_is_out_of_reach_by_its_own_doing_and_says_nothing_of_our_way_out() {
    let fixture = Fixture::new().await;
    let hosts = ["[2606:4700::1111]", "[2620:fe::9]", "[2001:4860:4860::8888]"];
    for (number, host) in hosts.iter().enumerate() {
        fixture.functions.register(&format!("itp-v6-{number}"), &format!("https://{host}")).await;
    }
    for code in [ENETUNREACH, EHOSTUNREACH, EADDRNOTAVAIL, EACCES] {
        fixture.network.opening_fails(move |address| address.is_ipv6().then(|| os(code)));
        for round in 0..2 {
            for number in 0..hosts.len() {
                let client = format!("itp-v6-{number}");
                let message = fixture.functions.payment(&client, &format!("p-{code}-{round}"));
                assert_eq!(requeued(&fixture.dispatch, &[message.to_json()]).await, NOTHING, "{code}");
                let row = fixture.functions.aws.ledger_row(message.notification.as_str()).unwrap();
                assert_eq!((row.text("status"), row.attempt(1, "outcome")), ("waiting", "connect_timeout"));
            }
            fixture.functions.test_clock.advance(40 * SECOND);
        }
    }
    assert_eq!(fixture.functions.metrics.codes(METRIC), [""; 0]);
    // What spoils a connection to whatever address is ours all the same.
    fixture.network.opening_fails(|_| Some(os(EMFILE)));
    let message = fixture.functions.payment("itp-v6-0", "p-ours");
    assert_eq!(requeued(&fixture.dispatch, &[message.to_json()]).await, [0]);
}

#[tokio::test]
async fn a_resolver_that_does_not_resolve_a_name_of_ours_either_keeps_the_message() {
    let fixture = Fixture::new().await;
    fixture.network.resolving_fails(|_| Some(io::Error::other("Temporary failure in name resolution")));
    fixture.is_kept_and_heals("resolver_unavailable").await;

    let fixture = Fixture::new().await;
    fixture.network.resolving_fails(|_| Some(os(EMFILE)));
    fixture.is_kept_and_heals("network_unavailable").await;
}

#[tokio::test]
async fn a_name_that_alone_is_not_resolved_is_the_receivers() {
    for error in ["Temporary failure in name resolution", "Name or service not known"] {
        let fixture = Fixture::new().await;
        fixture.network.resolving_fails(move |host| (host != OWN_NAME).then(|| io::Error::other(error)));
        fixture.is_booked("dns_error").await;
    }
}

/// Registers receivers at addresses of their own, none of which can be connected to.
async fn unreachable(fixture: &Fixture, hosts: &[&str]) {
    for host in hosts {
        fixture.functions.register(&format!("itp-{host}"), &format!("https://{host}")).await;
    }
}

#[tokio::test]
async fn an_environment_that_reaches_nobody_keeps_what_fails_before_tls_until_one_is_reached() {
    let fixture = Fixture::new().await;
    let dead = ["1.1.1.1", "8.8.8.8", "9.9.9.9"];
    unreachable(&fixture, &dead).await;
    fixture.network.opening_fails(|address| {
        (!address.ip().is_loopback()).then(|| io::Error::from(io::ErrorKind::TimedOut))
    });
    let of = |host: &str, resource: &str| fixture.functions.payment(&format!("itp-{host}"), resource);
    for host in dead {
        let message = of(host, "p-1");
        assert_eq!(
            requeued(&fixture.dispatch, &[message.to_json()]).await,
            NOTHING,
            "{host} is booked at first"
        );
    }
    fixture.functions.test_clock.advance(29 * SECOND);
    assert_eq!(requeued(&fixture.dispatch, &[of(dead[0], "p-2").to_json()]).await, NOTHING, "29 s");
    fixture.functions.test_clock.advance(SECOND);
    let message = of(dead[0], "p-3");
    assert_eq!(requeued(&fixture.dispatch, &[message.to_json()]).await, [0], "30 s");
    assert_eq!(fixture.functions.metrics.codes(METRIC), ["egress_unavailable"]);
    let row = fixture.functions.aws.ledger_row(message.notification.as_str()).unwrap();
    assert_eq!((row.text("status"), row.attempt(1, "outcome")), ("waiting", "egress_unavailable"));

    // One that is reached ends it.
    assert_eq!(requeued(&fixture.dispatch, &[fixture.message().to_json()]).await, NOTHING);
    assert_eq!(fixture.mock.count(), 1);
    assert_eq!(requeued(&fixture.dispatch, &[message.to_json()]).await, NOTHING, "booked again");
}

#[tokio::test]
async fn receivers_that_lead_nowhere_change_nothing_while_another_is_reached() {
    let fixture = Fixture::new().await;
    let dead = ["1.1.1.1", "8.8.8.8", "9.9.9.9"];
    unreachable(&fixture, &dead).await;
    fixture.network.opening_fails(|address| {
        (!address.ip().is_loopback()).then(|| io::Error::from(io::ErrorKind::TimedOut))
    });
    for round in 0..8 {
        for host in dead {
            let message = fixture.functions.payment(&format!("itp-{host}"), &format!("p-{round}"));
            assert_eq!(requeued(&fixture.dispatch, &[message.to_json()]).await, NOTHING, "{round} {host}");
        }
        // Seldom enough for a connection of its own, often enough for one that is used again.
        let message = fixture.functions.payment(CLIENT, &format!("p-{round}"));
        assert_eq!(requeued(&fixture.dispatch, &[message.to_json()]).await, NOTHING);
        fixture.functions.test_clock.advance(if round < 4 { 25 * SECOND } else { 4 * SECOND });
    }
    assert_eq!(fixture.functions.metrics.codes(METRIC), [""; 0]);
}

fn is_closing(input: &Value) -> bool {
    input["ExpressionAttributeValues"][":status"]["S"] == "delivered"
}

#[tokio::test]
async fn a_delivery_is_written_down_as_soon_as_the_table_takes_it() {
    let fixture = Fixture::new().await;
    let message = fixture.message();
    fixture.functions.aws.fails_where("UpdateItem", is_closing, Fault::THROTTLED);
    let aws = fixture.functions.aws.clone();
    let until = Instant::now() + Duration::from_secs(20);
    let bodies = [message.to_json()];
    let (kept, ()) = tokio::join!(requeued_until(&fixture.dispatch, &bodies, &[], until), async {
        sleep(Duration::from_secs(2)).await;
        aws.recovers();
    });
    assert_eq!(kept, NOTHING);
    assert_eq!((fixture.row_text(&message, "status").as_str(), fixture.mock.count()), ("delivered", 1));
}

#[tokio::test]
async fn a_delivery_that_could_not_be_written_is_remembered_and_not_made_again() {
    let fixture = Fixture::new().await;
    let message = fixture.message();
    fixture.functions.aws.fails_where("UpdateItem", is_closing, Fault::DENIED);
    let began = Instant::now();
    let until = began + Duration::from_secs(1);
    assert_eq!(requeued_until(&fixture.dispatch, &[message.to_json()], &[], until).await, [0]);
    assert!(began.elapsed() < Duration::from_secs(2), "the message is hidden in time");
    assert_eq!(
        requeued(&fixture.dispatch, &[message.to_json()]).await,
        [0],
        "still known, still not written"
    );
    // However late it comes, and whoever has meanwhile the lease.
    fixture.functions.test_clock.advance(LEASE + SECOND);
    fixture.functions.aws.recovers();
    assert_eq!(requeued(&fixture.dispatch, &[message.to_json()]).await, NOTHING);
    let row = fixture.functions.aws.ledger_row(message.notification.as_str()).unwrap();
    assert_eq!(
        (row.text("status"), row.attempt(1, "outcome"), fixture.mock.count()),
        ("delivered", "delivered", 1)
    );
    assert_eq!(fixture.functions.aws.messages(NOTIFICATIONS).len(), 0);
}

#[tokio::test]
async fn a_copy_waits_while_another_writes_down_what_is_remembered() {
    let fixture = Fixture::new().await;
    let message = fixture.message();
    fixture.functions.aws.fails_where("UpdateItem", is_closing, Fault::DENIED);
    assert_eq!(requeued(&fixture.dispatch, &[message.to_json()]).await, [0]);
    fixture.functions.aws.recovers();
    // After its lease, so that a copy that knows of nothing would take the attempt for interrupted.
    fixture.functions.test_clock.advance(LEASE + SECOND);
    let copies = [message.to_json(), message.to_json()];
    let held = fixture.functions.aws.holds_back("UpdateItem", LEDGER);
    let (kept_of_both, ()) = tokio::join!(requeued(&fixture.dispatch, &copies), async {
        held.arrived().await;
        sleep(Duration::from_millis(100)).await;
        held.release();
    });
    assert_eq!(kept_of_both, [1]);
    assert_eq!((fixture.row_text(&message, "status").as_str(), fixture.mock.count()), ("delivered", 1));
    assert_eq!(fixture.functions.aws.messages(NOTIFICATIONS).len(), 0);
    assert_eq!(requeued(&fixture.dispatch, &copies[1..]).await, NOTHING, "and is dropped then");
    assert_eq!(fixture.functions.metrics.codes(METRIC), ["ledger_unavailable"]);
}

#[tokio::test]
async fn a_remembered_outcome_is_written_beside_the_next_batch() {
    let fixture = Fixture::new().await;
    let message = fixture.message();
    fixture.functions.aws.fails_where("UpdateItem", is_closing, Fault::DENIED);
    assert_eq!(requeued(&fixture.dispatch, &[message.to_json()]).await, [0]);
    fixture.functions.aws.recovers();
    let other = fixture.functions.payment(CLIENT, "p-2");
    assert_eq!(requeued(&fixture.dispatch, &[other.to_json()]).await, NOTHING);
    assert_eq!((fixture.row_text(&message, "status").as_str(), fixture.mock.count()), ("delivered", 2));
}

#[tokio::test]
async fn a_failure_that_could_not_be_written_queues_one_message_and_is_told_as_it_was() {
    let fixture = Fixture::new().await;
    fixture.network.opening_fails(|_| Some(os(ECONNREFUSED)));
    let message = fixture.message();
    let is_failure = |input: &Value| input["ExpressionAttributeValues"][":status"]["S"] == "waiting";
    fixture.functions.aws.fails_where("UpdateItem", is_failure, Fault::DENIED);
    assert_eq!(requeued(&fixture.dispatch, &[message.to_json()]).await, [0]);
    fixture.functions.aws.recovers();
    assert_eq!(requeued(&fixture.dispatch, &[message.to_json()]).await, NOTHING);
    let row = fixture.functions.aws.ledger_row(message.notification.as_str()).unwrap();
    assert_eq!((row.text("status"), row.attempt(1, "outcome")), ("waiting", "connection_refused"));
    assert_eq!(fixture.functions.aws.messages(NOTIFICATIONS).len(), 1);
}

#[tokio::test]
async fn an_attempt_that_was_never_sent_is_rolled_back_however_late_and_not_if_others_went_on() {
    let never_sent = async || {
        let fixture = Fixture::new().await;
        fixture.network.opening_fails(|_| Some(os(EMFILE)));
        let message = fixture.message();
        let takes_back = |input: &Value| input["ExpressionAttributeValues"][":status"]["S"] == "waiting";
        fixture.functions.aws.fails_where("UpdateItem", takes_back, Fault::DENIED);
        assert_eq!(requeued(&fixture.dispatch, &[message.to_json()]).await, [0]);
        assert_eq!(fixture.row_text(&message, "status"), "attempting");
        fixture.functions.aws.recovers();
        fixture.network.works();
        // The message returns after the lease: here, and to others.
        fixture.functions.test_clock.advance(LEASE + SECOND);
        (fixture, message)
    };
    let (fixture, message) = never_sent().await;
    assert_eq!(
        requeued_until(&fixture.dispatch, &[message.to_json()], &[], soon() + RECORDED_WITHIN).await,
        NOTHING
    );
    let row = fixture.functions.aws.ledger_row(message.notification.as_str()).unwrap();
    assert_eq!((row.text("status"), row.text("attempt"), fixture.mock.count()), ("delivered", "1", 1));
    assert_eq!(fixture.functions.aws.messages(NOTIFICATIONS).len(), 0);

    let (fixture, message) = never_sent().await;
    let other = fixture.functions.dispatch(&fixture.functions.test_clock);
    assert_eq!(requeued(&other, &[message.to_json()]).await, NOTHING);
    let another = fixture.functions.payment(CLIENT, "p-2");
    assert_eq!(requeued(&fixture.dispatch, &[another.to_json()]).await, NOTHING);
    let row = fixture.functions.aws.ledger_row(message.notification.as_str()).unwrap();
    assert_eq!((row.text("status"), row.text("attempt")), ("waiting", "1"));
    assert_eq!(row.attempt(1, "outcome"), "interrupted");
    assert_eq!(fixture.functions.aws.messages(NOTIFICATIONS).len(), 1);
}

#[tokio::test]
async fn entries_that_the_queue_failed_are_sent_again_before_the_caller_hears_of_it() {
    let fixture = Fixture::new().await;
    let intake = fixture.functions.intake();
    let now = fixture.functions.test_clock.now();
    let changes: Vec<_> =
        ["good", "bad"].map(|id| change(Endpoint::PixPayment, CLIENT, &format!("{id}-1"), now)).into();
    let document = json!({ "changes": changes });
    let entries = || {
        let calls = fixture.functions.aws.calls();
        let calls = calls.iter().filter(|call| call.operation == "SendMessageBatch");
        calls.map(|call| call.input["Entries"].as_array().unwrap().len()).collect::<Vec<_>>()
    };
    // Failed twice, and taken the third time; of throttling SQS says that it is the sender's fault.
    for code in ["InternalError", "RequestThrottled", "KmsThrottled", "KMS.ThrottlingException"] {
        fixture.functions.aws.forget_calls();
        fixture.functions.aws.fails_messages_with("bad-1", code, 2);
        let (status, all) = verdicts(&intake, &document).await;
        assert_eq!((status, all), (202, vec!["accepted".to_owned(), "accepted".to_owned()]), "{code}");
        assert_eq!(entries(), [2, 1, 1], "only what failed is sent again");
        assert_eq!(fixture.functions.aws.take_messages(NOTIFICATIONS).len(), 2);
    }

    // A third time is one too many.
    fixture.functions.aws.forget_calls();
    fixture.functions.aws.fails_messages_with("bad-1", "InternalError", 3);
    assert_eq!(verdicts(&intake, &document).await.1, ["accepted", "unavailable"]);
    assert_eq!(entries(), [2, 1, 1]);

    // What SQS never takes is not sent again.
    fixture.functions.aws.forget_calls();
    fixture.functions.aws.recovers();
    fixture.functions.aws.fails_messages_with("bad-1", "InvalidMessageContents", 9);
    assert_eq!(verdicts(&intake, &document).await.1, ["accepted", "unavailable"]);
    assert_eq!(entries(), [2]);
}

fn received(times: u32) -> [(&'static str, String); 1] {
    [("ApproximateReceiveCount", times.to_string())]
}

fn soon() -> Instant {
    Instant::now() + Duration::from_secs(5)
}

#[tokio::test]
async fn a_message_that_a_fault_keeps_too_often_ends_in_the_ledger_and_is_listed() {
    let fixture = Fixture::new().await;
    let Functions { aws, metrics, .. } = &fixture.functions;
    fixture.network.opening_fails(|_| Some(os(EMFILE)));
    let message = fixture.message();
    let bodies = [message.to_json()];
    assert_eq!(requeued_with(&fixture.dispatch, &bodies, &received(147)).await, [0]);
    assert_eq!(aws.undelivered_rows().len(), 0);
    assert_eq!(requeued_until(&fixture.dispatch, &bodies, &received(148), soon()).await, NOTHING);
    let row = aws.ledger_row(message.notification.as_str()).unwrap();
    assert_eq!((row.text("status"), row.text("reason")), ("undelivered", "network_unavailable"));
    let [dead_lettered] = &aws.messages(UNDELIVERED)[..] else { panic!("one message") };
    assert_eq!(
        (dead_lettered.reason.as_deref(), &dead_lettered.body),
        (Some("network_unavailable"), &message.to_json())
    );
    let rows = fixture
        .functions
        .parts(&fixture.functions.test_clock)
        .ledger
        .undelivered()
        .of_hour(Hour::of(fixture.functions.test_clock.now()))
        .await
        .unwrap();
    let [Ok(listed)] = &rows[..] else { panic!("one row: {rows:?}") };
    assert_eq!(
        (listed.outcome.as_str(), &listed.message.notification),
        ("network_unavailable", &message.notification)
    );
    assert_eq!((metrics.values("Undelivered"), metrics.codes(METRIC).len()), (vec![1.0], 2));
    // A copy is dropped, and the fault's end changes nothing.
    fixture.network.works();
    assert_eq!(requeued(&fixture.dispatch, &bodies).await, NOTHING);
    assert_eq!(fixture.mock.count(), 0);
}

#[tokio::test]
async fn a_message_without_a_row_gets_one_when_it_is_given_up() {
    let fixture = Fixture::new().await;
    let functions = &fixture.functions;
    functions.put_identity_text("no JSON");
    let dispatch = functions.dispatch(&functions.test_clock);
    let message = fixture.message();
    assert_eq!(requeued_until(&dispatch, &[message.to_json()], &received(150), soon()).await, NOTHING);
    let row = functions.aws.ledger_row(message.notification.as_str()).unwrap();
    assert_eq!(
        (row.text("status"), row.text("reason"), row.has_attempt(1)),
        ("undelivered", "identity_unusable", false)
    );
    assert_eq!((row.text("client_id"), row.text("resource_id")), (CLIENT, "p-1"));
    // Who reads the ledger can read it.
    let shown = tests::aws::shown(&functions.intake(), message.notification.as_str()).await;
    assert_eq!(shown.status, 200);
    assert_eq!(requeued(&fixture.dispatch, &[message.to_json()]).await, NOTHING, "a copy is dropped");
    assert_eq!(fixture.mock.count(), 0);
}

#[tokio::test]
async fn a_message_whose_ledger_is_the_fault_is_left_to_the_queue() {
    let fixture = Fixture::new().await;
    fixture.functions.aws.fails("UpdateItem", Fault::DENIED);
    let message = fixture.message();
    assert_eq!(requeued_until(&fixture.dispatch, &[message.to_json()], &received(150), soon()).await, [0]);
    assert_eq!(fixture.functions.aws.messages(UNDELIVERED).len(), 0);
}

#[tokio::test]
async fn a_message_whose_attempt_is_under_way_elsewhere_is_queued_anew() {
    let fixture = Fixture::new().await;
    let message = fixture.message();
    fixture.functions.aws.fails_where("UpdateItem", is_closing, Fault::DENIED);
    assert_eq!(requeued(&fixture.dispatch, &[message.to_json()]).await, [0]);
    fixture.functions.aws.recovers();
    let other = fixture.functions.dispatch(&fixture.functions.test_clock);
    assert_eq!(requeued_until(&other, &[message.to_json()], &received(149), soon()).await, NOTHING);
    let [again] = &fixture.functions.aws.messages(NOTIFICATIONS)[..] else { panic!("one message") };
    assert_eq!(again.body, message.to_json());
    assert!(again.delay_s > 0 && fixture.row_text(&message, "status") == "attempting");

    // The process that had the lease is gone: the attempt counts, and the next follows.
    let other = fixture.functions.dispatch(&fixture.functions.test_clock);
    fixture.functions.test_clock.advance(LEASE + SECOND);
    fixture.functions.put_identity_text("no JSON");
    assert_eq!(requeued_until(&other, &[message.to_json()], &received(149), soon()).await, NOTHING);
    let row = fixture.functions.aws.ledger_row(message.notification.as_str()).unwrap();
    assert_eq!((row.text("status"), row.attempt(1, "outcome")), ("waiting", "interrupted"));
}

#[tokio::test]
async fn a_message_that_only_waits_for_others_to_its_receiver_is_queued_anew() {
    let fixture = Fixture::new().await;
    // Ten hold their places for longer than the eleventh waits.
    *fixture.network.later.lock().unwrap() = Duration::from_secs(3);
    let bodies: Vec<_> =
        (0..11).map(|number| fixture.functions.payment(CLIENT, &format!("p-{number}")).to_json()).collect();
    let until = Instant::now() + Duration::from_secs(20);
    assert_eq!(requeued_until(&fixture.dispatch, &bodies, &received(149), until).await, NOTHING);
    let [again] = &fixture.functions.aws.messages(NOTIFICATIONS)[..] else { panic!("one message") };
    assert!(bodies.contains(&again.body) && again.delay_s > 0);
    assert_eq!((fixture.mock.count(), fixture.functions.aws.undelivered_rows().len()), (10, 0));
    assert_eq!(fixture.functions.aws.messages(UNDELIVERED).len(), 0);
}

/// The notifications that the hours list, and how many messages the dead-letter queue has.
fn listed(fixture: &Fixture) -> (Vec<String>, usize) {
    let aws = &fixture.functions.aws;
    let rows = aws.undelivered_rows();
    (rows.iter().map(|row| row.text("notification").to_owned()).collect(), aws.messages(UNDELIVERED).len())
}

#[tokio::test]
async fn what_was_given_up_and_not_listed_is_listed_when_its_message_comes_again() {
    for operation in ["SendMessage", "UpdateItem"] {
        let fixture = Fixture::new().await;
        fixture.network.opening_fails(|_| Some(os(EMFILE)));
        let message = fixture.message();
        let bodies = [message.to_json()];
        // The ledger takes it; what comes after that fails, as it would where the process stops.
        let is_listing = move |input: &Value| {
            let partition = input["Key"]["partition"]["S"].as_str();
            operation == "SendMessage" || partition.is_some_and(|name| name.starts_with("undelivered#"))
        };
        fixture.functions.aws.fails_where(operation, is_listing, Fault::DENIED);
        assert_eq!(requeued_until(&fixture.dispatch, &bodies, &received(148), soon()).await, [0]);
        assert_eq!(fixture.row_text(&message, "status"), "undelivered");
        // Queue and list are asked at once.
        let before = if operation == "SendMessage" { (1, 0) } else { (0, 1) };
        let (names, messages) = listed(&fixture);
        assert_eq!((names.len(), messages), before);

        // Another hour and another process; the network works, and yet nothing is sent.
        fixture.functions.aws.recovers();
        fixture.network.works();
        fixture.functions.test_clock.advance(SignedDuration::from_hours(2));
        let other = fixture.functions.dispatch(&fixture.functions.test_clock);
        assert_eq!(requeued(&other, &bodies).await, NOTHING);
        let (names, messages) = listed(&fixture);
        assert_eq!(names, [message.notification.to_string()], "in the hour that gave it up");
        // Copies add nothing, also where the receiver is gone.
        fixture.functions.remove(CLIENT).await;
        assert_eq!(requeued(&other, &bodies).await, NOTHING);
        assert_eq!((listed(&fixture), fixture.mock.count()), ((names, messages), 0));
        // Where the queue took it before the list failed there are two.
        assert_eq!(messages, if operation == "SendMessage" { 1 } else { 2 });
        let row = fixture.functions.aws.ledger_row(message.notification.as_str()).unwrap();
        assert_eq!((row.text("status"), row.text("unlisted_since")), ("undelivered", ""));
    }
}

#[tokio::test]
async fn what_was_given_up_and_not_listed_is_listed_where_the_receiver_is_gone_too() {
    let fixture = Fixture::new().await;
    fixture.network.opening_fails(|_| Some(os(EMFILE)));
    let message = fixture.message();
    fixture.functions.aws.fails("SendMessage", Fault::DENIED);
    assert_eq!(requeued_until(&fixture.dispatch, &[message.to_json()], &received(148), soon()).await, [0]);
    fixture.functions.aws.recovers();
    fixture.functions.remove(CLIENT).await;
    assert_eq!(requeued(&fixture.dispatch, &[message.to_json()]).await, NOTHING);
    assert_eq!(listed(&fixture), (vec![message.notification.to_string()], 1));
}

#[tokio::test]
async fn a_notification_is_given_up_once_and_then_no_attempt_begins() {
    let fixture = Fixture::new().await;
    let (message, parts) = (fixture.message(), fixture.functions.parts(&fixture.functions.test_clock));
    let ledger = parts.ledger;
    let now = fixture.functions.test_clock.now();
    let first = ledger.mark_undelivered(&message, "network_unavailable", now).await.unwrap();
    assert!(matches!(first, Begin::Begun), "{first:?}");
    let second = ledger.mark_undelivered(&message, "ledger_unavailable", now + SECOND).await.unwrap();
    let Begin::Conflict(progress) = second else { panic!("{second:?}") };
    let at = jiff::Timestamp::from_millisecond(now.as_millisecond()).unwrap();
    let expected = Unlisted { code: "network_unavailable".to_owned(), at };
    assert_eq!((progress.status, progress.unlisted), (Status::Undelivered, Some(expected)));
    assert_eq!(requeued(&fixture.dispatch, &[message.to_json()]).await, NOTHING);
    assert_eq!((fixture.row_text(&message, "status"), fixture.mock.count()), ("undelivered".to_owned(), 0));
}

/// Registers a client anew with another profile.
async fn set_profile(functions: &Functions, version: &str) {
    let before = functions.registration(CLIENT).await.unwrap();
    let mut after = before.clone();
    after.revision += 1;
    after.settings.webhook_version = version.parse().unwrap();
    assert!(functions.put_registration(&after, &before).await);
}

#[tokio::test]
async fn a_change_is_not_notifiable_only_by_the_receiver_as_it_is_now() {
    let fixture = Fixture::new().await;
    let functions = &fixture.functions;
    let now = functions.test_clock.now();
    let posted = change(Endpoint::RecurringPayment, CLIENT, "r-1", now);
    set_profile(functions, "1.0.0").await;
    let intake = functions.intake();
    let document = json!({ "changes": [posted.clone()] });
    assert_eq!(verdicts(&intake, &document).await.1, ["not_notifiable"]);
    let message = functions.message_of(&posted);
    // Dispatch takes a copy too, of another notification.
    let other = functions.message_of(&change(Endpoint::RecurringPayment, CLIENT, "r-2", now));
    assert_eq!(requeued(&fixture.dispatch, &[other.to_json()]).await, NOTHING);
    assert_eq!(fixture.row_text(&other, "status"), "cancelled");

    set_profile(functions, "1.3.0").await;
    assert_eq!(verdicts(&intake, &document).await.1, ["accepted"]);
    assert_eq!(requeued(&fixture.dispatch, &[message.to_json()]).await, NOTHING);
    assert_eq!(fixture.row_text(&message, "status"), "delivered");
}

#[tokio::test]
async fn a_trust_anchor_that_was_added_counts_within_the_attempt() {
    let fixture = Fixture::new().await;
    let functions = &fixture.functions;
    functions.put_trust(PKI.sender_authority.root_pem());
    let dispatch = functions.dispatch(&functions.test_clock);
    dispatch.identities.prepare().await.unwrap();
    let looks = || functions.aws.calls().iter().filter(|call| call.operation == "GetSecretValue").count();
    let before = looks();
    // Nothing has changed: it is booked, and looked for once a minute at most.
    for resource in ["p-1", "p-2"] {
        let message = functions.payment(CLIENT, resource);
        assert_eq!(requeued(&dispatch, &[message.to_json()]).await, NOTHING);
        let row = functions.aws.ledger_row(message.notification.as_str()).unwrap();
        assert_eq!(row.attempt(1, "outcome"), "unknown_ca");
    }
    assert_eq!(looks(), before + 2, "both secrets, once");

    functions.put_trust(PKI.receiver_authority.root_pem());
    functions.test_clock.advance(SignedDuration::from_mins(1));
    let batch: Vec<_> = (3..6).map(|number| functions.payment(CLIENT, &format!("p-{number}"))).collect();
    let bodies: Vec<_> = batch.iter().map(AttemptMessage::to_json).collect();
    assert_eq!(requeued(&dispatch, &bodies).await, NOTHING);
    for message in &batch {
        let row = functions.aws.ledger_row(message.notification.as_str()).unwrap();
        assert_eq!((row.text("status"), row.text("attempt")), ("delivered", "1"));
    }
    assert_eq!((looks(), fixture.mock.count()), (before + 4, 3), "the batch shares one look");
}

#[tokio::test]
async fn a_trust_anchor_that_took_the_place_of_one_with_its_name_counts_within_the_attempt() {
    let fixture = Fixture::new().await;
    let functions = &fixture.functions;
    // The chain leads to the old anchor by name, and its signature is by another key.
    let old = Authority::new("Receiver", functions.test_clock.now()).unwrap();
    functions.put_trust(old.root_pem());
    let dispatch = functions.dispatch(&functions.test_clock);
    dispatch.identities.prepare().await.unwrap();
    let booked = functions.payment(CLIENT, "p-1");
    assert_eq!(requeued(&dispatch, &[booked.to_json()]).await, NOTHING);
    let row = functions.aws.ledger_row(booked.notification.as_str()).unwrap();
    assert_eq!(row.attempt(1, "outcome"), "unknown_ca");

    functions.put_trust(PKI.receiver_authority.root_pem());
    functions.test_clock.advance(SignedDuration::from_mins(1));
    let message = functions.payment(CLIENT, "p-2");
    assert_eq!(requeued(&dispatch, &[message.to_json()]).await, NOTHING);
    let row = functions.aws.ledger_row(message.notification.as_str()).unwrap();
    assert_eq!((row.text("status"), row.text("attempt"), fixture.mock.count()), ("delivered", "1", 1));
}

#[tokio::test(start_paused = true)]
async fn a_start_whose_secret_never_answers_ends_in_time() {
    let functions = Functions::default();
    functions.put_identity(&PKI.sender);
    functions.aws.fails("GetSecretValue", Fault::Silent);
    functions.aws.fails("GetItem", Fault::Silent);
    let dispatch = functions.dispatch(&TestClock::clone(&functions.test_clock));
    let began = Instant::now();
    dispatch.start().await;
    assert!(began.elapsed() <= dispatch::START, "{:?}", began.elapsed());
}
