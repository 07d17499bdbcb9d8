//! The page `docs/capacity.md`: the growth of a stack, the load of a large institution, and the assumptions.

use std::fmt::Write as _;

use convention::delivery::LedgerWrites;

use super::answer::Answer;
use super::assumptions::{ASSUMPTIONS, Assumption, CHECKED, SIMPLIFICATIONS, Source};
use super::format::{exact, grouped, lowered, millis};
use super::load::{Begin, Granted, Load, Mapping, Settings};
use super::model::cold;
use super::numbers::length;
use super::question::Question;

const PREFACE: &str = "# Capacity

Made by `make capacity` from the model in `tools/capacity`. Nothing was measured on AWS: a model of events plays
the stack in simulated time, with AWS's documented limits and the [assumptions](#assumptions) below.

```sh
arauto capacity --rate 300 --receivers 50 --dead 1    # --help
```

Lateness counts from the event until the request reaches its receiver; the convention allows 1.5 s. A load is carried if 99 of 100 first
attempts are in time and no limit breaks. A dead receiver hangs: each attempt takes all its time. Ten messages share an invocation, which
lasts as long as the slowest, so a few dead receivers hold most invocations.

A load begins `running` (for hours; who hangs is known), `onset` (for hours; the dead begin to hang in the same second) or `idle` (at once,
on an idle stack).
";

const GROWTH: &str = "
## How a stack grows

As deployed, with one receiver in fifty dead and 100 changes in each API request; then ten and a hundred times as much. Below a load that is
not carried is the same load with the changes that carry it, or with all that were found; the list says which they are.

| Load, receivers (dead) | First attempts p50, p99 | Invocations | In flight | Ledger write units a second | Breaks first |
|---|---|---|---|---|---|
";

const NEEDS: &str = "
What an institution sets, and what it asks AWS for:

";

const IDLE: &str = "
## An event on an idle stack

Most institutions have so few events that each finds no environment, no copy of its receiver and no connection. From the event until its
request reaches a receiver 20 ms away; processor time is stretched to the share that the memory gives, also while Lambda starts the
environment.

| Memory of dispatch | p50 | p90 | p99 |
|---|--:|--:|--:|
";

const LARGE: &str = "
## 17,400 notifications a second to 58 receivers, 6 of them dead

The defaults do not carry it. One stack does with these changes, once it is known who hangs. If six of 58 begin to hang in the same second,
it takes three stacks, each with a third of the receivers.

| | One stack | Each of three stacks |
|---|---|---|
";

const LARGE_TABLE: &str = "
| Case | First attempts p50, p99, max | Of working receivers, p99 | Late until | Invocations (with full batches) | In flight | Breaks first |
|---|---|---|---|---|---|---|
";

const LARGE_AFTER: &str = "
One stack does not carry the onset: until the six are found out, two of three batches hold a message that hangs for 15 s. That takes some
18,000 invocations, but Lambda makes a thousand environments in 10 s, and at most 200 pollers stand ready. First attempts are late until the
backlog is done; nothing is lost. With 20 receivers, one that hangs soon exceeds a tenth of what is in flight, so SQS serves the others
first. Three stacks fit in one account.

A load needs what full batches take, and a tenth more. AWS does not say how it fills batches, so measure an onset before you rely on it.
";

const ASSUMED: &str = "
## Assumptions

AWS raises some limits on request; `--account-concurrency` and `--quota` take yours. AWS's pages were read on CHECKED, in stored
copies of unknown age; what is **not confirmed** was not found there.

";

/// Returns the page.
pub fn markdown(progress: &mut dyn FnMut(&Question, u64, u64)) -> String {
    let mut page = String::from(PREFACE);
    grows(&mut page, progress);
    idle(&mut page);
    large(&mut page, progress);
    assumptions(&mut page);
    page
}

fn question(load: Load, settings: Settings, begin: Begin, seconds: u64) -> Question {
    Question { load, settings, begin, seconds, seed: 1 }
}

