//! Guarantee G9 in numbers: what one receiver that hangs costs the others, and how many environments it holds.
//!
//! AWS works and is fast. Lambda polls as its documentation says ("Scaling behavior" of Amazon SQS event sources): five
//! invocations at first, 300 more a minute while all are in use, `DispatchMaximumConcurrency` at most.

use std::time::Duration;

use convention::delivery::LedgerWrites;
use tokio::time::{Instant, sleep, sleep_until};

use super::dice::Dice;
use super::hazards::Hazards;
use super::plan::{Call, Change, Deed, Mapping, Mood, Passed, ReceiverPlan, change};
use super::run::Play;
use super::scenario::Scenario;
use super::world::{Violation, World};
use crate::aws::QueueSettings;

/// `DispatchMaximumConcurrency` of `template.yaml`.
const MAX_INVOCATIONS: usize = 500;
/// When everybody is registered.
const REGISTERED: Duration = Duration::from_secs(3);
/// How often the invocations that run are counted.
const COUNTS_EVERY: Duration = Duration::from_millis(100);

/// Receivers at equal load.
#[derive(Clone, Copy, Debug)]
pub struct ReceiverLoad {
    /// How many there are.
    pub receivers: usize,
    /// How many events a second there are for all of them.
    pub per_second: u64,
    /// For how many seconds.
    pub seconds: u64,
}

/// One receiver that is flooded and never answers, beside others that work.
#[derive(Clone, Copy, Debug)]
pub struct Flood {
    /// How many events a second there are for it. With three messages for ten and 3 a batch instead of 10, 90 are 300.
    pub per_second: u64,
    /// For how many seconds; third attempts come some 90 s after their event.
    pub seconds: u64,
    /// How many receivers work.
    pub others: usize,
    /// How many events a second there are for all of those.
    pub others_per_second: u64,
}

/// How long after its event a first attempt arrived at its receiver.
#[derive(Clone, Copy, Debug)]
pub struct Lateness {
    /// How many first attempts there were.
    pub attempts: usize,
    /// The middle one.
    pub median: Duration,
    /// The one that a hundredth of them exceeds.
    pub p99: Duration,
    /// The latest.
    pub worst: Duration,
}

/// How many environments were in use.
#[derive(Clone, Copy, Debug)]
pub struct Ours {
    /// The most at a time, and when.
    pub most: (usize, Duration),
    /// The mean of the last quarter of the time.
    pub in_the_end: usize,
    /// How many messages an invocation had, in hundredths.
    pub batch_percent: usize,
}

/// What came of a flood.
#[derive(Debug)]
pub struct Flooded {
    /// What the others got of events in its first 30 s.
    pub onset: Lateness,
    /// What they got of those after 100 s.
    pub steady: Lateness,
    /// What it took.
    pub ours: Ours,
    /// What else did not hold.
    pub violations: Vec<Violation>,
}

impl Lateness {
    fn of(world: &World, counts: impl Fn(&Change) -> bool) -> Self {
        let facts = world.facts();
        let mut late: Vec<_> = facts
            .arrivals
            .iter()
            .filter(|arrival| {
                facts.begun.get(&arrival.interaction_id).is_some_and(|begun| begun.attempt == 1)
            })
            .filter_map(|arrival| {
                let change = facts.posted.get(&arrival.resource)?;
                counts(change).then(|| arrival.at.saturating_sub(change.event))
            })
            .collect();
        late.sort_unstable();
        let last = late.len().saturating_sub(1);
        let at = |per_cent: usize| late.get((late.len() * per_cent / 100).min(last)).copied();
        let [median, p99, worst] = [50, 99, 100].map(|per_cent| at(per_cent).unwrap_or_default());
        Self { attempts: late.len(), median, p99, worst }
    }
}

/// Plays receivers at equal load, of which the first hangs on every request or works as well; returns what the others got.
pub async fn one_of(load: ReceiverLoad, silent: bool, seed: u64) -> (Lateness, Ours, Vec<Violation>) {
    let world = begin(seed);
    let mut dice = world.dice("events", 0);
    let events = load.per_second * load.seconds;
    let span = Duration::from_secs(load.seconds);
    let posts = (0..events)
        .map(|number| {
            let client = usize::try_from(number).unwrap_or(0) % load.receivers;
            event(&mut dice, client, number, (REGISTERED, span))
        })
        .collect();
    let mapping = lambda(10, 40);
    let scenario = scenario(load.receivers, silent, posts, mapping, REGISTERED + span);
    let mut play = Play::begin(&world, &scenario, QueueSettings::default()).await;
    let ours = watch(&world, &play, scenario.end).await;
    play.play_out(&scenario).await;
    let violations = world.facts().violations.clone();
    (Lateness::of(&world, |change| change.client != 0), ours, violations)
}

