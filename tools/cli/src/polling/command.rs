//! The command.

use std::fs;
use std::io::{self, Write as _};
use std::path::PathBuf;

use account::{ChosenStack, StackArgs};
use anyhow::{Context as _, Result};
use clap::Args;
use clap::builder::PossibleValuesParser;
use jiff::{SignedDuration, Timestamp};
use platform::clock::Clock;
use polling::{
    Analysis, Language, Mapping, Notifications, Preset, Price, Report, Source, csv, picture, text,
};
use terminal::{WrongUsage, grouped};

use super::stack::{self, Window};
use crate::prices::{Prices, Rate, Region};
use crate::undelivered::duration;

/// Show how much initiators poll although they are notified, from access logs of your resource endpoints
///
/// For each initiator: GETs of resources with and without a notification, those within 60 s after one, notified
/// resources that were never fetched, GETs that saw no change and what they cost, and a sentence to send to those that
/// poll although they are notified. Files may be gzip, overlap and be a little out of order; lines that cannot be read
/// are told by their numbers. A mapping is a JSON file that says where your lines have what is needed
/// (docs/cost.md). Notifications come from the log lines of dispatch, of the local stack that `arauto up` runs unless
/// --stack-name names one; or from a file, such as one of `arauto attempts --json`.
#[derive(Args, Clone, Debug)]
#[command(
    after_help = "Examples:\n  arauto polling access-*.log.gz --format alb --stack-name arauto-production --profile bank\n  \
    arauto attempts --json --last 7d > attempts.jsonl\n  \
    arauto polling access.log --format nginx-json --notifications attempts.jsonl --svg polling.svg\n  \
    arauto polling --log-group /bank/api/access --format api-gateway-http --last 24h --stack-name arauto-production\n\n\
    Exit codes: 0 every line was read; 1 a file or AWS could not be read; 2 wrong usage; 3 some lines could not be read."
)]
pub struct PollingArgs {
    /// Access logs; - is standard input
    #[arg(value_name = "FILE", required_unless_present = "log_group")]
    files: Vec<PathBuf>,
    /// Read the access log of this log group, of the account of the stack
    #[arg(long, value_name = "NAME", conflicts_with = "files")]
    log_group: Option<String>,
    /// The format of the log, with the field names of the vendor
    #[arg(long, value_name = "FORMAT", value_parser = PossibleValuesParser::new(Preset::ALL.map(|(_, name)| name)), required_unless_present = "mapping")]
    format: Option<String>,
    /// A mapping of your own
    #[arg(long, value_name = "FILE", conflicts_with = "format")]
    mapping: Option<PathBuf>,
    /// Delivered notifications as JSON lines (docs/cost.md); - is standard input
    #[arg(long, value_name = "FILE")]
    notifications: Option<PathBuf>,
    /// Lines and notifications of a stack at this instant or later; default: the first GET of the files
    #[arg(long, value_name = "INSTANT", conflicts_with = "last")]
    since: Option<Timestamp>,
    /// Lines and notifications of a stack at this instant or earlier; default: now
    #[arg(long, value_name = "INSTANT", conflicts_with = "last")]
    until: Option<Timestamp>,
    /// Lines and notifications of a stack within this time until now, such as 90m, 24h or 7d [default for a log group: 24h]
    #[arg(long, value_name = "TIME", value_parser = duration)]
    last: Option<SignedDuration>,
    /// US dollars for a million requests; default: an HTTP API of API Gateway in us-east-1
    #[arg(long, value_name = "USD")]
    price_per_million: Option<Price>,
    #[command(flatten)]
    stack: StackArgs,
    /// The language of the sentences
    #[arg(long, value_enum, default_value_t = Language::En, conflicts_with_all = ["json", "csv"])]
    lang: Language,
    /// Print one JSON object, with the sentences in both languages
    #[arg(long)]
    json: bool,
    /// Print a row of comma-separated values for each initiator and day
    #[arg(long, conflicts_with = "json")]
    csv: bool,
    /// Draw the days into this SVG file
    #[arg(long, value_name = "FILE")]
    svg: Option<PathBuf>,
}

/// The default window of a log group.
const DEFAULT_LAST: SignedDuration = SignedDuration::from_hours(24);

/// Runs the command; `false` if some lines could not be read.
pub async fn run(args: PollingArgs) -> Result<bool> {
    let mapping = args.mapping()?;
    let price = args.price()?;
    let report = match &args.log_group {
        Some(name) => args.of_log_group(name, &mapping, price).await?,
        None => args.of_files(&mapping, price, None).await?,
    };
    if let Some(path) = &args.svg {
        fs::write(path, picture(&report)).with_context(|| format!("cannot write {}", path.display()))?;
    }
    let mut out = io::stdout().lock();
    if args.json {
        writeln!(out, "{}", serde_json::to_string_pretty(&report)?)?;
    } else if args.csv {
        out.write_all(csv(&report).as_bytes())?;
    } else {
        out.write_all(text(&report, args.lang).as_bytes())?;
    }
    tell_broken(&report);
    Ok(report.is_complete())
}

