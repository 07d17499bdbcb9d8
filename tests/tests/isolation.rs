//! A receiver that hangs holds up nobody else (guarantee G9): its attempts are granted less time, by what all environments know,
//! and only so many of them are under way at a time.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

use std::io;
use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll};
use std::time::Duration;

use convention::address::AddressPolicy;
use convention::delivery::{AttemptMessage, AttemptNumber, EXCHANGE_DEADLINE, REDUCED_TIMEOUT};
use convention::notification::Endpoint;
use devkit::local::change;
use dispatch::{Dispatch, MAX_CONCURRENT_ATTEMPTS};
use futures_util::future::join_all;
use jiff::SignedDuration;
use mtls::{Network, Transport};
use platform::aws::{RECEIVER_CACHE_TTL, SLOW_RECEIVER_ATTRIBUTES};
use serde_json::{Value, json};
use tests::aws::{Call, Fault, Functions, NOTIFICATIONS, PKI, RECEIVERS, requeued, verdicts};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::time::{Instant, Sleep};

const CLIENT: &str = "itp-1";
const HERE: &str = "https://localhost:8443/here";
const THERE: &str = "https://localhost:8443/there";
const NOTHING: [usize; 0] = [];

/// How the receiver's host behaves, and what was asked of it.
#[derive(Debug, Default)]
struct Host {
    /// Refuses connections, at once; else it accepts them and says nothing more.
    refuses: AtomicBool,
    /// Breaks accepted connections off so many seconds later, if any.
    breaks_after_s: AtomicU64,
    opened: AtomicUsize,
    open: AtomicUsize,
    most_open: AtomicUsize,
}

/// A connection on which nothing ever comes, unless it breaks off.
struct Silent(Arc<Host>, Option<Pin<Box<Sleep>>>);

impl Silent {
    fn new(host: Arc<Host>) -> Self {
        let breaks_after = Duration::from_secs(host.breaks_after_s.load(Ordering::Relaxed));
        let breaks = (!breaks_after.is_zero()).then(|| Box::pin(tokio::time::sleep(breaks_after)));
        Self(host, breaks)
    }
}

impl Drop for Silent {
    fn drop(&mut self) {
        self.0.open.fetch_sub(1, Ordering::Relaxed);
    }
}

impl AsyncRead for Silent {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        _: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        self.1.as_mut().map_or(Poll::Pending, |breaks| breaks.as_mut().poll(cx)).map(Ok)
    }
}

impl AsyncWrite for Silent {
    fn poll_write(self: Pin<&mut Self>, _: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        Poll::Ready(Ok(bytes.len()))
    }

    fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }
}

fn network(host: &Arc<Host>) -> Network {
    let host = Arc::clone(host);
    let loopback = SocketAddr::from(([127, 0, 0, 1], 8443));
    Network::new(
        AddressPolicy::PublicAndLoopback,
        move |_, _| async move { Ok(vec![loopback]) },
        move |_| {
            let host = Arc::clone(&host);
            async move {
                host.opened.fetch_add(1, Ordering::Relaxed);
                if host.refuses.load(Ordering::Relaxed) {
                    return Err(io::Error::from(io::ErrorKind::ConnectionRefused));
                }
                let open = host.open.fetch_add(1, Ordering::Relaxed) + 1;
                host.most_open.fetch_max(open, Ordering::Relaxed);
                Ok(Box::new(Silent::new(host)) as Box<dyn Transport>)
            }
        },
    )
}

/// An account whose one receiver hangs, until it refuses.
struct Fixture {
    functions: Functions,
    host: Arc<Host>,
    messages: Mutex<usize>,
}

impl Fixture {
    async fn new() -> Self {
        let host = Arc::<Host>::default();
        let functions = Functions { network: network(&host), ..Functions::default() };
        functions.put_identity(&PKI.sender);
        functions.register(CLIENT, HERE).await;
        Self { functions, host, messages: Mutex::default() }
    }

    async fn environment(&self) -> Arc<Dispatch> {
        let dispatch = self.functions.dispatch(&self.functions.test_clock);
        dispatch.identities.prepare().await.unwrap();
        dispatch
    }

    fn message(&self) -> AttemptMessage {
        let mut messages = self.messages.lock().unwrap();
        *messages += 1;
        self.functions.payment(CLIENT, &format!("p-{messages}"))
    }

