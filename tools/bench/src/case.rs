//! The cases, and how one is measured.

use std::path::Path;
use std::time::Duration;

use anyhow::{Context as _, Result, ensure};
use devkit::pki::TestPki;
use tests::lambda::Process;
use tokio::time::Instant;

use crate::floor::{Floor, Work};
use crate::receivers::Conduct;
use crate::report::{CaseFigures, Figures, MAIN, MANY};
use crate::stand_in::Requests;
use crate::statistics::{median, percentile};
use crate::usage::{self, Cpu, resident_mb};
use crate::world::{BATCH, World};

/// Batches that nothing is measured of: at least so many after a process has started, and so many before it is measured, as idle
/// connections are closed.
const WARM_UP: usize = 30;
const REWARM_BATCHES: usize = 3;
/// Batches of a turn: enough that the caches are warm for nearly all of it, so few that a machine which is slower for a while is so
/// for all that take turns.
const TURN: usize = 40;

/// What is measured together.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Case {
    pub(crate) name: &'static str,
    pub(crate) about: &'static str,
    pub(crate) receivers: usize,
    pub(crate) conduct: Conduct,
    /// Batches of a round.
    pub(crate) batches: usize,
}

const REUSED: Conduct =
    Conduct { closes: false, failing_percent: 0, first_is_dead: false, round_trip: Duration::ZERO };
const FAR: Duration = Duration::from_millis(20);

/// All cases.
pub(crate) const CASES: [Case; 10] = [
    Case { name: "1 receiver", about: "connections are reused", receivers: 1, conduct: REUSED, batches: 400 },
    Case { name: MAIN, about: "connections are reused", receivers: 10, conduct: REUSED, batches: 400 },
    Case {
        name: "58 receivers",
        about: "connections are reused",
        receivers: 58,
        conduct: REUSED,
        batches: 400,
    },
    Case {
        name: "100 receivers",
        about: "connections are reused",
        receivers: 100,
        conduct: REUSED,
        batches: 400,
    },
    Case {
        name: MANY,
        about: "connections are reused, of which dispatch keeps 960 at most",
        receivers: 1000,
        conduct: REUSED,
        batches: 200,
    },
    Case {
        name: "fresh",
        about: "10 receivers that close each connection after its answer",
        receivers: 10,
        conduct: Conduct { closes: true, ..REUSED },
        batches: 40,
    },
    Case {
        name: "20 ms away",
        about: "10 receivers, 20 ms there and back, connections are reused",
        receivers: 10,
        conduct: Conduct { round_trip: FAR, ..REUSED },
        batches: 40,
    },
    Case {
        name: "20 ms away, fresh",
        about: "10 receivers, 20 ms there and back, that close each connection after its answer",
        receivers: 10,
        conduct: Conduct { round_trip: FAR, closes: true, ..REUSED },
        batches: 20,
    },
    Case {
        name: "1 % fail",
        about: "10 receivers; one attempt in a hundred is answered 500",
        receivers: 10,
        conduct: Conduct { failing_percent: 1, ..REUSED },
        batches: 300,
    },
    Case {
        name: "30 % fail",
        about: "10 receivers; three attempts in ten are answered 500",
        receivers: 10,
        conduct: Conduct { failing_percent: 30, ..REUSED },
        batches: 300,
    },
];

/// The binaries that are measured.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Binaries<'a> {
    pub(crate) dispatch: &'a Path,
    pub(crate) floor: &'a Path,
}