/// Returns what the command would print about files and this stack, and its picture.
pub(crate) async fn said(args: &PollingArgs, stack: &ChosenStack) -> Result<(String, String)> {
    let (mapping, price) = (args.mapping()?, args.price()?);
    let report = args.of_files(&mapping, price, Some(stack)).await?;
    Ok((text(&report, args.lang), picture(&report)))
}

impl PollingArgs {
    fn mapping(&self) -> Result<Mapping> {
        if let Some(path) = &self.mapping {
            let cannot = || format!("cannot use {}", path.display());
            return Mapping::from_json(&fs::read_to_string(path).with_context(cannot)?).with_context(cannot);
        }
        let chosen = Preset::ALL.iter().find(|(_, name)| self.format.as_deref() == Some(*name));
        let (preset, _) = chosen.context("a format or a mapping is required")?;
        Ok(preset.mapping())
    }

    fn price(&self) -> Result<Price> {
        if let Some(price) = self.price_per_million {
            return Ok(price);
        }
        let million = Prices::of(Region::UsEast1).value(Rate::HttpApiCall).times(1_000_000).rounded(6);
        million.parse().map_err(anyhow::Error::msg)
    }

    async fn of_files(&self, mapping: &Mapping, price: Price, found: Option<&ChosenStack>) -> Result<Report> {
        let sources: Vec<_> = self.files.iter().map(|path| Source::named(path)).collect();
        let mut analysis = Analysis::new(mapping);
        let notifications = if let Some(path) = &self.notifications {
            from_file(path, &mut analysis)?
        } else {
            let first = analysis.first(&sources)?;
            let window = self.window(first)?;
            if window.is_none() && sources.contains(&Source::Stdin) {
                let lacks =
                    "standard input does not say when it begins: give --since, --last or --notifications";
                return Err(WrongUsage(lacks.to_owned()).into());
            }
            match window {
                Some(window) => {
                    let stack = match found {
                        Some(stack) => stack.clone(),
                        None => self.stack.find(" (or --notifications)").await?,
                    };
                    stack::delivered(&stack, window, analysis.clients()).await?
                }
                None => Notifications::default(),
            }
        };
        analysis.files(sources, notifications, price)
    }

    async fn of_log_group(&self, name: &str, mapping: &Mapping, price: Price) -> Result<Report> {
        let stack = self.stack.find("").await?;
        let mut analysis = Analysis::new(mapping);
        let now = Clock::system().now();
        let default = self.until.unwrap_or(now).saturating_sub(DEFAULT_LAST)?;
        let window = self.window(Some(default))?.unwrap_or((default, now));
        let notifications = match &self.notifications {
            Some(path) => from_file(path, &mut analysis)?,
            None => stack::delivered(&stack, window, analysis.clients()).await?,
        };
        let mut analysis = analysis.lines(notifications);
        stack::lines(&stack, name, window, |line| analysis.line(line, name)).await?;
        Ok(analysis.finish(price))
    }

    /// The window that the options tell, else from `first` until now; `None` if nothing says when it begins.
    fn window(&self, first: Option<Timestamp>) -> Result<Option<Window>> {
        let now = Clock::system().now();
        let until = self.until.unwrap_or(now);
        let last = self.last.map(|last| until.saturating_sub(last)).transpose()?;
        let Some(since) = self.since.or(last).or(first) else { return Ok(None) };
        if since > until {
            return Err(WrongUsage(format!("the window ends ({until}) before it begins ({since})")).into());
        }
        Ok(Some((since, until)))
    }
}

fn from_file(path: &std::path::Path, analysis: &mut Analysis<'_>) -> Result<Notifications> {
    let mut notifications = Notifications::default();
    notifications.read(&Source::named(path), analysis.clients())?;
    Ok(notifications)
}

fn tell_broken(report: &Report) {
    let mut err = io::stderr().lock();
    for counts in [&report.notification_lines, &report.log] {
        for line in &counts.broken_lines {
            writeln!(err, "arauto: {}:{}: {}", line.file, line.line, line.reason).ok();
        }
        let more = counts.broken - counts.broken_lines.len() as u64;
        if more > 0 {
            writeln!(err, "arauto: and {} more broken lines", grouped(more)).ok();
        }
    }
}