    /// Makes the first attempt at another notification, and returns how long it took.
    async fn attempt(&self, environment: &Arc<Dispatch>) -> Duration {
        let message = self.message();
        let started = Instant::now();
        assert_eq!(requeued(environment, &[message.to_json()]).await, NOTHING);
        let took = started.elapsed();
        let row = self.functions.aws.ledger_row(message.notification.as_str()).unwrap();
        assert_eq!(row.text("status"), "waiting", "every attempt is made");
        Duration::from_millis(u64::try_from(took.as_millis()).unwrap())
    }

    /// The same, and lets the clock of the functions go on as long.
    async fn attempt_and_pass(&self, environment: &Arc<Dispatch>) -> Duration {
        let took = self.attempt(environment).await;
        self.pass(took);
        took
    }

    fn pass(&self, time: Duration) {
        self.functions.test_clock.advance(SignedDuration::try_from(time).unwrap());
    }

    /// Lets an environment find out that the receiver hangs.
    async fn mark(&self, environment: &Arc<Dispatch>) {
        for _ in 0..3 {
            assert_eq!(self.attempt_and_pass(environment).await, EXCHANGE_DEADLINE);
        }
        assert!(self.is_marked());
        self.functions.aws.forget_calls();
    }

    fn is_marked(&self) -> bool {
        let row = self.functions.aws.row(RECEIVERS, CLIENT).unwrap();
        let until: i64 = row["slow_until"]["N"].as_str().unwrap_or("0").parse().unwrap();
        self.functions.test_clock.now().as_millisecond() < until
    }

    /// How often a receiver's row was to be written.
    fn writes(&self) -> usize {
        self.functions.aws.writes(RECEIVERS).len()
    }
}

/// What `AdaptiveTimeout=false` is for: the published 15 s, whatever the receiver did before, and no write about it.
#[tokio::test(start_paused = true)]
async fn with_the_reduced_timeout_off_every_attempt_has_15_s() {
    let mut fixture = Fixture::new().await;
    fixture.functions.adaptive_timeout = false;
    let environments = [fixture.environment().await, fixture.environment().await];
    fixture.functions.aws.forget_calls();
    for environment in [&environments; 4].into_iter().flatten() {
        assert_eq!(fixture.attempt_and_pass(environment).await, EXCHANGE_DEADLINE);
    }
    assert!(!fixture.is_marked());
    assert_eq!(fixture.writes(), 0);
    assert!(fixture.functions.metrics.values("SlowReceiversFound").is_empty());
    // A mark that was made while it was on is not heeded either.
    fixture.functions.adaptive_timeout = true;
    let marking = fixture.environment().await;
    fixture.mark(&marking).await;
    assert_eq!(fixture.attempt_and_pass(&environments[0]).await, EXCHANGE_DEADLINE);
    assert_eq!(fixture.writes(), 0);
}

fn is_full(took: &Duration) -> bool {
    assert!([EXCHANGE_DEADLINE, REDUCED_TIMEOUT].contains(took), "{took:?}");
    *took == EXCHANGE_DEADLINE
}

#[tokio::test(start_paused = true)]
async fn three_attempts_that_run_out_shorten_those_of_all_environments() {
    let fixture = Fixture::new().await;
    let environments =
        [fixture.environment().await, fixture.environment().await, fixture.environment().await];
    fixture.functions.aws.forget_calls();
    for environment in &environments {
        assert!(!fixture.is_marked());
        assert_eq!(fixture.attempt_and_pass(environment).await, EXCHANGE_DEADLINE);
    }
    assert!(fixture.is_marked());
    assert_eq!(fixture.writes(), 3 + 1, "each counted, and the last one marked");
    assert_eq!(fixture.functions.metrics.values("SlowReceiversFound"), [1.0]);

    fixture.functions.aws.forget_calls();
    for environment in environments.iter().take(2) {
        assert_eq!(fixture.attempt_and_pass(environment).await, REDUCED_TIMEOUT);
    }
    assert_eq!((fixture.writes(), fixture.host.opened.load(Ordering::Relaxed)), (0, 5));
}

