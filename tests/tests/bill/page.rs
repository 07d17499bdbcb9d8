//! `docs/cost.md` and its picture are what the command says.

use std::fmt::Write as _;
use std::fs::{read_to_string, write};

use arauto::bill::{Bill, Model, Source, Terms, picture};
use arauto::prices::{Prices, Rate, Region, Usd};
use capacity::{ASSUMPTIONS, Begin, Load, Mapping, Question, Settings};
use platform::config::environment;
use tests::contract::file;

const PAGE: &str = "docs/cost.md";
const PICTURE: &str = "docs/cost.svg";
/// Set by `make cost`: page and picture are written before they are compared.
const WRITE: &str = "ARAUTO_WRITE_COST";
const TERMS: Terms =
    Terms { gigabyte_second: Rate::LambdaArm64, signature: Rate::KmsRsa2048, memory_mb: 256 };
/// What the command takes where nothing else is said.
const USUAL: Model = Model {
    batch_ms: 200,
    request_ms: 100,
    reads: 1,
    new_connections: 0,
    lean: false,
    source: Source::Api,
    alone: false,
};
/// The list price of a million notifications at most, in us-east-1.
const BUDGET: &str = "1.70";

fn bill(model: Model, region: Region) -> Bill {
    Bill::of_model(model, TERMS, &Prices::of(region))
}

#[test]
fn a_million_in_full_batches_is_within_the_budget() {
    let budget: Usd = BUDGET.parse().unwrap();
    let usd = bill(USUAL, Region::UsEast1).in_budget();
    assert!(usd <= budget, "{usd}");
    // What the page says of it is true of no more: it bears two receivers read for each batch, not three.
    let reading = |reads| bill(Model { reads, ..USUAL }, Region::UsEast1).in_budget();
    assert!(reading(2) <= budget && reading(3) > budget, "{} {}", reading(2), reading(3));
}

#[test]
fn the_model_uses_what_the_budget_of_requests_allows() {
    let counts = USUAL.counts(TERMS);
    let sqs = counts.sqs_requests + 2 * counts.dispatches;
    assert_eq!((sqs, counts.table_writes, counts.table_reads), (300_000, 2_000_000, 100_000));
    assert_eq!((counts.secret_requests, counts.api_calls, counts.delivered), (0, 10_000, 1_000_000));
    assert_eq!(counts.log_bytes / counts.delivered, 405);
}

#[test]
fn the_page_is_what_the_command_says() {
    let text = read_to_string(file(PAGE).unwrap()).unwrap();
    let mut expected = text.clone();
    for region in Region::ALL {
        let mut told = Vec::new();
        arauto::bill::write(&mut told, &bill(USUAL, region), &Prices::of(region)).unwrap();
        let told = String::from_utf8(told).unwrap();
        let told = told.lines().map(str::trim_end).collect::<Vec<_>>().join("\n");
        // What is assumed is the same in each region, and stands below the first.
        let told =
            if region == Region::UsEast1 { told.as_str() } else { told.split("\n\nAssumed").next().unwrap() };
        expected =
            with_block(&expected, &format!("model {}", region.as_str()), &format!("```text\n{told}\n```"));
    }
    expected = with_block(&expected, "cases", &cases());
    expected = with_block(&expected, "slower", &slower());
    expected = with_block(&expected, "batch", &batch());
    expected = with_block(&expected, "sources", &sources());
    expected = with_block(&expected, "kept", &kept());
    if environment(WRITE).is_some() {
        write(file(PAGE).unwrap(), &expected).unwrap();
    }
    assert!(
        read_to_string(file(PAGE).unwrap()).unwrap() == expected,
        "{PAGE} is not what `make cost` writes"
    );
    let total = bill(USUAL, Region::UsEast1).in_budget().rounded(2);
    for page in ["README.md", "README.pt-BR.md"] {
        let text = read_to_string(file(page).unwrap()).unwrap();
        let said = if page.contains("pt-BR") { total.replace('.', ",") } else { total.clone() };
        assert!(text.contains(&format!("US$ {said}")), "{page} does not say US$ {said}");
    }
}

#[test]
fn the_picture_is_what_the_command_draws() {
    let prices = Prices::of(Region::UsEast1);
    let drawn = picture(&bill(USUAL, Region::UsEast1), &prices);
    if environment(WRITE).is_some() {
        write(file("docs").unwrap().join("cost.svg"), &drawn).unwrap();
    }
    assert!(
        read_to_string(file(PICTURE).unwrap()).unwrap() == drawn,
        "{PICTURE} is not what `make cost` draws"
    );
}

/// What other loads cost, as a table.
fn cases() -> String {
    let mut table = "| Receivers read for each batch | Deliveries that open a connection | `LedgerWrites` | us-east-1 | with all items | sa-east-1 | with all items |\n\
                     |---|---|---|---|---|---|---|".to_owned();
    let loads =
        [(1, 0, false), (1, 0, true), (1, 50, false), (1, 100, false), (10, 0, false), (10, 100, false)];
    for (reads, new_connections, lean) in loads {
        let model = Model { reads, new_connections, lean, ..USUAL };
        let ledger = if lean { "lean" } else { "full" };
        write!(table, "\n| {reads} | {new_connections} % | {ledger} {}", in_regions(model)).unwrap();
    }
    table
}