fn grows(page: &mut String, progress: &mut dyn FnMut(&Question, u64, u64)) {
    page.push_str(GROWTH);
    let mut needs = String::new();
    for begin in [Begin::Running, Begin::Onset] {
        let asked = question(Load::alike(300.0, 50, 1), Settings::default(), begin, 120);
        for step in asked.growth(progress) {
            let load = &step.answer.question.load;
            let title = format!(
                "{}/s, {} ({}), `{}`",
                exact(load.rate),
                grouped(length(load.receivers.len())),
                grouped(length(load.dead())),
                begin.as_str()
            );
            writeln!(needs, "- {}/s, `{}`: {}.", exact(load.rate), begin.as_str(), step.needs()).ok();
            grown(page, title, &step.answer);
            if !step.answer.is_carried() {
                grown(page, "with the changes".to_owned(), &step.plan.answer);
            }
        }
    }
    page.push_str(NEEDS);
    page.push_str(&needs);
}

/// Shows how long an event takes that finds an idle stack, by the memory of dispatch.
fn idle(page: &mut String) {
    page.push_str(IDLE);
    for memory in [128, 256, 512] {
        let settings = Settings { memory, ..Settings::default() };
        let histogram = cold(&Load::alike(1.0, 1, 0), &settings, 1);
        let [p50, p90, p99] = [500, 900, 990].map(|of| millis(histogram.quantile(of)));
        row(page, &[format!("{memory} MB"), p50, p90, p99]);
    }
}

fn grown(page: &mut String, title: String, answer: &Answer) {
    let seen = &answer.observed;
    let [p50, p99] = [500, 990].map(|of| millis(seen.lateness.quantile(of)));
    row(
        page,
        &[
            title,
            format!("{p50}, {p99}"),
            grouped(seen.concurrency.1),
            grouped(seen.in_flight),
            grouped(seen.each_second.writes),
            breaks_first(answer),
        ],
    );
}

/// Settings that carry the large load: in one stack, or in each of three that share an account.
fn large_settings(mapping: Mapping, stacks: f64) -> Settings {
    let mut settings = Settings { mapping, ..Settings::default() };
    settings.quotas.concurrency = LARGE_CONCURRENCY / stacks;
    settings.quotas.table_writes = LARGE_WRITES;
    settings
}

/// Concurrent executions of the account for the large load.
const LARGE_CONCURRENCY: f64 = 10_000.0;
/// Write units of a table of the account for the large load.
const LARGE_WRITES: f64 = 65_000.0;

fn large(page: &mut String, progress: &mut dyn FnMut(&Question, u64, u64)) {
    page.push_str(LARGE);
    let (one, three) = (Mapping::Pollers(200, 750), Mapping::Pollers(200, 300));
    let (account, writes) = (grouped(LARGE_CONCURRENCY), grouped(LARGE_WRITES));
    let of_account = format!("{account} for all three");
    for [what, of_one, of_three] in [
        ["Load", "17,400/s, 58 receivers, 6 dead", "6,000/s, 20 receivers, 2 dead"],
        ["Parameters", &format!("`{one}`"), &format!("`{three}`")],
        ["Lambda \"Concurrent executions\" and `AccountConcurrency`", &account, &of_account],
        ["DynamoDB \"Table-level write throughput limit\"", &writes, "40,000 (default)"],
        [
            "Ledger table ready for",
            "55,000 write units a second",
            "20,000 (a new one: 4,000, or by `aws dynamodb update-table --warm-throughput`)",
        ],
        ["Changes in an API request", "100 (`ApiRateLimit` is 500)", "100"],
    ] {
        row(page, &[what.to_owned(), of_one.to_owned(), of_three.to_owned()]);
    }
    page.push_str(LARGE_TABLE);
    let whole = |dead| Load::alike(17_400.0, 58, dead);
    let third = || Load::alike(6_000.0, 20, 2);
    let of_one = || large_settings(one, 1.0);
    let of_three = || Settings {
        quotas: Granted {
            table_writes: Granted::default().table_writes,
            ..large_settings(three, 3.0).quotas
        },
        ..large_settings(three, 3.0)
    };
    let deployed = question(whole(6), Settings::default(), Begin::Running, 120).answer(progress);
    large_case(page, "As deployed, 6 dead", &deployed);
    let full = question(whole(6), of_one(), Begin::Running, 120).answer(progress);
    large_case(page, "One stack, 6 dead", &full);
    for (case, load, settings, begin, seconds) in [
        ("One stack, none dead", whole(0), of_one(), Begin::Idle, 120),
        ("One stack, 1 dead", whole(1), of_one(), Begin::Onset, 120),
        ("One stack, 6 dead", whole(6), of_one(), Begin::Onset, 900),
        ("Each of three, 2 dead", third(), of_three(), Begin::Running, 120),
        ("Each of three, 2 dead", third(), of_three(), Begin::Onset, 120),
        ("Each of three, 2 dead", third(), of_three(), Begin::Idle, 120),
    ] {
        large_case(page, case, &question(load, settings, begin, seconds).answer(progress));
    }
    let settings = Settings {
        ledger_writes: LedgerWrites::Lean,
        quotas: Granted { table_writes: Granted::default().table_writes, ..of_one().quotas },
        ..of_one()
    };
    let lean = question(whole(6), settings, Begin::Running, 120).answer(progress);
    large_case(page, "One stack, `LedgerWrites=lean`, 6 dead", &lean);
    page.push_str(LARGE_AFTER);
    lean_ledger(page, &full, &lean);
}