#[tokio::test(start_paused = true)]
async fn a_batch_that_hangs_as_a_whole_marks_by_itself_for_three_writes() {
    let fixture = Fixture::new().await;
    let environment = fixture.environment().await;
    fixture.functions.aws.forget_calls();
    let batch: Vec<_> = (0..10).map(|_| fixture.message().to_json()).collect();
    assert_eq!(requeued(&environment, &batch).await, NOTHING);
    assert!(fixture.is_marked());
    assert_eq!(fixture.writes(), 2 + 1, "two that were not enough, and the mark");
}

#[tokio::test(start_paused = true)]
async fn an_attempt_that_hung_while_the_receiver_responded_to_others_counts_for_nothing() {
    let fixture = Fixture::new().await;
    let environments =
        [fixture.environment().await, fixture.environment().await, fixture.environment().await];
    fixture.functions.aws.forget_calls();
    for environment in &environments {
        let hangs = fixture.attempt(environment);
        let (took, ()) = tokio::join!(hangs, async {
            tokio::time::sleep(Duration::from_secs(5)).await;
            fixture.host.refuses.store(true, Ordering::Relaxed);
            assert!(fixture.attempt(environment).await < REDUCED_TIMEOUT);
            fixture.host.refuses.store(false, Ordering::Relaxed);
        });
        assert!(is_full(&took));
        fixture.pass(took);
    }
    assert!(!fixture.is_marked());
    assert_eq!(fixture.writes(), 0);
}

#[tokio::test(start_paused = true)]
async fn a_host_that_fails_after_ten_seconds_hangs_like_one_that_is_silent() {
    const SLOW: Duration = Duration::from_secs(10);
    let fixture = Fixture::new().await;
    let environment = fixture.environment().await;
    fixture.host.breaks_after_s.store(SLOW.as_secs(), Ordering::Relaxed);
    for _ in 0..3 {
        assert_eq!(fixture.attempt_and_pass(&environment).await, SLOW);
    }
    assert!(fixture.is_marked());
    assert_eq!(fixture.attempt_and_pass(&environment).await, REDUCED_TIMEOUT);
    // Nor does a probe that fails as slowly clear the mark.
    fixture.pass(Duration::from_secs(20));
    assert_eq!(fixture.attempt_and_pass(&environment).await, SLOW);
    assert!(fixture.is_marked());
    assert_eq!(fixture.attempt_and_pass(&environment).await, REDUCED_TIMEOUT);
}

#[tokio::test(start_paused = true)]
async fn another_environment_learns_of_it_when_its_copy_of_the_receiver_has_aged() {
    let fixture = Fixture::new().await;
    let (one, other) = (fixture.environment().await, fixture.environment().await);
    for _ in 0..2 {
        fixture.attempt_and_pass(&one).await;
    }
    // It reads the row, and the mark is made while it has its copy.
    let (_, ()) = tokio::join!(fixture.attempt(&one), async {
        tokio::time::sleep(Duration::from_secs(1)).await;
        fixture.host.breaks_after_s.store(1, Ordering::Relaxed);
        assert!(fixture.attempt(&other).await < REDUCED_TIMEOUT);
        fixture.host.breaks_after_s.store(0, Ordering::Relaxed);
    });
    assert!(fixture.is_marked());
    assert!(is_full(&fixture.attempt(&other).await));
    fixture.pass(RECEIVER_CACHE_TTL.unsigned_abs());
    assert!(!is_full(&fixture.attempt(&other).await));
}

#[tokio::test(start_paused = true)]
async fn later_attempts_are_granted_as_little_and_all_are_made() {
    let fixture = Fixture::new().await;
    let environment = fixture.environment().await;
    fixture.mark(&environment).await;
    let first = fixture.message();
    let opened = fixture.host.opened.load(Ordering::Relaxed);
    let mut body = first.to_json();
    for number in 1..=AttemptNumber::MAX {
        fixture.functions.aws.take_messages(NOTIFICATIONS);
        let started = Instant::now();
        assert_eq!(requeued(&environment, &[body.clone()]).await, NOTHING);
        assert_eq!(started.elapsed().as_secs(), REDUCED_TIMEOUT.as_secs(), "attempt {number}");
        let next = fixture.functions.aws.take_messages(NOTIFICATIONS).pop();
        let Some(next) = next else { continue };
        body = next.body;
        // Not before it is due, and the mark is not to run out meanwhile: this is not about probes.
        let message = AttemptMessage::from_json(&body).unwrap();
        body = message.again(message.attempt, fixture.functions.test_clock.now()).to_json();
    }
    assert_eq!(fixture.host.opened.load(Ordering::Relaxed) - opened, 3);
    let row = fixture.functions.aws.ledger_row(first.notification.as_str()).unwrap();
    assert_eq!((row.text("status"), row.attempt(3, "outcome")), ("undelivered", "timeout"));
}

