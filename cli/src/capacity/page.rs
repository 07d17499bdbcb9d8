//! The page `docs/capacity.md`: how a stack grows, the load of a large institution, and what the model assumes.

use std::fmt::Write as _;

use super::answer::{Answer, Question};
use super::assumptions::{ASSUMPTIONS, Assumption, CHECKED, SIMPLIFICATIONS, Source};
use super::format::{exact, grouped, millis};
use super::load::{Begin, Load, Mapping, Settings};
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

The template's defaults do not carry it, as the first line of the table says. These settings carry it once the dead receivers are
known, which takes the 15 s of their first attempts and seconds more:

";

const LARGE_TABLE: &str = "
| Settings | Dead | Begins | First attempts p50, p99, max | Of receivers that work, p99 | Late until | Invocations at a time | In flight | Breaks first |
|---|---|---|---|---|---|---|---|---|
";

const LARGE_AFTER: &str = "
What these settings do not carry is that all six begin to hang in the same second at full load. Until they are found out, two of three
batches hold a message that hangs for 15 s, which would take some 18,000 invocations within those seconds, and Lambda makes a
thousand environments in 10 s. First attempts to everybody are late then, until the pollers have grown and the backlog is done; nothing is
lost and no attempt is spent. One receiver that begins to hang is carried: its messages are soon so many of those in flight that SQS
serves the others first. No setting of the stack changes this; several stacks with a part of the receivers each do, as each has
pollers and environments of its own.
";

const ASSUMED: &str = "
## Assumptions

Every number that the model goes by. Paths are of this repository, those of `webhook`, `intake` under `functions`. AWS raises some of
these limits on request; the command takes yours (`--account-concurrency`, `--quota`).

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

/// The settings that carry the large load.
fn large_settings() -> Settings {
    let mut settings = Settings { mapping: Mapping::Pollers(200, 750), ..Settings::default() };
    settings.quotas.concurrency = 8_300.0;
    settings.quotas.table_writes = 65_000.0;
    settings
}

fn large(page: &mut String, progress: &mut dyn FnMut(&Question, u64, u64)) {
    page.push_str(LARGE);
    let changed = large_settings();
    for line in [
        format!("- parameters of the stack: `{}` (provisioned mode), `AccountConcurrency=8300`", changed.mapping),
        "- AWS Lambda, \"Concurrent executions\": 8,300, more where the account has other functions".to_owned(),
        "- Amazon DynamoDB, \"Table-level write throughput limit\": 65,000; and a ledger table that is ready for it: a new one takes \
         4,000, doubles within 30 minutes of use, or is made ready by `aws dynamodb update-table --warm-throughput`"
            .to_owned(),
        "- 100 state changes in each request to the API, so that 174 requests a second stay below `ApiRateLimit`".to_owned(),
    ] {
        writeln!(page, "{line}").ok();
    }
    page.push_str(LARGE_TABLE);
    let cases = [
        (Settings::default(), "as deployed", 6, Begin::Running, 120),
        (changed.clone(), "as above", 6, Begin::Running, 120),
        (changed.clone(), "as above", 0, Begin::Idle, 120),
        (changed.clone(), "as above", 1, Begin::Onset, 120),
        (changed, "as above", 6, Begin::Onset, 900),
    ];
    for (settings, which, dead, begin, seconds) in cases {
        let answer = question(Load::alike(17_400.0, 58, dead), settings, begin, seconds).answer(progress);
        let seen = &answer.observed;
        let [p50, p99, max] = [500, 990, 1000].map(|of| millis(seen.lateness.quantile(of)));
        row(
            page,
            &[
                which.to_owned(),
                dead.to_string(),
                format!("`{}`", begin.as_str()),
                format!("{p50}, {p99}, {max}"),
                millis(seen.of_working.quantile(990)),
                match seen.late_until {
                    Some(second) if seen.left > seen.each_second.attempts => {
                        format!("the end, {} s", grouped(second))
                    }
                    Some(second) => format!("second {}", grouped(second)),
                    None => "never".to_owned(),
                },
                grouped(seen.concurrency.1),
                grouped(seen.in_flight),
                breaks_first(&answer),
            ],
        );
    }
    page.push_str(LARGE_AFTER);
}

fn breaks_first(answer: &Answer) -> String {
    answer.first_to_break().map_or_else(|| "nothing".to_owned(), |quota| lowered(quota.name))
}

fn assumptions(page: &mut String) {
    page.push_str(ASSUMED);
    for Assumption { name, value, unit, source } in ASSUMPTIONS {
        let source = match source {
            Source::Aws(title, url) => format!("[{title}]({url}), {CHECKED}"),
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
