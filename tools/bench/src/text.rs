//! A report for a terminal.

use std::fmt::{self, Write as _};

use terminal::{Align, Table};

use crate::budget::{Verdict, design_and_ours};
use crate::cold::share;
use crate::report::{ColdResult, Report};

/// Writes a report as text.
pub fn text(report: &Report) -> String {
    let mut text = String::new();
    write(&mut text, report).expect("a string takes what is written");
    text
}

fn write(out: &mut String, report: &Report) -> fmt::Result {
    let mut columns = [Align::Right; 8];
    columns[0] = Align::Left;
    let mut table = Table::new(columns);
    table.row([
        "CPU µs a notification",
        "posts",
        "pre-signed",
        "floor",
        "ours",
        "a second",
        "and core",
        "p50 / p99 ms",
    ]);
    for case in &report.cases {
        let ours = &case.dispatch;
        table.row([
            case.name.clone(),
            format!("{:.1}", case.floor_posts.cpu_us),
            format!("{:.1}", case.floor_presigned.cpu_us),
            format!("{:.1}", case.floor_signed.cpu_us),
            format!("{:.1}", ours.cpu_us),
            format!("{:.0}", ours.per_second),
            format!("{:.0}", ours.per_core_second),
            format!("{:.2} / {:.2}", ours.p50_ms, ours.p99_ms),
        ]);
    }
    write!(out, "{table}")?;
    let mut table = Table::new([Align::Left, Align::Right, Align::Right, Align::Right, Align::Right]);
    table.row(["start, ms", "median", "at best", "of a processor", "MB"]);
    for start in &report.starts {
        let figures = [start.median_ms, start.least_ms, start.cpu_ms, start.resident_mb];
        let [median, least, cpu, resident] = figures.map(|figure| format!("{figure:.1}"));
        table.row([format!("start {}", start.name), median, least, cpu, resident]);
    }
    write!(out, "\n{table}")?;
    alone(out, report)?;
    if let Some(dead) = &report.dead {
        writeln!(
            out,
            "\na dead receiver among {}: p99 of the others {:.2} ms, {:.2} ms while all answer",
            dead.receivers, dead.one_dead_ms.1, dead.all_answer_ms.1
        )?;
    }
    let (design, ours) = design_and_ours(report);
    for (title, verdicts) in [("budgets of the design", design), ("limits of our own", ours)] {
        let mut table =
            Table::new([Align::Left, Align::Left, Align::Right, Align::Left, Align::Right, Align::Left]);
        for verdict in &verdicts {
            table.row(row(verdict));
        }
        write!(out, "\n{title}\n{table}")?;
    }
    let partial = if report.complete { "" } else { ", partial: not everything was measured" };
    let short = if report.short { ", short form: figures of time say little" } else { "" };
    writeln!(out, "\n{} s{short}{partial}", report.seconds)
}

/// One notification alone, those that were skipped included.
fn alone(out: &mut String, report: &Report) -> fmt::Result {
    let mut columns = [Align::Right; 8];
    columns[0] = Align::Left;
    columns[7] = Align::Left;
    let mut table = Table::new(columns);
    table.row(["alone", "ours ms", "floor ms", "ratio", "ours CPU µs", "floor CPU µs", "ratio", ""]);
    for cold in &report.cold {
        let name = format!("{}, {}", cold.what.title(), share(cold.memory_mb));
        match &cold.result {
            ColdResult::Measured(beside) => {
                let (ours, floor) = (&beside.dispatch, &beside.floor);
                table.row([
                    name,
                    format!("{:.2}", ours.median_ms),
                    format!("{:.2}", floor.median_ms),
                    format!("{:.2}", beside.ratio_of_time()),
                    format!("{:.0}", ours.cpu_us),
                    format!("{:.0}", floor.cpu_us),
                    format!("{:.2}", beside.ratio_of_cpu()),
                    String::new(),
                ]);
            }
            ColdResult::Skipped(reason) => {
                let mut cells = [const { String::new() }; 8];
                cells[0] = name;
                cells[7] = format!("skipped: {reason}");
                table.row(cells);
            }
        }
    }
    if report.cold.is_empty() {
        return Ok(());
    }
    let (skipped, of) = report.skipped();
    writeln!(out, "\n{table}{skipped} of {of} skipped")
}

fn row(verdict: &Verdict) -> [String; 6] {
    let word = if verdict.is_met() { "met" } else { "MISSED" };
    [
        word.to_owned(),
        verdict.what.clone(),
        format!("{:.2}", verdict.measured),
        "of".to_owned(),
        verdict.budget.to_string(),
        verdict.unit.to_owned(),
    ]
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::budget::verdicts;
    use crate::made_up;

    #[test]
    fn every_case_start_and_verdict_has_its_line() {
        let report = made_up::report();
        let text = text(&report);
        let begins = |start: &str| text.lines().filter(|line| line.starts_with(start)).count();
        assert!(report.cases.iter().all(|case| begins(&format!("{:22} ", case.name)) == 1), "{text}");
        assert!(report.starts.iter().all(|start| begins(&format!("start {} ", start.name)) == 1), "{text}");
        assert!(report.cold.iter().all(|cold| text.contains(&share(cold.memory_mb))), "{text}");
        assert!(text.contains("skipped: no control group") && text.contains("1 of 6 skipped"), "{text}");
        let missed = verdicts(&report).iter().filter(|verdict| !verdict.is_met()).count();
        assert_eq!((begins("MISSED"), begins("met")), (missed, verdicts(&report).len() - missed));
    }

    #[test]
    fn a_partial_report_is_called_so() {
        assert!(!text(&made_up::report()).contains("partial"));
        let partial = Report { complete: false, dead: None, cases: Vec::new(), ..made_up::report() };
        assert!(text(&partial).contains("partial"));
    }
}