#[tokio::test(start_paused = true)]
async fn one_attempt_of_all_environments_sees_whether_it_still_hangs() {
    let fixture = Fixture::new().await;
    let environments =
        [fixture.environment().await, fixture.environment().await, fixture.environment().await];
    fixture.mark(&environments[0]).await;
    for round in 0..3 {
        fixture.pass(Duration::from_secs(20));
        let took = join_all(environments.iter().map(|environment| fixture.attempt(environment))).await;
        let probes = took.iter().filter(|took| is_full(took)).count();
        assert_eq!((probes, fixture.writes()), (1, round + 1));
    }
    assert!(fixture.is_marked());
}

#[tokio::test(start_paused = true)]
async fn of_two_that_want_to_see_at_the_same_instant_one_may() {
    let fixture = Fixture::new().await;
    let (one, other) = (fixture.environment().await, fixture.environment().await);
    fixture.mark(&one).await;
    fixture.pass(Duration::from_secs(20));
    let held = fixture.functions.aws.holds_back("UpdateItem", RECEIVERS);
    let (behind, before, ()) = tokio::join!(
        fixture.attempt(&one),
        async {
            held.arrived().await;
            fixture.attempt(&other).await
        },
        async {
            tokio::time::sleep(Duration::from_secs(1)).await;
            held.release();
        }
    );
    assert!(is_full(&before));
    // A second in which its claim was held back; then it was refused.
    assert_eq!(behind, Duration::from_secs(1) + REDUCED_TIMEOUT);
    assert_eq!(fixture.writes(), 2);
}

#[tokio::test(start_paused = true)]
async fn a_claim_that_was_refused_makes_the_next_attempt_look_at_the_row() {
    let fixture = Fixture::new().await;
    let (one, other) = (fixture.environment().await, fixture.environment().await);
    fixture.mark(&one).await;
    fixture.pass(Duration::from_secs(20));
    let held = fixture.functions.aws.holds_back("UpdateItem", RECEIVERS);
    let (behind, ()) = tokio::join!(fixture.attempt(&one), async {
        held.arrived().await;
        // The other one is faster, and finds that it responds again.
        fixture.host.refuses.store(true, Ordering::Relaxed);
        fixture.attempt(&other).await;
        fixture.host.refuses.store(false, Ordering::Relaxed);
        held.release();
    });
    assert_eq!(behind, REDUCED_TIMEOUT);
    assert!(!fixture.is_marked());
    assert!(is_full(&fixture.attempt(&one).await));
}

#[tokio::test(start_paused = true)]
async fn a_receiver_that_responds_again_has_all_the_time_again_for_one_write() {
    let fixture = Fixture::new().await;
    let (one, other) = (fixture.environment().await, fixture.environment().await);
    fixture.mark(&one).await;
    fixture.host.refuses.store(true, Ordering::Relaxed);
    let batch: Vec<_> = (0..10).map(|_| fixture.message().to_json()).collect();
    assert_eq!(requeued(&one, &batch).await, NOTHING);
    assert_eq!(fixture.writes(), 1);
    assert!(!fixture.is_marked());

    fixture.host.refuses.store(false, Ordering::Relaxed);
    fixture.pass(RECEIVER_CACHE_TTL.unsigned_abs());
    for environment in [&one, &other] {
        assert!(is_full(&fixture.attempt(environment).await));
    }
}

#[tokio::test(start_paused = true)]
async fn a_response_in_between_begins_the_count_anew() {
    let fixture = Fixture::new().await;
    let environment = fixture.environment().await;
    fixture.functions.aws.forget_calls();
    for _ in 0..3 {
        fixture.attempt_and_pass(&environment).await;
        fixture.attempt_and_pass(&environment).await;
        fixture.host.refuses.store(true, Ordering::Relaxed);
        fixture.attempt_and_pass(&environment).await;
        fixture.host.refuses.store(false, Ordering::Relaxed);
    }
    assert!(!fixture.is_marked());
    assert_eq!(fixture.writes(), 3 * (2 + 1), "each that hung, and the response after them");
}

