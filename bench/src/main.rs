//! The `bench` command, run by `make bench`.

use std::fs;
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::{Context as _, Result};
use bench::{Plan, Report, markdown, picture, run, verdicts};
use clap::Parser;

/// Measure what a notification costs in time, memory and requests, with floors beside it
///
/// Exits with 0 if every budget is met, with 1 if one is missed and with 2 if it could not measure; the short form judges counts, sizes and ratios of starts alone.
#[derive(Parser)]
#[command(name = "bench")]
struct Args {
    /// The folder with the functions' release binaries
    #[arg(long, default_value = "target/release")]
    functions: PathBuf,
    /// The release binary of the floor
    #[arg(long, default_value = "target/release/floor")]
    floor: PathBuf,
    /// Alternating rounds of each case
    #[arg(long, default_value_t = 5)]
    rounds: usize,
    /// A minute instead of several: few short rounds, judged without figures of time
    #[arg(long)]
    short: bool,
    /// Only the cases whose name holds this
    #[arg(long)]
    only: Option<String>,
    /// Write the report as JSON here as well
    #[arg(long)]
    output: Option<PathBuf>,
    /// Write benchmarks.json, benchmarks.md and benchmarks.svg to this folder
    #[arg(long)]
    publish: Option<PathBuf>,
    /// Publish this report instead of measuring
    #[arg(long)]
    from: Option<PathBuf>,
    /// Print JSON
    #[arg(long)]
    json: bool,
}

#[tokio::main]
async fn main() -> ExitCode {
    match work(&Args::parse()).await {
        Ok(code) => code,
        Err(error) => {
            writeln!(io::stderr().lock(), "bench: {error:#}").unwrap_or_default();
            ExitCode::from(2)
        }
    }
}

async fn work(args: &Args) -> Result<ExitCode> {
    let report = match &args.from {
        Some(file) => read(file)?,
        None => measure(args).await?,
    };
    let text = format!("{}\n", serde_json::to_string_pretty(&report)?);
    if let Some(file) = &args.output {
        fs::write(file, &text).with_context(|| format!("cannot write {}", file.display()))?;
    }
    if let Some(folder) = &args.publish {
        let files = [("json", text.clone()), ("md", markdown(&report)), ("svg", picture(&report))];
        for (extension, content) in files {
            let file = folder.join(format!("benchmarks.{extension}"));
            fs::write(&file, content).with_context(|| format!("cannot write {}", file.display()))?;
        }
    }
    let mut out = io::stdout().lock();
    if args.json {
        write!(out, "{text}")?;
    } else {
        print(&mut out, &report)?;
    }
    let missed =
        verdicts(&report).into_iter().any(|verdict| !(verdict.is_met() || report.short && verdict.of_time));
    Ok(if missed { ExitCode::FAILURE } else { ExitCode::SUCCESS })
}

async fn measure(args: &Args) -> Result<Report> {
    let plan = Plan {
        functions: args.functions.clone(),
        floor: args.floor.clone(),
        rounds: args.rounds,
        short: args.short,
        only: args.only.clone(),
    };
    // Whoever has closed it does not want to know.
    run(&plan, |doing| writeln!(io::stderr().lock(), "bench: {doing}").unwrap_or_default()).await
}

fn read(file: &Path) -> Result<Report> {
    let text = fs::read_to_string(file).with_context(|| format!("cannot read {}", file.display()))?;
    serde_json::from_str(&text).with_context(|| format!("{} is no report", file.display()))
}

fn print(out: &mut impl io::Write, report: &Report) -> Result<()> {
    writeln!(out, "{:22} {:>26} {:>17} {:>17}", "", "CPU µs a notification", "a second", "p50 / p99 ms")?;
    writeln!(
        out,
        "{:22} {:>8} {:>8} {:>8} {:>8} {:>8} {:>17}",
        "", "posts", "floor", "ours", "", "a core", ""
    )?;
    for case in &report.cases {
        let ours = &case.dispatch;
        writeln!(
            out,
            "{:22} {:>8.1} {:>8.1} {:>8.1} {:>8.0} {:>8.0} {:>17}",
            case.name,
            case.floor_posts.cpu_us,
            case.floor_full.cpu_us,
            ours.cpu_us,
            ours.per_second,
            ours.per_core_second,
            format!("{:.2} / {:.2}", ours.p50_ms, ours.p99_ms),
        )?;
    }
    writeln!(out)?;
    for start in &report.starts {
        writeln!(
            out,
            "start {:12} {:>6.1} ms ({:.1} at best, {:.1} of a processor), {:.1} MB",
            start.name, start.median_ms, start.least_ms, start.cpu_ms, start.resident_mb
        )?;
    }
    let dead = &report.dead;
    writeln!(
        out,
        "\na dead receiver among {}: p99 of the others {:.2} ms, {:.2} ms while all answer\n",
        dead.receivers, dead.one_dead_ms.1, dead.all_answer_ms.1
    )?;
    for verdict in verdicts(report) {
        let word = if verdict.is_met() { "met" } else { "MISSED" };
        writeln!(
            out,
            "{word:6}  {:66} {:>8.2} of {} {}",
            verdict.what, verdict.measured, verdict.budget, verdict.unit
        )?;
    }
    writeln!(out, "\n{} s", report.seconds)?;
    Ok(())
}