/// What each source costs where every change comes alone, as a table.
fn sources() -> String {
    let mut table =
        "| Each change alone, by | us-east-1 | with all items | sa-east-1 | with all items |\n|---|---|---|---|---|".to_owned();
    let sources =
        [(Source::Api, "API"), (Source::Sqs, "SQS, EventBridge"), (Source::Kinesis, "Kinesis, Kafka")];
    for (source, name) in sources {
        write!(table, "\n| {name} {}", in_regions(Model { source, alone: true, ..USUAL })).unwrap();
    }
    table
}

#[test]
fn a_queue_in_place_of_the_api_saves_a_third_where_changes_come_alone() {
    let of = |source| bill(Model { source, alone: true, ..USUAL }, Region::UsEast1).in_budget();
    let (api, sqs): (Usd, Usd) = (of(Source::Api), of(Source::Sqs));
    let usd = |usd: Usd| usd.rounded(4).parse::<f64>().unwrap();
    let saved = 1.0 - usd(sqs) / usd(api);
    assert!((0.28..0.40).contains(&saved), "{saved}: {api} {sqs}");
}

/// The last columns of a row: what the budget counts and all of it, in each region.
fn in_regions(model: Model) -> String {
    let columns = Region::ALL.map(|region| {
        let bill = bill(model, region);
        format!("| {} | {} ", bill.in_budget().rounded(2), bill.total().rounded(2))
    });
    columns.concat() + "|"
}

/// Milliseconds that Lambda may bill for a batch.
const BILLED_MS: [(u64, &str); 5] =
    [(100, "100"), (200, "200"), (500, "500"), (1_000, "1,000"), (3_000, "3,000")];

/// What it costs where receivers are slower, as a table.
fn slower() -> String {
    let mut table = "| Billed for a batch of ten | us-east-1 | with all items | sa-east-1 | with all items |\n|---|---|---|---|---|".to_owned();
    for (batch_ms, shown) in BILLED_MS {
        write!(table, "\n| {shown} ms {}", in_regions(Model { batch_ms, ..USUAL })).unwrap();
    }
    table
}

/// How long receivers take to answer for whom it is said how long a batch is.
const ANSWER_MS: [u32; 3] = [50, 200, 400];

/// Where the milliseconds of a batch come from, and how many the budget bears.
fn batch() -> String {
    let told = ANSWER_MS.map(|answer_ms| (answer_ms, busy_ms(answer_ms.into()).round()));
    let [(fast, of_fast), (slow, of_slow), (slowest, of_slowest)] = told;
    let budget: Usd = BUDGET.parse().unwrap();
    let holds =
        |batch_ms: &u64| bill(Model { batch_ms: *batch_ms, ..USUAL }, Region::UsEast1).in_budget() <= budget;
    let most = (USUAL.batch_ms..1_000).take_while(holds).last().unwrap();
    format!(
        "**The {usual} ms of a batch are assumed, not measured**; the budget bears {most}. By the [model of capacity](capacity.md), a full \
         batch to\nreceivers 20 ms away that answer in {fast} ms in the mean takes {of_fast} ms; in {slow} ms, {of_slow} ms; in {slowest} ms, \
         {of_slowest} ms. It lasts as long as its slowest\nmessage, which includes two DynamoDB calls on the share of a processor that 256 MB \
         have. `--batch-ms` takes yours.",
        usual = USUAL.batch_ms
    )
}

/// How long dispatch works on a full batch, by the model of capacity: what is billed begins once the function is invoked.
fn busy_ms(answer_ms: f64) -> f64 {
    // More than ten invocations at a time can do, so that every batch is full.
    let load = Load { answer_ms, ..Load::alike(2_000.0, 20, 0) };
    let settings = Settings { mapping: Mapping::Concurrency(10), ..Settings::default() };
    let question = Question { load, settings, begin: Begin::Running, seconds: 60, seed: 1 };
    let seconds = question.answer(&mut |_, _, _| ()).observed.full_batch.unwrap();
    let before =
        ASSUMPTIONS.iter().find(|assumed| assumed.name == "Receiving a batch and invoking the function");
    seconds * 1e3 - before.unwrap().value
}

#[test]
fn the_assumed_time_of_a_batch_is_what_healthy_receivers_need_and_little_more() {
    let needed = busy_ms(50.0);
    let usual = f64::from(u32::try_from(USUAL.batch_ms).unwrap());
    assert!(needed <= usual && usual <= 1.5 * needed, "{needed}");
}

/// What it costs to keep the rows.
fn kept() -> String {
    let of = |region| {
        let month = Model::kept_for_a_month(&Prices::of(region));
        (month.rounded(2), month.times(60).rounded(0))
    };
    let [(virginia, years), (paulo, paulo_years)] = Region::ALL.map(of);
    let bytes = Model::ROW_BYTES + Model::ROW_OVERHEAD;
    format!(
        "**Storing costs more than sending.** The rows of a million notifications, {bytes} bytes each, cost US$ {virginia} a month in us-east-1 \
         and US$ {paulo} in\nsa-east-1 (prices not confirmed): US$ {years} and US$ {paulo_years} over the five years of \
         `LedgerRetentionDays`. Shorten those where `Evidence` keeps\nthe proof: S3 asks a fraction."
    )
}

/// The text with what stands between the marks of this name replaced.
fn with_block(text: &str, name: &str, block: &str) -> String {
    let (begin, end) = (format!("<!-- {name} -->\n"), format!("\n<!-- end of {name} -->"));
    let (before, rest) = text.split_once(&begin).unwrap_or_else(|| panic!("{PAGE} has no {begin}"));
    let (_, after) = rest.split_once(&end).unwrap_or_else(|| panic!("{PAGE} has no {end}"));
    format!("{before}{begin}{block}{end}{after}")
}
