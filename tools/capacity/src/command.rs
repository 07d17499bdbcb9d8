//! The command: parses the question, and prints the answer as text, JSON, or the page.

use std::io::{self, Write};

use anyhow::{Result, bail, ensure};
use clap::Args;
use convention::delivery::LedgerWrites;
use terminal::{Progress, WrongUsage};

use super::format::grouped;
use super::growth::Growth;
use super::load::{Begin, ChangeSource, Dead, Granted, Load, Mapping, Settings, Share};
use super::question::Question;
use super::raised::Raised;
use super::{json, page, text};

/// Predict what a load takes on AWS: how late first attempts are, and which limit breaks first
///
/// Simulates the deployed stack as a model of events: the event source, environments of dispatch, the queue, the
/// retries and the reduced timeout for slow receivers, under the limits that AWS documents. It calls nothing and
/// needs no account. If the load is too much, it names the limit that breaks first and the parameter or quota to
/// change, and looks for settings that carry the load. It repeats this for ten and a hundred times the load and the
/// receivers. The assumptions of the model are in docs/capacity.md.
#[derive(Args, Clone, Debug)]
#[expect(clippy::struct_excessive_bools, reason = "each is an option of the command line")]
#[command(after_help = "Examples:\n  arauto capacity --rate 300 --receivers 50 --dead 1\n  \
    arauto capacity --rate 300 --receivers 50 --dead 1 --begin onset\n  \
    arauto capacity --rate 17400 --receivers 58 --dead 6 --min-pollers 200 --max-pollers 750 --account-concurrency 8300 \
    --changes-per-request 100 --quota table-writes=65000\n\n\
    Exit codes: 0 the stack carries the load: 99 of 100 first attempts within 1.5 s, no limit exceeded; 2 wrong usage; 3 it does not.")]
pub struct CapacityArgs {
    /// Notifications a second
    #[arg(long, default_value_t = 300.0)]
    rate: f64,
    /// Number of receivers with equal shares of the load: 1 to 1000
    #[arg(long, default_value_t = 50)]
    receivers: u64,
    /// Receivers that never answer: a number, or a share such as 10%
    #[arg(long, default_value = "0", value_name = "NUMBER|SHARE")]
    dead: Dead,
    /// Share of attempts that working receivers refuse, such as 1%
    #[arg(long, default_value = "0%", value_name = "SHARE")]
    failing: Share,
    /// How the load begins
    #[arg(long, default_value = "running", value_enum)]
    begin: Begin,
    /// DispatchMaximumConcurrency of the stack, 2 to 1000 (500 by default)
    #[arg(long)]
    maximum_concurrency: Option<u64>,
    /// DispatchMinimumPollers of the stack (provisioned mode), 2 to 200
    #[arg(long)]
    min_pollers: Option<u64>,
    /// DispatchMaximumPollers of the stack (provisioned mode), up to 2000
    #[arg(long)]
    max_pollers: Option<u64>,
    /// Concurrent executions of the account
    #[arg(long, default_value_t = 1_000)]
    account_concurrency: u64,
    /// Memory of dispatch in megabytes, 128 to 10240
    #[arg(long, default_value_t = 256)]
    memory: u64,
    /// `DispatchBatchingWindow` of the stack in seconds, 0 or 1
    #[arg(long, default_value_t = 0, value_name = "SECONDS", value_parser = clap::value_parser!(u8).range(0..=1))]
    batching_window: u8,
    /// Time in which a receiver answers, in milliseconds
    #[arg(long, default_value_t = 50.0)]
    answer_ms: f64,
    /// Round-trip time to a receiver, in milliseconds
    #[arg(long, default_value_t = 20.0)]
    rtt_ms: f64,
    /// Processor time of an attempt on a reused connection, in microseconds
    #[arg(long, default_value_t = super::assumptions::CPU.value)]
    cpu_us: f64,
    /// Processor time of a full handshake, in microseconds
    #[arg(long, default_value_t = super::assumptions::HANDSHAKE_CPU.value)]
    handshake_us: f64,
    /// State changes in each request to the API, 1 to 100
    #[arg(long, default_value_t = 1)]
    changes_per_request: u64,
    /// How state changes come: the queues of SQS and EventBridge trigger dispatch without intake
    #[arg(long, value_enum, default_value_t = ChangeSource::Api)]
    source: ChangeSource,
    /// ApiRateLimit of the stack
    #[arg(long, default_value_t = super::assumptions::API_RATE.value)]
    api_rate_limit: f64,
    /// Ledger writes of a notification delivered at the first attempt: full means two, lean one (`LedgerWrites` of
    /// the stack)
    #[arg(long, default_value = "full", value_name = "full|lean")]
    ledger_writes: LedgerWrites,
    /// Private keys are in KMS (IdentityKeyArns)
    #[arg(long)]
    kms: bool,
    /// Evidence is recorded (Evidence=true)
    #[arg(long)]
    evidence: bool,
    /// The tables are new, with the initial throughput of an on-demand table
    #[arg(long)]
    new_tables: bool,
    /// A quota that AWS has raised: in-flight, table-writes, table-reads, kms-signs, api-requests or firehose-mib
    #[arg(long, value_name = "NAME=VALUE")]
    quota: Vec<Raised>,
    /// Measured time in seconds, 20 to 3600
    #[arg(long, default_value_t = 120)]
    duration: u64,
    /// Random seed: the same seed gives the same result
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// Print one JSON object
    #[arg(long)]
    json: bool,
    /// Print the page docs/capacity.md; other options are ignored
    #[arg(long, conflicts_with = "json")]
    markdown: bool,
}