/// One of those that send, in turn.
enum Sends<'a> {
    Dispatch(&'a mut Process),
    Floor(&'a mut Floor, Work),
}

impl Sends<'_> {
    fn id(&self) -> Result<u32> {
        match self {
            Self::Dispatch(process) => process.id().context("dispatch has ended"),
            Self::Floor(floor, _) => floor.id(),
        }
    }

    async fn batch(&mut self, world: &World, first: usize) -> Result<()> {
        let numbers = first..first + BATCH;
        match self {
            Self::Dispatch(process) => {
                let event = world.event(numbers.clone());
                world.receivers.journal.hand_out(numbers);
                let answer = process.invoke(event).await?;
                let answer = answer.ok().with_context(|| format!("dispatch has ended: {}", process.log()))?;
                let kept = answer["batchItemFailures"].as_array().is_some_and(Vec::is_empty);
                ensure!(kept, "dispatch keeps messages: {answer}\n{}", process.log());
            }
            Self::Floor(floor, work) => {
                world.receivers.journal.hand_out(numbers);
                floor.batch(*work, first, BATCH).await?;
            }
        }
        Ok(())
    }
}

/// What came of one sender's turns in a round.
#[derive(Debug, Default)]
struct Round {
    cpu_us: f64,
    took: Duration,
    latencies_ms: Vec<f64>,
}

impl Round {
    #[expect(clippy::cast_precision_loss, reason = "some thousands")]
    fn count(&self) -> f64 {
        self.latencies_ms.len() as f64
    }

    fn cpu_us_each(&self) -> f64 {
        self.cpu_us / self.count()
    }

    fn add(&mut self, turn: Self) {
        self.cpu_us += turn.cpu_us;
        self.took += turn.took;
        self.latencies_ms.extend(turn.latencies_ms);
    }
}

/// What dispatch made of the world.
#[derive(Debug, Default)]
struct Uses {
    requests: Requests,
    arrived: usize,
    handshakes: usize,
    log_bytes: u64,
}

impl Uses {
    fn until_now(world: &World, dispatch: &Process) -> Self {
        let (arrived, handshakes) = world.receivers.journal.counts();
        Self { requests: world.aws.requests(), arrived, handshakes, log_bytes: dispatch.log_bytes() }
    }

    fn since(mut self, before: &Self) -> Self {
        for (operation, count) in &mut self.requests {
            *count -= before.requests.get(operation).copied().unwrap_or_default();
        }
        self.arrived -= before.arrived;
        self.handshakes -= before.handshakes;
        self.log_bytes -= before.log_bytes;
        self
    }

    fn add(&mut self, turn: Self) {
        for (operation, count) in turn.requests {
            *self.requests.entry(operation).or_default() += count;
        }
        self.arrived += turn.arrived;
        self.handshakes += turn.handshakes;
        self.log_bytes += turn.log_bytes;
    }
}

