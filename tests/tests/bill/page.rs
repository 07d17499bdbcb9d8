//! `docs/cost.md` and its picture are what the command says.

use std::fmt::Write as _;
use std::fs::{read_to_string, write};

use arauto::bill::{Bill, Forecast, Load as MonthLoad, Model, Seen, Setting, Source, Stack, Terms, picture};
use arauto::prices::{Prices, Rate, Region, Usd};
use capacity::{ASSUMPTIONS, Begin, Load, Mapping, Question, Settings};
use platform::config::environment;
use tests::contract::file;

const PAGE: &str = "docs/cost.md";
const PICTURE: &str = "docs/cost.svg";
/// Set by `make cost`: page and picture are written before they are compared.
const WRITE: &str = "ARAUTO_WRITE_COST";
const TERMS: Terms = Terms {
    gigabyte_second: Rate::LambdaArm64,
    signature: Rate::KmsRsa2048,
    ledger_write: Rate::DynamoDbWrite,
    memory_mb: 256,
};
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
    let banks = Bank::ALL.map(Played::of);
    expected = with_block(&expected, "banks", &banks_table(&banks));
    expected = with_block(&expected, "levers", &levers_table(&banks));
    expected = with_block(&expected, "settings", &settings_text());
    expected = with_block(&expected, "goals", &goals(&banks));
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
    let of = |bank: usize, cheap| banks[bank].forecast(cheap, Region::UsEast1);
    let cheap = [of(0, true), of(1, true), of(2, true)];
    let plain = [of(0, false), of(1, false), of(2, false)];
    let all = plain.iter().chain(&cheap);
    let mut said: Vec<_> = all.flat_map(|one| [one.first_month(), one.month()]).map(whole_or_cents).collect();
    said.extend([&plain[2], &cheap[2]].map(|one| one.per_million(one.bill.total()).rounded(2)));
    for page in ["README.md", "README.pt-BR.md"] {
        let text = read_to_string(file(page).unwrap()).unwrap();
        for usd in &said {
            let usd = if page.contains("pt-BR") { usd.replace('.', ",") } else { usd.clone() };
            assert!(text.contains(&format!("US$ {usd}")), "{page} does not say US$ {usd}");
        }
    }
}

/// A bank, as docs/cost.md and the README have three.
#[derive(Clone, Copy)]
struct Bank {
    name: &'static str,
    load: fn() -> MonthLoad,
    /// The parameters that make it cheap, with every guarantee; and whether it sends state changes to the intake queue.
    cheap: (&'static [&'static str], bool),
}

impl Bank {
    const ALL: [Self; 3] = [
        Self {
            name: "small: 10,000 a month, 5 receivers",
            load: || MonthLoad::of_month(10_000, 10, 5),
            cheap: (&["Monitoring=essential", "Tracing=PassThrough", "DispatchMemory=128"], false),
        },
        Self {
            name: "middle: 1,000,000 a month, 20 receivers",
            load: || MonthLoad::of_month(1_000_000, 10, 20),
            cheap: (
                &[
                    "Monitoring=essential",
                    "Tracing=PassThrough",
                    "DispatchMemory=128",
                    "LedgerTableClass=STANDARD_INFREQUENT_ACCESS",
                ],
                true,
            ),
        },
        Self {
            name: "large: 300 a second, 50 receivers",
            load: || MonthLoad::at_rate(300.0, 10, 50),
            cheap: (
                &[
                    "DispatchBatchingWindow=1",
                    "Tracing=PassThrough",
                    "LedgerTableClass=STANDARD_INFREQUENT_ACCESS",
                ],
                true,
            ),
        },
    ];
}

fn settings(all: &[&str]) -> Vec<Setting> {
    all.iter().map(|one| one.parse().unwrap()).collect()
}

/// A lever: parameters and a way for state changes to come, with what it gives up.
struct Lever {
    name: &'static str,
    settings: &'static [&'static str],
    sqs: bool,
    changes: u64,
    drawback: &'static str,
}

