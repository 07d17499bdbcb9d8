//! Whose fault it is: what our machine, network, table or queue does is booked on no receiver, costs no attempt, and ends in the
//! ledger all the same.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

use std::io;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use arauto::local::change;
use arauto::pki::Authority;
use arauto::receiver::MockReceiver;
use dispatch::Dispatch;
use jiff::SignedDuration;
use serde_json::{Value, json};
use tests::aws::{
    Fault, Functions, Hands, LEDGER, NOTIFICATIONS, PKI, UNDELIVERED, requeued, requeued_until,
    requeued_with, verdicts,
};
use tokio::net::TcpStream;
use tokio::time::{Instant, sleep};
use webhook::address::AddressPolicy;
use webhook::aws::Begin;
use webhook::codes::Code;
use webhook::delivery::{AttemptMessage, Hour, LEASE, Status, Unlisted};
use webhook::notification::Endpoint;
use webhook::peer::{Network, Transport};

const CLIENT: &str = "itp-1";
const NOTHING: [usize; 0] = [];
const METRIC: &str = "OwnFaults";
const SECOND: SignedDuration = SignedDuration::from_secs(1);
/// Longer than a message may take from its beginning until all of it is written down.
const PATIENCE: Duration = Duration::from_secs(40);
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

struct Bench {
    functions: Functions,
    mock: MockReceiver,
    dispatch: Arc<Dispatch>,
    network: Scripted,
}

impl Bench {
    async fn new() -> Self {
        let network = Scripted::new();
        let functions = Functions { network: network.network(), ..Functions::default() };
        functions.put_identity(&PKI.sender);
        let mock = functions.receiver(CLIENT, "202").await;
        let dispatch = functions.dispatch(&functions.hands);
        dispatch.identities.prepare().await.unwrap();
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
        self.functions.hands.advance(5 * SECOND);
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
        let bench = Bench::new().await;
        bench.network.opening_fails(move |_| Some(os(code)));
        bench.is_kept_and_heals("network_unavailable").await;
    }
}

#[tokio::test]
async fn a_route_that_a_router_on_the_way_lacks_is_the_receivers() {
    for code in [ENETUNREACH, EHOSTUNREACH] {
        let bench = Bench::new().await;
        *bench.network.later.lock().unwrap() = Duration::from_millis(2);
        bench.network.opening_fails(move |_| Some(os(code)));
        bench.is_booked("connect_timeout").await;
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
        let bench = Bench::new().await;
        bench.network.also.lock().unwrap().push(v6);
        bench.network.opening_fails(of(v6_code, ECONNREFUSED));
        bench.is_booked("connection_refused").await;

        let bench = Bench::new().await;
        bench.network.also.lock().unwrap().push(v6);
        bench.network.opening_fails(of(v6_code, ENETUNREACH));
        bench.is_kept_and_heals_with_v4_only(v6_code).await;
    }
    let bench = Bench::new().await;
    bench.network.also.lock().unwrap().push(v6);
    bench.network.opening_fails(of(EMFILE, ECONNREFUSED));
    let message = bench.message();
    assert_eq!(
        requeued(&bench.dispatch, &[message.to_json()]).await,
        [0],
        "the other may have been the one that works"
    );
}

impl Bench {
    async fn is_kept_and_heals_with_v4_only(&self, code: i32) {
        let message = self.message();
        assert_eq!(requeued(&self.dispatch, &[message.to_json()]).await, [0], "{code}");
        assert_eq!(self.functions.metrics.codes(METRIC), ["network_unavailable"], "{code}");
    }
}

