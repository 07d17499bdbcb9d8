//! Does one receiver that hangs hold up the others? Dispatch in this process, on a stand-in for AWS, and receivers on real
//! sockets with mutual TLS.
//!
//! Rounds in which all receivers answer and rounds in which one hangs follow each other. What counts is the 99th percentile from
//! event to arrival at the receivers that answer in both: the median over the rounds, with one that hangs to without. The budget
//! is that it grows by no more than 10 %.

use std::collections::HashMap;
use std::io::Write as _;
use std::process::ExitCode;
use std::time::Duration;

use anyhow::{Context as _, Result, bail, ensure};
use convention::delivery::AttemptMessage;
use convention::notification::{Endpoint, StateChange};
use devkit::local::change;
use devkit::receiver::{MockReceiver, Settings};
use jiff::{SignedDuration, Timestamp};
use platform::clock::Clock;
use serde_json::json;
use tests::aws::{Functions, PKI, TestClock};
use tests::fake_event_source::{FakeEventSource, work_on};
use tokio::time::Instant;

/// The 99th percentiles may differ by this factor.
const BUDGET: f64 = 1.10;
/// Notifications that each environment sends before anything is measured, so that none of those measured is its first.
const WARM_UP: u32 = 2;
/// How their resources are called.
const WARMS_UP: &str = "w-";
/// How long what was posted last may take to arrive.
const REST: Duration = Duration::from_secs(5);
const USAGE: &str = "usage: isolation [--json] [--side-by-side] [--rounds N] [--seconds N] [--rate N] [--receivers N] [--environments N]";

/// What is played.
#[derive(Clone, Copy, Debug)]
struct Play {
    json: bool,
    /// Plays both rounds at a time, so that what else the machine does disturbs both alike.
    side_by_side: bool,
    rounds: u32,
    /// How long state changes come in each round. Fifteen seconds pass before the first attempt has hung.
    seconds: u32,
    /// State changes a second, of all receivers alike.
    rate: u32,
    receivers: u32,
    /// Environments, as many as invocations at a time. Lambda makes them as they are needed; here they are all there from the
    /// start, warm. At this rate the receiver that hangs holds 18 of them at most until it is found to hang: three messages for
    /// each of its 0.4 events a second, 15 s each.
    environments: u32,
}

impl Play {
    fn from_args(args: impl Iterator<Item = String>) -> Result<Self> {
        let mut play = Self {
            json: false,
            side_by_side: false,
            rounds: 5,
            seconds: 60,
            rate: 20,
            receivers: 50,
            environments: 60,
        };
        let mut args = args.peekable();
        while let Some(arg) = args.next() {
            let field = match arg.as_str() {
                "--json" => {
                    play.json = true;
                    continue;
                }
                "--side-by-side" => {
                    play.side_by_side = true;
                    continue;
                }
                "--rounds" => &mut play.rounds,
                "--seconds" => &mut play.seconds,
                "--rate" => &mut play.rate,
                "--receivers" => &mut play.receivers,
                "--environments" => &mut play.environments,
                _ => bail!(USAGE),
            };
            *field = args.next().and_then(|value| value.parse().ok()).filter(|n| *n > 0).context(USAGE)?;
        }
        ensure!(play.receivers > 1, USAGE);
        Ok(play)
    }
}

/// What came of one round.
struct Round {
    /// From event to arrival, in milliseconds, sorted.
    latencies: Vec<f64>,
    most_busy: usize,
    kept: usize,
    missing: usize,
    /// Requests that the first receiver got, which hangs or not.
    first: usize,
}