/// Returns what the command would print.
pub fn said(args: &CapacityArgs) -> Result<String> {
    let question = args.question().map_err(|error| WrongUsage(error.to_string()))?;
    written(&question.growth(&mut |_, _, _| {}))
}

fn written(growth: &[Growth]) -> Result<String> {
    let Some(asked) = growth.first() else { bail!("no load was given") };
    let mut written = String::new();
    text::answer(&mut written, &asked.answer);
    text::verdict(&mut written, &asked.answer, &asked.plan);
    text::idle(&mut written, &asked.answer.question);
    text::growth(&mut written, growth);
    Ok(written)
}

/// Runs the command; `false` if the load is not carried.
pub fn run(args: &CapacityArgs) -> Result<bool> {
    let mut shown = Progress::new(!args.json);
    let mut progress = |question: &Question, second, of| {
        let rate = grouped(question.load.rate);
        shown.count(&format!("playing {rate} notifications a second, seconds"), second, of);
    };
    let mut out = io::stdout().lock();
    if args.markdown {
        let page = page::markdown(&mut progress);
        drop(shown);
        out.write_all(page.as_bytes())?;
        return Ok(true);
    }
    let question = args.question().map_err(|error| WrongUsage(error.to_string()))?;
    let growth = question.growth(&mut progress);
    drop(shown);
    let Some(asked) = growth.first() else { bail!("no load was given") };
    if args.json {
        writeln!(out, "{}", json::growth(&growth))?;
    } else {
        out.write_all(written(&growth)?.as_bytes())?;
    }
    Ok(asked.answer.is_carried())
}

