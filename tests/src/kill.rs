//! `kill -9` of a dispatch process between any two of its steps (guarantees G1 and G2): nothing is lost, and no fourth request
//! is made.
//!
//! The process is the deployed binary, and AWS the local stack's. A first run of each scenario notes the points that the
//! process passes; each of the others stops it at one of them, and a new process goes on with what the queue delivers again.

use std::collections::BTreeSet;
use std::fmt;
use std::time::Duration;

use anyhow::{Context as _, Result, ensure};
use convention::delivery::{AttemptMessage, AttemptNumber, EXCHANGE_DEADLINE, Failure, Hour, Status};
use convention::notification::InteractionId;
use devkit::receiver::MockReceiver;
use futures_util::future::{join_all, try_join_all};
use jiff::SignedDuration;
use platform::aws::{AttemptRecord, Begin, Ledger, UndeliveredRows, dynamodb};
use platform::rng::Rng;
use tokio::time::{Instant, timeout};

use crate::lambda::{Deed, OwnQueue, Process, Proxy, Reached};
use crate::world::{Row, World, first_message, now};

/// A lease of 45 s, a retry after 10 s, the queue's visibility twice, and a machine that is busy.
const PLAY_TIMEOUT: Duration = Duration::from_secs(150);
/// The rows that are no step of a message.
const PATH_NOTE: &str = " path ";

/// What the process is at when it is stopped.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Scenario {
    /// The first attempt, which the receiver accepts.
    Accepted,
    /// The first attempt, which the receiver refuses; it accepts the second.
    Refused,
    /// The third attempt, which the receiver refuses.
    GivenUp,
}

/// Where the process is stopped.
#[derive(Clone, Debug, Eq, PartialEq)]
enum Stop {
    Nowhere,
    /// Before or after a call of AWS.
    At(Reached),
    /// When its request has arrived, before the answer.
    OnTheWire,
    /// When it has answered, before its message is deleted.
    BeforeDeletion,
}

impl fmt::Display for Stop {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Nowhere => f.write_str("nowhere"),
            Self::At(point) => point.fmt(f),
            Self::OnTheWire => f.write_str("while the receiver has its request"),
            Self::BeforeDeletion => f.write_str("before its message is deleted"),
        }
    }
}

impl Scenario {
    /// All of them.
    pub const ALL: [Self; 3] = [Self::Accepted, Self::Refused, Self::GivenUp];

    fn answers(self) -> &'static str {
        match self {
            Self::Accepted => "delay:300ms:202",
            Self::Refused => "delay:300ms:500,202",
            Self::GivenUp => "delay:300ms:500",
        }
    }

    /// How it ends, whatever is stopped.
    fn end(self) -> Status {
        match self {
            Self::Accepted | Self::Refused => Status::Delivered,
            Self::GivenUp => Status::Undelivered,
        }
    }

    /// How many requests there are at most: those of attempts that were not interrupted, and one of one that was.
    fn most_requests(self) -> usize {
        match self {
            Self::Accepted | Self::Refused => 2,
            Self::GivenUp => 1,
        }
    }
}

/// Plays a scenario once for each point at which the process can be stopped, and returns the points.
pub async fn at_every_point(world: &World, scenario: Scenario) -> Result<Vec<String>> {
    let points = play(world, scenario, &Stop::Nowhere).await?;
    ensure!(points.len() >= 6, "{scenario:?}: a process makes more calls than {points:?}");
    // Which certificates receivers present is noted beside the work, sooner or later or after it.
    let on_the_way = points.into_iter().filter(|point| !point.is_about(PATH_NOTE));
    let mut stops: Vec<_> = on_the_way.map(Stop::At).collect();
    stops.extend([Stop::OnTheWire, Stop::BeforeDeletion]);
    let played = join_all(stops.iter().map(async |stop| {
        let played = timeout(PLAY_TIMEOUT, play(world, scenario, stop)).await;
        let played = played.unwrap_or_else(|_| Err(anyhow::anyhow!("not ended after {PLAY_TIMEOUT:?}")));
        played.map(drop).with_context(|| format!("{scenario:?}, stopped {stop}"))
    }));
    let failed: Vec<_> =
        played.await.into_iter().filter_map(Result::err).map(|error| format!("{error:#}")).collect();
    ensure!(failed.is_empty(), "{} of {} stops: {}", failed.len(), stops.len(), failed.join("\n"));
    Ok(stops.iter().map(|stop| format!("{scenario:?}: {stop}")).collect())
}

/// Plays a scenario once, and returns the points that were passed before the process was stopped.
async fn play(world: &World, scenario: Scenario, stop: &Stop) -> Result<Vec<Reached>> {
    let (client, mock) = world.receiver(scenario.answers()).await?;
    let first = first_message(&client)?;
    let message = match scenario {
        Scenario::Accepted | Scenario::Refused => first,
        Scenario::GivenUp => third(world, &first).await?,
    };
    let deed = if let Stop::At(point) = stop { Deed::Stop(point.clone()) } else { Deed::Watch };
    let proxy = Proxy::start(&world.stack.endpoint(), deed).await?;
    let queue = OwnQueue::make(&world.stack, &proxy).await?;
    queue.send(&message.to_json()).await?;

    let mut process = queue.environment().await?;
    first_invocation(&queue, &proxy, &mut process, &mock, stop).await?;
    let points = proxy.points();
    process.kill().await?;
    proxy.disarm();
    let mut process = queue.environment().await?;
    while !queue.is_empty().await? {
        let Ok(next) = timeout(Duration::from_secs(2), queue.next()).await else { continue };
        let next = next?;
        if queue.offer(&next, &mut process).await?.is_ok_and(|done| done) {
            queue.delete(&next).await?;
        }
    }
    let row = world.ended(&message.notification, scenario.end().as_str(), Duration::ZERO).await;
    let row = row.with_context(|| process.log())?;
    check(scenario, &mock, &row)?;
    if scenario == Scenario::GivenUp {
        let kept = queue.undelivered().await?;
        ensure!(!kept.is_empty(), "nothing is in the dead-letter queue");
        ensure!(is_listed(world, &message).await?, "no hour lists what was given up");
    }
    Ok(points)
}

