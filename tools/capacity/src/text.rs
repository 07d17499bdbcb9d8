//! The answer as text for a terminal.

use std::fmt::Write as _;

use convention::delivery::LedgerWrites;
use terminal::{Align, Table};

use super::answer::{Answer, Plan};
use super::assumptions::MEMORY;
use super::format::{exact, grouped, lowered, millis, percent};
use super::growth::Growth;
use super::load::{Begin, ChangeSource};
use super::model::{Histogram, cold};
use super::numbers::{length, real};
use super::question::Question;

/// Maximum number of unbroken limits to print.
const MAX_SHOWN: usize = 6;

/// Writes the answer to one question.
pub(super) fn answer(text: &mut String, answer: &Answer) {
    let seen = &answer.observed;
    line(text, &format!("{}.", title(answer)));
    line(text, &format!("Settings: {}.\n", settings(answer)));
    let mut table = Table::new([Align::Left, Align::Right, Align::Right, Align::Right]).indented(2);
    table.row(["First attempts arrive after", "p50", "p99", "max"]);
    table.row(lateness("all", &seen.lateness));
    table.row(lateness("of receivers that work", &seen.of_working));
    let late = real(seen.lateness.beyond(Answer::due())) / real(seen.lateness.total().max(1));
    let until = seen.late_until.map_or_else(String::new, |second| {
        format!("; the last in second {} of {}", grouped(second), answer.question.seconds)
    });
    line(text, &format!("{table}  later than 1.5 s: {:.2} %{until}\n", late * 100.0));
    let rows = [
        (
            "Invocations of dispatch at a time",
            format!("{} in the mean, {} at most", grouped(seen.concurrency.0), grouped(seen.concurrency.1)),
        ),
        ("  were all batches full", seen.with_full_batches().map_or_else(|| "few are".to_owned(), grouped)),
        ("Messages in an invocation", format!("{:.1}", seen.batch)),
        ("Environments used", grouped(seen.environments)),
        ("Messages in flight at most", grouped(seen.in_flight)),
        ("Messages waiting at most", format!("{}; {} in the end", grouped(seen.backlog), grouped(seen.left))),
        ("Attempts a second", grouped(seen.each_second.attempts)),
        ("Write units of the ledger a second", grouped(seen.each_second.writes)),
        ("Read units of the ledger a second", grouped(seen.each_second.ledger_reads)),
        ("Reads of receivers a second", grouped(seen.each_second.reads)),
        ("Full handshakes a second", grouped(seen.each_second.handshakes)),
    ];
    let mut table = Table::new([Align::Left; 2]).indented(2);
    for (name, value) in rows {
        table.row([name, &value]);
    }
    line(text, &table.to_string());
    let mut table = Table::new([Align::Left, Align::Right, Align::Right, Align::Right]);
    table.row(["  Limits", "needed", "limit", "used"]);
    let mut held = 0;
    for quota in &answer.quotas {
        held += usize::from(!quota.breaks);
        if quota.breaks || held <= MAX_SHOWN {
            let mark = if quota.breaks { "!" } else { " " };
            let (needed, limit) = (grouped(quota.needed), exact(quota.limit));
            table.row([format!("{mark} {}", quota.name), needed, limit, percent(quota.used())]);
        }
    }
    line(text, &table.to_string());
}

/// Writes whether the load is carried, what breaks first, and the changes that carry it.
pub(super) fn verdict(text: &mut String, answer: &Answer, plan: &Plan) {
    let p99 = millis(answer.observed.lateness.quantile(990));
    if answer.is_carried() {
        return line(
            text,
            &format!("Carried: 99 of 100 first attempts arrive within {p99}; 1.5 s are allowed."),
        );
    }
    line(
        text,
        &if answer.is_in_time() {
            format!("Not carried, as a limit breaks, though 99 of 100 first attempts arrive in time ({p99}).")
        } else {
            format!("Not carried: 99 of 100 first attempts arrive within {p99}, and 1.5 s are allowed.")
        },
    );
    match answer.first_to_break() {
        Some(quota) => {
            line(text, &format!("First to break: {}.", lowered(quota.name)));
            line(text, &format!("  change: {}", quota.change));
            if let Some(or) = &quota.or {
                line(text, &format!("  or: {or}"));
            }
        }
        None => line(
            text,
            "No limit breaks: the way itself takes so long (--answer-ms, --rtt-ms, --cpu-us, --memory).",
        ),
    }
    if plan.changes.is_empty() {
        return;
    }
    let then = millis(plan.answer.observed.lateness.quantile(990));
    line(
        text,
        &if plan.answer.is_carried() {
            format!("It is carried, 99 of 100 within {then}, with all of these:")
        } else {
            format!("No change found here carries it. With all of these, 99 of 100 arrive within {then}:")
        },
    );
    for change in &plan.changes {
        line(text, &format!("  {change}"));
    }
    if let Some(quota) = plan.answer.first_to_break() {
        line(text, &format!("What remains: {}.\n  {}", lowered(quota.name), quota.change));
        if let Some(or) = &quota.or {
            line(text, &format!("  or: {or}"));
        }
    }
}