/// Measures a case in so many rounds, in each of which dispatch and all floors take their turns.
pub(crate) async fn measure(
    case: &Case,
    pki: &TestPki,
    binaries: Binaries<'_>,
    rounds: usize,
    shorter: usize,
) -> Result<CaseFigures> {
    let batches = (case.batches / shorter).max(4);
    // Each receiver is known, and has a connection where it may keep one.
    let warm_up = WARM_UP.max(case.receivers.div_ceil(BATCH));
    let most = (1 + Work::ALL.len()) * rounds * (warm_up + batches + REWARM_BATCHES) * BATCH;
    let world = World::start(pki, case.receivers, case.conduct, most).await?;
    let mut next = 0;
    let (mut ours, mut floors) = (Vec::new(), Work::ALL.map(|_| Vec::new()));
    let mut uses = Uses::default();
    let (mut resident, mut most_resident, mut open_files) = (Vec::new(), 0.0_f64, 0);
    for _ in 0..rounds {
        // Others each time: how one happens to lie in memory is worth some percent for as long as it lives.
        let mut dispatch = Process::start(binaries.dispatch, &world.variables()).await?;
        play(&world, &mut Sends::Dispatch(&mut dispatch), &mut next, warm_up).await?;
        let sample = world.aws.sample().context("dispatch wrote no row")?;
        let mut floor = Floor::start(binaries.floor, &world.floor_setup(&sample)?).await?;
        for work in Work::ALL {
            play(&world, &mut Sends::Floor(&mut floor, work), &mut next, warm_up).await?;
        }
        let (mut our_round, mut floor_rounds) = (Round::default(), Work::ALL.map(|_| Round::default()));
        // A machine that is slower for a while is so for all of them.
        for first in (0..batches).step_by(TURN) {
            let (turn, warm) = (TURN.min(batches - first), if first == 0 { REWARM_BATCHES } else { 0 });
            // Counted from here: what dispatch asks for after a pause is part of what it asks for, if not of its time.
            let before = Uses::until_now(&world, &dispatch);
            let sends = &mut Sends::Dispatch(&mut dispatch);
            play(&world, sends, &mut next, warm).await?;
            our_round.add(play(&world, sends, &mut next, turn).await?);
            uses.add(Uses::until_now(&world, &dispatch).since(&before));
            for (work, round) in Work::ALL.into_iter().zip(&mut floor_rounds) {
                let sends = &mut Sends::Floor(&mut floor, work);
                play(&world, sends, &mut next, warm).await?;
                round.add(play(&world, sends, &mut next, turn).await?);
            }
        }
        ours.push(our_round);
        floors.iter_mut().zip(floor_rounds).for_each(|(all, round)| all.push(round));
        let id = dispatch.id().context("dispatch has ended")?;
        open_files = open_files.max(usage::open_files(id)?);
        let (now, most) = resident_mb(id)?;
        resident.push(now);
        most_resident = most_resident.max(most);
    }
    let expected = rounds * (REWARM_BATCHES + batches) * BATCH;
    ensure!(uses.arrived == expected, "{} of {expected} notifications arrived", uses.arrived);
    let [floor_posts, floor_presigned, floor_signed] = floors.map(|rounds| figures(&rounds));
    #[expect(clippy::cast_precision_loss, reason = "some ten thousand")]
    let each = |count: u64| count as f64 / expected as f64;
    Ok(CaseFigures {
        name: case.name.to_owned(),
        about: case.about.to_owned(),
        receivers: case.receivers,
        rounds,
        notifications_per_round: batches * BATCH,
        dispatch: figures(&ours),
        floor_posts,
        floor_presigned,
        floor_signed,
        requests_per_notification: uses
            .requests
            .into_iter()
            .filter(|(_, count)| *count > 0)
            .map(|(operation, count)| (operation, each(count)))
            .collect(),
        handshakes_per_1000: each(uses.handshakes as u64) * 1e3,
        log_bytes_per_notification: each(uses.log_bytes),
        resident_mb: median(&resident),
        most_resident_mb: most_resident,
        open_files: Some(open_files),
    })
}

async fn play(world: &World, sends: &mut Sends<'_>, next: &mut usize, batches: usize) -> Result<Round> {
    let (process, first) = (sends.id()?, *next);
    let (began, cpu_before) = (Instant::now(), Cpu::of(process)?);
    for _ in 0..batches {
        sends.batch(world, *next).await?;
        *next += BATCH;
    }
    let (took, cpu) = (began.elapsed(), Cpu::of(process)?.since_us(&cpu_before));
    let latencies = world.receivers.journal.latencies_ms(first..*next);
    ensure!(
        latencies.len() == *next - first,
        "{} of {} notifications arrived",
        latencies.len(),
        *next - first
    );
    Ok(Round { cpu_us: cpu, took, latencies_ms: latencies })
}

fn figures(rounds: &[Round]) -> Figures {
    let of = |value: fn(&Round) -> f64| median(&rounds.iter().map(value).collect::<Vec<_>>());
    let cpu_us = of(Round::cpu_us_each);
    Figures {
        cpu_us,
        per_second: of(|round| round.count() / round.took.as_secs_f64()),
        per_core_second: 1e6 / cpu_us,
        p50_ms: of(|round| median(&round.latencies_ms)),
        p99_ms: of(|round| percentile(&round.latencies_ms, 99)),
        least_cpu_us: rounds.iter().map(Round::cpu_us_each).fold(f64::INFINITY, f64::min),
    }
}