/// Describes the ledger's demand with one write.
fn lean_ledger(page: &mut String, full: &Answer, lean: &Answer) {
    let [before, now] = [full, lean].map(|answer| grouped(answer.observed.busiest.writes));
    let (reads, limit) =
        (grouped(lean.observed.busiest.ledger_reads), grouped(lean.question.settings.quotas.table_writes));
    writeln!(
        page,
        "\nWith `LedgerWrites=lean` the ledger takes {now} write and {reads} read units in each of the busiest ten seconds, not {before} \
         write units:\nwithin a table's default of {limit}. Attempts take as long, but the ledger no longer knows every request, and a fourth \
         may be sent\n([details](configuration.md#writing-the-ledger-once))."
    )
    .ok();
}

fn large_case(page: &mut String, case: &str, answer: &Answer) {
    let seen = &answer.observed;
    let [p50, p99, max] = [500, 990, 1000].map(|of| millis(seen.lateness.quantile(of)));
    let late_until = match seen.late_until {
        Some(second) if seen.left > seen.each_second.attempts => format!("the end, {} s", grouped(second)),
        Some(second) => format!("second {}", grouped(second)),
        None => "never".to_owned(),
    };
    // Full batches of a throttled load are not representative.
    let full = seen.with_full_batches().filter(|_| answer.is_carried());
    row(
        page,
        &[
            format!("{case}, `{}`", answer.question.begin.as_str()),
            format!("{p50}, {p99}, {max}"),
            millis(seen.of_working.quantile(990)),
            late_until,
            full.map_or_else(
                || grouped(seen.concurrency.1),
                |full| format!("{} ({})", grouped(seen.concurrency.1), grouped(full)),
            ),
            grouped(seen.in_flight),
            breaks_first(answer),
        ],
    );
}

fn breaks_first(answer: &Answer) -> String {
    answer.first_to_break().map_or_else(|| "nothing".to_owned(), |quota| lowered(quota.name))
}

fn assumptions(page: &mut String) {
    page.push_str(&ASSUMED.replace("CHECKED", CHECKED));
    for Assumption { name, value, unit, source } in ASSUMPTIONS {
        let source = match source {
            Source::Aws(title, url) => format!("[{title}]({url})"),
            Source::Unconfirmed(title, url, why) => format!("[{title}]({url}), **not confirmed**: {why}"),
            Source::Here(place) => format!("`{place}`"),
            Source::Assumed("") => "assumed".to_owned(),
            Source::Assumed(why) => format!("assumed: {why}"),
        };
        let space = if unit.is_empty() || unit.starts_with('/') { "" } else { " " };
        writeln!(page, "- {name}: {}{space}{unit} ({source})", exact(*value)).ok();
    }
    page.push_str("\nWhat it simplifies:\n\n");
    for simpler in SIMPLIFICATIONS {
        writeln!(page, "- {simpler}").ok();
    }
}

fn row(page: &mut String, cells: &[String]) {
    // Writing to a string never fails.
    writeln!(page, "| {} |", cells.join(" | ")).ok();
}