const LEVERS: [Lever; 9] = [
    Lever {
        name: "as deployed, a change in each request",
        settings: &[],
        sqs: false,
        changes: 1,
        drawback: "",
    },
    Lever {
        name: "100 changes in each request",
        settings: &[],
        sqs: false,
        changes: 100,
        drawback: "changes wait for each other at the producer",
    },
    Lever {
        name: "`IntakeQueue=true`, a message for each change",
        settings: &[],
        sqs: true,
        changes: 1,
        drawback: "the verdict in the answer: invalid changes are in a queue",
    },
    Lever {
        name: "`DispatchMemory=128`",
        settings: &["DispatchMemory=128"],
        sqs: false,
        changes: 1,
        drawback: "half of the processor: handshakes take twice as long",
    },
    Lever {
        name: "`DispatchBatchingWindow=1`",
        settings: &["DispatchBatchingWindow=1"],
        sqs: false,
        changes: 1,
        drawback: "up to 1 s; **where few come, Lambda may wait 20 s**",
    },
    Lever {
        name: "`DispatchMaximumConcurrency=8`",
        settings: &["DispatchMaximumConcurrency=8"],
        sqs: false,
        changes: 1,
        drawback: "a receiver that hangs delays all others: not for production",
    },
    Lever {
        name: "`LedgerWrites=lean`",
        settings: &["LedgerWrites=lean"],
        sqs: false,
        changes: 1,
        drawback: "[knowing every request](configuration.md#writing-the-ledger-once)",
    },
    Lever {
        name: "`Tracing=PassThrough`",
        settings: &["Tracing=PassThrough"],
        sqs: false,
        changes: 1,
        drawback: "X-Ray's map of the functions; spans of [traces](traces.md) stay",
    },
    Lever {
        name: "`Monitoring=essential`",
        settings: &["Monitoring=essential"],
        sqs: false,
        changes: 1,
        drawback: "an alarm for each fault, early warnings, receivers' metrics, the dashboard, metrics of ten invocations where one ends",
    },
];

/// A bank with what the model of capacity sees of it, by parameters.
struct Played {
    bank: Bank,
    seen: std::cell::RefCell<Vec<(Stack, Source, Seen)>>,
}

impl Played {
    fn of(bank: Bank) -> Self {
        Self { bank, seen: std::cell::RefCell::default() }
    }

    fn priced(&self, all: &[&str], sqs: bool, changes: u64, region: Region) -> Forecast {
        let source = if sqs { Source::Sqs } else { Source::Api };
        let load = MonthLoad { source, changes, ..(self.bank.load)() };
        let settings = settings(all);
        let stack = Stack::with(&settings);
        // Of what the model does not play, the runs are the same.
        let played = Stack {
            lean: stack.lean,
            memory_mb: stack.memory_mb,
            window_s: stack.window_s,
            maximum_concurrency: stack.maximum_concurrency,
            essential: stack.essential,
            ..Stack::default()
        };
        let known = self.seen.borrow().iter().find(|one| (one.0, one.1) == (played, source)).map(|one| one.2);
        let seen = known.unwrap_or_else(|| {
            let seen = Seen::of(&load, &played);
            self.seen.borrow_mut().push((played, source, seen));
            seen
        });
        Forecast::of_seen(load, &settings, seen, TERMS, &Prices::of(region))
    }

    fn forecast(&self, cheap: bool, region: Region) -> Forecast {
        let (all, sqs) = if cheap { self.bank.cheap } else { (&[][..], false) };
        self.priced(all, sqs, 1, region)
    }

    fn lever(&self, lever: &Lever) -> Forecast {
        self.priced(lever.settings, lever.sqs, lever.changes, Region::UsEast1)
    }
}

/// What three banks pay, in both regions.
fn banks_table(banks: &[Played; 3]) -> String {
    let mut table = "| Bank | us-east-1: a month, first | later | a million, first | later | by use | sa-east-1: a month, first | later | a million, first | later | by use |\n\
                     |---|---|---|---|---|---|---|---|---|---|---|".to_owned();
    for cheap in [false, true] {
        for bank in banks {
            let name =
                if cheap { format!("{}, made cheap", bank.bank.name) } else { bank.bank.name.to_owned() };
            write!(table, "\n| {name} ").unwrap();
            for region in Region::ALL {
                let forecast = bank.forecast(cheap, region);
                let (first, later) = (forecast.first_month(), forecast.month());
                let by_use = forecast.per_million(forecast.bill.total());
                let [million, million_later] = [first, later].map(|usd| forecast.per_million(usd));
                let all = [first, later, million, million_later, by_use].map(whole_or_cents);
                write!(table, "| {} ", all.join(" | ")).unwrap();
            }
            table.push('|');
        }
    }
    table
}

