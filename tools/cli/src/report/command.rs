//! The command.

use std::fs;
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};

use account::StackArgs;
use anyhow::{Context as _, Result, ensure};
use clap::Args;
use convention::notification::ClientId;
use evidence::Digest;
use platform::clock::Clock;
use platform::config::environment;
use report::{InitiatorKey, Language, Month, Selection, csv, html, text};
use terminal::{Progress, WrongUsage};

use super::gather::{Asked, gather};
use super::places::Places;
use crate::stack_ref::authorisation_server;
use crate::verify;

/// Report on a month: what each initiator was notified of, how soon, what failed and by whose fault
///
/// It rests on the evidence, which it checks as `arauto verify` does, and names the head of the chain; without evidence on
/// the ledger, which nothing seals, and says so. Months are those of Brasília's time. What the sources cannot tell is said to be
/// not known. With --client it holds nothing of others, so that it can be handed to that initiator. Without options it
/// reads the local stack that `arauto up` runs. docs/report.md explains each figure.
#[derive(Args, Clone, Debug)]
#[command(
    after_help = "Examples:\n  arauto report --month 2026-11 --html report.html --stack-name arauto-production --profile audit\n  \
    arauto report --client itp-1 --lang pt-BR --html itp-1.html --csv itp-1.csv\n  \
    arauto report --month 2026-11 --folder copy-of-the-bucket --expect-head 6f0d…\n\n\
    Exit codes: 0 it is written, and the check found no difference; 1 it could not be made; 2 wrong usage; 3 the check found \
    differences, which are in it."
)]
pub struct ReportArgs {
    /// The month, such as 2026-11; default: the last one that is over
    #[arg(long, value_name = "MONTH")]
    month: Option<Month>,
    /// Only this client, and nothing of others (may be repeated)
    #[arg(long = "client", value_name = "ID")]
    clients: Vec<ClientId>,
    /// The authorisation server that issued the client ids, where it is not that of the default brand
    #[arg(long, value_name = "UUID", value_parser = authorisation_server, requires = "clients")]
    authorisation_server: Option<String>,
    #[command(flatten)]
    stack: StackArgs,
    /// A folder with a copy of the bucket of evidence, as from `aws s3 sync`; needs no access to AWS
    #[arg(long, value_name = "FOLDER", conflicts_with_all = ["stack_name", "profile", "region"])]
    folder: Option<PathBuf>,
    /// A head recorded before, which a seal must have. May be repeated
    #[arg(long, value_name = "SHA256")]
    expect_head: Vec<Digest>,
    /// The language of the report; default: that of the locale
    #[arg(long, value_enum)]
    lang: Option<Language>,
    /// Write a page that prints well into this file
    #[arg(long, value_name = "FILE")]
    html: Option<PathBuf>,
    /// Write a row of comma-separated values for each initiator into this file
    #[arg(long, value_name = "FILE")]
    csv: Option<PathBuf>,
    /// Print one JSON object
    #[arg(long)]
    json: bool,
}

/// Runs the command; `false` if the check found differences.
pub async fn run(args: ReportArgs) -> Result<bool> {
    let now = Clock::system().now();
    let month = args.month.unwrap_or_else(|| Month::last_whole(now));
    if month.start() > now {
        return Err(WrongUsage(format!("{month} has not begun")).into());
    }
    let places = args.places().await?;
    let asked = Asked { month, selection: args.selection(), heads: args.expect_head.clone(), now };
    let mut progress = Progress::new(!args.json);
    let report = gather(&places, &asked, |step| progress.say(step)).await;
    drop(progress);
    let report = report?;
    let language = args.language();
    if let Some(path) = &args.html {
        write(path, &html(&report, language))?;
    }
    if let Some(path) = &args.csv {
        write(path, &csv(&report))?;
    }
    let mut out = io::stdout().lock();
    if args.json {
        writeln!(out, "{}", serde_json::to_string_pretty(&report)?)?;
    } else if args.html.is_none() && args.csv.is_none() {
        out.write_all(text(&report, language).as_bytes())?;
    }
    if !report.agrees() {
        let count = report.basis.differences.len();
        writeln!(io::stderr().lock(), "arauto: the check found {count} differences, which the report lists")
            .ok();
    }
    Ok(report.agrees())
}

impl ReportArgs {
    async fn places(&self) -> Result<Places> {
        if let Some(folder) = &self.folder {
            ensure!(folder.is_dir(), "{} is not a folder", folder.display());
            let evidence = Some(verify::Source::Folder(folder.clone()));
            return Ok(Places { stack: None, evidence, of_stack: None });
        }
        let stack = self.stack.find(" (or --folder)").await?;
        Places::of_stack(&stack, Clock::system().now())
    }

    fn selection(&self) -> Selection {
        if self.clients.is_empty() {
            return Selection::All;
        }
        let server = self.authorisation_server.as_deref();
        Selection::Only(
            self.clients.iter().map(|client| InitiatorKey::new(server, client.as_str())).collect(),
        )
    }

    fn language(&self) -> Language {
        self.lang.unwrap_or_else(|| Language::of_locale(&environment))
    }
}

fn write(path: &Path, text: &str) -> Result<()> {
    fs::write(path, text).with_context(|| format!("cannot write {}", path.display()))
}
