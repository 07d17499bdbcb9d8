//! The command: prints what is proven, what is wrong, and the heads to record.

use std::io::{self, Write};
use std::path::PathBuf;

use anyhow::{Context as _, Result, ensure};
use clap::Args;
use convention::delivery::Hour;
use evidence::{Digest, last_over};
use jiff::{Timestamp, civil::Date};
use platform::clock::Clock;
use serde_json::json;
use terminal::{Align, Progress, Table, WrongUsage};

use super::finding::Finding;
use super::source::Source;
use super::verifier::{Asked, Report, verify};
use crate::stack_ref::EvidenceArgs;

/// Prove that nothing of the evidence was removed or changed since it was sealed
///
/// Reads the records of attempts and the seals of their hours, recomputes every digest and the chain, and looks for
/// missing records. Changes nothing. Without options it reads the last thirty days of the local stack that `arauto
/// up` runs. Record the final head elsewhere, and pass it to --expect-head later: then not even the owner of the
/// bucket can have replaced all of it. docs/evidence.md explains what this proves and what it does not.
#[derive(Args, Clone, Debug)]
#[command(after_help = "Examples:\n  arauto verify --stack-name arauto-production --profile audit\n  \
    arauto verify --from 2026-11-01 --to 2026-11-30 --json\n  \
    arauto verify --folder copy-of-the-bucket --from 2026-11-23 --expect-head 6f0d…\n\n\
    Exit codes: 0 every sealed object exists unchanged; 1 the check failed; 2 wrong usage; 3 there are findings.")]
pub struct VerifyArgs {
    /// The first day (UTC); thirty days before the last by default
    #[arg(long, value_name = "DAY")]
    from: Option<Date>,
    /// The last day (UTC); today by default
    #[arg(long, value_name = "DAY")]
    to: Option<Date>,
    #[command(flatten)]
    evidence: EvidenceArgs,
    /// A folder with a copy of the bucket, as from `aws s3 sync`; needs no access to AWS
    #[arg(long, value_name = "FOLDER", conflicts_with_all = ["evidence_bucket", "stack_name", "profile", "region"])]
    folder: Option<PathBuf>,
    /// A head recorded before, which a seal of the range must have. May be repeated
    #[arg(long, value_name = "SHA256")]
    expect_head: Vec<Digest>,
    /// Print one JSON object
    #[arg(long)]
    json: bool,
}

/// Maximum number of findings printed as text.
const MAX_SHOWN: usize = 50;
/// What is looked at by default.
const DAYS: i64 = 30;

/// Runs the command; `false` if something is wrong.
pub async fn run(args: VerifyArgs) -> Result<bool> {
    let now = Clock::system().now();
    let asked = args.asked(now)?;
    let source = match &args.folder {
        Some(folder) => {
            ensure!(folder.is_dir(), "{} is not a folder", folder.display());
            Source::Folder(folder.clone())
        }
        None => Source::Bucket(args.evidence.find().await?),
    };
    let mut progress = Progress::new(!args.json);
    let report = verify(&source, &asked, |step| progress.say(step)).await;
    drop(progress);
    let report = report.context("the evidence could not be checked")?;
    let mut out = io::stdout().lock();
    if args.json {
        let head = report.heads.last().map(|(_, head)| head);
        writeln!(out, "{}", json!({ "proven": report.is_proven(), "head": head, "report": report }))?;
    } else {
        write(&mut out, &report, &source)?;
    }
    Ok(report.is_proven())
}

impl VerifyArgs {
    fn asked(&self, now: Timestamp) -> Result<Asked> {
        let start = |day: Date| -> Result<Hour> {
            Ok(Hour::of(day.to_zoned_datetime(jiff::tz::TimeZone::UTC).context("no such day")?.timestamp()))
        };
        let to = self.to.map_or_else(|| Ok(Hour::of(now)), |day| start(day).map(|hour| hour.plus(23)))?;
        let from = match self.from {
            Some(day) => start(day)?,
            None => Hour::of(to.start()).plus(-24 * DAYS),
        };
        if from > to {
            return Err(WrongUsage(format!("--from is after --to: the range would be {from} to {to}")).into());
        }
        if from > last_over(now) {
            let wrong = format!("no hour since {from} has ended and settled: give an earlier --from");
            return Err(WrongUsage(wrong).into());
        }
        Ok(Asked { from, to, heads: self.expect_head.clone(), now })
    }
}

fn write(out: &mut impl Write, report: &Report, source: &Source) -> io::Result<()> {
    let mut table = Table::new([Align::Left; 2]);
    if let Some((first, last)) = &report.sealed {
        table.row(["sealed", &format!("{first} to {last} UTC, {} hours", report.seals)]);
    }
    let unsealed = match report.unsealed {
        0 => String::new(),
        count => format!(", of which {count} are not sealed yet"),
    };
    table.row(["objects", &format!("{}, {} bytes{unsealed}", report.objects, report.bytes)]);
    let Report { records, notifications, copies, .. } = report;
    table.row(["records", &format!("{records} of {notifications} notifications, {copies} of them copies")]);
    for (at, (day, head)) in report.heads.iter().enumerate() {
        table.row([if at == 0 { "heads" } else { "" }, &format!("{day} {head}")]);
    }
    write!(out, "{table}")?;
    if !source.has_versions() {
        writeln!(
            out,
            "\nA copy has no versions: what was overwritten or marked as deleted in the bucket does not show here."
        )?;
    }
    let count = report.findings.len();
    if count == 0 {
        return writeln!(
            out,
            "\nProven: nothing that was sealed was changed or removed. No record is missing between the first and the last that \
             there are of a notification."
        );
    }
    writeln!(out, "\nNot proven, {count} found:")?;
    for Finding { code, subject, detail } in report.findings.iter().take(MAX_SHOWN) {
        let detail = if detail.is_empty() { String::new() } else { format!(" ({detail})") };
        writeln!(out, "  {subject}: {}{detail}", code.sentence())?;
    }
    if count > MAX_SHOWN {
        writeln!(out, "  and {} more: see --json", count - MAX_SHOWN)?;
    }
    Ok(())
}