/// Cents are worth reading of little.
fn whole_or_cents(usd: Usd) -> String {
    let whole: f64 = usd.rounded(2).parse().unwrap();
    if whole < 100.0 { usd.rounded(2) } else { usd.rounded(0) }
}

/// What makes each bank cheap.
fn settings_text() -> String {
    let of = |bank: &Bank| {
        let queue = if bank.cheap.1 { "`IntakeQueue=true`, " } else { "" };
        let all: Vec<_> = bank.cheap.0.iter().map(|one| format!("`{one}`")).collect();
        format!("- {}: {queue}{}", bank.name, all.join(", "))
    };
    Bank::ALL.iter().map(of).collect::<Vec<_>>().join("\n")
}

/// What each lever gives, alone and with the others.
fn levers_table(banks: &[Played; 3]) -> String {
    let mut table = "| us-east-1 | Small, first month | Middle, first month | Large, a million by use | Large: messages an invocation | Large: p99 | Gives up |\n\
                     |---|---|---|---|---|---|---|".to_owned();
    for lever in &LEVERS {
        let [small, middle, large] = [0, 1, 2].map(|bank: usize| banks[bank].lever(lever));
        let [p50_or_less, p99] = large.seen.lateness_ms;
        assert!(p50_or_less <= p99);
        write!(
            table,
            "\n| {} | {} | {} | {} | {:.1} | {p99} ms | {} |",
            lever.name,
            small.first_month().rounded(2),
            middle.first_month().rounded(2),
            large.per_million(large.bill.total()).rounded(2),
            large.seen.batch,
            lever.drawback
        )
        .unwrap();
    }
    table
}

/// The goals, in us-east-1: of the large bank a million by use, of the others the first month.
const GOALS: [(&str, &str); 4] = [("full", "2.50"), ("lean", "1.60"), ("middle", "12"), ("small", "10")];

/// What a million of the large bank costs by use, with the table class that is cheaper to write.
const BY_USE: [&str; 2] = ["DispatchBatchingWindow=1", "Tracing=PassThrough"];

/// The large bank, with the ledger written twice, and once.
fn large_full_and_lean(large: &Played) -> [Forecast; 2] {
    let lean = [&BY_USE[..], &["LedgerWrites=lean"]].concat();
    [&BY_USE[..], &lean].map(|all| large.priced(all, true, 1, Region::UsEast1))
}

/// What a million costs as the budget counts: if Lambda receives a batch at once, and if it receives each message by itself.
fn in_budget(forecast: &Forecast) -> [Usd; 2] {
    let at_once = forecast.per_million(forecast.bill.in_budget());
    let million = 1e6_f64;
    let more = format!("{:.0}", million - million / forecast.seen.batch).parse().unwrap();
    let receives = Prices::of(Region::UsEast1).value(Rate::SqsRequest).of(more, 1);
    [at_once, [at_once, receives].into_iter().sum()]
}