/// Writes how long an event takes that finds an idle stack.
pub(super) fn idle(text: &mut String, question: &Question) {
    let histogram = cold(&question.load, &question.settings, question.seed);
    let [p50, p99] = [500, 990].map(|of| millis(histogram.quantile(of)));
    let memory = question.settings.memory;
    line(
        text,
        &format!(
            "On an idle stack, with {memory} MB: an event reaches its receiver within {p50} (p50), {p99} (p99)."
        ),
    );
}

/// Writes the growth.
pub(super) fn growth(text: &mut String, growth: &[Growth]) {
    let mut columns = [Align::Right; 8];
    columns[7] = Align::Left;
    let mut table = Table::new(columns).indented(2);
    table.row(["", "a second", "receivers", "p99", "invocations", "in flight", "writes/s", "breaks first"]);
    for row in growth {
        let load = &row.answer.question.load;
        let [rate, receivers] = [load.rate, length(load.receivers.len())].map(grouped);
        let carried = row.answer.is_carried();
        table.row(grown([format!("{}x", row.factor), rate, receivers], &row.answer, ""));
        if !carried {
            let still = if row.plan.answer.is_carried() { "" } else { ": not carried even then" };
            table.row(grown(["then".to_owned(), String::new(), String::new()], &row.plan.answer, still));
        }
    }
    line(text, &format!("\nGrowth\n{}\n", table.to_string().trim_end()));
    for row in growth {
        line(text, &format!("  {:>4}: {}", format!("{}x", row.factor), row.needs()));
    }
}

/// One row: of which load, what comes of it, and what breaks first with what is said of that.
fn grown([factor, rate, receivers]: [String; 3], answer: &Answer, note: &str) -> [String; 8] {
    let seen = &answer.observed;
    let breaks = answer.first_to_break().map_or("nothing", |quota| quota.name);
    [
        factor,
        rate,
        receivers,
        millis(seen.lateness.quantile(990)),
        grouped(seen.concurrency.1),
        grouped(seen.in_flight),
        grouped(seen.each_second.writes),
        format!("{breaks}{note}"),
    ]
}

/// Describes the load.
pub(super) fn title(answer: &Answer) -> String {
    let load = &answer.question.load;
    let dead = match load.dead() {
        0 => String::new(),
        dead => format!(", {} of them dead", grouped(length(dead))),
    };
    let failing = if load.failing > 0.0 {
        format!(", {:.1} % of attempts refused", load.failing * 100.0)
    } else {
        String::new()
    };
    let begin = match answer.question.begin {
        Begin::Running => "after hours of it",
        Begin::Onset => "from the second in which the dead begin to hang",
        Begin::Idle => "all at once, on an idle stack",
    };
    let receivers = grouped(length(load.receivers.len()));
    format!("{} notifications a second to {receivers} receivers{dead}{failing}, {begin}", exact(load.rate))
}

/// Describes the settings.
pub(super) fn settings(answer: &Answer) -> String {
    let settings = &answer.question.settings;
    let mut parts = vec![settings.mapping.to_string()];
    parts.push(format!("{} concurrent executions", grouped(settings.quotas.concurrency)));
    if (real(settings.memory) - MEMORY.value).abs() > 0.5 {
        parts.push(format!("{} MB", settings.memory));
    }
    parts.push(match (answer.question.load.source, answer.question.load.changes_per_request) {
        (ChangeSource::Api, 1) => "1 change in each request".to_owned(),
        (ChangeSource::Api, changes) => format!("{changes} changes in each request"),
        (ChangeSource::Queue, _) => "changes by a queue".to_owned(),
        (ChangeSource::Stream, _) => "changes by a stream".to_owned(),
    });
    for (is_so, what) in [
        (settings.window > 0.0, "DispatchBatchingWindow=1"),
        (settings.ledger_writes == LedgerWrites::Lean, "LedgerWrites=lean"),
        (settings.kms, "keys in KMS"),
        (settings.evidence, "evidence"),
        (settings.new_tables, "new tables"),
    ] {
        if is_so {
            parts.push(what.to_owned());
        }
    }
    parts.join(", ")
}

fn lateness(name: &str, histogram: &Histogram) -> [String; 4] {
    let [p50, p99, max] = [500, 990, 1000].map(|of| millis(histogram.quantile(of)));
    [name.to_owned(), p50, p99, max]
}

fn line(text: &mut String, line: &str) {
    // Writing to a string never fails.
    writeln!(text, "{line}").ok();
}
