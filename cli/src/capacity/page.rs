//! The page `docs/capacity.md`: how a stack grows, the load of a large institution, and what the model assumes.

use std::fmt::Write as _;

use webhook::delivery::LedgerWrites;

use super::answer::{Answer, Question};
use super::assumptions::{ASSUMPTIONS, Assumption, CHECKED, SIMPLIFICATIONS, Source};
use super::format::{exact, grouped, millis};
use super::load::{Begin, Granted, Load, Mapping, Settings};
use super::numbers::length;
use super::text::lowered;

const PREFACE: &str = "# Capacity

Made by `make capacity` from the model in `cli/src/capacity`; a test holds the two equal. No figure here was measured on AWS: a
model of events plays the stack in simulated time, under the limits that AWS documents and the [assumptions](#assumptions) below.

```sh
arauto capacity --rate 300 --receivers 50 --dead 1          # your load; --help has all there is to set
```

Lateness is counted from the event until the request has arrived at its receiver. The convention allows 1.5 s; a load counts as
carried if 99 of 100 first attempts arrive within that and no limit breaks. A dead receiver is the worst there is, one that hangs:
each attempt takes all the time that it is granted. Ten messages of all receivers share an invocation, which lasts as long as its
slowest message, so a few dead receivers hold most invocations: that is what a large load needs concurrency for.

A load begins in one of three ways. `running`: it has run for hours, and who hangs is known to hang. `onset`: it has run for hours,
and the dead receivers begin to hang all in the same second, which nobody knows yet. `idle`: all of it comes at once upon a stack
that had nothing to do.
";

const GROWTH: &str = "
## How a stack grows

As the template deploys it, one receiver in fifty dead, one hundred changes in each request to the API; then ten and a hundred times
the load and the receivers. The second line of a load that is not carried has the changes that carry it, or all that were found.

| Load, receivers (dead) | Begins | First attempts p50, p99 | Invocations at a time | In flight | Ledger write units a second | Breaks first |
|---|---|---|---|---|---|---|
";

const LARGE: &str = "
## 17,400 notifications a second to 58 receivers, 6 of them dead

The template's defaults do not carry it, as the first line below says. One stack carries it with these changes, once it is known who
hangs. That six of 58 begin to hang in the same second it does not carry: three stacks do, each with a third of the receivers.

| | One stack | Each of three stacks |
|---|---|---|
";

const LARGE_TABLE: &str = "
| Case | Begins | First attempts p50, p99, max | Of receivers that work, p99 | Late until | Invocations at a time | In flight | Breaks first |
|---|---|---|---|---|---|---|---|
";

const LARGE_AFTER: &str = "
Why one stack does not carry the onset: until the six are found out, two of three batches hold a message that hangs for 15 s, which
would take some 18,000 invocations within those seconds; Lambda makes a thousand environments in 10 s, and no more than 200 pollers
stand ready for a queue. First attempts to everybody are late then until the pollers have grown and the backlog is done. Nothing is
lost, and no attempt is spent. In a stack of 20 receivers the messages of one that hangs are soon more than a tenth of those in
flight, so SQS serves the others first, and the environments suffice. Three stacks may be in one account: nothing has a physical
name. Each client's changes and registrations go to the API of its stack.

In the model, pollers use all the invocations there are, as each takes what it finds; what a load needs is what full batches take, and
a tenth more. That batches are small while there are invocations to spare is also what lets SQS tell a receiver that hangs from
those that share its batches: AWS does not say how it fills them, so measure an onset before you rely on it.
";

const ASSUMED: &str = "
## Assumptions

Every number that the model goes by. Paths are of this repository, those of `webhook`, `intake` under `functions`. AWS raises some of
these limits on request; the command takes yours (`--account-concurrency`, `--quota`). A date says when AWS's page was read, in a stored
copy of it whose own age is not known; what is **not confirmed** was not found on the page as it is now.

| What | How much | Source |
|---|---|---|
";

/// Returns the page.
pub fn markdown(progress: &mut dyn FnMut(&Question, u64, u64)) -> String {
    let mut page = String::from(PREFACE);
    grows(&mut page, progress);
    large(&mut page, progress);
    assumptions(&mut page);
    page
}

fn question(load: Load, settings: Settings, begin: Begin, seconds: u64) -> Question {
    Question { load, settings, begin, seconds, seed: 1 }
}

fn grows(page: &mut String, progress: &mut dyn FnMut(&Question, u64, u64)) {
    page.push_str(GROWTH);
    for begin in [Begin::Running, Begin::Onset] {
        let asked = question(Load::alike(300.0, 50, 1), Settings::default(), begin, 120);
        for step in asked.growth(progress) {
            grown(page, &step.answer, &[]);
            if !step.answer.is_carried() {
                let changes: Vec<_> = step.plan.changes.iter().map(ToString::to_string).collect();
                grown(page, &step.plan.answer, &changes);
            }
        }
    }
}

fn grown(page: &mut String, answer: &Answer, changes: &[String]) {
    let (load, seen) = (&answer.question.load, &answer.observed);
    let title = match changes {
        [] => format!(
            "{} a second, {} ({})",
            exact(load.rate),
            grouped(length(load.receivers.len())),
            grouped(length(load.dead()))
        ),
        changes => format!("with {}", changes.join("; ")),
    };
    let [p50, p99] = [500, 990].map(|of| millis(seen.lateness.quantile(of)));
    row(
        page,
        &[
            title,
            format!("`{}`", answer.question.begin.as_str()),
            format!("{p50}, {p99}"),
            grouped(seen.concurrency.1),
            grouped(seen.in_flight),
            grouped(seen.each_second.writes),
            breaks_first(answer),
        ],
    );
}

/// The settings that carry the large load: of one stack, or of each of three, which share an account.
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
        ["Load", "17,400 a second to 58 receivers, 6 dead", "6,000 a second to 20 receivers, 2 dead"],
        ["Parameters of the stack (provisioned mode)", &format!("`{one}`"), &format!("`{three}`")],
        ["AWS Lambda, \"Concurrent executions\", and `AccountConcurrency`", &account, &of_account],
        ["Amazon DynamoDB, \"Table-level write throughput limit\"", &writes, "40,000, the default"],
        [
            "Ledger table",
            "ready for 55,000 write units a second",
            "ready for 20,000: a new one takes 4,000, twice its peak within 30 minutes, or what `aws dynamodb update-table \
             --warm-throughput` says",
        ],
        ["State changes in each request to the API", "100, as `ApiRateLimit` is 500", "100"],
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
        ("Each of three stacks, 2 dead", third(), of_three(), Begin::Running, 120),
        ("Each of three stacks, 2 dead", third(), of_three(), Begin::Onset, 120),
        ("Each of three stacks, 2 dead", third(), of_three(), Begin::Idle, 120),
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

/// Says what the ledger takes if it is written once.
fn lean_ledger(page: &mut String, full: &Answer, lean: &Answer) {
    let [before, now] = [full, lean].map(|answer| grouped(answer.observed.busiest.writes));
    let (reads, limit) =
        (grouped(lean.observed.busiest.ledger_reads), grouped(lean.question.settings.quotas.table_writes));
    writeln!(
        page,
        "\nWith `LedgerWrites=lean` the ledger takes {now} write units in each of the busiest ten seconds instead of {before}, and {reads} \
         read units:\nbelow the {limit} that a table has by default, as the last line above has it. Attempts take as long as with `full`, as \
         the ledger is\nread where it was written, and those that fail are written as ever. It gives something up: the ledger no longer \
         knows every request,\nand a fourth may be sent ([what that means](../infra/README.md#the-ledger-written-once))."
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
    // Of a load that is held down, full batches say nothing.
    let full = seen.with_full_batches().filter(|_| answer.is_carried());
    row(
        page,
        &[
            case.to_owned(),
            format!("`{}`", answer.question.begin.as_str()),
            format!("{p50}, {p99}, {max}"),
            millis(seen.of_working.quantile(990)),
            late_until,
            full.map_or_else(
                || grouped(seen.concurrency.1),
                |full| format!("{} ({} with full batches)", grouped(seen.concurrency.1), grouped(full)),
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
    page.push_str(ASSUMED);
    for Assumption { name, value, unit, source } in ASSUMPTIONS {
        let source = match source {
            Source::Aws(title, url) => format!("[{title}]({url}), {CHECKED}"),
            Source::Unconfirmed(title, url, why) => format!("[{title}]({url}), **not confirmed**: {why}"),
            Source::Here(place) => format!("`{place}`"),
            Source::Assumed("") => "assumed".to_owned(),
            Source::Assumed(why) => format!("assumed: {why}"),
        };
        let space = if unit.is_empty() || unit.starts_with('/') { "" } else { " " };
        row(page, &[(*name).to_owned(), format!("{}{space}{unit}", exact(*value)), source]);
    }
    page.push_str("\nWhat it makes simpler than it is:\n\n");
    for simpler in SIMPLIFICATIONS {
        writeln!(page, "- {simpler}").ok();
    }
}

fn row(page: &mut String, cells: &[String]) {
    // A string takes whatever is written to it.
    writeln!(page, "| {} |", cells.join(" | ")).ok();
}