#[tokio::test]
async fn a_receiver_with_ipv6_alone_is_out_of_reach_by_its_own_doing_and_says_nothing_of_our_way_out() {
    let bench = Bench::new().await;
    let hosts = ["[2606:4700::1111]", "[2620:fe::9]", "[2001:4860:4860::8888]"];
    for (number, host) in hosts.iter().enumerate() {
        bench.functions.register(&format!("itp-v6-{number}"), &format!("https://{host}")).await;
    }
    for code in [ENETUNREACH, EHOSTUNREACH, EADDRNOTAVAIL, EACCES] {
        bench.network.opening_fails(move |address| address.is_ipv6().then(|| os(code)));
        for round in 0..2 {
            for number in 0..hosts.len() {
                let client = format!("itp-v6-{number}");
                let message = bench.functions.payment(&client, &format!("p-{code}-{round}"));
                assert_eq!(requeued(&bench.dispatch, &[message.to_json()]).await, NOTHING, "{code}");
                let row = bench.functions.aws.ledger_row(message.notification.as_str()).unwrap();
                assert_eq!((row.text("status"), row.attempt(1, "outcome")), ("waiting", "connect_timeout"));
            }
            bench.functions.hands.advance(40 * SECOND);
        }
    }
    assert_eq!(bench.functions.metrics.codes(METRIC), [""; 0]);
    // What spoils a connection to whatever address is ours all the same.
    bench.network.opening_fails(|_| Some(os(EMFILE)));
    let message = bench.functions.payment("itp-v6-0", "p-ours");
    assert_eq!(requeued(&bench.dispatch, &[message.to_json()]).await, [0]);
}

#[tokio::test]
async fn a_resolver_that_does_not_resolve_a_name_of_ours_either_keeps_the_message() {
    let bench = Bench::new().await;
    bench.network.resolving_fails(|_| Some(io::Error::other("Temporary failure in name resolution")));
    bench.is_kept_and_heals("resolver_unavailable").await;

    let bench = Bench::new().await;
    bench.network.resolving_fails(|_| Some(os(EMFILE)));
    bench.is_kept_and_heals("network_unavailable").await;
}

#[tokio::test]
async fn a_name_that_alone_is_not_resolved_is_the_receivers() {
    for error in ["Temporary failure in name resolution", "Name or service not known"] {
        let bench = Bench::new().await;
        bench.network.resolving_fails(move |host| (host != OWN_NAME).then(|| io::Error::other(error)));
        bench.is_booked("dns_error").await;
    }
}

/// Registers receivers at addresses of their own, none of which can be connected to.
async fn unreachable(bench: &Bench, hosts: &[&str]) {
    for host in hosts {
        bench.functions.register(&format!("itp-{host}"), &format!("https://{host}")).await;
    }
}

#[tokio::test]
async fn an_environment_that_reaches_nobody_keeps_what_fails_before_tls_until_one_is_reached() {
    let bench = Bench::new().await;
    let dead = ["1.1.1.1", "8.8.8.8", "9.9.9.9"];
    unreachable(&bench, &dead).await;
    bench.network.opening_fails(|address| {
        (!address.ip().is_loopback()).then(|| io::Error::from(io::ErrorKind::TimedOut))
    });
    let of = |host: &str, resource: &str| bench.functions.payment(&format!("itp-{host}"), resource);
    for host in dead {
        let message = of(host, "p-1");
        assert_eq!(
            requeued(&bench.dispatch, &[message.to_json()]).await,
            NOTHING,
            "{host} is booked at first"
        );
    }
    bench.functions.hands.advance(29 * SECOND);
    assert_eq!(requeued(&bench.dispatch, &[of(dead[0], "p-2").to_json()]).await, NOTHING, "29 s");
    bench.functions.hands.advance(SECOND);
    let message = of(dead[0], "p-3");
    assert_eq!(requeued(&bench.dispatch, &[message.to_json()]).await, [0], "30 s");
    assert_eq!(bench.functions.metrics.codes(METRIC), ["egress_unavailable"]);
    let row = bench.functions.aws.ledger_row(message.notification.as_str()).unwrap();
    assert_eq!((row.text("status"), row.attempt(1, "outcome")), ("waiting", "egress_unavailable"));

    // One that is reached ends it.
    assert_eq!(requeued(&bench.dispatch, &[bench.message().to_json()]).await, NOTHING);
    assert_eq!(bench.mock.count(), 1);
    assert_eq!(requeued(&bench.dispatch, &[message.to_json()]).await, NOTHING, "booked again");
}