impl CapacityArgs {
    fn question(&self) -> Result<Question> {
        let positive = |name: &str, value: f64, most: f64| -> Result<()> {
            ensure!(
                value > 0.0 && value <= most,
                "{name} is more than 0 and at most {}, not {value}",
                grouped(most)
            );
            Ok(())
        };
        positive("--rate", self.rate, 1e6)?;
        positive("--api-rate-limit", self.api_rate_limit, 1e6)?;
        for (name, value) in [("--answer-ms", self.answer_ms), ("--rtt-ms", self.rtt_ms)] {
            ensure!((0.0..=15_000.0).contains(&value), "{name} is 0 to 15,000 milliseconds, not {value}");
        }
        for (name, value) in [("--cpu-us", self.cpu_us), ("--handshake-us", self.handshake_us)] {
            ensure!((0.0..=1e6).contains(&value), "{name} is 0 to 1,000,000 microseconds, not {value}");
        }
        let within = |name: &str, value: u64, (least, most): (u64, u64)| -> Result<()> {
            ensure!((least..=most).contains(&value), "{name} is {least} to {most}, not {value}");
            Ok(())
        };
        within("--receivers", self.receivers, (1, 1_000))?;
        within("--memory", self.memory, (128, 10_240))?;
        within("--changes-per-request", self.changes_per_request, (1, 100))?;
        within("--account-concurrency", self.account_concurrency, (10, 1_000_000))?;
        within("--duration", self.duration, (20, 3_600))?;
        let dead = self.dead.of(self.receivers);
        ensure!(
            dead <= self.receivers,
            "--dead is {dead}, but there are {} receivers: give --receivers too",
            self.receivers
        );
        ensure!(
            self.failing.0 < 1.0,
            "receivers that refuse every attempt are dead: raise --dead, or lower --failing"
        );
        ensure!(
            self.ledger_writes == LedgerWrites::Full || !self.evidence,
            "--evidence records every attempt, but with --ledger-writes lean the ledger may miss a request: leave one \
             of them out"
        );
        let mapping = Mapping::of(self.maximum_concurrency, (self.min_pollers, self.max_pollers))
            .map_err(anyhow::Error::msg)?;
        #[expect(clippy::cast_precision_loss, reason = "a million at most")]
        let mut quotas = Granted { concurrency: self.account_concurrency as f64, ..Granted::default() };
        self.quota.iter().for_each(|raised| raised.raise(&mut quotas));
        Ok(Question {
            load: Load {
                failing: self.failing.0,
                answer_ms: self.answer_ms,
                rtt_ms: self.rtt_ms,
                changes_per_request: self.changes_per_request,
                source: self.source,
                cpu_us: self.cpu_us,
                handshake_us: self.handshake_us,
                ..Load::alike(self.rate, self.receivers, dead)
            },
            settings: Settings {
                mapping,
                memory: self.memory,
                window: f64::from(self.batching_window),
                metrics_kept: 0.0,
                api_rate: self.api_rate_limit,
                ledger_writes: self.ledger_writes,
                kms: self.kms,
                evidence: self.evidence,
                new_tables: self.new_tables,
                quotas,
            },
            begin: self.begin,
            seconds: self.duration,
            seed: self.seed,
        })
    }
}

#[cfg(test)]
mod tests {
    use clap::Parser;

    use super::*;

    #[derive(Debug, Parser)]
    struct Cli {
        #[command(flatten)]
        args: CapacityArgs,
    }

    fn question(options: &str) -> Result<Question, String> {
        let args = Cli::try_parse_from(format!("capacity {options}").split_whitespace());
        args.map_err(|error| error.to_string())?.args.question().map_err(|error| error.to_string())
    }

    #[test]
    fn the_options_of_the_command_reach_the_model() {
        let question = question(
            "--rate 17400 --receivers 58 --dead 10% --failing 1% --min-pollers 200 --max-pollers 750 --quota in-flight=200000 \
             --ledger-writes lean",
        )
        .unwrap();
        assert_eq!((question.load.receivers.len(), question.load.dead()), (58, 6));
        assert_eq!(question.settings.mapping, Mapping::Pollers(200, 750));
        assert_eq!(question.settings.ledger_writes, LedgerWrites::Lean);
        assert!(
            (question.settings.quotas.in_flight - 200_000.0).abs() < 1.0
                && (question.load.failing - 0.01).abs() < 1e-9
        );
    }

    #[test]
    fn wrong_input_is_refused_with_what_to_do() {
        for (options, sentence) in [
            ("--rate 0", "--rate is more than 0"),
            ("--rate NaN", "--rate is more than 0"),
            ("--receivers 0", "--receivers is 1 to 1000, not 0"),
            ("--dead 51", "there are 50 receivers: give --receivers too"),
            ("--dead some", "neither a number of receivers, such as 6, nor a share"),
            ("--failing 100%", "raise --dead, or lower --failing"),
            ("--failing 2", "is no share: write a percentage such as 5%"),
            ("--maximum-concurrency 1001", "beyond that, use --min-pollers"),
            ("--maximum-concurrency 500 --min-pollers 2", "not both: leave one of them out"),
            ("--min-pollers 201", "--min-pollers is 2 to 200, not 201"),
            ("--min-pollers 100 --max-pollers 50", "--max-pollers is 100 (--min-pollers) to 2000"),
            (
                "--quota lambdas=7",
                "in-flight, table-writes, table-reads, kms-signs, api-requests and firehose-mib",
            ),
            ("--quota in-flight=many", "is no number above 0"),
            ("--duration 5", "--duration is 20 to 3600, not 5"),
            ("--memory 64", "--memory is 128 to 10240"),
            ("--ledger-writes once", "expected full or lean"),
            ("--ledger-writes lean --evidence", "leave one of them out"),
        ] {
            let error = question(options).unwrap_err();
            assert!(error.contains(sentence), "{options}: {error}");
        }
    }
}
