//! One seed, from its first instant until nothing moves any more.

use std::collections::BTreeSet;
use std::sync::LazyLock;
use std::time::Duration;

use convention::delivery::LedgerWrites;
use tokio::task::{JoinHandle, JoinSet};
use tokio::time::{Instant, sleep};

use super::actors::Api;
use super::breaks::Break;
use super::environment::Factory;
use super::hazards::Hazards;
use super::hostile::spoils_rows;
use super::invariants;
use super::lambda::Lambda;
use super::peers::{PKI, Peers};
use super::scenario::Scenario;
use super::troubles::limit_tables;
use super::world::{Violation, World};
use crate::aws::{Aws, Counts, NOTIFICATIONS, QueueSettings, UNDELIVERED};
use crate::iam_usage::Use;

/// A message that is kept comes back after four minutes; whatever is not done after so many rounds will never be.
const MAX_RUN: Duration = Duration::from_hours(2);

/// What came of a run.
#[derive(Debug)]
pub struct Report {
    /// What did not hold, in the order it was seen.
    pub violations: Vec<Violation>,
    /// What happened, a line each.
    pub history: Vec<String>,
    /// How many notifications were accepted.
    pub notifications: usize,
    /// How many requests receivers got.
    pub requests: usize,
    /// What the functions asked of AWS.
    pub uses: BTreeSet<Use>,
    /// How long it lasted in its own time.
    pub lasted: Duration,
}

/// Makes what all runs share, so that the first is as quick as the others; not on paused time.
pub async fn warm_up() {
    LazyLock::force(&PKI);
    Aws::default().sdk_config();
}

/// Runs a seed. The runtime has one thread and its time is paused.
pub async fn run(seed: u64, broken: Option<Break>, ledger_writes: LedgerWrites, hazards: Hazards) -> Report {
    // The SDK draws its back-off from this thread's generator.
    fastrand::seed(seed);
    let world = World::new(seed, broken, ledger_writes, hazards);
    let scenario = Scenario::of(&world);
    world.note(format_args!("seed {seed}: {scenario:?}"));
    let mut play = Play::begin(&world, &scenario, QueueSettings::default()).await;
    play.play_out(&scenario).await;
    let (history, lasted) = (world.history(), world.now());
    let facts = world.facts();
    Report {
        violations: facts.violations.clone(),
        history,
        notifications: facts.accepted.len(),
        requests: facts.arrivals.len(),
        uses: facts.uses.seen(),
        lasted,
    }
}

/// A scenario that is being played.
pub(super) struct Play {
    world: World,
    pub(super) lambda: Lambda,
    polling: JoinHandle<()>,
    actors: JoinSet<()>,
}

impl Play {
    /// Sets AWS up and lets everybody begin.
    pub(super) async fn begin(world: &World, scenario: &Scenario, queue: QueueSettings) -> Self {
        let start = Instant::now() - world.now();
        let mut order = world.dice("queue", 0);
        world.aws().serves_in_any_order(move |of| order.index(of));
        let redrive = Some((UNDELIVERED.to_owned(), scenario.max_receives));
        world.aws().set_up(NOTIFICATIONS, QueueSettings { redrive, ..queue });
        if scenario.stale_reads > 0 {
            let (mut dice, stale) = (world.dice("lag", 0), scenario.stale_reads);
            let lag = move || if dice.per_cent(stale) { dice.millis(1, 3_000) } else { Duration::ZERO };
            world.aws().lets_reads_lag(lag);
        }
        let peers = Peers::new(world, scenario);
        let factory = Factory::new(world, peers, scenario);
        factory.furnish().await;
        let lambda = Lambda::new(&factory, scenario);
        let polling = tokio::spawn(lambda.clone().poll());
        let api = Api::new(&factory, scenario);
        let mut actors = JoinSet::new();
        for (client, calls) in &scenario.calls {
            actors.spawn(api.clone().pass_on(start, *client, calls.clone()));
        }
        for (client, changes) in &scenario.settings {
            actors.spawn(api.clone().change_settings(start, *client, changes.clone()));
        }
        for at in &scenario.reviews {
            actors.spawn(api.clone().review(start, *at));
        }
        for (at, client, is_active) in &scenario.statuses {
            actors.spawn(factory.clone().lists(start, *at, *client, *is_active));
        }
        if scenario.receivers.iter().any(|receiver| receiver.is_hostile) {
            actors.spawn(spoils_rows(world.clone(), Duration::from_secs(1)));
        }
        if !scenario.limits.is_empty() {
            actors.spawn(limit_tables(world.clone(), scenario.limits.clone()));
        }
        for (at, changes) in &scenario.posts {
            actors.spawn(api.clone().post(start, *at, changes.clone()));
        }
        Self { world: world.clone(), lambda, polling, actors }
    }

    /// Waits until nothing moves any more, and asks what must hold then.
    pub(super) async fn play_out(&mut self, scenario: &Scenario) {
        let world = &self.world;
        while let Some(ended) = self.actors.join_next().await {
            ended.expect("whoever calls the API is answered in the end");
        }
        while self.lambda.running() > 0 || world.aws().counts(NOTIFICATIONS) != Counts::default() {
            if world.now() > MAX_RUN {
                world.violated("G1_every_accepted_change_ends", "the queue does not come to rest");
                break;
            }
            sleep(Duration::from_secs(1)).await;
        }
        self.polling.abort();
        invariants::at_the_end(world, scenario);
    }
}