#[tokio::test]
async fn receivers_that_lead_nowhere_change_nothing_while_another_is_reached() {
    let bench = Bench::new().await;
    let dead = ["1.1.1.1", "8.8.8.8", "9.9.9.9"];
    unreachable(&bench, &dead).await;
    bench.network.opening_fails(|address| {
        (!address.ip().is_loopback()).then(|| io::Error::from(io::ErrorKind::TimedOut))
    });
    for round in 0..8 {
        for host in dead {
            let message = bench.functions.payment(&format!("itp-{host}"), &format!("p-{round}"));
            assert_eq!(requeued(&bench.dispatch, &[message.to_json()]).await, NOTHING, "{round} {host}");
        }
        // Seldom enough for a connection of its own, often enough for one that is used again.
        let message = bench.functions.payment(CLIENT, &format!("p-{round}"));
        assert_eq!(requeued(&bench.dispatch, &[message.to_json()]).await, NOTHING);
        bench.functions.hands.advance(if round < 4 { 25 * SECOND } else { 4 * SECOND });
    }
    assert_eq!(bench.functions.metrics.codes(METRIC), [""; 0]);
}

fn is_closing(input: &Value) -> bool {
    input["ExpressionAttributeValues"][":status"]["S"] == "delivered"
}

#[tokio::test]
async fn a_delivery_is_written_down_as_soon_as_the_table_takes_it() {
    let bench = Bench::new().await;
    let message = bench.message();
    bench.functions.aws.fails_where("UpdateItem", is_closing, Fault::THROTTLED);
    let aws = bench.functions.aws.clone();
    let until = Instant::now() + Duration::from_secs(20);
    let bodies = [message.to_json()];
    let (kept, ()) = tokio::join!(requeued_until(&bench.dispatch, &bodies, &[], until), async {
        sleep(Duration::from_secs(2)).await;
        aws.recovers();
    });
    assert_eq!(kept, NOTHING);
    assert_eq!((bench.row_text(&message, "status").as_str(), bench.mock.count()), ("delivered", 1));
}

#[tokio::test]
async fn a_delivery_that_could_not_be_written_is_remembered_and_not_made_again() {
    let bench = Bench::new().await;
    let message = bench.message();
    bench.functions.aws.fails_where("UpdateItem", is_closing, Fault::DENIED);
    let began = Instant::now();
    let until = began + Duration::from_secs(1);
    assert_eq!(requeued_until(&bench.dispatch, &[message.to_json()], &[], until).await, [0]);
    assert!(began.elapsed() < Duration::from_secs(2), "the message is hidden in time");
    assert_eq!(requeued(&bench.dispatch, &[message.to_json()]).await, [0], "still known, still not written");
    // However late it comes, and whoever has meanwhile the lease.
    bench.functions.hands.advance(LEASE + SECOND);
    bench.functions.aws.recovers();
    assert_eq!(requeued(&bench.dispatch, &[message.to_json()]).await, NOTHING);
    let row = bench.functions.aws.ledger_row(message.notification.as_str()).unwrap();
    assert_eq!(
        (row.text("status"), row.attempt(1, "outcome"), bench.mock.count()),
        ("delivered", "delivered", 1)
    );
    assert_eq!(bench.functions.aws.messages(NOTIFICATIONS).len(), 0);
}

