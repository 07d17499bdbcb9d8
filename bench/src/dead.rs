//! A dead receiver among others: what it costs those that answer.

use std::collections::VecDeque;
use std::path::Path;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use anyhow::{Context as _, Result, ensure};
use arauto::pki::TestPki;
use tests::lambda::Process;
use tokio::sync::Semaphore;
use tokio::task::JoinSet;
use tokio::time::{Instant, MissedTickBehavior, interval};

use crate::receivers::Conduct;
use crate::report::DeadFigures;
use crate::statistics::{median, percentile};
use crate::world::World;

const RECEIVERS: usize = 50;
const ENVIRONMENTS: usize = 16;
/// Notifications in a second; each is an invocation of its own, as so few come one by one.
const RATE: usize = 100;

struct Round {
    p50_ms: f64,
    p99_ms: f64,
    most_busy: usize,
}

/// Measures rounds in which all answer and rounds in which one is dead, and known to be, in turn.
pub(crate) async fn measure(
    pki: &TestPki,
    dispatch: &Path,
    rounds: usize,
    lasts: Duration,
) -> Result<DeadFigures> {
    let (mut all_answer, mut one_dead) = (Vec::new(), Vec::new());
    for _ in 0..rounds {
        for (dead, rounds) in [(false, &mut all_answer), (true, &mut one_dead)] {
            rounds.push(Box::pin(round(pki, dispatch, dead, lasts)).await?);
        }
    }
    let of =
        |rounds: &[Round], value: fn(&Round) -> f64| median(&rounds.iter().map(value).collect::<Vec<_>>());
    let both = |rounds: &[Round]| (of(rounds, |round| round.p50_ms), of(rounds, |round| round.p99_ms));
    let busy = |rounds: &[Round]| rounds.iter().map(|round| round.most_busy).max().unwrap_or_default();
    Ok(DeadFigures {
        receivers: RECEIVERS,
        environments: ENVIRONMENTS,
        rate: RATE,
        rounds,
        all_answer_ms: both(&all_answer),
        one_dead_ms: both(&one_dead),
        most_busy: (busy(&all_answer), busy(&one_dead)),
    })
}

async fn round(pki: &TestPki, dispatch: &Path, dead: bool, lasts: Duration) -> Result<Round> {
    let seconds = usize::try_from(lasts.as_secs())?;
    let (warm_up, count) = (ENVIRONMENTS * RECEIVERS, seconds * RATE);
    let conduct = Conduct { first_is_dead: dead, ..Conduct::default() };
    let world = Arc::new(World::start(pki, RECEIVERS, conduct, warm_up + count).await?);
    let mut environments = Vec::new();
    for number in 0..ENVIRONMENTS {
        let mut process = Process::start(dispatch, &world.variables()).await?;
        // Every environment has met every receiver that answers before anything is measured.
        let first = number * RECEIVERS;
        let met = (first..first + RECEIVERS).filter(|number| !number.is_multiple_of(RECEIVERS));
        for number in met {
            invoke(&world, &mut process, number).await?;
        }
        environments.push(process);
    }
    let idle = Arc::new(Mutex::new(VecDeque::from(environments)));
    let (places, busy, most) = (
        Arc::new(Semaphore::new(ENVIRONMENTS)),
        Arc::new(AtomicUsize::new(0)),
        Arc::new(AtomicUsize::new(0)),
    );
    let mut ticks = interval(Duration::from_secs(1) / u32::try_from(RATE)?);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Burst);
    let mut invocations = JoinSet::new();
    for number in warm_up..warm_up + count {
        ticks.tick().await;
        // The event: what waits for an environment is late.
        world.receivers.journal.hand_out(number..number + 1);
        let (world, idle, places) = (Arc::clone(&world), Arc::clone(&idle), Arc::clone(&places));
        let (busy, most) = (Arc::clone(&busy), Arc::clone(&most));
        invocations.spawn(async move {
            let _place = places.acquire().await?;
            most.fetch_max(busy.fetch_add(1, Ordering::Relaxed) + 1, Ordering::Relaxed);
            let pool = || idle.lock().unwrap_or_else(PoisonError::into_inner);
            // The one used last, as Lambda does.
            let mut process = pool().pop_back().context("a place is an environment")?;
            let done = invoke(&world, &mut process, number).await;
            pool().push_back(process);
            busy.fetch_sub(1, Ordering::Relaxed);
            done
        });
    }
    let until = Instant::now() + Duration::from_secs(20);
    while let Some(done) =
        tokio::time::timeout_at(until, invocations.join_next()).await.context("dispatch hangs")?
    {
        done??;
    }
    let answering = (warm_up..warm_up + count).filter(|number| !number.is_multiple_of(RECEIVERS));
    let latencies = world.receivers.journal.latencies_ms(answering.clone());
    ensure!(latencies.len() == answering.count(), "notifications did not arrive");
    Ok(Round {
        p50_ms: median(&latencies),
        p99_ms: percentile(&latencies, 99),
        most_busy: most.load(Ordering::Relaxed),
    })
}

async fn invoke(world: &World, process: &mut Process, number: usize) -> Result<()> {
    let answer = process.invoke(world.event(number..number + 1)).await?;
    answer.ok().with_context(|| format!("dispatch has ended: {}", process.log())).map(drop)
}
