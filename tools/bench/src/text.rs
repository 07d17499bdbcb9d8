//! A report for a terminal.

use std::fmt::{self, Write as _};

use crate::budget::{Verdict, design_and_ours};
use crate::report::Report;

/// Writes a report as text.
pub fn text(report: &Report) -> String {
    let mut text = String::new();
    write(&mut text, report).expect("a string takes what is written");
    text
}

fn write(out: &mut String, report: &Report) -> fmt::Result {
    writeln!(out, "{:22} {:>37} {:>17} {:>17}", "", "CPU µs a notification", "a second", "p50 / p99 ms")?;
    writeln!(
        out,
        "{:22} {:>8} {:>10} {:>8} {:>8} {:>8} {:>8} {:>17}",
        "", "posts", "pre-signed", "floor", "ours", "", "a core", ""
    )?;
    for case in &report.cases {
        let ours = &case.dispatch;
        writeln!(
            out,
            "{:22} {:>8.1} {:>10.1} {:>8.1} {:>8.1} {:>8.0} {:>8.0} {:>17}",
            case.name,
            case.floor_posts.cpu_us,
            case.floor_presigned.cpu_us,
            case.floor_signed.cpu_us,
            ours.cpu_us,
            ours.per_second,
            ours.per_core_second,
            format!("{:.2} / {:.2}", ours.p50_ms, ours.p99_ms),
        )?;
    }
    writeln!(out)?;
    for start in &report.starts {
        writeln!(
            out,
            "start {:12} {:>6.1} ms ({:.1} at best, {:.1} of a processor), {:.1} MB",
            start.name, start.median_ms, start.least_ms, start.cpu_ms, start.resident_mb
        )?;
    }
    if let Some(dead) = &report.dead {
        writeln!(
            out,
            "\na dead receiver among {}: p99 of the others {:.2} ms, {:.2} ms while all answer",
            dead.receivers, dead.one_dead_ms.1, dead.all_answer_ms.1
        )?;
    }
    let (design, ours) = design_and_ours(report);
    for (title, verdicts) in [("budgets of the design", design), ("limits of our own", ours)] {
        writeln!(out, "\n{title}")?;
        verdicts.iter().try_for_each(|verdict| line(out, verdict))?;
    }
    let partial = if report.complete { "" } else { ", partial: not everything was measured" };
    let short = if report.short { ", short form: figures of time say little" } else { "" };
    writeln!(out, "\n{} s{short}{partial}", report.seconds)
}

fn line(out: &mut String, verdict: &Verdict) -> fmt::Result {
    let word = if verdict.is_met() { "met" } else { "MISSED" };
    writeln!(
        out,
        "{word:6}  {:66} {:>8.2} of {} {}",
        verdict.what, verdict.measured, verdict.budget, verdict.unit
    )
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
