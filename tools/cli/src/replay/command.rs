//! The command: prints its plan, and acts only when told to.

use std::io::{self, IsTerminal as _, Write};

use anyhow::{Context as _, Result};
use clap::Args;
use platform::clock::Clock;
use serde_json::{Value, json};
use terminal::Progress;

use super::plan::Plan;
use super::redrive::{Moved, move_back};
use super::round::Round;
use super::send::Sent;
use crate::caller::caller;
use crate::shutdown::Shutdown;
use crate::stack_ref::{StackRef, TargetArgs};
use crate::undelivered::{DeadLetterQueue, FilterArgs, Listing, count};

/// Send undelivered notifications again, each as a new notification of the same change
///
/// Without --yes it changes nothing: it prints how many it would send, to whom, how long that takes and what it
/// costs, and asks if it runs on a terminal. Each gets three attempts. Repeating is safe: replayed notifications are
/// left out, and a replay that fails can be replayed. Replayed notifications are removed from the dead-letter queue.
/// Ctrl-C stops between two batches.
#[derive(Args, Clone, Debug)]
#[command(
    after_help = "Examples:\n  arauto replay --client itp-1 --last 6h\n  arauto replay --client itp-1 --last 6h --yes --rate 50\n  \
    arauto replay --redrive --yes\n\n\
    Exit codes: 0 everything was sent, or no change was wanted; 1 a fault stopped it; 2 wrong usage; 3 some remain. After 1 or 3 repeat the command."
)]
#[expect(clippy::struct_excessive_bools, reason = "each is a switch of the command line")]
pub struct ReplayArgs {
    #[command(flatten)]
    filter: FilterArgs,
    #[command(flatten)]
    target: TargetArgs,
    /// Send without asking
    #[arg(long, conflicts_with = "dry_run")]
    yes: bool,
    /// Print the plan without asking
    #[arg(long)]
    dry_run: bool,
    /// Notifications a second: a batch of ten takes three sequential calls of AWS
    #[arg(long, value_name = "N", default_value_t = 10, value_parser = clap::value_parser!(u32).range(1..=50))]
    rate: u32,
    /// Maximum number to send, oldest first
    #[arg(long, value_name = "N")]
    max: Option<usize>,
    /// Move the messages that faults of ours delayed for too long, or that were unreadable at the time, back to their
    /// queue unchanged, and replay nothing
    #[arg(
        long,
        conflicts_with_all = ["clients", "endpoints", "outcomes", "since", "until", "last"]
    )]
    redrive: bool,
    /// Print the plan and the result as one JSON object
    #[arg(long)]
    json: bool,
}

/// Maximum number of messages received to count those to move back.
const MAX_LOOKED_AT: usize = 1_000;

/// Runs the command; `false` if something remains.
pub async fn run(args: ReplayArgs) -> Result<bool> {
    let target = args.target.find().await?;
    if args.redrive { run_redrive(&args, &target).await } else { run_replay(&args, &target).await }
}

async fn run_replay(args: &ReplayArgs, target: &StackRef) -> Result<bool> {
    let clock = Clock::system();
    let filter = args.filter.at(clock.now())?;
    let plan = Plan::new(Listing::read(&target.rows(), &filter).await?, args.max, args.rate);
    if !args.json {
        plan.write(&mut io::stdout().lock())?;
    }
    let agreed = match plan.to_send.len() {
        // No question is needed: messages of earlier replays are removed from the queue in any case.
        0 => args.yes && !plan.replayed.is_empty(),
        to_send => go_ahead(args, &format!("send {}", count(to_send, "notification")))?,
    };
    if !agreed {
        if args.json {
            print(&json!({ "dry_run": true, "plan": plan.to_json() }))?;
        }
        return Ok(true);
    }
    let mut stop = Shutdown::on_signals()?;
    let mut progress = Progress::new(true);
    let shown =
        |sent: &Sent| progress.count("sent", (sent.done() + sent.refused) as u64, plan.to_send.len() as u64);
    let by = caller(&target.sdk).await;
    let round = Round::run(target, (clock, &filter, &plan), &by, &mut stop, shown).await;
    drop(progress);
    let swept = round.sweeping.as_ref().ok();
    if args.json {
        let (plan, sent) = (plan.to_json(), &round.sent);
        print(&json!({ "dry_run": false, "plan": plan, "result": sent, "dead_letter_queue": swept }))?;
    } else {
        tell(&round.sent, plan.to_send.len())?;
        if let Some(swept) = swept {
            writeln!(io::stdout(), "{} deleted from the dead-letter queue", count(swept.deleted, "message"))?;
        }
    }
    let complete = round.is_complete(&plan);
    match round.sweeping {
        Ok(swept) if swept.cut => complain(
            "not all of the dead-letter queue was looked at, or not all deleted: messages of what was replayed may rest in it; \
             repeating mends it\n",
        ),
        Ok(_) => {}
        Err(error) => complain(&format!(
            "what was replayed still rests in the dead-letter queue: {error:#}; repeating mends it\n"
        )),
    }
    round.sending.context("stopped; repeat the command to continue")?;
    Ok(complete)
}

