//! The page `docs/benchmarks.md`, made of a report.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use crate::budget::{RATIO, Verdict, design_and_ours};
use crate::cold::share;
use crate::report::MAIN;
use crate::report::{ColdResult, DeadFigures, Report};

/// Writes the page.
pub(crate) fn markdown(report: &Report) -> String {
    let mut page = String::from(INTRODUCTION);
    key_figures(&mut page, report);
    budgets(&mut page, report);
    cases(&mut page, report);
    alone(&mut page, report);
    requests(&mut page, report);
    starts(&mut page, report);
    if let Some(dead) = &report.dead {
        dead_receiver(&mut page, dead);
    }
    method(&mut page, report);
    page + REPEAT
}

/// What a reader takes away who reads no further.
fn key_figures(page: &mut String, report: &Report) {
    let (Some(main), Some(start)) = (report.main_case(), report.start_of("dispatch")) else { return };
    let (ratio, to_presigned) = (main.ratio(), main.ratio_to_presigned());
    let requests: f64 = main.requests_per_notification.values().sum();
    line(
        page,
        &format!(
            "- **{:.0} µs** of processor time for a notification: {ratio:.1} times that of the floor, where the budget is {RATIO}, \
             and {to_presigned:.1} times that of one whose requests were signed in advance.\n\
             - **{requests:.2} requests** of dispatch to AWS for a notification.\n\
             - **{:.1} ms** from the start of dispatch's process until it asks for its first invocation.\n\n\
             The floor is a bare loop that makes and signs the same requests ([below](#by-case)). The first two figures are of the case \"{MAIN}\". All \
             were measured {} on {} cores ({}, {}, Linux {}).\n",
            main.dispatch.cpu_us,
            start.median_ms,
            report.measured_at,
            report.machine.cores,
            report.machine.processor,
            report.machine.architecture,
            report.machine.kernel,
        ),
    );
}

fn budgets(page: &mut String, report: &Report) {
    let (design, ours) = design_and_ours(report);
    let missed = design.iter().filter(|verdict| !verdict.is_met()).count();
    line(
        page,
        &format!(
            "## Budgets of the design\n\n{missed} of {} are missed. Where no case is named, it is \"{MAIN}\".\n",
            design.len()
        ),
    );
    table(page, "| What | Measured | Budget | |\n|---|--:|--:|---|", &design);
    line(
        page,
        "\n## Limits of our own\n\nA start that is this far from the floor's, or takes so much of a processor, has gone \
         wrong on any machine, so that the short form, which does not judge times, fails by it.\n",
    );
    table(page, "| What | Measured | Limit | |\n|---|--:|--:|---|", &ours);
}

fn table(page: &mut String, head: &str, verdicts: &[Verdict]) {
    line(page, head);
    for verdict in verdicts {
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
        line(page, &format!("- **{}**: {}", case.name, case.about));
    }
    line(
        page,
        "\n| Processor time, µs | Posts | Pre-signed | Floor | Ours | Ours to floor | Ours to pre-signed |\n|---|--:|--:|--:|--:|--:|--:|",
    );
    for case in &report.cases {
        line(
            page,
            &format!(
                "| {} | {:.0} | {:.0} | {:.0} | **{:.0}** | {:.2} | {:.2} |",
                case.name,
                case.floor_posts.cpu_us,
                case.floor_presigned.cpu_us,
                case.floor_signed.cpu_us,
                case.dispatch.cpu_us,
                case.ratio(),
                case.ratio_to_presigned(),
            ),
        );
    }
    line(page, SPEED);
    for case in &report.cases {
        let (ours, floor) = (&case.dispatch, &case.floor_signed);
        line(
            page,
            &format!(
                "| {} | {:.0} | {:.0} | {:.2} / {:.2} | {:.2} / {:.2} | {:.0} |",
                case.name,
                ours.per_second,
                ours.per_core_second,
                ours.p50_ms,
                ours.p99_ms,
                floor.p50_ms,
                floor.p99_ms,
                case.handshakes_per_1000,
            ),
        );
    }
}