/// Has the process work on its first message, and stops it there.
async fn first_invocation(
    queue: &OwnQueue,
    proxy: &Proxy,
    process: &mut Process,
    mock: &MockReceiver,
    stop: &Stop,
) -> Result<()> {
    let message = queue.next().await?;
    proxy.arm();
    let started = Instant::now();
    match stop {
        Stop::Nowhere => {
            let done = queue.offer(&message, process).await?;
            ensure!(done.is_ok_and(|done| done), "the message was kept: {}", process.log());
            queue.delete(&message).await
        }
        Stop::At(point) => {
            tokio::select! {
                offered = queue.offer(&message, process) => {
                    anyhow::bail!("{point} was not reached: {offered:?} {}", process.log())
                }
                () = proxy.reached() => process.kill().await,
            }
        }
        Stop::OnTheWire => {
            tokio::select! {
                offered = queue.offer(&message, process) => anyhow::bail!("no request came: {offered:?}"),
                arrived = mock.wait_for(1, PLAY_TIMEOUT) => arrived.map(drop)?,
            }
            process.kill().await
        }
        Stop::BeforeDeletion => {
            let done = queue.offer(&message, process).await?;
            ensure!(done.is_ok_and(|done| done), "kept after {:?}: {}", started.elapsed(), process.log());
            process.kill().await
        }
    }
}

/// Says whether one of the last hours lists a notification as given up.
async fn is_listed(world: &World, message: &AttemptMessage) -> Result<bool> {
    let table = world.stack.output("LedgerTableName")?.to_owned();
    let rows = UndeliveredRows::new(dynamodb(&world.stack.sdk_config()), table);
    for hour in Hour::of_window(message.accepted_at, now()) {
        let listed = rows.of_hour(hour).await?.into_iter().flatten();
        if listed.into_iter().any(|row| row.message.notification == message.notification) {
            return Ok(true);
        }
    }
    Ok(false)
}

/// What must hold however often a process was stopped.
fn check(scenario: Scenario, mock: &MockReceiver, row: &Row) -> Result<()> {
    let received = mock.received();
    let ids: BTreeSet<_> = received.iter().filter_map(|request| request.interaction_id.as_deref()).collect();
    ensure!(ids.len() == received.len(), "two requests with one interaction id: {received:?}");
    ensure!(
        received.len() <= scenario.most_requests(),
        "{} requests, at most {} may be made: {row:?}",
        received.len(),
        scenario.most_requests()
    );
    let attempts: Vec<_> = (1..=AttemptNumber::MAX)
        .filter(|number| !row.attempt(*number, "interaction_id").is_empty())
        .collect();
    for id in ids {
        let known = attempts.iter().any(|number| row.attempt(*number, "interaction_id") == id);
        ensure!(known, "a request with the id {id} is no attempt of the ledger: {row:?}");
    }
    if row.attempt(1, "outcome") == "delivered" {
        ensure!(received.len() == 1, "a request after one that was accepted and recorded: {row:?}");
    }
    Ok(())
}

/// Brings a notification to where its third attempt is due.
async fn third(world: &World, first: &AttemptMessage) -> Result<AttemptMessage> {
    let table = world.stack.output("LedgerTableName")?.to_owned();
    let ledger = Ledger::new(dynamodb(&world.stack.sdk_config()), table, SignedDuration::from_hours(24));
    let numbers = [AttemptNumber::FIRST, AttemptNumber::try_from(2).expect("there is a second attempt")];
    for attempt in numbers {
        let mut record = AttemptRecord {
            attempt,
            interaction_id: InteractionId::new(first.notification.partition(), Rng::system().bits()),
            started: now(),
            within: EXCHANGE_DEADLINE,
            ended: None,
            base_uri: "https://localhost".to_owned(),
            url_api_version: None,
            outcome: None,
            status: None,
            address: None,
            tls: None,
        };
        let message = first.again(attempt, now());
        ensure!(matches!(ledger.begin(&message, &record).await?, Begin::Begun), "an attempt did not begin");
        record.ended = Some(now());
        record.outcome = Some(Failure::ServerError(500).code());
        ledger.failed(&message, &record, Status::Waiting).await?;
    }
    Ok(first.again(AttemptNumber::try_from(3).expect("there is a third attempt"), now()))
}

/// Plays all scenarios at once.
pub async fn everywhere(world: &World) -> Result<Vec<String>> {
    let all = try_join_all(Scenario::ALL.map(|scenario| at_every_point(world, scenario))).await?;
    Ok(all.concat())
}