#[tokio::test(start_paused = true)]
async fn a_mark_that_nobody_renews_runs_out_and_is_made_again_by_the_first_that_hangs() {
    let fixture = Fixture::new().await;
    let environment = fixture.environment().await;
    fixture.mark(&environment).await;
    fixture.pass(Duration::from_mins(1));
    assert!(!fixture.is_marked());
    assert!(is_full(&fixture.attempt_and_pass(&environment).await));
    assert!(fixture.is_marked());
    assert!(!is_full(&fixture.attempt_and_pass(&environment).await));
}

#[tokio::test(start_paused = true)]
async fn a_receiver_that_has_moved_starts_with_all_the_time() {
    let fixture = Fixture::new().await;
    let environment = fixture.environment().await;
    fixture.mark(&environment).await;
    fixture.functions.moves(CLIENT, THERE).await;
    fixture.pass(RECEIVER_CACHE_TTL.unsigned_abs());
    for _ in 0..3 {
        assert!(is_full(&fixture.attempt_and_pass(&environment).await));
    }
    assert!(!is_full(&fixture.attempt_and_pass(&environment).await));
    let registration = fixture.functions.registration(CLIENT).await.unwrap();
    assert_eq!(registration.base_uri.as_deref(), Some(THERE));
}

#[tokio::test(start_paused = true)]
async fn a_mark_brings_no_removed_receiver_back() {
    let fixture = Fixture::new().await;
    let environment = fixture.environment().await;
    for _ in 0..2 {
        fixture.attempt_and_pass(&environment).await;
    }
    let (_, ()) = tokio::join!(fixture.attempt(&environment), async {
        tokio::time::sleep(Duration::from_secs(1)).await;
        fixture.functions.remove(CLIENT).await;
    });
    let row = fixture.functions.aws.row(RECEIVERS, CLIENT).unwrap();
    let is_left = |name: &str| row.get(name).is_some();
    assert!(
        !is_left("registration") && SLOW_RECEIVER_ATTRIBUTES[..4].iter().all(|name| !is_left(name)),
        "{row}"
    );
    assert_eq!(
        fixture.functions.aws.writes(RECEIVERS).len(),
        5,
        "registered, two counts, removed, and the mark that was refused"
    );
}

#[tokio::test(start_paused = true)]
async fn a_mark_that_cannot_be_written_costs_time_and_no_notification() {
    for fault in [Fault::DENIED, Fault::Silent] {
        let fixture = Fixture::new().await;
        let environment = fixture.environment().await;
        fixture.functions.aws.fails_where("UpdateItem", |input| input["TableName"] == RECEIVERS, fault);
        for _ in 0..3 {
            fixture.attempt_and_pass(&environment).await;
        }
        assert!(!fixture.is_marked());
        assert_eq!(fixture.functions.metrics.codes("OwnFaults"), [""; 0]);
        fixture.functions.aws.recovers();
        fixture.pass(RECEIVER_CACHE_TTL.unsigned_abs());
        assert!(is_full(&fixture.attempt_and_pass(&environment).await));
        assert!(fixture.is_marked(), "the next one tries again");
    }
}

#[tokio::test(start_paused = true)]
async fn a_receiver_that_hangs_for_ten_minutes_costs_a_write_every_twenty_seconds() {
    let fixture = Fixture::new().await;
    let mut environments = Vec::new();
    for _ in 0..5 {
        environments.push(fixture.environment().await);
    }
    fixture.functions.aws.forget_calls();
    let started = fixture.functions.test_clock.now();
    let (mut attempts, mut full) = (0, 0);
    while fixture.functions.test_clock.now().duration_since(started) < SignedDuration::from_mins(10) {
        let took = join_all(environments.iter().map(|environment| fixture.attempt(environment))).await;
        attempts += took.len();
        full += took.iter().filter(|took| is_full(took)).count();
        // As if those that take little time followed each other while the probe is under way.
        fixture.pass(REDUCED_TIMEOUT);
    }
    let (writes, most) = (fixture.writes(), 5 + 5 + 10 * 60 / 20);
    assert!((25..=most).contains(&writes), "{writes} writes for {attempts} attempts");
    // Fifteen before the mark, then the probes.
    assert!(full <= 15 + writes, "{full} of {attempts}");
}