/// What most notifications are, those that this machine could not play included.
fn alone(page: &mut String, report: &Report) {
    if report.cold.is_empty() {
        return;
    }
    line(page, ALONE);
    for cold in &report.cold {
        let name = format!("{}, {}", cold.what.title(), share(cold.memory_mb));
        let cells = match &cold.result {
            ColdResult::Measured(beside) => {
                let (ours, floor) = (&beside.dispatch, &beside.floor);
                format!(
                    "{:.1} | {:.1} | {:.2} | {:.0} | {:.0} | {:.2}",
                    ours.median_ms,
                    floor.median_ms,
                    beside.ratio_of_time(),
                    ours.cpu_us,
                    floor.cpu_us,
                    beside.ratio_of_cpu()
                )
            }
            ColdResult::Skipped(reason) => format!("skipped: {reason} | | | | |"),
        };
        line(page, &format!("| {name} | {cells} |"));
    }
    let (skipped, of) = report.skipped();
    line(page, &format!("\n{skipped} of {of} rows were skipped."));
}

fn requests(page: &mut String, report: &Report) {
    line(
        page,
        "\n## Requests to AWS, log and memory of dispatch\n\n\
         | Case | Requests for a notification | Log for a notification, bytes | Resident after the last round, MB | At most, MB |\n\
         |---|---|--:|--:|--:|",
    );
    for case in &report.cases {
        line(
            page,
            &format!(
                "| {} | {} | {:.0} | {:.1} | {:.1} |",
                case.name,
                list(&case.requests_per_notification),
                case.log_bytes_per_notification,
                case.resident_mb,
                case.most_resident_mb
            ),
        );
    }
    let intake = list(&report.intake_requests_per_change);
    line(page, &format!("\nIntake, for each state change of calls of 100 to 10 clients: {intake}.\n"));
}

fn list(requests: &BTreeMap<String, f64>) -> String {
    requests.iter().map(|(name, count)| format!("{name} {count:.3}")).collect::<Vec<_>>().join(", ")
}

fn starts(page: &mut String, report: &Report) {
    line(page, STARTS);
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
}

