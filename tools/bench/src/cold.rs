//! One notification alone, as most are: in a process that starts for it, and over a connection that opens for it; at full speed and
//! at the share of a processor that Lambda gives with little memory.

use std::collections::BTreeMap;
use std::path::Path;
use std::time::Duration;

use ::tests::lambda::Process;
use anyhow::{Context as _, Result, ensure};
use devkit::pki::TestPki;
use serde_json::Value;
use tokio::time::sleep;

use crate::case::Binaries;
use crate::quota::{PERIOD_US, Quota};
use crate::receivers::{Conduct, SETTLES};
use crate::report::{Beside, ColdFigures, ColdResult, Sample, What};
use crate::statistics::median;
use crate::usage::Cpu;
use crate::world::World;

/// The memory whose shares of a processor are played, in MB; `None` is full speed.
const MEMORY_MB: [Option<u64>; 3] = [None, Some(256), Some(128)];
/// Notifications before those that are measured over a fresh connection.
const WARM_UP: usize = 30;
/// Longer than a period: what a quota left over of the one before is gone, and the next is whole.
const REST: Duration = Duration::from_micros(PERIOD_US + PERIOD_US / 4);

/// How often each is measured.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Samples {
    pub(crate) full: usize,
    pub(crate) throttled: usize,
}

/// Measures starts and fresh connections at each share of a processor, dispatch and the floor in turn.
pub(crate) async fn measure(
    pki: &TestPki,
    binaries: Binaries<'_>,
    wanted: &[What],
    samples: Samples,
    mut progress: impl FnMut(&str),
) -> Result<Vec<ColdFigures>> {
    if wanted.is_empty() {
        return Ok(Vec::new());
    }
    let most = 2 * MEMORY_MB.len() * (WARM_UP + 2 * samples.full.max(samples.throttled)) + 10;
    let conduct = Conduct { closes: true, ..Conduct::default() };
    let mut stage = Stage::set(World::start(pki, 1, conduct, most).await?, binaries).await?;
    let mut all = Vec::new();
    for what in wanted.iter().copied() {
        for memory_mb in MEMORY_MB {
            progress(&format!("{}, {}", what.title(), share(memory_mb)));
            let count = if memory_mb.is_some() { samples.throttled } else { samples.full };
            let result = match memory_mb.map(Quota::of_memory).transpose() {
                Ok(quota) => ColdResult::Measured(stage.beside(what, quota.as_ref(), count).await?),
                Err(reason) => ColdResult::Skipped(reason),
            };
            all.push(ColdFigures { what, memory_mb, samples: count, result });
        }
    }
    Ok(all)
}

/// What a share of a processor is called.
pub(crate) fn share(memory_mb: Option<u64>) -> String {
    memory_mb.map_or_else(|| "full speed".to_owned(), |memory| format!("the share of {memory} MB"))
}

/// What one notification took.
#[derive(Clone, Copy, Debug)]
struct Took {
    wall_ms: f64,
    cpu_us: f64,
}

/// What starts and sends: dispatch, or the floor.
struct Actor<'a> {
    binary: &'a Path,
    variables: BTreeMap<String, String>,
    /// Makes the event of a notification.
    event: fn(&World, usize) -> Value,
}

struct Stage<'a> {
    world: World,
    dispatch: Actor<'a>,
    floor: Actor<'a>,
    /// The next notification.
    next: usize,
}

impl<'a> Stage<'a> {
    /// Plays one start, to learn how many requests to AWS the floor has to make.
    async fn set(world: World, binaries: Binaries<'a>) -> Result<Self> {
        let asked = |world: &World| -> usize {
            world.aws.requests().values().sum::<u64>().try_into().unwrap_or(usize::MAX)
        };
        let variables = world.variables();
        let mut process = Process::start(binaries.dispatch, &variables).await?;
        let at_start = asked(&world);
        process.invoke(world.event(0..1)).await?.ok().context("dispatch has ended")?;
        // The last one records the outcome.
        let before_first = asked(&world).saturating_sub(at_start + 1);
        process.kill().await?;
        let sample = world.aws.sample().context("dispatch wrote no row")?;
        let mut setup = world.floor_setup(&sample)?;
        setup["requests_at_start"] = at_start.into();
        setup["requests_before_first"] = before_first.into();
        let of_floor = [("FLOOR_SETUP".to_owned(), setup.to_string())].into();
        let dispatch = Actor {
            binary: binaries.dispatch,
            variables,
            event: |world, number| world.event(number..number + 1),
        };
        let floor =
            Actor { binary: binaries.floor, variables: of_floor, event: |_, number| Value::from(number) };
        Ok(Self { world, dispatch, floor, next: 1 })
    }