#[tokio::test(start_paused = true)]
async fn ten_attempts_to_one_receiver_are_under_way_and_the_rest_of_a_larger_batch_comes_again() {
    let fixture = Fixture::new().await;
    let environment = fixture.environment().await;
    fixture.functions.aws.forget_calls();
    let messages: Vec<_> = (0..30).map(|_| fixture.message()).collect();
    let bodies: Vec<_> = messages.iter().map(AttemptMessage::to_json).collect();
    let kept = requeued(&environment, &bodies).await;
    assert_eq!(kept.len(), 30 - MAX_CONCURRENT_ATTEMPTS);
    assert_eq!(fixture.host.most_open.load(Ordering::Relaxed), MAX_CONCURRENT_ATTEMPTS);
    for position in kept {
        let row = fixture.functions.aws.ledger_row(messages[position].notification.as_str());
        assert_eq!(row, None, "no attempt is consumed");
    }
    let hidden = fixture.functions.aws.hidden();
    assert_eq!(hidden.len(), 20);
    assert!(hidden.iter().all(|(_, seconds)| (4..=5).contains(seconds)), "{hidden:?}");
    assert_eq!(fixture.functions.metrics.codes("OwnFaults"), [""; 0]);
}

#[tokio::test(start_paused = true)]
async fn where_attempts_end_soon_a_larger_batch_is_worked_through() {
    let fixture = Fixture::new().await;
    fixture.host.refuses.store(true, Ordering::Relaxed);
    let environment = fixture.environment().await;
    let bodies: Vec<_> = (0..30).map(|_| fixture.message().to_json()).collect();
    assert_eq!(requeued(&environment, &bodies).await, NOTHING);
    assert_eq!(fixture.host.opened.load(Ordering::Relaxed), 30);
}

#[tokio::test(start_paused = true)]
async fn whatever_is_queued_is_in_the_group_of_its_receiver() {
    let fixture = Fixture::new().await;
    fixture.host.refuses.store(true, Ordering::Relaxed);
    let (intake, environment) = (fixture.functions.intake(), fixture.environment().await);
    fixture.functions.aws.forget_calls();
    let posted: Vec<_> = (0..3)
        .map(|number| {
            change(
                Endpoint::PixPayment,
                CLIENT,
                &format!("posted-{number}"),
                fixture.functions.test_clock.now(),
            )
        })
        .collect();
    verdicts(&intake, &json!({ "changes": posted })).await;
    // Two failures, and a message that comes too early.
    let first = fixture.message();
    requeued(&environment, &[first.to_json()]).await;
    let second = first.again(AttemptNumber::try_from(2).unwrap(), fixture.functions.test_clock.now());
    requeued(&environment, &[second.to_json()]).await;
    let early = fixture.functions.test_clock.now() + SignedDuration::from_secs(9);
    requeued(&environment, &[fixture.message().again(AttemptNumber::FIRST, early).to_json()]).await;

    let calls = fixture.functions.aws.calls();
    let to_notify =
        |call: &&Call| call.operation.starts_with("SendMessage") && call.input["QueueUrl"] == NOTIFICATIONS;
    let sent: Vec<&Value> = calls
        .iter()
        .filter(to_notify)
        .flat_map(|call| match call.input["Entries"].as_array() {
            Some(entries) => entries.iter().collect(),
            None => vec![&call.input],
        })
        .collect();
    assert_eq!(sent.len(), 6);
    assert!(sent.iter().all(|message| message["MessageGroupId"] == CLIENT), "{sent:?}");
}

#[tokio::test(start_paused = true)]
async fn a_silent_connection_is_what_this_bench_takes_it_for() {
    // Else the tests above would prove nothing.
    let fixture = Fixture::new().await;
    let environment = fixture.environment().await;
    for within in [EXCHANGE_DEADLINE, EXCHANGE_DEADLINE, EXCHANGE_DEADLINE, REDUCED_TIMEOUT] {
        let message = fixture.message();
        requeued(&environment, &[message.to_json()]).await;
        let row = fixture.functions.aws.ledger_row(message.notification.as_str()).unwrap();
        assert_eq!(row.attempt(1, "outcome"), "timeout");
        assert_eq!(row.attempt(1, "deadline_ms"), within.as_millis().to_string());
    }
}
