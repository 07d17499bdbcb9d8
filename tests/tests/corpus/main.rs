//! The attack corpus: receivers that do what they should not, met by the product's own client.
//!
//! They speak real TLS over pipes in memory, under a time that stands still: a row of 15 s takes milliseconds.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

mod doctor;
mod network;
mod offer;
mod rows;

use std::fmt::Write as _;
use std::io::Write as _;
use std::process::ExitCode;
use std::time::Duration;

use convention::address::AddressPolicy;
use convention::delivery::{BODY_LIMIT, EXCHANGE_DEADLINE, HEADER_LIMIT, Outcome};
use convention::directory::{Registration, RegistrationRequest, Settings, StatementUris, target};
use convention::notification::{
    AuthorisationServers, Choices, InteractionId, Notification, Partition, Plan, StateChange, plan,
};
use devkit::receiver::wire::Step;
use jiff::SignedDuration;
use libtest_mimic::{Arguments, Failed, Trial};
use mtls::{Client, Exchange};
use platform::rng::Rng;
use serde_json::json;
use tests::aws::Functions;
use tokio::time::Instant;

use self::network::{Log, Names, PUBLIC, Server, network};
use self::offer::{HOST, Offer};
use self::rows::{DELIVERS, Row, rows, send};

/// The most that is read on one connection: an answer, a handshake, and what was on its way.
const READ: usize = HEADER_LIMIT + BODY_LIMIT + 32 * 1024;
/// What timers are rounded up to.
const ROUNDING: Duration = Duration::from_millis(50);

fn main() -> ExitCode {
    let mut trials: Vec<_> = rows()
        .into_iter()
        .map(|row| Trial::test(row.name.clone(), move || run(play(&row)).map_err(Failed::from)))
        .collect();
    trials.extend(rows().into_iter().map(|row| {
        let name = format!("the doctor of {}", row.name);
        Trial::test(name, move || run(doctor::examine(&row)).map_err(Failed::from))
    }));
    trials.push(Trial::test("connections are reused while warm and not over a freeze", || {
        run(freeze()).map_err(Failed::from)
    }));
    trials.push(Trial::test("a kept connection that closes causes no second request", || {
        run(kept()).map_err(Failed::from)
    }));
    let conclusion = libtest_mimic::run(&Arguments::from_args(), trials);
    let skipped = conclusion.num_ignored + conclusion.num_filtered_out;
    let line = format!(
        "corpus: {} passed, {} failed, {skipped} skipped",
        conclusion.num_passed, conclusion.num_failed
    );
    writeln!(std::io::stdout(), "{line}").unwrap_or_default();
    conclusion.exit_code()
}

fn run(test: impl Future<Output = Result<(), String>>) -> Result<(), String> {
    let mut builder = tokio::runtime::Builder::new_current_thread();
    builder.enable_all().start_paused(true).build().unwrap().block_on(test)
}

/// Plays one row and says all that is wrong.
async fn play(row: &Row) -> Result<(), String> {
    let log = Log::default();
    let caller = Caller::new(network(row.names.clone(), row.servers.clone(), &log));
    let started = Instant::now();
    let (outcome, _) = caller.post(row.host).await;
    let took = started.elapsed();
    // What would come late, comes now.
    tokio::time::sleep(Duration::from_mins(1)).await;
    let (requests, seen) = (log.arrived.requests(), log.seen());
    let mut wrong = String::new();
    let mut check = |holds: bool, what: String| {
        if !holds {
            writeln!(wrong, "{what}").unwrap();
        }
    };
    check(outcome.code() == row.code, format!("expected {}, came {}", row.code, outcome.code()));
    let found = findings(&outcome);
    check(found == row.findings, format!("expected {:?}, came {found:?}", row.findings));
    let (least, most) = (Duration::from_secs(row.within), Duration::from_secs(row.within) + ROUNDING);
    check(least <= took && took <= most, format!("expected {least:?}, took {took:?}"));
    check(took <= EXCHANGE_DEADLINE + ROUNDING, format!("took {took:?}"));
    check(seen.read <= READ, format!("read {} bytes", seen.read));
    check(requests.len() <= 1, format!("{} requests", requests.len()));
    check(seen.look_ups <= 1, format!("{} look-ups", seen.look_ups));
    check(seen.opened.iter().all(|address| *address == PUBLIC), format!("connected to {:?}", seen.opened));
    check(seen.opened.len() <= 8, format!("{} connections", seen.opened.len()));
    for request in &requests {
        let text = String::from_utf8_lossy(request);
        check(!text.to_lowercase().contains("accept-encoding"), "asks for an encoding".to_owned());
        check(text.matches("POST ").count() <= 1, format!("two requests: {text}"));
    }
    if wrong.is_empty() { Ok(()) } else { Err(wrong) }
}