#[tokio::test]
async fn a_copy_waits_while_another_writes_down_what_is_remembered() {
    let bench = Bench::new().await;
    let message = bench.message();
    bench.functions.aws.fails_where("UpdateItem", is_closing, Fault::DENIED);
    assert_eq!(requeued(&bench.dispatch, &[message.to_json()]).await, [0]);
    bench.functions.aws.recovers();
    // After its lease, so that a copy that knows of nothing would take the attempt for interrupted.
    bench.functions.hands.advance(LEASE + SECOND);
    let copies = [message.to_json(), message.to_json()];
    let held = bench.functions.aws.holds_back("UpdateItem", LEDGER);
    let (kept_of_both, ()) = tokio::join!(requeued(&bench.dispatch, &copies), async {
        held.arrived().await;
        sleep(Duration::from_millis(100)).await;
        held.release();
    });
    assert_eq!(kept_of_both, [1]);
    assert_eq!((bench.row_text(&message, "status").as_str(), bench.mock.count()), ("delivered", 1));
    assert_eq!(bench.functions.aws.messages(NOTIFICATIONS).len(), 0);
    assert_eq!(requeued(&bench.dispatch, &copies[1..]).await, NOTHING, "and is dropped then");
    assert_eq!(bench.functions.metrics.codes(METRIC), ["ledger_unavailable"]);
}

#[tokio::test]
async fn what_is_remembered_is_written_beside_the_next_batch() {
    let bench = Bench::new().await;
    let message = bench.message();
    bench.functions.aws.fails_where("UpdateItem", is_closing, Fault::DENIED);
    assert_eq!(requeued(&bench.dispatch, &[message.to_json()]).await, [0]);
    bench.functions.aws.recovers();
    let other = bench.functions.payment(CLIENT, "p-2");
    assert_eq!(requeued(&bench.dispatch, &[other.to_json()]).await, NOTHING);
    assert_eq!((bench.row_text(&message, "status").as_str(), bench.mock.count()), ("delivered", 2));
}

#[tokio::test]
async fn a_failure_that_could_not_be_written_queues_one_message_and_is_told_as_it_was() {
    let bench = Bench::new().await;
    bench.network.opening_fails(|_| Some(os(ECONNREFUSED)));
    let message = bench.message();
    let is_failure = |input: &Value| input["ExpressionAttributeValues"][":status"]["S"] == "waiting";
    bench.functions.aws.fails_where("UpdateItem", is_failure, Fault::DENIED);
    assert_eq!(requeued(&bench.dispatch, &[message.to_json()]).await, [0]);
    bench.functions.aws.recovers();
    assert_eq!(requeued(&bench.dispatch, &[message.to_json()]).await, NOTHING);
    let row = bench.functions.aws.ledger_row(message.notification.as_str()).unwrap();
    assert_eq!((row.text("status"), row.attempt(1, "outcome")), ("waiting", "connection_refused"));
    assert_eq!(bench.functions.aws.messages(NOTIFICATIONS).len(), 1);
}

#[tokio::test]
async fn an_attempt_that_was_never_sent_is_taken_back_however_late_and_not_if_others_went_on() {
    let never_sent = async || {
        let bench = Bench::new().await;
        bench.network.opening_fails(|_| Some(os(EMFILE)));
        let message = bench.message();
        let takes_back = |input: &Value| input["ExpressionAttributeValues"][":status"]["S"] == "waiting";
        bench.functions.aws.fails_where("UpdateItem", takes_back, Fault::DENIED);
        assert_eq!(requeued(&bench.dispatch, &[message.to_json()]).await, [0]);
        assert_eq!(bench.row_text(&message, "status"), "attempting");
        bench.functions.aws.recovers();
        bench.network.works();
        // The message returns after the lease: here, and to others.
        bench.functions.hands.advance(LEASE + SECOND);
        (bench, message)
    };
    let (bench, message) = never_sent().await;
    assert_eq!(requeued_until(&bench.dispatch, &[message.to_json()], &[], soon() + PATIENCE).await, NOTHING);
    let row = bench.functions.aws.ledger_row(message.notification.as_str()).unwrap();
    assert_eq!((row.text("status"), row.text("attempt"), bench.mock.count()), ("delivered", "1", 1));
    assert_eq!(bench.functions.aws.messages(NOTIFICATIONS).len(), 0);

    let (bench, message) = never_sent().await;
    let other = bench.functions.dispatch(&bench.functions.hands);
    assert_eq!(requeued(&other, &[message.to_json()]).await, NOTHING);
    let another = bench.functions.payment(CLIENT, "p-2");
    assert_eq!(requeued(&bench.dispatch, &[another.to_json()]).await, NOTHING);
    let row = bench.functions.aws.ledger_row(message.notification.as_str()).unwrap();
    assert_eq!((row.text("status"), row.text("attempt")), ("waiting", "1"));
    assert_eq!(row.attempt(1, "outcome"), "interrupted");
    assert_eq!(bench.functions.aws.messages(NOTIFICATIONS).len(), 1);
}

