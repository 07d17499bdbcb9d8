//! The command.

use std::fs;
use std::io::{self, Write as _};
use std::path::PathBuf;

use account::Checkout;
use account::local_stack::LocalStack;
use anyhow::{Context as _, Result, ensure};
use clap::{Args, ValueEnum};
use terminal::WrongUsage;

use super::forecast::Forecast;
use super::gather::Bill;
use super::item::Terms;
use super::load::Load;
use super::model::{Model, Source};
use super::picture::picture;
use super::source::{Lines, some};
use super::stack::Setting;
use super::table;
use crate::prices::{Prices, Rate, Region};

/// Compute the cost of notifications: in total, per million delivered, by receiver, endpoint and day
///
/// Reads the log lines of dispatch and intake, raw or in a format of CloudWatch (`aws logs tail`, `aws logs
/// filter-log-events`, an export), with each log group in a file of its own, and prices them by a dated price list of
/// AWS. Free tiers, discounts and monthly charges are not included.
#[derive(Args, Clone, Debug)]
#[expect(clippy::struct_excessive_bools, reason = "each is a switch of the command line")]
#[command(after_help = "Examples:\n  aws logs tail /aws/lambda/DISPATCH --since 1d > dispatch.log\n  \
    arauto bill dispatch.log intake.log --region sa-east-1\n  arauto bill --local\n  \
    arauto bill --model --region us-east-1 --svg bill.svg\n  \
    arauto bill --model --month 1000000 --receivers 20\n  \
    arauto bill --model --rate 300 --receivers 50 --source sqs --parameter DispatchBatchingWindow=1\n\n\
    Exit codes: 0 success; 1 failure; 2 wrong usage.")]
pub struct BillArgs {
    /// Files of log lines, one for each log group; - is standard input
    #[arg(value_name = "FILE", required_unless_present_any = ["local", "model"], conflicts_with = "model")]
    files: Vec<PathBuf>,
    /// Read the logs of the local stack
    #[arg(long, conflicts_with_all = ["files", "model"])]
    local: bool,
    /// Read nothing: price a million notifications delivered at the first attempt, in full batches; or a month of the load
    /// that --rate or --month says, with what a stack costs beside it
    #[arg(long)]
    model: bool,
    /// The region of the list prices: us-east-1 or sa-east-1
    #[arg(long, value_name = "REGION", default_value = "us-east-1", conflicts_with = "prices")]
    region: Region,
    /// Your own price list, in the format of infra/prices
    #[arg(long, value_name = "FILE")]
    prices: Option<PathBuf>,
    /// Processor architecture of the functions
    #[arg(long, value_enum, default_value_t = Arch::Arm64)]
    arch: Arch,
    /// Memory in megabytes of invocations without a report of Lambda
    #[arg(long, value_name = "MB", default_value_t = 256, value_parser = clap::value_parser!(u64).range(128..=10_240))]
    memory: u64,
    /// Length of the keys with which KMS signs handshakes
    #[arg(long, value_enum, default_value_t = Key::Rsa2048)]
    kms_key: Key,
    /// Model: milliseconds that Lambda bills for a batch; an assumption, higher for slow receivers (docs/cost.md)
    #[arg(long, value_name = "MS", default_value_t = 200, conflicts_with_all = ["files", "local"])]
    batch_ms: u64,
    /// Model: milliseconds that Lambda bills for an intake request with a hundred changes; an assumption
    #[arg(long, value_name = "MS", default_value_t = 100, conflicts_with_all = ["files", "local"])]
    request_ms: u64,
    /// Model: receivers read from the table for each batch of ten; a receiver is cached for 8 s
    #[arg(long, value_name = "N", default_value_t = 1, conflicts_with_all = ["files", "local"], value_parser = clap::value_parser!(u64).range(0..=10))]
    reads: u64,
    /// Model: percentage of deliveries that open a connection
    #[arg(long, value_name = "PERCENT", default_value_t = 0, conflicts_with_all = ["files", "local"], value_parser = clap::value_parser!(u64).range(0..=100))]
    new_connections: u64,
    /// Model: one ledger write for each notification (`LedgerWrites=lean`)
    #[arg(long, conflicts_with_all = ["files", "local"])]
    lean: bool,
    /// Model: how state changes come; api and kinesis pass through intake, the queues of sqs and eventbridge trigger dispatch
    #[arg(long, value_enum, default_value_t = Source::Api, conflicts_with_all = ["files", "local"])]
    source: Source,
    /// Model: each change comes alone, in a request or message and a batch of its own
    #[arg(long, conflicts_with_all = ["files", "local"])]
    alone: bool,
    #[command(flatten)]
    load: LoadArgs,
    /// Print one JSON object
    #[arg(long)]
    json: bool,
    /// Draw the bill into this SVG file
    #[arg(long, value_name = "FILE")]
    svg: Option<PathBuf>,
}