/// A freeze stops hyper's clock and not ours.
async fn freeze() -> Result<(), String> {
    let log = Log::default();
    let twice = Server::Tls(Offer::default(), [(); 3].map(|()| [Step::Read, send(DELIVERS)]).concat());
    let caller = Caller::new(network(Names::Are(vec![vec![PUBLIC]]), vec![twice], &log));
    let mut opened = Vec::new();
    for asleep in [0, 2, 5, -10] {
        caller.functions.test_clock.advance(SignedDuration::from_secs(asleep));
        let (outcome, exchange) = caller.post(HOST).await;
        if outcome.code() != "delivered" {
            return Err(format!("after {asleep} s: {exchange:?}"));
        }
        // Lets hyper take the connection back.
        tokio::time::sleep(Duration::from_millis(1)).await;
        opened.push(log.seen().opened.len());
    }
    if opened == [1, 1, 2, 3] { Ok(()) } else { Err(format!("connections after each: {opened:?}")) }
}

/// A connection that was used before is closed at every byte of the second request and of its answer.
async fn kept() -> Result<(), String> {
    let answer = DELIVERS.as_bytes().to_vec();
    let read = (0..280).step_by(7).map(|bytes| vec![Step::ReadBytes(bytes)]);
    let sent = (0..answer.len() - 40).map(|bytes| vec![Step::Read, send(&answer[..bytes])]);
    for steps in read.chain(sent) {
        let log = Log::default();
        let first = vec![Step::Read, send(DELIVERS)];
        let servers = [[first.clone(), steps.clone()].concat(), first]
            .map(|steps| Server::Tls(Offer::default(), steps));
        let caller = Caller::new(network(Names::Are(vec![vec![PUBLIC]]), servers.to_vec(), &log));
        let mut codes = Vec::new();
        for _ in 0..2 {
            codes.push(caller.post(HOST).await.0.code());
            tokio::task::yield_now().await;
        }
        tokio::time::sleep(Duration::from_mins(1)).await;
        let (requests, opened) = (log.arrived.requests(), log.seen().opened.len());
        // A second request may come on a second connection only if nothing of it came on the first.
        let wrong = requests.len() > 2 || opened > 2 || codes[0] != "delivered";
        let delivered = codes[1] == "delivered";
        if wrong || delivered != (opened == 2) || (!delivered && codes[1] != "connection_reset") {
            return Err(format!("{steps:?}: {codes:?}, {} requests, {} connections", requests.len(), opened));
        }
    }
    Ok(())
}

struct Caller {
    functions: Functions,
    client: Client,
}

impl Caller {
    fn new(network: mtls::Network) -> Self {
        let functions = Functions::default();
        let revocation = functions.revocation(&functions.test_clock, SignedDuration::from_hours(1));
        let client = Client::new(&offer::identity(), &offer::anchors(), network, &revocation).unwrap();
        Self { functions, client }
    }

    async fn post(&self, host: &str) -> (Outcome, Exchange) {
        let notification = notification(host);
        let id = InteractionId::new(Partition::of(&notification.resource), Rng::system().bits());
        let exchange = self.client.post(&notification, id, EXCHANGE_DEADLINE).await.unwrap();
        (exchange.outcome(id, &Settings::default()), exchange)
    }
}

fn findings(outcome: &Outcome) -> Vec<&'static str> {
    match outcome {
        Outcome::Delivered { findings, .. } => findings.iter().map(|finding| finding.code()).collect(),
        Outcome::Failed(_) => Vec::new(),
    }
}

/// A notification for a receiver at this host, were it registered or not.
fn notification(host: &str) -> Notification {
    let now = "2026-11-22T13:15:30Z".parse().unwrap();
    let change = json!({
        "client_id": "itp-1", "api": "payments", "resource": "pix_payment", "resource_id": "p-1",
        "api_version": "v5", "from": "RCVD", "to": "ACSC", "event_instant": "2026-11-22T10:15:30-03:00",
    });
    let change = StateChange::posted(&change, "", now).unwrap();
    let request = json!({ "webhook_uris": [format!("https://{HOST}/kong3")] });
    let request = RegistrationRequest::from_json(&request, "").unwrap();
    let policy = AddressPolicy::Public;
    let decided = target(StatementUris::NotPresented, request.webhook_uris.as_deref(), policy).unwrap();
    let registration = Registration::new(change.client_id.clone(), request, decided, None, now);
    let receiver = registration.receiver(policy);
    match plan(&change, receiver.as_ref(), &AuthorisationServers::default(), &Choices::default()) {
        Plan::Notify(notification) => {
            Notification { url: notification.url.replace(HOST, host), ..*notification }
        }
        other @ (Plan::NotNotifiable(_) | Plan::NoReceiver | Plan::Misconfigured(_)) => panic!("{other:?}"),
    }
}