#[tokio::test]
async fn entries_that_the_queue_failed_are_sent_again_before_the_caller_hears_of_it() {
    let bench = Bench::new().await;
    let intake = bench.functions.intake();
    let now = bench.functions.hands.now();
    let changes: Vec<_> =
        ["good", "bad"].map(|id| change(Endpoint::PixPayment, CLIENT, &format!("{id}-1"), now)).into();
    let document = json!({ "changes": changes });
    let entries = || {
        let calls = bench.functions.aws.calls();
        let calls = calls.iter().filter(|call| call.operation == "SendMessageBatch");
        calls.map(|call| call.input["Entries"].as_array().unwrap().len()).collect::<Vec<_>>()
    };
    // Failed twice, and taken the third time; of throttling SQS says that it is the sender's fault.
    for code in ["InternalError", "RequestThrottled", "KmsThrottled", "KMS.ThrottlingException"] {
        bench.functions.aws.forget_calls();
        bench.functions.aws.fails_messages_with("bad-1", code, 2);
        let (status, all) = verdicts(&intake, &document).await;
        assert_eq!((status, all), (202, vec!["accepted".to_owned(), "accepted".to_owned()]), "{code}");
        assert_eq!(entries(), [2, 1, 1], "only what failed is sent again");
        assert_eq!(bench.functions.aws.take_messages(NOTIFICATIONS).len(), 2);
    }

    // A third time is one too many.
    bench.functions.aws.forget_calls();
    bench.functions.aws.fails_messages_with("bad-1", "InternalError", 3);
    assert_eq!(verdicts(&intake, &document).await.1, ["accepted", "unavailable"]);
    assert_eq!(entries(), [2, 1, 1]);

    // What SQS never takes is not sent again.
    bench.functions.aws.forget_calls();
    bench.functions.aws.recovers();
    bench.functions.aws.fails_messages_with("bad-1", "InvalidMessageContents", 9);
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
    let bench = Bench::new().await;
    let Functions { aws, metrics, .. } = &bench.functions;
    bench.network.opening_fails(|_| Some(os(EMFILE)));
    let message = bench.message();
    let bodies = [message.to_json()];
    assert_eq!(requeued_with(&bench.dispatch, &bodies, &received(147)).await, [0]);
    assert_eq!(aws.undelivered_rows().len(), 0);
    assert_eq!(requeued_until(&bench.dispatch, &bodies, &received(148), soon()).await, NOTHING);
    let row = aws.ledger_row(message.notification.as_str()).unwrap();
    assert_eq!((row.text("status"), row.text("reason")), ("undelivered", "network_unavailable"));
    let [dead_lettered] = &aws.messages(UNDELIVERED)[..] else { panic!("one message") };
    assert_eq!(
        (dead_lettered.reason.as_deref(), &dead_lettered.body),
        (Some("network_unavailable"), &message.to_json())
    );
    let rows =
        bench.dispatch.ledger.undelivered().of_hour(Hour::of(bench.functions.hands.now())).await.unwrap();
    let [Ok(listed)] = &rows[..] else { panic!("one row: {rows:?}") };
    assert_eq!(
        (listed.outcome.as_str(), &listed.message.notification),
        ("network_unavailable", &message.notification)
    );
    assert_eq!((metrics.values("Undelivered"), metrics.codes(METRIC).len()), (vec![1.0], 2));
    // A copy is dropped, and the fault's end changes nothing.
    bench.network.works();
    assert_eq!(requeued(&bench.dispatch, &bodies).await, NOTHING);
    assert_eq!(bench.mock.count(), 0);
}