/// The load of a month, which the model of capacity plays.
#[derive(Args, Clone, Debug)]
#[command(group = clap::ArgGroup::new("load").args(["rate", "month"]).multiple(true))]
struct LoadArgs {
    /// Model: notifications a second in the busy hours
    #[arg(long, value_name = "A SECOND", requires = "model", conflicts_with_all = ["files", "local", "month", "alone", "memory", "batch_ms", "request_ms", "reads", "new_connections"])]
    rate: Option<f64>,
    /// Model: notifications a month
    #[arg(long, value_name = "N", requires = "model", conflicts_with_all = ["files", "local", "alone", "memory", "batch_ms", "request_ms", "reads", "new_connections"], value_parser = clap::value_parser!(u64).range(1..=100_000_000_000))]
    month: Option<u64>,
    /// Model: receivers with equal shares of the load
    #[arg(long, value_name = "N", default_value_t = 50, requires = "load", conflicts_with_all = ["files", "local"], value_parser = clap::value_parser!(u64).range(1..=1_000))]
    receivers: u64,
    /// Model: hours of a day in which notifications come, evenly
    #[arg(long, value_name = "N", default_value_t = 10, requires = "load", conflicts_with_all = ["files", "local"], value_parser = clap::value_parser!(u64).range(1..=24))]
    hours: u64,
    /// Model: state changes in each request to the API, or messages in each request to the intake queue
    #[arg(long, value_name = "N", default_value_t = 1, requires = "load", conflicts_with_all = ["files", "local"], value_parser = clap::value_parser!(u64).range(1..=100))]
    changes_per_request: u64,
    /// Model: a parameter of the stack that the price depends on, such as Network=own (may be repeated)
    #[arg(long, value_name = "NAME=VALUE", requires = "model", conflicts_with_all = ["files", "local"])]
    parameter: Vec<Setting>,
}

impl LoadArgs {
    /// Returns the load, if one is given.
    fn load(&self, source: Source) -> Result<Option<Load>> {
        let load = match (self.rate, self.month) {
            (Some(rate), _) => {
                // The fewest that the model plays to their mean; the most that one stack can carry are far fewer.
                let is_known = (0.000_01..=1e5).contains(&rate);
                ensure!(is_known, WrongUsage(format!("--rate is 0.00001 to 100,000 a second, not {rate}")));
                Load::at_rate(rate, self.hours, self.receivers)
            }
            (None, Some(month)) => Load::of_month(month, self.hours, self.receivers),
            (None, None) => {
                let unused = self.parameter.is_empty();
                ensure!(unused, WrongUsage("--parameter needs a load: --rate or --month".to_owned()));
                return Ok(None);
            }
        };
        Ok(Some(Load { source, changes: self.changes_per_request, ..load }))
    }
}