async fn run_redrive(args: &ReplayArgs, target: &StackRef) -> Result<bool> {
    let queue = DeadLetterQueue::new(&target.sdk, target.undelivered.clone());
    let mut stop = Shutdown::on_signals()?;
    let found = queue.count(MAX_LOOKED_AT, &stop).await?;
    let bound = if found.at_least { "at least " } else { "" };
    if !args.json {
        writeln!(
            io::stdout(),
            "delayed too long by faults of ours: {bound}{}",
            count(found.unlisted, "message")
        )?;
    }
    let nothing = found.unlisted == 0 && !found.at_least;
    if nothing || !go_ahead(args, "move them back to the queue of notifications")? {
        if args.json {
            print(&json!({ "dry_run": true, "dead_letter_queue": found }))?;
        }
        return Ok(true);
    }
    let mut progress = Progress::new(true);
    let tell = |moved: &Moved| progress.count("moved", moved.moved as u64, found.unlisted as u64);
    let moved = move_back(target, args.rate, args.max, &mut stop, tell).await;
    drop(progress);
    let moved = moved?;
    if args.json {
        print(&json!({ "dry_run": false, "dead_letter_queue": found, "result": moved }))?;
    } else {
        let bound = if moved.at_least { "at least " } else { "" };
        writeln!(io::stdout(), "{} moved back, {bound}{} left", count(moved.moved, "message"), moved.left)?;
    }
    Ok(moved.is_complete() || args.max == Some(moved.moved))
}

/// Decides whether to act: by an option, or by asking on a terminal.
fn go_ahead(args: &ReplayArgs, what: &str) -> Result<bool> {
    if args.yes {
        return Ok(true);
    }
    if args.dry_run || args.json || !io::stdin().is_terminal() || !io::stderr().is_terminal() {
        complain("nothing was sent or changed; --yes does it\n");
        return Ok(false);
    }
    complain(&format!("\ntype replay to {what}: "));
    let mut line = String::new();
    io::stdin().read_line(&mut line).context("failed to read the answer")?;
    let agreed = line.trim() == "replay";
    if !agreed {
        complain("nothing was sent or changed\n");
    }
    Ok(agreed)
}

fn tell(sent: &Sent, of: usize) -> io::Result<()> {
    let mut out = io::stdout().lock();
    write!(out, "{} sent", sent.sent)?;
    if sent.already > 0 {
        write!(out, ", {} were in the ledger already", sent.already)?;
    }
    if sent.refused > 0 {
        write!(out, ", {} were refused by the queue", sent.refused)?;
    }
    writeln!(out)?;
    let remain = of - sent.done();
    if remain > 0 {
        let why = if sent.stopped { "stopped as asked: " } else { "" };
        writeln!(out, "{why}{remain} remain; repeat the command to go on, nothing is sent twice")?;
    }
    Ok(())
}

fn print(value: &Value) -> io::Result<()> {
    writeln!(io::stdout().lock(), "{value}")
}

/// There is nowhere to report that standard error is closed.
fn complain(text: &str) {
    io::stderr().lock().write_all(text.as_bytes()).ok();
}