#[tokio::test]
async fn a_message_without_a_row_gets_one_when_it_is_set_aside() {
    let bench = Bench::new().await;
    let functions = &bench.functions;
    functions.put_identity_text("no JSON");
    let dispatch = functions.dispatch(&functions.hands);
    let message = bench.message();
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
    assert_eq!(requeued(&bench.dispatch, &[message.to_json()]).await, NOTHING, "a copy is dropped");
    assert_eq!(bench.mock.count(), 0);
}

#[tokio::test]
async fn a_message_whose_ledger_is_the_fault_is_left_to_the_queue() {
    let bench = Bench::new().await;
    bench.functions.aws.fails("UpdateItem", Fault::DENIED);
    let message = bench.message();
    assert_eq!(requeued_until(&bench.dispatch, &[message.to_json()], &received(150), soon()).await, [0]);
    assert_eq!(bench.functions.aws.messages(UNDELIVERED).len(), 0);
}

#[tokio::test]
async fn a_message_whose_attempt_is_under_way_elsewhere_is_queued_anew() {
    let bench = Bench::new().await;
    let message = bench.message();
    bench.functions.aws.fails_where("UpdateItem", is_closing, Fault::DENIED);
    assert_eq!(requeued(&bench.dispatch, &[message.to_json()]).await, [0]);
    bench.functions.aws.recovers();
    let other = bench.functions.dispatch(&bench.functions.hands);
    assert_eq!(requeued_until(&other, &[message.to_json()], &received(149), soon()).await, NOTHING);
    let [again] = &bench.functions.aws.messages(NOTIFICATIONS)[..] else { panic!("one message") };
    assert_eq!(again.body, message.to_json());
    assert!(again.delay_s > 0 && bench.row_text(&message, "status") == "attempting");

    // The process that had the lease is gone: the attempt counts, and the next follows.
    let other = bench.functions.dispatch(&bench.functions.hands);
    bench.functions.hands.advance(LEASE + SECOND);
    bench.functions.put_identity_text("no JSON");
    assert_eq!(requeued_until(&other, &[message.to_json()], &received(149), soon()).await, NOTHING);
    let row = bench.functions.aws.ledger_row(message.notification.as_str()).unwrap();
    assert_eq!((row.text("status"), row.attempt(1, "outcome")), ("waiting", "interrupted"));
}

#[tokio::test]
async fn a_message_that_only_waits_for_others_to_its_receiver_is_queued_anew() {
    let bench = Bench::new().await;
    // Ten hold their places for longer than the eleventh waits.
    *bench.network.later.lock().unwrap() = Duration::from_secs(3);
    let bodies: Vec<_> =
        (0..11).map(|number| bench.functions.payment(CLIENT, &format!("p-{number}")).to_json()).collect();
    let until = Instant::now() + Duration::from_secs(20);
    assert_eq!(requeued_until(&bench.dispatch, &bodies, &received(149), until).await, NOTHING);
    let [again] = &bench.functions.aws.messages(NOTIFICATIONS)[..] else { panic!("one message") };
    assert!(bodies.contains(&again.body) && again.delay_s > 0);
    assert_eq!((bench.mock.count(), bench.functions.aws.undelivered_rows().len()), (10, 0));
    assert_eq!(bench.functions.aws.messages(UNDELIVERED).len(), 0);
}

/// The notifications that the hours list, and how many messages the dead-letter queue has.
fn listed(bench: &Bench) -> (Vec<String>, usize) {
    let aws = &bench.functions.aws;
    let rows = aws.undelivered_rows();
    (rows.iter().map(|row| row.text("notification").to_owned()).collect(), aws.messages(UNDELIVERED).len())
}