#[derive(Clone, Copy, Debug, ValueEnum)]
enum Arch {
    Arm64,
    #[value(name = "x86_64")]
    X86,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
enum Key {
    #[value(name = "rsa-2048")]
    Rsa2048,
    #[value(name = "rsa-4096")]
    Rsa4096,
}

/// Runs the command.
pub async fn run(args: BillArgs) -> Result<()> {
    let prices = args.prices()?;
    if let Some(forecast) = args.forecast(&prices)? {
        return args.show(&forecast, &prices);
    }
    let (bill, unreadable) = args.bill(&prices).await?;
    if let Some(path) = &args.svg {
        fs::write(path, picture(&bill, &prices))
            .with_context(|| format!("cannot write {}", path.display()))?;
    }
    let mut out = io::stdout().lock();
    if args.json {
        writeln!(out, "{}", table::to_json(&bill, &prices, unreadable))?;
        return Ok(());
    }
    table::write(&mut out, &bill, &prices)?;
    if unreadable > 0 {
        let lines = if unreadable == 1 { "line" } else { "lines" };
        writeln!(
            out,
            "\n{unreadable} {lines} could not be read and {} left out",
            if unreadable == 1 { "is" } else { "are" }
        )?;
    }
    Ok(())
}

/// Returns what the command would print, and its picture.
pub(crate) async fn said(args: &BillArgs) -> Result<(String, String)> {
    let prices = args.prices()?;
    let mut text = Vec::new();
    if let Some(forecast) = args.forecast(&prices)? {
        forecast.write(&mut text, &prices)?;
        return Ok((String::from_utf8_lossy(&text).into_owned(), picture(&forecast.bill, &prices)));
    }
    let (bill, _) = args.bill(&prices).await?;
    table::write(&mut text, &bill, &prices)?;
    Ok((String::from_utf8_lossy(&text).into_owned(), picture(&bill, &prices)))
}

impl BillArgs {
    /// Computes the price of a load, if one is given.
    fn forecast(&self, prices: &Prices) -> Result<Option<Forecast>> {
        let Some(load) = self.load.load(self.source)? else { return Ok(None) };
        let mut settings = self.load.parameter.clone();
        if self.lean {
            settings.push("LedgerWrites=lean".parse().map_err(anyhow::Error::msg)?);
        }
        Ok(Some(Forecast::of(load, &settings, self.terms(), prices)))
    }

    fn show(&self, forecast: &Forecast, prices: &Prices) -> Result<()> {
        if let Some(path) = &self.svg {
            fs::write(path, picture(&forecast.bill, prices))
                .with_context(|| format!("cannot write {}", path.display()))?;
        }
        let mut out = io::stdout().lock();
        if self.json {
            writeln!(out, "{}", forecast.to_json(prices))?;
            return Ok(());
        }
        forecast.write(&mut out, prices)?;
        Ok(())
    }

    /// Computes the bill, and how many lines could not be read.
    async fn bill(&self, prices: &Prices) -> Result<(Bill, u64)> {
        let terms = self.terms();
        if self.model {
            return Ok((Bill::of_model(self.model_of(), terms, prices), 0));
        }
        let sources = some(self.lines().await?)?;
        let unreadable = sources.iter().map(|source| source.unreadable).sum();
        Ok((Bill::of(&sources, terms, prices), unreadable))
    }

    fn prices(&self) -> Result<Prices> {
        let Some(path) = &self.prices else { return Ok(Prices::of(self.region)) };
        let cannot = || format!("cannot use {}", path.display());
        Prices::from_json(&fs::read_to_string(path).with_context(cannot)?).with_context(cannot)
    }

    fn terms(&self) -> Terms {
        Terms {
            gigabyte_second: match self.arch {
                Arch::Arm64 => Rate::LambdaArm64,
                Arch::X86 => Rate::LambdaX86,
            },
            signature: match self.kms_key {
                Key::Rsa2048 => Rate::KmsRsa2048,
                Key::Rsa4096 => Rate::KmsRsa4096,
            },
            ledger_write: Rate::DynamoDbWrite,
            memory_mb: self.memory,
        }
    }

    fn model_of(&self) -> Model {
        Model {
            batch_ms: self.batch_ms,
            request_ms: self.request_ms,
            reads: self.reads,
            new_connections: self.new_connections,
            lean: self.lean,
            source: self.source,
            alone: self.alone,
        }
    }

    async fn lines(&self) -> Result<Vec<Lines>> {
        if self.local {
            let stack = LocalStack::find(&Checkout::find()?.scratch()).await?;
            let stack = stack.context("there is no local stack: `arauto up` starts one")?;
            let text = stack.function_logs().await?;
            return Ok(vec![Lines::read(text.as_bytes())?]);
        }
        self.files.iter().map(|path| Lines::of(path)).collect()
    }
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use clap::Parser;

    use super::*;

    #[derive(Parser)]
    struct Cli {
        #[command(flatten)]
        args: BillArgs,
    }

    fn parsed(words: &[&str]) -> Result<BillArgs, clap::Error> {
        Cli::try_parse_from(["bill"].iter().chain(words)).map(|cli| cli.args)
    }