#[tokio::main]
async fn main() -> Result<ExitCode> {
    let play = Play::from_args(std::env::args().skip(1))?;
    let mut out = std::io::stdout();
    let (mut healthy, mut hanging) = (Vec::new(), Vec::new());
    // One that counts for nothing: the first pays for what is made once.
    round(Play { seconds: 2, ..play }, false).await?;
    for number in 1..=play.rounds {
        let (answer, hang) = if play.side_by_side {
            tokio::try_join!(round(play, false), round(play, true))?
        } else {
            (round(play, false).await?, round(play, true).await?)
        };
        for (what, round, all) in [("all answer", answer, &mut healthy), ("one hangs", hang, &mut hanging)] {
            if !play.json {
                writeln!(out, "round {number}, {what}: {}", describe(&round))?;
            }
            ensure!(
                round.missing == 0,
                "{} notifications of receivers that answer did not arrive",
                round.missing
            );
            all.push(round);
        }
    }
    let ratio = median(&hanging, 99) / median(&healthy, 99);
    let kept = ratio <= BUDGET;
    if play.json {
        let of = |all: &[Round]| {
            let notifications: usize = all.iter().map(|round| round.latencies.len()).sum();
            json!({ "p50_ms": median(all, 50), "p99_ms": median(all, 99), "notifications": notifications })
        };
        let figures = json!({
            "benchmark": "isolation", "receivers": play.receivers, "rate": play.rate, "seconds": play.seconds,
            "rounds": play.rounds, "environments": play.environments,
            "side_by_side": play.side_by_side, "all_answer": of(&healthy),
            "one_hangs": of(&hanging), "ratio_of_p99": ratio, "budget": BUDGET, "kept": kept,
        });
        writeln!(out, "{figures}")?;
    } else {
        let verdict = if kept { "kept" } else { "missed" };
        writeln!(out, "event to arrival at the {} that answer:", play.receivers - 1)?;
        for (what, all) in [("all answer", &healthy), ("one hangs ", &hanging)] {
            writeln!(out, "  {what}  p50 {:.2} ms  p99 {:.2} ms", median(all, 50), median(all, 99))?;
        }
        writeln!(out, "ratio of the 99th percentiles {ratio:.3}, budget {BUDGET}: {verdict}")?;
    }
    Ok(if kept { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

/// The median over the rounds of what a percentile was in each.
fn median(rounds: &[Round], percent: usize) -> f64 {
    let mut each: Vec<_> = rounds.iter().map(|round| quantile(&round.latencies, percent)).collect();
    each.sort_by(f64::total_cmp);
    quantile(&each, 50)
}

fn describe(round: &Round) -> String {
    format!(
        "p50 {:.2} ms, p99 {:.2} ms of {} notifications; {} environments busy at most, {} messages kept; {} requests at the first receiver",
        quantile(&round.latencies, 50),
        quantile(&round.latencies, 99),
        round.latencies.len(),
        round.most_busy,
        round.kept,
        round.first,
    )
}

/// Plays one round on an account, receivers and environments of its own. The first receiver hangs, or is not counted.
async fn round(play: Play, silent: bool) -> Result<Round> {
    let functions = Functions::default();
    functions.put_identity(&PKI.sender);
    let mut mocks = Vec::new();
    for number in 0..play.receivers {
        let answers = if silent && number == 0 { "hang" } else { "202" };
        let settings = Settings {
            answers: answers.parse().map_err(anyhow::Error::msg)?,
            ..Settings::new(PKI.receiver.clone(), PKI.sender_authority.root_pem())
        };
        let mock = MockReceiver::start(settings).await?;
        functions.register(&client(number), &mock.base_uri()).await;
        mocks.push(mock);
    }
    let ticking = tokio::spawn(tick(functions.test_clock.clone()));
    let mut environments = Vec::new();
    for _ in 0..play.environments {
        let environment = functions.dispatch(&functions.test_clock);
        environment.identities.prepare().await?;
        environments.push(environment);
    }
    for (number, environment) in (0..).zip(&environments) {
        for nth in 0..WARM_UP {
            // Not the receiver that may hang.
            let client = client(1 + number % (play.receivers - 1));
            let message = message(&client, &format!("{WARMS_UP}{number}-{nth}"), Clock::system().now())?;
            ensure!(
                work_on(environment, &[message]).await.is_empty(),
                "an environment could not be warmed up"
            );
        }
    }
    let mut source = FakeEventSource::new(functions.aws.clone(), environments);

    // Where two rounds are played at a time, the events of one lie between those of the other.
    let offset = if silent { Duration::from_secs(1) / play.rate / 2 } else { Duration::ZERO };
    let started = Instant::now() + offset;
    let clock = Clock::system().now() + SignedDuration::try_from(offset)?;
    let mut posted = HashMap::new();
    let mut events = Vec::new();
    for number in 0..play.rate * play.seconds {
        let after = Duration::from_secs(number.into()) / play.rate;
        let at = clock + SignedDuration::try_from(after)?;
        let resource = format!("p-{number}");
        events.push((started + after, message(&client(number % play.receivers), &resource, at)?));
        if number % play.receivers != 0 {
            posted.insert(resource, at);
        }
    }
    source.run(events, started + Duration::from_secs(play.seconds.into()) + REST).await;
    ticking.abort();

    let mut latencies = Vec::new();
    for received in mocks.iter().skip(1).flat_map(MockReceiver::received) {
        if received.resource_id.as_deref().is_some_and(|resource| resource.starts_with(WARMS_UP)) {
            continue;
        }
        let event = received.resource_id.and_then(|resource| posted.remove(&resource));
        let event = event.context("a notification arrived twice, or was not posted")?;
        latencies.push(received.received_at.duration_since(event).as_secs_f64() * 1000.0);
    }
    latencies.sort_by(f64::total_cmp);
    let first = mocks.first().map_or(0, MockReceiver::count);
    Ok(Round { latencies, most_busy: source.most_busy, kept: source.kept, missing: posted.len(), first })
}

fn client(number: u32) -> String {
    format!("itp-{number}")
}

fn message(client: &str, resource: &str, at: Timestamp) -> Result<String> {
    let change = StateChange::from_json(&change(Endpoint::PixPayment, client, resource, at), "");
    let change = change.map_err(|errors| anyhow::anyhow!("{errors:?}"))?;
    Ok(AttemptMessage::first(change, at).context("it is notified")?.to_json())
}

/// Moves the functions' clock as the machine's goes.
async fn tick(test_clock: TestClock) {
    let clock = Clock::system();
    loop {
        test_clock.advance(clock.now().duration_since(test_clock.now()));
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
}

/// The value below which so many of a hundred lie, of values that are sorted.
fn quantile(sorted: &[f64], percent: usize) -> f64 {
    let at = (sorted.len() * percent).div_ceil(100).saturating_sub(1);
    sorted.get(at).copied().unwrap_or(f64::NAN)
}