#[tokio::test]
async fn what_was_set_aside_and_not_listed_is_listed_when_its_message_comes_again() {
    for operation in ["SendMessage", "UpdateItem"] {
        let bench = Bench::new().await;
        bench.network.opening_fails(|_| Some(os(EMFILE)));
        let message = bench.message();
        let bodies = [message.to_json()];
        // The ledger takes it; what comes after that fails, as it would where the process stops.
        let is_listing = move |input: &Value| {
            let partition = input["Key"]["partition"]["S"].as_str();
            operation == "SendMessage" || partition.is_some_and(|name| name.starts_with("undelivered#"))
        };
        bench.functions.aws.fails_where(operation, is_listing, Fault::DENIED);
        assert_eq!(requeued_until(&bench.dispatch, &bodies, &received(148), soon()).await, [0]);
        assert_eq!(bench.row_text(&message, "status"), "undelivered");
        // Queue and list are asked at once.
        let before = if operation == "SendMessage" { (1, 0) } else { (0, 1) };
        let (names, messages) = listed(&bench);
        assert_eq!((names.len(), messages), before);

        // Another hour and another process; the network works, and yet nothing is sent.
        bench.functions.aws.recovers();
        bench.network.works();
        bench.functions.hands.advance(SignedDuration::from_hours(2));
        let other = bench.functions.dispatch(&bench.functions.hands);
        assert_eq!(requeued(&other, &bodies).await, NOTHING);
        let (names, messages) = listed(&bench);
        assert_eq!(names, [message.notification.to_string()], "in the hour that gave it up");
        // Copies add nothing, also where the receiver is gone.
        bench.functions.remove(CLIENT).await;
        assert_eq!(requeued(&other, &bodies).await, NOTHING);
        assert_eq!((listed(&bench), bench.mock.count()), ((names, messages), 0));
        // Where the queue took it before the list failed there are two.
        assert_eq!(messages, if operation == "SendMessage" { 1 } else { 2 });
        let row = bench.functions.aws.ledger_row(message.notification.as_str()).unwrap();
        assert_eq!((row.text("status"), row.text("unlisted_since")), ("undelivered", ""));
    }
}

#[tokio::test]
async fn what_was_set_aside_and_not_listed_is_listed_where_the_receiver_is_gone_too() {
    let bench = Bench::new().await;
    bench.network.opening_fails(|_| Some(os(EMFILE)));
    let message = bench.message();
    bench.functions.aws.fails("SendMessage", Fault::DENIED);
    assert_eq!(requeued_until(&bench.dispatch, &[message.to_json()], &received(148), soon()).await, [0]);
    bench.functions.aws.recovers();
    bench.functions.remove(CLIENT).await;
    assert_eq!(requeued(&bench.dispatch, &[message.to_json()]).await, NOTHING);
    assert_eq!(listed(&bench), (vec![message.notification.to_string()], 1));
}

