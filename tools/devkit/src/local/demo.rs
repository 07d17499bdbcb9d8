//! `arauto demo`: the whole path on this machine, shown as it happens.

use std::collections::BTreeMap;
use std::io::{self, Write as _};
use std::time::Duration;

use account::Checkout;
use anyhow::{Context as _, Result, bail};
use clap::Args;
use convention::notification::ENDPOINTS;
use jiff::Timestamp;
use platform::clock::Clock;
use platform::rng::Rng;
use serde::Serialize;
use terminal::Align;
use tokio::time::timeout;

use super::bank::{Bank, changes_of_all_kinds, options};
use crate::directory::{self, MockDirectory, StatementClaims};
use crate::pki::{ClientSubject, TestPki};
use crate::receiver::{Answers, MockReceiver, Received, Settings};
use crate::stack::{Progress, Stack};

/// Deploy template.yaml on this machine and watch it notify a receiver
///
/// Starts the local stack, a Directory of participants and a receiver that demands a client certificate. Registers the receiver
/// with a software statement that the Directory signed, and posts one state change of each kind. The receiver refuses one of them once, so that a retry is seen. Ends with a summary and leaves nothing running.
#[derive(Args, Clone, Debug)]
pub struct DemoArgs {
    /// Print each notification and the summary as JSON, a line each
    #[arg(long)]
    json: bool,
}

/// The receiver refuses the first attempt at this endpoint.
const REFUSED_ONCE: &str = "/pix/payments/=503,202";
const CLIENT: &str = "itp-demo";
/// The retry comes after ten seconds; the rest is for a machine that is busy.
const DEMO_TIMEOUT: Duration = Duration::from_mins(1);

/// One notification as it arrived.
#[derive(Debug, Serialize)]
struct Arrival {
    endpoint: &'static str,
    path: String,
    attempt: usize,
    answered: String,
    since_event_ms: i64,
    interaction_id: String,
    findings: Vec<String>,
}

/// What the demo showed.
#[derive(Debug, Serialize)]
struct Summary {
    endpoints_notified: usize,
    attempts: usize,
    retries: usize,
    first_attempt_ms_slowest: i64,
    findings: usize,
    interaction_ids_distinct: bool,
    client_certificate: Option<String>,
    tls: Option<String>,
}

/// Runs the demo; `false` if something was not as it should be.
pub async fn run(args: DemoArgs) -> Result<bool> {
    let clock = Clock::system();
    let progress = Progress::stderr();
    let made = progress.step("certificates made", None, async {
        tokio::task::spawn_blocking({
            let now = clock.now();
            move || TestPki::new(&ClientSubject::default(), now)
        })
        .await?
    });
    let pki = made.await?;
    let directory = MockDirectory::start(directory::Settings {
        key_pem: Some(pki.directory_key_pem.clone()),
        ..directory::Settings::new(clock.clone(), Rng::system())
    })
    .await?;
    let state_dir = Checkout::find()?.scratch().join("demo");
    let stack = Stack::start(&options(state_dir, &directory.base_url())).await?;
    let settings = Settings {
        prefix: "/kong3".parse().map_err(anyhow::Error::msg)?,
        answers: Answers {
            exceptions: vec![REFUSED_ONCE.parse().map_err(anyhow::Error::msg)?],
            ..Answers::default()
        },
        ..Settings::new(pki.receiver.clone(), pki.sender_authority.root_pem())
    };
    let mock = MockReceiver::start(settings).await?;
    let bank = Bank(&stack);
    bank.put_identity(&pki.sender.chain_pem, &pki.sender.key_pem, pki.receiver_authority.root_pem()).await?;
    let uris = [mock.base_uri()];
    let statement = directory.statement(&StatementClaims::of(CLIENT).webhook_uris(uris.clone()));
    bank.register(CLIENT, &uris, &statement).await?;
    progress.line(&format!(
        "receiver {} registered as {CLIENT}, with a software statement signed by the Directory at {}",
        mock.base_uri(),
        directory.base_url()
    ));

    let mut arrivals = mock.subscribe();
    let tag = format!("{:08x}", Rng::system().bits() >> 32);
    let event = clock.now();
    bank.notify(&changes_of_all_kinds(CLIENT, &tag, event)).await?;
    progress.line("five state changes posted; one of them is refused once, so this takes ten seconds more");
    let mut table = Table::new(args.json, event);
    table.header()?;
    while !table.is_complete() {
        let received = match timeout(DEMO_TIMEOUT, arrivals.recv()).await {
            Ok(received) => received.context("the receiver stopped")?,
            Err(_) => bail!(
                "the receiver got {} requests and then none for {} s; the functions wrote:\n{}",
                table.attempts.values().sum::<usize>(),
                DEMO_TIMEOUT.as_secs(),
                stack.function_logs().await?
            ),
        };
        table.show(&received)?;
    }
    let good = table.summary(&mock.received())?;
    mock.stop().await;
    directory.stop().await;
    stack.stop().await?;
    progress.line("stack stopped");
    Ok(good)
}