/// Plays a flood that begins when a stack with little to do has long been running: Lambda allows five invocations.
///
/// A run of 300 events a second would take minutes of real time for each of its own. What is scaled is how many messages there
/// are, not time and not environments: three stand for ten, and a batch has three at most. So its invocations, how Lambda
/// adds them and how long each lasts are those of the full flood, and a batch that hangs still marks its receiver by itself
/// (three attempts in a row). Fair queues call a group noisy from 30 messages in flight on; here it is nine.
pub async fn flood(flood: Flood, seed: u64) -> Flooded {
    let world = begin(seed);
    let mut dice = world.dice("events", 0);
    let begins = REGISTERED + Duration::from_secs(5);
    let span = Duration::from_secs(flood.seconds);
    let mut posts: Vec<_> = (0..flood.per_second * flood.seconds)
        .map(|number| event(&mut dice, 0, number, (begins, span)))
        .collect();
    let first = posts.len() as u64;
    posts.extend((0..flood.others_per_second * flood.seconds).map(|number| {
        let client = 1 + usize::try_from(number).unwrap_or(0) % flood.others;
        event(&mut dice, client, first + number, (begins, span))
    }));
    let scenario = scenario(1 + flood.others, true, posts, lambda(3, 10), begins + span);
    let queue = QueueSettings { noisy_from: 9, ..QueueSettings::default() };
    let play = Play::begin(&world, &scenario, queue).await;
    let ours = watch(&world, &play, scenario.end).await;
    // What was last posted to the others may be on its way.
    sleep(Duration::from_secs(5)).await;
    let between = |from: u64, until: u64| {
        let [from, until] = [from, until].map(|second| begins + Duration::from_secs(second));
        Lateness::of(&world, |change| change.client != 0 && (from..until).contains(&change.event))
    };
    let violations = world.facts().violations.clone();
    Flooded { onset: between(0, 30), steady: between(100, flood.seconds), ours, violations }
}

fn begin(seed: u64) -> World {
    fastrand::seed(seed);
    World::new(seed, None, LedgerWrites::Full, Hazards::NONE)
}

fn lambda(batch: usize, poll_ms: u64) -> Mapping {
    Mapping { batch, poll_ms, first: 5, one_more: Duration::from_millis(200), most: MAX_INVOCATIONS }
}

fn scenario(
    receivers: usize,
    first_is_silent: bool,
    mut posts: Vec<(Duration, Vec<Change>)>,
    mapping: Mapping,
    end: Duration,
) -> Scenario {
    posts.sort_by_key(|(at, _)| *at);
    let mood = |client| if client == 0 && first_is_silent { Mood::Only(Deed::Hang) } else { Mood::Well };
    let registered = Passed { call: Call::Put(0), at: Duration::from_millis(100), called_at: None };
    Scenario {
        calm: false,
        receivers: (0..receivers).map(|client| ReceiverPlan::always(mood(client))).collect(),
        posts,
        calls: (0..receivers).map(|client| (client, vec![registered])).collect(),
        mapping,
        ..Scenario::quiet(end)
    }
}

/// Draws a state change that is notified and is posted as it happens.
fn event(
    dice: &mut Dice,
    client: usize,
    number: u64,
    (from, span): (Duration, Duration),
) -> (Duration, Vec<Change>) {
    let at = from + dice.millis(0, u64::try_from(span.as_millis()).unwrap_or(0));
    loop {
        let change = change(dice, client, u32::try_from(number).unwrap_or(0), at);
        if change.body.is_some() {
            return (at, vec![change]);
        }
    }
}

/// Counts the invocations that run until the end.
async fn watch(world: &World, play: &Play, end: Duration) -> Ours {
    let start = Instant::now() - world.now();
    let mut counted = Vec::new();
    while world.now() < end {
        sleep_until(start + world.now() + COUNTS_EVERY).await;
        counted.push((play.lambda.running(), world.now()));
    }
    let last: Vec<_> = counted.iter().skip(counted.len() * 3 / 4).map(|(running, _)| running).collect();
    let in_the_end = last.iter().copied().sum::<usize>() / last.len().max(1);
    let most = counted.iter().rev().max_by_key(|(running, _)| *running).copied().unwrap_or_default();
    let (invocations, messages) = play.lambda.invoked();
    Ours { most, in_the_end, batch_percent: messages * 100 / invocations.max(1) }
}