#[tokio::test]
async fn a_notification_is_set_aside_once_and_then_no_attempt_begins() {
    let bench = Bench::new().await;
    let (message, ledger) = (bench.message(), &bench.dispatch.ledger);
    let now = bench.functions.hands.now();
    let first = ledger.set_aside(&message, "network_unavailable", now).await.unwrap();
    assert!(matches!(first, Begin::Begun), "{first:?}");
    let second = ledger.set_aside(&message, "ledger_unavailable", now + SECOND).await.unwrap();
    let Begin::Conflict(progress) = second else { panic!("{second:?}") };
    let at = jiff::Timestamp::from_millisecond(now.as_millisecond()).unwrap();
    let expected = Unlisted { code: "network_unavailable".to_owned(), at };
    assert_eq!((progress.status, progress.unlisted), (Status::Undelivered, Some(expected)));
    assert_eq!(requeued(&bench.dispatch, &[message.to_json()]).await, NOTHING);
    assert_eq!((bench.row_text(&message, "status"), bench.mock.count()), ("undelivered".to_owned(), 0));
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
    let bench = Bench::new().await;
    let functions = &bench.functions;
    let now = functions.hands.now();
    let posted = change(Endpoint::RecurringPayment, CLIENT, "r-1", now);
    set_profile(functions, "1.0.0").await;
    let intake = functions.intake();
    let document = json!({ "changes": [posted.clone()] });
    assert_eq!(verdicts(&intake, &document).await.1, ["not_notifiable"]);
    let message = functions.message_of(&posted);
    // Dispatch takes a copy too, of another notification.
    let other = functions.message_of(&change(Endpoint::RecurringPayment, CLIENT, "r-2", now));
    assert_eq!(requeued(&bench.dispatch, &[other.to_json()]).await, NOTHING);
    assert_eq!(bench.row_text(&other, "status"), "cancelled");

    set_profile(functions, "1.3.0").await;
    assert_eq!(verdicts(&intake, &document).await.1, ["accepted"]);
    assert_eq!(requeued(&bench.dispatch, &[message.to_json()]).await, NOTHING);
    assert_eq!(bench.row_text(&message, "status"), "delivered");
}

#[tokio::test]
async fn a_trust_anchor_that_was_added_counts_within_the_attempt() {
    let bench = Bench::new().await;
    let functions = &bench.functions;
    functions.put_trust(PKI.sender_authority.root_pem());
    let dispatch = functions.dispatch(&functions.hands);
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
    functions.hands.advance(SignedDuration::from_mins(1));
    let batch: Vec<_> = (3..6).map(|number| functions.payment(CLIENT, &format!("p-{number}"))).collect();
    let bodies: Vec<_> = batch.iter().map(AttemptMessage::to_json).collect();
    assert_eq!(requeued(&dispatch, &bodies).await, NOTHING);
    for message in &batch {
        let row = functions.aws.ledger_row(message.notification.as_str()).unwrap();
        assert_eq!((row.text("status"), row.text("attempt")), ("delivered", "1"));
    }
    assert_eq!((looks(), bench.mock.count()), (before + 4, 3), "the batch shares one look");
}

#[tokio::test]
async fn a_trust_anchor_that_took_the_place_of_one_with_its_name_counts_within_the_attempt() {
    let bench = Bench::new().await;
    let functions = &bench.functions;
    // The chain leads to the old anchor by name, and its signature is by another key.
    let old = Authority::new("Receiver", functions.hands.now()).unwrap();
    functions.put_trust(old.root_pem());
    let dispatch = functions.dispatch(&functions.hands);
    dispatch.identities.prepare().await.unwrap();
    let booked = functions.payment(CLIENT, "p-1");
    assert_eq!(requeued(&dispatch, &[booked.to_json()]).await, NOTHING);
    let row = functions.aws.ledger_row(booked.notification.as_str()).unwrap();
    assert_eq!(row.attempt(1, "outcome"), "unknown_ca");

    functions.put_trust(PKI.receiver_authority.root_pem());
    functions.hands.advance(SignedDuration::from_mins(1));
    let message = functions.payment(CLIENT, "p-2");
    assert_eq!(requeued(&dispatch, &[message.to_json()]).await, NOTHING);
    let row = functions.aws.ledger_row(message.notification.as_str()).unwrap();
    assert_eq!((row.text("status"), row.text("attempt"), bench.mock.count()), ("delivered", "1", 1));
}

#[tokio::test(start_paused = true)]
async fn a_start_whose_secret_never_answers_ends_in_time() {
    let functions = Functions::default();
    functions.put_identity(&PKI.sender);
    functions.aws.fails("GetSecretValue", Fault::Silent);
    functions.aws.fails("GetItem", Fault::Silent);
    let dispatch = functions.dispatch(&Hands::clone(&functions.hands));
    let began = Instant::now();
    dispatch.start().await;
    assert!(began.elapsed() <= dispatch::START, "{:?}", began.elapsed());
}