    async fn refused(words: &[&str]) -> String {
        format!("{:#}", run(parsed(words).unwrap()).await.unwrap_err())
    }

    fn written(folder: &Path, name: &str, text: &str) -> String {
        let path = folder.join(name);
        fs::write(&path, text).unwrap();
        path.to_str().unwrap().to_owned()
    }

    #[tokio::test]
    async fn what_cannot_be_priced_or_read_is_refused_by_name() {
        let folder = tempfile::tempdir().unwrap();
        let list =
            include_str!("../../../../infra/prices/us-east-1.json").replace("sqs_request", "sqs_requests");
        let (list, log) =
            (written(folder.path(), "list.json", &list), written(folder.path(), "log", "START\n"));
        let error = refused(&["--model", "--prices", &list]).await;
        assert!(error.contains("list.json") && error.ends_with("lacks sqs_request"), "{error}");
        assert!(refused(&[&log]).await.contains("no line of the functions"));
        assert!(refused(&["/nowhere/dispatch.log"]).await.contains("/nowhere/dispatch.log"));
    }

    #[test]
    fn it_is_said_what_the_bill_is_of() {
        assert!(parsed(&["dispatch.log", "intake.log"]).is_ok());
        for words in [
            &[][..],
            &["--model", "dispatch.log"],
            &["--model", "--local"],
            &["--batch-ms", "1", "dispatch.log"],
            &["--model", "--region", "eu-west-1"],
            &["--model", "--memory", "1"],
            &["--rate", "1", "dispatch.log"],
            &["--model", "--rate", "1", "--month", "1"],
            &["--model", "--month", "1", "--alone"],
            &["--model", "--month", "1", "--parameter", "Colour=red"],
        ] {
            assert!(parsed(words).is_err(), "{words:?}");
        }
    }

    #[tokio::test]
    async fn a_load_is_priced_with_what_stands_beside_it() {
        let words =
            ["--model", "--month", "10000", "--receivers", "5", "--parameter", "Network=own", "--lean"];
        let args = parsed(&words).unwrap();
        let (text, _) = said(&args).await.unwrap();
        for part in [
            "10,000 notifications a month to 5 receivers: 0.01 a second in 10 hours of each day",
            "Network=own LedgerWrites=lean",
            "KMS keys",
            "NAT gateways",
            "Ledger, recovery *",
        ] {
            assert!(text.contains(part), "{part}: {text}");
        }
        let prices = args.prices().unwrap();
        let forecast = args.forecast(&prices).unwrap().unwrap();
        let json = forecast.to_json(&prices);
        assert_eq!(json["load"]["parameters"], serde_json::json!(["Network=own", "LedgerWrites=lean"]));
        assert_eq!(json["month"]["usd"].as_str().unwrap(), forecast.month().exact());
        assert!(json["standing"][0]["price"]["source"].is_string(), "{json}");
        assert!(refused(&["--model", "--rate", "0"]).await.contains("--rate is 0.00001 to 100,000"));
        let lone = refused(&["--model", "--parameter", "Network=own"]).await;
        assert!(lone.contains("needs a load"), "{lone}");
        for option in ["--receivers", "--hours", "--changes-per-request"] {
            let lone = parsed(&["--model", option, "2"]).unwrap_err().to_string();
            assert!(lone.contains("--rate") && lone.contains("--month"), "{lone}");
        }
        let memory = parsed(&["--model", "--month", "100", "--memory", "128"]).unwrap_err().to_string();
        assert!(memory.contains("cannot be used with"), "{memory}");
    }

    #[test]
    fn the_arguments_say_by_which_prices() {
        let terms = parsed(&["--model", "--arch", "x86_64", "--kms-key", "rsa-4096", "--memory", "512"])
            .unwrap()
            .terms();
        assert_eq!(
            terms,
            Terms {
                gigabyte_second: Rate::LambdaX86,
                signature: Rate::KmsRsa4096,
                ledger_write: Rate::DynamoDbWrite,
                memory_mb: 512
            }
        );
        let prices = parsed(&["--model", "--region", "sa-east-1"]).unwrap().prices().unwrap();
        assert_eq!(prices.region(), "sa-east-1");
    }
}
