//! The command line of the benchmark.

use std::io::{self, Write as _};
use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::{Context as _, Result, ensure};
use clap::Parser;

use crate::budget::exit_status;
use crate::file::{json, keep, publish, read};
use crate::report::Report;
use crate::run::{Plan, run};
use crate::text::text;

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
    /// Keep the report here, as JSON, after each case [default: bench.json beside the functions; bench-part.json with --short or --only]
    #[arg(long)]
    output: Option<PathBuf>,
    /// Write benchmarks.json, benchmarks.md and benchmarks.svg to this folder
    #[arg(long, conflicts_with_all = ["short", "only"])]
    publish: Option<PathBuf>,
    /// Show or publish this report instead of measuring
    #[arg(long, conflicts_with_all = ["short", "only", "output"])]
    from: Option<PathBuf>,
    /// Print JSON
    #[arg(long)]
    json: bool,
}

/// Does what the arguments of this process say.
pub async fn run_command() -> ExitCode {
    let done = work(&Args::parse()).await;
    if let Err(error) = &done {
        say(&format!("{error:#}"));
    }
    ExitCode::from(exit_status(&done))
}

async fn work(args: &Args) -> Result<Report> {
    if let Some(folder) = &args.publish {
        // Not found out after many minutes.
        ensure!(folder.is_dir(), "{} is not a folder", folder.display());
    }
    let report = match &args.from {
        Some(file) => read(file)?,
        None => measure(args).await?,
    };
    if let Some(folder) = &args.publish {
        publish(folder, &report)?;
    }
    let shown = if args.json { json(&report)? } else { text(&report) };
    io::stdout().lock().write_all(shown.as_bytes())?;
    Ok(report)
}

async fn measure(args: &Args) -> Result<Report> {
    let plan = Plan {
        functions: args.functions.clone(),
        floor: args.floor.clone(),
        rounds: args.rounds,
        short: args.short,
        only: args.only.clone(),
    };
    // A look at a part does not take the place of what took long.
    let name = if args.short || args.only.is_some() { "bench-part.json" } else { "bench.json" };
    let file = args.output.clone().unwrap_or_else(|| args.functions.join(name));
    let mut kept = false;
    let measured = run(&plan, say, |report| {
        keep(&file, report)?;
        if !kept {
            say(&format!("what is measured is kept in {}", file.display()));
        }
        kept = true;
        Ok(())
    })
    .await;
    if kept {
        measured.with_context(|| format!("the figures so far are in {}", file.display()))
    } else {
        measured
    }
}

/// Standard output is for the report alone.
fn say(text: &str) {
    // Whoever has closed it does not want to know.
    writeln!(io::stderr().lock(), "bench: {text}").unwrap_or_default();
}
