//! One run, from the first case to the report.

use std::path::PathBuf;
use std::time::Duration;

use anyhow::{Context as _, Result, bail, ensure};
use devkit::pki::{ClientSubject, TestPki};
use platform::clock::Clock;
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
use tests::lambda::Process;
use tokio::time::Instant;

use crate::case::{Binaries, CASES, Case, measure};
use crate::cold::Samples;
use crate::machine::machine;
use crate::receivers::Conduct;
use crate::report::{Report, What};
use crate::world::World;
use crate::{cold, dead, start};

const FUNCTIONS: [&str; 4] = ["dispatch", "intake", "directory", "evidence"];

/// How often a notification alone is measured: at full speed a start takes some 10 ms, throttled some periods of a quota.
const COLD: Samples = Samples { full: 101, throttled: 21 };

/// What is measured, and how long.
#[derive(Clone, Debug)]
pub struct Plan {
    /// The folder with the functions' binaries, by their names.
    pub functions: PathBuf,
    /// The floor's binary.
    pub floor: PathBuf,
    /// Alternating rounds of each case.
    pub rounds: usize,
    /// The short form: the cases that requests are counted in, few rounds, short ones.
    pub short: bool,
    /// Only cases whose names hold this.
    pub only: Option<String>,
}

impl Plan {
    /// Finds a function's binary: as cargo leaves it, or in a folder as `sam build` does.
    fn binary(&self, name: &str) -> Result<PathBuf> {
        let mut binary = self.functions.join(name);
        if binary.is_dir() {
            binary.push("bootstrap");
        }
        ensure!(
            binary.is_file(),
            "{} is not there: build it with `cargo build --release -p {name}`",
            binary.display()
        );
        Ok(binary)
    }

    fn names(&self, name: &str) -> bool {
        self.only.as_ref().is_none_or(|only| name.contains(only.as_str()))
    }

    /// Says whether a case is measured. The short form leaves those out that wait, for a distance or for many handshakes.
    fn has(&self, case: &Case) -> bool {
        self.names(case.name) && (!self.short || (case.conduct.round_trip.is_zero() && case.receivers <= 100))
    }
}

/// Lets this process and those it starts have as many open files as the system allows: a thousand receivers have more connections
/// than many shells grant.
fn allow_open_files() {
    let Rlimit { current, maximum } = getrlimit(Resource::Nofile);
    if current != maximum {
        // Where it is refused, a case that needs more says so.
        setrlimit(Resource::Nofile, Rlimit { current: maximum, maximum }).unwrap_or_default();
    }
}

/// Measures everything, and tells `progress` what is being done and `keep` what was measured so far.
pub async fn run(
    plan: &Plan,
    mut progress: impl FnMut(&str),
    mut keep: impl FnMut(&Report) -> Result<()>,
) -> Result<Report> {
    let began = Instant::now();
    allow_open_files();
    let clock = Clock::system();
    let measured_at = clock.now().strftime("%Y-%m-%dT%H:%MZ").to_string();
    ensure!(plan.rounds > 0, "nothing can be measured in 0 rounds");
    let cases: Vec<_> = CASES.iter().filter(|case| plan.has(case)).collect();
    let alone: Vec<_> = What::ALL.into_iter().filter(|what| plan.names(what.title())).collect();
    ensure!(
        !cases.is_empty() || !alone.is_empty(),
        "no case has {:?} in its name; they are: {}",
        plan.only.as_deref().unwrap_or_default(),
        CASES
            .map(|case| case.name)
            .into_iter()
            .chain(What::ALL.map(What::title))
            .collect::<Vec<_>>()
            .join("; ")
    );
    let binaries: Vec<_> =
        FUNCTIONS.into_iter().map(|name| Ok((name, plan.binary(name)?))).collect::<Result<_>>()?;
    ensure!(
        plan.floor.is_file(),
        "{} is not there: build it with `cargo build --release -p floor`",
        plan.floor.display()
    );
    // A name alone would be looked for where commands are.
    let floor = std::path::absolute(&plan.floor)?;
    let [dispatch, intake, ..] = binaries.as_slice() else { bail!("there are no functions") };
    let (dispatch, intake) = (dispatch.1.as_path(), intake.1.as_path());
    progress("making certificates");
    let pki = TestPki::new(&ClientSubject::default(), clock.now())?;
    let sizes = binaries.iter().map(|(name, path)| start::size(name, path)).collect::<Result<_>>()?;

    progress("starts");
    let times = if plan.short { 5 } else { 21 };
    let world = World::start(&pki, 1, Conduct::default(), 1000).await?;
    let mut variables = world.variables();
    let mut warm = Process::start(dispatch, &variables).await?;
    let answer = warm.invoke(world.event(0..1)).await?.ok();
    answer.context("dispatch has ended")?;
    let sample = world.aws.sample().context("dispatch wrote no row")?;
    variables.insert("FLOOR_SETUP".to_owned(), world.floor_setup(&sample)?.to_string());
    let mut starting: Vec<_> = binaries.iter().map(|(name, path)| (*name, path.as_path())).collect();
    starting.push(("floor", &floor));
    let starts = start::measure(&starting, &variables, times).await?;
    drop(warm);

    progress("requests of intake");
    let intake_requests_per_change = crate::intake::requests(&pki, intake).await?;
    let mut report = Report {
        complete: false,
        measured_at,
        machine: machine(),
        short: plan.short,
        seconds: began.elapsed().as_secs(),
        starts,
        sizes,
        intake_requests_per_change,
        cases: Vec::new(),
        cold: Vec::new(),
        dead: None,
    };
    keep(&report)?;

    let samples = if plan.short { Samples { full: 5, throttled: 3 } } else { COLD };
    let binaries = Binaries { dispatch, floor: &floor };
    let cold = cold::measure(&pki, binaries, &alone, samples, &mut progress).await;
    report.cold = cold.context("the cases of one notification alone failed")?;
    keep(&report)?;

    let (rounds, shorter) = if plan.short { (3, 8) } else { (plan.rounds, 1) };
    for case in cases {
        progress(&format!("{}: {}", case.name, case.about));
        let binaries = Binaries { dispatch, floor: &floor };
        let figures = measure(case, &pki, binaries, rounds, shorter).await;
        report.cases.push(figures.with_context(|| format!("the case {:?} failed", case.name))?);
        report.seconds = began.elapsed().as_secs();
        keep(&report)?;
    }
    progress("a dead receiver among 50");
    let (dead_rounds, lasts) = if plan.short { (1, 2) } else { (plan.rounds, 5) };
    let dead = dead::measure(&pki, dispatch, dead_rounds, Duration::from_secs(lasts)).await;
    report.dead = Some(dead.context("the case of a dead receiver failed")?);
    report.complete = plan.only.is_none();
    report.seconds = began.elapsed().as_secs();
    keep(&report)?;
    Ok(report)
}
