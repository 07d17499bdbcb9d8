//! A dead receiver among others: what it costs those that answer.

use std::collections::VecDeque;
use std::path::Path;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use anyhow::{Context as _, Result, ensure};
use devkit::pki::TestPki;
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
    let count = usize::try_from(lasts.as_secs())? * RATE;
    let mut all_answer = Box::pin(Fleet::start(pki, dispatch, false, rounds * count)).await?;
    let mut one_dead = Box::pin(Fleet::start(pki, dispatch, true, rounds * count)).await?;
    let (mut with_all, mut with_one_dead) = (Vec::new(), Vec::new());
    for _ in 0..rounds {
        with_all.push(all_answer.round(count).await?);
        with_one_dead.push(one_dead.round(count).await?);
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
        all_answer_ms: both(&with_all),
        one_dead_ms: both(&with_one_dead),
        most_busy: (busy(&with_all), busy(&with_one_dead)),
    })
}

/// Environments, and the receivers that they send to.
struct Fleet {
    world: Arc<World>,
    /// Those that no invocation is in.
    idle: Arc<Mutex<VecDeque<Process>>>,
    /// The next notification.
    next: usize,
}

impl Fleet {
    /// Starts environments for so many notifications. Each has met every receiver that answers when this returns.
    async fn start(pki: &TestPki, dispatch: &Path, dead: bool, count: usize) -> Result<Self> {
        let warm_up = ENVIRONMENTS * RECEIVERS;
        let conduct = Conduct { first_is_dead: dead, ..Conduct::default() };
        let world = Arc::new(World::start(pki, RECEIVERS, conduct, warm_up + count).await?);
        let mut environments = VecDeque::new();
        for number in 0..ENVIRONMENTS {
            let mut process = Process::start(dispatch, &world.variables()).await?;
            let first = number * RECEIVERS;
            for number in (first..first + RECEIVERS).filter(|number| !number.is_multiple_of(RECEIVERS)) {
                invoke(&world, &mut process, number).await?;
            }
            environments.push_back(process);
        }
        Ok(Self { world, idle: Arc::new(Mutex::new(environments)), next: warm_up })
    }

    async fn round(&mut self, count: usize) -> Result<Round> {
        let numbers = self.next..self.next + count;
        self.next = numbers.end;
        let (places, busy, most) = (
            Arc::new(Semaphore::new(ENVIRONMENTS)),
            Arc::new(AtomicUsize::new(0)),
            Arc::new(AtomicUsize::new(0)),
        );
        let mut ticks = interval(Duration::from_secs(1) / u32::try_from(RATE)?);
        ticks.set_missed_tick_behavior(MissedTickBehavior::Burst);
        let mut invocations = JoinSet::new();
        for number in numbers.clone() {
            ticks.tick().await;
            // The event: what waits for an environment is late.
            self.world.receivers.journal.hand_out(number..number + 1);
            let (world, idle, places) =
                (Arc::clone(&self.world), Arc::clone(&self.idle), Arc::clone(&places));
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
        let answering = numbers.filter(|number| !number.is_multiple_of(RECEIVERS));
        let latencies = self.world.receivers.journal.latencies_ms(answering.clone());
        ensure!(latencies.len() == answering.count(), "notifications did not arrive");
        Ok(Round {
            p50_ms: median(&latencies),
            p99_ms: percentile(&latencies, 99),
            most_busy: most.load(Ordering::Relaxed),
        })
    }
}

async fn invoke(world: &World, process: &mut Process, number: usize) -> Result<()> {
    let answer = process.invoke(world.event(number..number + 1)).await?;
    answer.ok().with_context(|| format!("dispatch has ended: {}", process.log())).map(drop)
}