fn dead_receiver(page: &mut String, dead: &DeadFigures) {
    line(
        page,
        &format!(
            "\n## A dead receiver among {}\n\n{} notifications a second, {} environments, {} rounds of each, in turn. One receiver takes \
             connections and never answers, which dispatch has learnt before. From event to arrival at the others:\n\n\
             | | p50, ms | p99, ms | Environments at work at most |\n|---|--:|--:|--:|\n\
             | all answer | {:.2} | {:.2} | {} |\n| one is dead | {:.2} | {:.2} | {} |",
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

fn method(page: &mut String, report: &Report) {
    let rounds = report.cases.first().map_or(0, |case| case.rounds);
    line(page, METHOD);
    line(page, &format!("This run took {} s: {rounds} rounds of each case.\n", report.seconds));
}

fn line(page: &mut String, text: &str) {
    writeln!(page, "{text}").unwrap_or_default();
}

const INTRODUCTION: &str = "\
# What a notification costs in time and memory

`make bench-publish` writes this page from its own figures, [benchmarks.json](benchmarks.json). What a notification costs in money is
in [cost.md](cost.md).

";

const CASES: &str = "
## By case

![Processor time for a notification, by case](benchmarks.svg)

- *Posts*: a bare loop of hyper and rustls makes the same POSTs, with the same TLS settings, ten at once.
- *Pre-signed*: that loop also sends dispatch's two writes to the stand-in for AWS, each time with the same signature.
- *Floor*: that loop signs each write as it is sent, with dispatch's code.
- *Ours*: dispatch's release binary. It also queues failed notifications again, which no floor does.

The budget is held against the floor that signs. No real sender reaches the pre-signed one, as a signature is good for one body and five
minutes; the ratio to it shows what signing costs.

Processor time is that of the sending process alone. A load grows by environments, each of which works as this one does
([capacity](capacity.md#how-a-stack-grows)). The cases:
";

const SPEED: &str = "
One environment works through one batch of ten after the other. *A second*: on this machine, whose cores the receivers and the stand-in
for AWS share. *A core*: if one core did nothing else.

| | A second | A core, a second | p50 / p99, ms | Floor's p50 / p99, ms | Full handshakes for 1,000 |
|---|--:|--:|--:|--:|--:|";

const ALONE: &str = "
## One notification alone

What most notifications are: alone in their batch, over a connection that opens for them, often by a process that starts for them. The floor
makes as many requests to the stand-in for AWS, one after the other, and serves the same Runtime API. Time is counted until the receiver has
read the head of the request; processor time until then for a start, and for the whole invocation over a fresh connection. A share of a
processor is a quota of the kernel over periods of 100 ms.

| | Ours, ms | Floor, ms | Ours to floor | Ours, CPU µs | Floor, CPU µs | Ours to floor |
|---|--:|--:|--:|--:|--:|--:|";

const STARTS: &str = "\
## Start, memory and size

From the start of the process until it asks for its first invocation (`next`), and what it has in memory then.

| | Median, ms | At best, ms | Processor time, ms | Resident, MB | Binary, MB | Zip, MB |
|---|--:|--:|--:|--:|--:|--:|";

const METHOD: &str = "
## How it is measured

A driver plays everything around the release binaries, on loopback: the Runtime API of Lambda, which hands out batches of ten; DynamoDB,
SQS and Secrets Manager, answered from memory over plain HTTP; and receivers that demand the client certificate over TLS 1.3. Each round
starts new processes, because memory layout is worth some percent. They take turns of forty batches, so that a slow moment of the machine
slows all. The page shows medians of the rounds, and ratios of medians.

- Processor time is what the kernel counts of the process (`/proc/<pid>/task/*/schedstat`).
- From event to arrival: from handing out a batch until the receiver has read the head of the request. No batch waits in a queue.
- Requests, handshakes and bytes of the log include the few batches before each round. A busy environment reuses what it read of a
  receiver; one that seldom works reads for each notification.
- No revocation list is there, so each fresh connection logs some 480 bytes about the window of `RevocationWindowMinutes`.
- 20 ms away: half of it in each direction, and once more for opening a connection.

Not shown: TLS to AWS, the latency of AWS, the period over which Lambda shares a processor, and arm64 where it was run on x86_64.
";

const REPEAT: &str = "\
## How to repeat it

```sh
make bench                     # builds the release binaries first, which takes longer than measuring
make bench-check               # half a minute; judges requests, memory, sizes and ratios of starts alone, as CI does
make bench-publish             # measures, and writes this page, its figures and its picture
```

`bench.json` beside the release binaries keeps each case; a complete one can be published later
(`make bench BENCH=\"--from target/release/bench.json --publish docs\"`). Close what else runs.
";

#[cfg(test)]
mod tests {
    use super::*;
    use crate::budget::verdicts;
    use crate::made_up::{main_case, report};

    /// The rows of all tables, each as the heading above it and its cells.
    fn rows(page: &str) -> Vec<(String, Vec<String>)> {
        let (mut heading, mut table, mut rows) = ("", Vec::new(), Vec::new());
        for text in page.lines().chain([""]) {
            if text.starts_with('|') {
                table.push(cells(text));
                continue;
            }
            if let [head, rule, body @ ..] = table.as_slice() {
                assert!(rule.iter().all(|cell| cell.len() >= 3 && cell.trim_matches([':', '-']).is_empty()));
                assert!(!body.is_empty(), "a table under {heading:?} is empty");
                for row in [rule].into_iter().chain(body) {
                    assert_eq!(row.len(), head.len(), "{row:?} under {heading:?}");
                }
                rows.extend(body.iter().map(|row| (heading.to_owned(), row.clone())));
            }
            table.clear();
            heading = text.strip_prefix("## ").unwrap_or(heading);
        }
        rows
    }

    fn cells(row: &str) -> Vec<String> {
        let inner = row.strip_prefix('|').and_then(|row| row.strip_suffix('|')).expect(row);
        inner.split('|').map(|cell| cell.trim().to_owned()).collect()
    }

    fn under(page: &str, heading: &str) -> Vec<Vec<String>> {
        rows(page).into_iter().filter(|(above, _)| above == heading).map(|(_, row)| row).collect()
    }

    #[test]
    fn every_case_is_told_and_has_its_row_in_each_table_of_cases() {
        let report = report();
        let page = markdown(&report);
        for case in &report.cases {
            assert!(page.contains(&format!("- **{}**: {}\n", case.name, case.about)), "{page}");
            let named =
                |heading: &str| under(&page, heading).iter().filter(|row| row[0] == case.name).count();
            assert_eq!((named("By case"), named("Requests to AWS, log and memory of dispatch")), (2, 1));
        }
    }

    #[test]
    fn one_notification_alone_has_a_row_for_each_share_and_skips_are_counted() {
        let page = markdown(&report());
        let rows = under(&page, "One notification alone");
        assert_eq!(rows.len(), 6);
        let start =
            ["Start of the process to the first request at its receiver, full speed", "12.0", "10.2", "1.18"];
        assert_eq!(rows[0][..4], start);
        assert_eq!(rows[5][1], "skipped: no control group of processor time is mounted");
        assert!(page.contains("\n1 of 6 rows were skipped."), "{page}");
        // Of a report that was made before it was measured.
        let page = markdown(&Report { cold: Vec::new(), ..report() });
        assert!(!page.contains("One notification alone"), "{page}");
    }

    #[test]
    fn every_start_has_its_row_and_its_size() {
        let rows = under(&markdown(&report()), "Start, memory and size");
        let names: Vec<_> = rows.iter().map(|row| row[0].as_str()).collect();
        assert_eq!(names, ["dispatch", "intake", "directory", "evidence", "floor"]);
        assert_eq!(rows[1], ["intake", "6.3", "5.7", "5.0", "8.7", "7.90", "3.57"]);
        // The floor is not deployed.
        assert_eq!(rows[4][5..], ["", ""]);
    }

    #[test]
    fn every_budget_is_told_and_missed_ones_are_called_so() {
        let report = report();
        let page = markdown(&report);
        let shown = |heading: &str| -> Vec<_> {
            under(&page, heading).into_iter().map(|row| (row[0].clone(), row[3].clone())).collect()
        };
        let expected = |ours: bool| -> Vec<_> {
            let word = |verdict: &Verdict| if verdict.is_met() { "met" } else { "**missed**" }.to_owned();
            let all = verdicts(&report).into_iter().filter(|verdict| verdict.ours == ours);
            all.map(|verdict| (verdict.what.clone(), word(&verdict))).collect()
        };
        assert_eq!(shown("Budgets of the design"), expected(false));
        assert_eq!(shown("Limits of our own"), expected(true));
        // The ratio, and the zips of dispatch and directory.
        assert_eq!(page.matches("**missed**").count(), 3);
        assert!(page.contains("\n3 of 16 are missed."), "{page}");
    }

    #[test]
    fn a_budget_that_is_missed_by_little_is_not_called_met() {
        let mut report = report();
        main_case(&mut report).most_resident_mb = 15.01;
        let rows = under(&markdown(&report), "Budgets of the design");
        let row = rows.iter().find(|row| row[0].starts_with("Resident")).unwrap();
        assert_eq!(row[1..], ["15.01 MB", "15 MB", "**missed**"]);
    }

    #[test]
    fn the_page_begins_with_three_figures() {
        let page = markdown(&report());
        let (before, _) = page.split_once("\n## ").unwrap();
        let bold: Vec<_> =
            before.lines().filter_map(|text| text.strip_prefix("- **")?.split("**").next()).collect();
        assert_eq!(bold, ["145 µs", "2.00 requests", "8.1 ms"]);
        let ratios = "2.9 times that of the floor, where the budget is 1.75, and 3.2 times that of one whose requests were signed in advance.";
        assert!(before.contains(ratios), "{before}");
    }
}