/// Which goals are met, and by how much.
fn goals(banks: &[Played; 3]) -> String {
    let [full, lean] = large_full_and_lean(&banks[2]).map(|forecast| {
        let million = |usd: Usd| forecast.per_million(usd).rounded(2);
        let [at_once, each] = in_budget(&forecast).map(|usd| usd.rounded(2));
        (at_once, million(forecast.bill.total()), each)
    });
    let [small, middle] = [0, 1].map(|bank: usize| {
        let forecast = banks[bank].forecast(true, Region::UsEast1);
        (forecast.first_month().rounded(2), forecast.month().rounded(2))
    });
    // Where traffic is low at night, the window may break the time that is due.
    let without_window = ["Tracing=PassThrough", "DispatchMemory=128"];
    let without_window = banks[2].priced(&without_window, true, 1, Region::UsEast1);
    let without_window = without_window.per_million(without_window.bill.in_budget()).rounded(2);
    let [(_, of_full), (_, of_lean), (_, of_middle), (_, of_small)] = GOALS;
    format!(
        "**Goals**, in us-east-1.\n\n\
         - Large, a million by use, with `LedgerTableClass=STANDARD`: **if Lambda receives a batch at once**, US$ {} (goal {of_full}) with \
         every\n  guarantee as long as hundreds come a second, US$ {} (goal {of_lean}) with `LedgerWrites=lean`, as the budget below counts. \
         **If it\n  receives each message by itself**, US$ {} and US$ {}: the second goal is missed then. With data out and message \
         groups US$ {}\n  and US$ {}. Where traffic is low at night, the window may break the 1.5 s. Without it, with \
         `DispatchMemory=128`:\n  US$ {without_window}, **missed**.\n\
         - Middle, a month all in: US$ {} (goal {of_middle}, **missed**) at first, US$ {} once the ledger holds five years.\n\
         - Small, a month all in: US$ {} (goal {of_small}) at first, later US$ {}.",
        full.0, lean.0, full.2, lean.2, full.1, lean.1, middle.0, middle.1, small.0, small.1
    )
}

#[test]
fn the_goals_are_met_or_missed_as_the_page_says() {
    let [small, middle, large] = Bank::ALL.map(Played::of);
    let usd = |usd: Usd| usd.rounded(4).parse::<f64>().unwrap();
    let [full, lean] = large_full_and_lean(&large);
    for (forecast, (_, goal)) in [(&full, GOALS[0]), (&lean, GOALS[1])] {
        let million = usd(forecast.per_million(forecast.bill.in_budget()));
        assert!(million <= goal.parse().unwrap(), "{million}");
        // With a receive for each message, only the first is met.
        let [_, each] = in_budget(forecast).map(usd);
        assert_eq!(each <= goal.parse().unwrap(), goal == GOALS[0].1, "{each}");
        assert!(forecast.seen.is_carried && forecast.seen.lateness_ms[1] < 1_500, "{:?}", forecast.seen);
    }
    let [small, middle] = [small, middle].map(|bank| usd(bank.forecast(true, Region::UsEast1).first_month()));
    assert!(small <= GOALS[3].1.parse().unwrap(), "{small}");
    // Missed, and the page says by how much.
    let missed_by = middle - GOALS[2].1.parse::<f64>().unwrap();
    assert!((0.0..3.0).contains(&missed_by), "{middle}");
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
        let prices = Prices::of(region);
        let month = Model::kept_for_a_month(&prices);
        let rates = [Rate::DynamoDbStorage, Rate::DynamoDbBackup];
        let confirmed = rates.iter().all(|rate| prices.quote(*rate).confirmed);
        let note = if confirmed { "" } else { " (not confirmed)" };
        (month.rounded(2), month.times(60).rounded(0), note)
    };
    let [(virginia, years, of_virginia), (paulo, paulo_years, of_paulo)] = Region::ALL.map(of);
    let bytes = Model::ROW_BYTES + Model::ROW_OVERHEAD;
    format!(
        "**Storing costs more than sending.** The rows of a million notifications, {bytes} bytes each, and their point-in-time recovery \
         cost\nUS$ {virginia} a month in us-east-1{of_virginia} and US$ {paulo} in sa-east-1{of_paulo}: US$ {years} and US$ {paulo_years} \
         over the five years of\n`LedgerRetentionDays`. Shorten those where `Evidence` keeps the proof: S3 asks a fraction."
    )
}

/// The text with what stands between the marks of this name replaced.
fn with_block(text: &str, name: &str, block: &str) -> String {
    let (begin, end) = (format!("<!-- {name} -->\n"), format!("\n<!-- end of {name} -->"));
    let (before, rest) = text.split_once(&begin).unwrap_or_else(|| panic!("{PAGE} has no {begin}"));
    let (_, after) = rest.split_once(&end).unwrap_or_else(|| panic!("{PAGE} has no {end}"));
    format!("{before}{begin}{block}{end}{after}")
}