    async fn beside(&mut self, what: What, quota: Option<&Quota>, count: usize) -> Result<Beside> {
        let (mut ours, mut floors) = (Vec::new(), Vec::new());
        let Self { world, dispatch, floor, next } = self;
        match what {
            What::Start => {
                for _ in 0..count {
                    ours.push(started(world, dispatch, next, quota).await?);
                    floors.push(started(world, floor, next, quota).await?);
                }
            }
            What::Fresh => {
                let mut warm = [warm(world, dispatch, next).await?, warm(world, floor, next).await?];
                if let Some(quota) = quota {
                    for process in &warm {
                        quota.take(process.id().context("a process has ended")?)?;
                    }
                }
                let [ours_warm, floor_warm] = &mut warm;
                for _ in 0..count {
                    rest(quota).await;
                    ours.push(sent(world, dispatch, ours_warm, next).await?);
                    rest(quota).await;
                    floors.push(sent(world, floor, floor_warm, next).await?);
                }
                // The group can be removed only once they are gone.
                for process in &mut warm {
                    process.kill().await?;
                }
            }
        }
        Ok(Beside { dispatch: sample(&ours), floor: sample(&floors) })
    }
}

/// Waits until a quota is whole again.
async fn rest(quota: Option<&Quota>) {
    if quota.is_some() {
        sleep(REST).await;
    }
}

/// From the start of a process until its first request has arrived.
async fn started(world: &World, actor: &Actor<'_>, next: &mut usize, quota: Option<&Quota>) -> Result<Took> {
    let (number, journal) = (take(next), &world.receivers.journal);
    let event = (actor.event)(world, number);
    let held = Process::hold(actor.binary, &actor.variables).await?;
    let id = held.id().context("the process has ended")?;
    if let Some(quota) = quota {
        quota.take(id)?;
        rest(Some(quota)).await;
    }
    let before = Cpu::of(id)?.us();
    journal.watch(id);
    journal.hand_out(number..number + 1);
    let mut process = held.go().await?;
    finished(&mut process, event).await?;
    let used = journal.used_us().context("nobody noted what the process used")?;
    journal.watch(0);
    process.kill().await?;
    Ok(Took { wall_ms: arrived(world, number)?, cpu_us: used - before })
}

/// A process that has sent some notifications, each over a connection of its own.
async fn warm(world: &World, actor: &Actor<'_>, next: &mut usize) -> Result<Process> {
    let mut process = Process::start(actor.binary, &actor.variables).await?;
    for _ in 0..WARM_UP {
        sent(world, actor, &mut process, next).await?;
    }
    Ok(process)
}

/// From handing out a notification until it has arrived; the processor time is that of all of its invocation.
async fn sent(world: &World, actor: &Actor<'_>, process: &mut Process, next: &mut usize) -> Result<Took> {
    let number = take(next);
    let event = (actor.event)(world, number);
    let id = process.id().context("the process has ended")?;
    let before = Cpu::of(id)?;
    world.receivers.journal.hand_out(number..number + 1);
    finished(process, event).await?;
    // It asks for the next invocation before it waits.
    sleep(SETTLES).await;
    let cpu_us = Cpu::of(id)?.since_us(&before);
    Ok(Took { wall_ms: arrived(world, number)?, cpu_us })
}

async fn finished(process: &mut Process, event: Value) -> Result<()> {
    let answer = process.invoke(event).await?.ok();
    let answer = answer.with_context(|| format!("it has ended: {}", process.log()))?;
    let kept = answer["batchItemFailures"].as_array().is_none_or(Vec::is_empty);
    ensure!(kept, "dispatch keeps the message: {answer}\n{}", process.log());
    Ok(())
}

fn arrived(world: &World, number: usize) -> Result<f64> {
    let latencies = world.receivers.journal.latencies_ms(number..=number);
    latencies.first().copied().context("the notification did not arrive")
}

fn take(next: &mut usize) -> usize {
    let number = *next;
    *next += 1;
    number
}

fn sample(all: &[Took]) -> Sample {
    let of = |value: fn(&Took) -> f64| all.iter().map(value).collect::<Vec<_>>();
    let (walls, cpus) = (of(|took| took.wall_ms), of(|took| took.cpu_us));
    Sample {
        median_ms: median(&walls),
        least_ms: walls.into_iter().fold(f64::INFINITY, f64::min),
        cpu_us: median(&cpus),
        least_cpu_us: cpus.into_iter().fold(f64::INFINITY, f64::min),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_sample_has_the_medians_and_the_least_of_each_figure_by_itself() {
        let took = |wall_ms, cpu_us| Took { wall_ms, cpu_us };
        let sample = sample(&[took(9.0, 100.0), took(3.0, 300.0), took(5.0, 200.0)]);
        let figures = [sample.median_ms, sample.least_ms, sample.cpu_us, sample.least_cpu_us];
        assert_eq!(figures.map(f64::to_bits), [5.0_f64, 3.0, 200.0, 100.0].map(f64::to_bits));
    }

    #[test]
    fn a_rest_is_longer_than_a_period() {
        assert!(REST > Duration::from_micros(PERIOD_US));
    }
}
