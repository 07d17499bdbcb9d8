//! The page `docs/benchmarks.md`, made of a report.

use std::fmt::Write as _;

use crate::budget::verdicts;
use crate::report::Report;

/// Writes the page.
pub fn markdown(report: &Report) -> String {
    let mut page = String::from(INTRODUCTION);
    let machine = &report.machine;
    let rounds = report.cases.first().map_or(0, |case| case.rounds);
    line(
        &mut page,
        &format!(
            "Measured {} on {} cores ({}, {}, Linux {}), in {} s: {rounds} alternating rounds of each case, medians of the rounds.\n",
            report.measured_at,
            machine.cores,
            machine.processor,
            machine.architecture,
            machine.kernel,
            report.seconds
        ),
    );
    line(&mut page, "![Processor time for a notification, by case](benchmarks.svg)\n");
    budgets(&mut page, report);
    cases(&mut page, report);
    rest(&mut page, report);
    page + METHOD
}

fn budgets(page: &mut String, report: &Report) {
    line(page, "## The budgets\n\n| What | Measured | Budget | |\n|---|---|---|---|");
    for verdict in verdicts(report) {
        let word = if verdict.is_met() { "met" } else { "**missed**" };
        line(
            page,
            &format!(
                "| {} | {:.2} {unit} | {} {unit} | {word} |",
                verdict.what,
                verdict.measured,
                verdict.budget,
                unit = verdict.unit
            ),
        );
    }
}

fn cases(page: &mut String, report: &Report) {
    line(page, CASES);
    for case in &report.cases {
        let ours = &case.dispatch;
        line(
            page,
            &format!(
                "| {}: {} | {:.0} | {:.0} | **{:.0}** | {:.2} | {:.0} | {:.0} | {:.2} / {:.2} | {:.2} / {:.2} | {:.0} |",
                case.name,
                case.about,
                case.floor_posts.cpu_us,
                case.floor_full.cpu_us,
                ours.cpu_us,
                ours.cpu_us / case.floor_full.cpu_us,
                ours.per_second,
                ours.per_core_second,
                ours.p50_ms,
                ours.p99_ms,
                case.floor_full.p50_ms,
                case.floor_full.p99_ms,
                case.handshakes_per_1000,
            ),
        );
    }
    line(
        page,
        "\n| Case | Requests of dispatch to AWS for a notification | Log, bytes | Resident, MB |\n|---|---|---|---|",
    );
    for case in &report.cases {
        let requests: Vec<_> =
            case.requests_per_notification.iter().map(|(name, count)| format!("{name} {count:.3}")).collect();
        line(
            page,
            &format!(
                "| {} | {} | {:.0} | {:.1}, at most {:.1} |",
                case.name,
                requests.join(", "),
                case.log_bytes_per_notification,
                case.resident_mb,
                case.most_resident_mb
            ),
        );
    }
    let intake: Vec<_> =
        report.intake_requests_per_change.iter().map(|(name, count)| format!("{name} {count:.3}")).collect();
    line(
        page,
        &format!("\nIntake, for each state change of calls of 100 to 10 clients: {}.\n", intake.join(", ")),
    );
}

fn rest(page: &mut String, report: &Report) {
    line(
        page,
        "## Start, memory and size\n\n| | Start to first `next`, ms | at best | of a processor | Resident then, MB | Binary, MB | Zip, MB |\n|---|---|---|---|---|---|---|",
    );
    for start in &report.starts {
        let size = report.sizes.iter().find(|size| size.name == start.name);
        let (binary, zip) = size.map_or_else(Default::default, |size| {
            (format!("{:.2}", size.binary_mb), format!("{:.2}", size.zip_mb))
        });
        line(
            page,
            &format!(
                "| {} | {:.1} | {:.1} | {:.1} | {:.1} | {binary} | {zip} |",
                start.name, start.median_ms, start.least_ms, start.cpu_ms, start.resident_mb
            ),
        );
    }
    let dead = &report.dead;
    line(
        page,
        &format!(
            "\n## A dead receiver among {}\n\n{} notifications a second, {} environments, {} rounds of each, in turn. One receiver takes \
             connections and never answers, and is known to; the others' time from event to arrival:\n\n\
             | | p50, ms | p99, ms | Environments at work at most |\n|---|---|---|---|\n\
             | all answer | {:.2} | {:.2} | {} |\n| one is dead | {:.2} | {:.2} | {} |\n",
            dead.receivers,
            dead.rate,
            dead.environments,
            dead.rounds,
            dead.all_answer_ms.0,
            dead.all_answer_ms.1,
            dead.most_busy.0,
            dead.one_dead_ms.0,
            dead.one_dead_ms.1,
            dead.most_busy.1,
        ),
    );
}

fn line(page: &mut String, text: &str) {
    writeln!(page, "{text}").unwrap_or_default();
}

const INTRODUCTION: &str = "\
# What a notification costs in time and memory

This page is written by `make bench`, from the figures in [benchmarks.json](benchmarks.json). What one costs in money is in
[cost.md](cost.md).

";

const CASES: &str = "
## By case

*Posts* is the first floor: a bare loop of hyper and rustls that makes the same POSTs to the same receivers, with the same TLS
settings and the same ten at once. *Floor* is that loop with as many requests to the stand-in for AWS as dispatch makes, signed in
advance. *Ours* is dispatch's release binary. Processor time is that of the sending process alone.

| Case | Posts, µs | Floor, µs | Ours, µs | Ours to floor | Notifications a second | on a whole core | p50 / p99, ms | of the floor | Handshakes for 1,000 |
|---|---|---|---|---|---|---|---|---|---|";

const METHOD: &str = "\
## How it is measured

A driver plays everything around the release binaries, on loopback: the Runtime API of Lambda, which hands out batches of ten, one
after the other; DynamoDB, SQS and Secrets Manager, answered from memory over plain HTTP, every request counted; and receivers that
demand the client certificate over TLS 1.3. In each round dispatch and both floors send equally many notifications, in turn, after a
warm-up; what stands here are medians of the rounds, and every ratio is one of such medians. Processor time is what the kernel counts
of the process (`/proc/<pid>/task/*/schedstat`), so the work of driver and receivers is not in it. From event to arrival: from the moment
a batch is handed out until the receiver has read the head of the request; the queue's part is not in it. A distance of 20 ms is
added to each direction by half, and once more for opening a connection.

What it does not show: TLS between the functions and AWS (both floors and dispatch talk to the stand-in without), the latency of AWS,
the share of a processor that 256 MB of Lambda get (about a seventh), and arm64 where it was run on x86_64.

## How to repeat it

```sh
make bench                     # builds the release binaries first, which takes longer than measuring
make bench BENCH=\"--short\"     # a minute; judges requests, sizes and ratios of starts alone
make bench-publish             # measures, and writes this page, its figures and its picture
```

Close what else runs: a busy machine makes all of it slower, dispatch and floors alike.
";
