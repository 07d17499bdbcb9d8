//! The command: a row or a line of JSON for each attempt.

use std::io::Write as _;
use std::time::Duration;

use account::StackArgs;
use anyhow::Result;
use clap::Args;
use convention::notification::{ClientId, Endpoint};
use jiff::{SignedDuration, Timestamp};
use platform::clock::Clock;
use terminal::{Align, Table, WrongUsage};
use tokio::time::sleep;

use super::attempt::{Attempt, Selection};
use super::source::LogGroups;
use crate::shutdown::Shutdown;
use crate::undelivered::{duration, endpoint};

/// Show attempts of the last hour, from the log lines of dispatch
///
/// One row for each: when it ended, client, endpoint, which attempt of three, how long it took, notification and outcome.
/// Lines are kept as long as LogRetentionDays says; `arauto show` reads a notification from the ledger, which
/// keeps more. CloudWatch Logs shows a line some seconds after it was written. Without options it reads the local stack
/// that `arauto up` runs.
#[derive(Args, Clone, Debug)]
#[command(
    after_help = "Examples:\n  arauto attempts --client itp-1 --last 1h --stack-name arauto-production --profile bank\n  \
    arauto attempts --failed --follow\n\n\
    Exit codes: 0 the lines were read, whether there are any or not; 1 they could not be; 2 wrong usage."
)]
pub struct AttemptsArgs {
    /// Only this client (may be repeated)
    #[arg(long = "client", value_name = "ID")]
    clients: Vec<ClientId>,
    /// Only this endpoint, E1 to E5 or I1 to I5 (may be repeated)
    #[arg(long = "endpoint", value_name = "CODE", value_parser = endpoint)]
    endpoints: Vec<Endpoint>,
    /// Only this outcome, such as timeout (may be repeated)
    #[arg(long = "outcome", value_name = "CODE")]
    outcomes: Vec<String>,
    /// Only attempts that failed
    #[arg(long)]
    failed: bool,
    /// Ended at this instant or later, such as 2026-11-22T10:00:00-03:00
    #[arg(long, value_name = "INSTANT", conflicts_with = "last")]
    since: Option<Timestamp>,
    /// Ended at this instant or earlier; default: now
    #[arg(long, value_name = "INSTANT", conflicts_with_all = ["last", "follow"])]
    until: Option<Timestamp>,
    /// Ended within this time until now, such as 90m, 24h or 7d [default: 1h]
    #[arg(long, value_name = "TIME", value_parser = duration)]
    last: Option<SignedDuration>,
    /// Go on with attempts as they end, until Ctrl-C
    #[arg(long)]
    follow: bool,
    #[command(flatten)]
    stack: StackArgs,
    /// Print each attempt as a line of JSON
    #[arg(long)]
    json: bool,
}

/// The default window.
const DEFAULT_LAST: SignedDuration = SignedDuration::from_hours(1);
/// How often it is looked for new lines, and how far back: CloudWatch Logs shows lines late, and not in their order.
const BEAT: Duration = Duration::from_secs(2);
const OVERLAP: SignedDuration = SignedDuration::from_secs(30);

/// Runs the command.
pub async fn run(args: AttemptsArgs) -> Result<()> {
    let clock = Clock::system();
    let (since, until) = args.window(clock.now())?;
    let mut stop = Shutdown::on_signals()?;
    let stack = args.stack.find("").await?;
    let mut groups = LogGroups::of(&stack)?;
    let selection = Selection {
        clients: args.clients.clone(),
        endpoints: args.endpoints.clone(),
        outcomes: args.outcomes.clone(),
        failed: args.failed,
    };
    let pattern = selection.pattern();
    let mut window = (since, until);
    loop {
        let read = groups.read(window, &pattern, |at, line| match selection.read(at, line) {
            Some(attempt) => print(&attempt, args.json),
            None => Ok(()),
        });
        tokio::select! {
            read = read => read?,
            () = stop.asked() => return Ok(()),
        }
        if !args.follow {
            return Ok(());
        }
        tokio::select! {
            () = sleep(BEAT) => {}
            () = stop.asked() => return Ok(()),
        }
        let now = clock.now();
        window = (window.1.saturating_sub(OVERLAP)?.max(since), now);
    }
}

impl AttemptsArgs {
    fn window(&self, now: Timestamp) -> Result<(Timestamp, Timestamp)> {
        let until = self.until.unwrap_or(now);
        let last = self.last.unwrap_or(DEFAULT_LAST);
        let since = self.since.unwrap_or_else(|| until.saturating_sub(last).unwrap_or(Timestamp::MIN));
        if since > until {
            return Err(WrongUsage(format!("the window ends ({until}) before it begins ({since})")).into());
        }
        Ok((since, until))
    }
}

fn print(attempt: &Attempt, json: bool) -> Result<()> {
    // Takes colours away where there is no terminal, or NO_COLOR is set.
    let mut out = anstream::stdout().lock();
    if json {
        return Ok(writeln!(out, "{}", attempt.to_json())?);
    }
    let (cells, outcome, style) = attempt.row();
    let mut table =
        Table::new([Align::Left, Align::Left, Align::Left, Align::Right, Align::Right, Align::Left])
            .at_least([24, 12, 2, 1, 8, 32]);
    table.row(cells);
    Ok(writeln!(out, "{}  {style}{outcome}{style:#}", table.to_string().trim_end())?)
}