/// Shows arrivals, and knows when all have come.
struct Table {
    json: bool,
    event: Timestamp,
    attempts: BTreeMap<String, usize>,
    accepted: usize,
    slowest_first_ms: i64,
}

impl Table {
    fn new(json: bool, event: Timestamp) -> Self {
        Self { json, event, attempts: BTreeMap::new(), accepted: 0, slowest_first_ms: 0 }
    }

    fn is_complete(&self) -> bool {
        self.accepted == ENDPOINTS.len()
    }

    fn header(&self) -> io::Result<()> {
        if self.json {
            return Ok(());
        }
        let mut out = io::stdout().lock();
        let heads =
            ["", "notification of", "attempt", "answered", "ms since event", "x-webhook-interaction-id"];
        write!(out, "\n{}", line(heads))
    }

    fn show(&mut self, received: &Received) -> io::Result<()> {
        let attempt = self.attempts.entry(received.path.clone()).or_default();
        *attempt += 1;
        let since_event_ms = millis(received.received_at, self.event);
        if *attempt == 1 {
            self.slowest_first_ms = self.slowest_first_ms.max(since_event_ms);
        }
        if received.answered == "202" {
            self.accepted += 1;
        }
        let arrival = Arrival {
            endpoint: received.endpoint.map_or("?", |endpoint| endpoint.as_str()),
            path: received.path.clone(),
            attempt: *attempt,
            answered: received.answered.clone(),
            since_event_ms,
            interaction_id: received.interaction_id.clone().unwrap_or_default(),
            findings: received.findings.iter().map(|finding| finding.detail.clone()).collect(),
        };
        let mut out = io::stdout().lock();
        if self.json {
            return writeln!(out, "{}", serde_json::to_string(&arrival)?);
        }
        let Arrival { endpoint, path, attempt, answered, interaction_id, findings, .. } = arrival;
        let path = path.split_once("/webhook/v1").map_or(path.as_str(), |(_, rest)| rest);
        let (attempt, since_event_ms) = (attempt.to_string(), since_event_ms.to_string());
        write!(out, "{}", line([endpoint, path, &attempt, &answered, &since_event_ms, &interaction_id]))?;
        findings.iter().try_for_each(|finding| writeln!(out, "    ! {finding}"))
    }

    fn summary(&self, received: &[Received]) -> io::Result<bool> {
        let mut ids: Vec<_> = received.iter().map(|received| &received.interaction_id).collect();
        ids.sort_unstable();
        ids.dedup();
        let first = received.first();
        let attempts = received.len();
        let summary = Summary {
            endpoints_notified: self.attempts.len(),
            attempts,
            retries: attempts - self.attempts.len(),
            first_attempt_ms_slowest: self.slowest_first_ms,
            findings: received.iter().map(|received| received.findings.len()).sum(),
            interaction_ids_distinct: ids.len() == attempts,
            client_certificate: first
                .and_then(|received| received.client_certificate.as_ref())
                .map(|certificate| certificate.subject.clone()),
            tls: first.map(|received| format!("{} {}", received.tls.protocol, received.tls.cipher_suite)),
        };
        let good = summary.findings == 0 && summary.interaction_ids_distinct && summary.retries == 1;
        let mut out = io::stdout().lock();
        if self.json {
            writeln!(out, "{}", serde_json::to_string(&summary)?)?;
            return Ok(good);
        }
        writeln!(
            out,
            "\n{} endpoints notified with {} requests, {} of them a retry, each under an id of its own.",
            summary.endpoints_notified, summary.attempts, summary.retries
        )?;
        writeln!(
            out,
            "The slowest first attempt came {} ms after its event (1500 ms are allowed).",
            summary.first_attempt_ms_slowest
        )?;
        writeln!(out, "The receiver had {} objections against the published contract.", summary.findings)?;
        writeln!(out, "It saw the client certificate {}", summary.client_certificate.unwrap_or_default())?;
        writeln!(out, "over {}.", summary.tls.unwrap_or_default())?;
        writeln!(
            out,
            "\nTo look at a stack in the browser: `arauto up` keeps one running, `arauto console` prints the address."
        )?;
        Ok(good)
    }
}

/// One line of the table, which is written as requests arrive.
fn line(cells: [&str; 6]) -> terminal::Table<6> {
    let columns = [Align::Left, Align::Left, Align::Right, Align::Right, Align::Right, Align::Left];
    let mut line = terminal::Table::new(columns).at_least([2, 64, 7, 8, 14, 0]);
    line.row(cells);
    line
}

fn millis(later: Timestamp, earlier: Timestamp) -> i64 {
    i64::try_from(later.duration_since(earlier).as_millis()).unwrap_or(i64::MAX)
}
