//! The report as a table for people.

use std::fmt::Write as _;

use terminal::{Align, Table, grouped};

use crate::report::{Priced, Report};
use terminal::Language;

/// Writes the report, with sentences to forward in this language.
pub fn text(report: &Report, language: Language) -> String {
    let (Some(from), Some(to)) = (report.from, report.to) else {
        let advice = report.advice.as_ref().map(|advice| format!("{advice}\n")).unwrap_or_default();
        return format!("{}\nThere is no GET of a resource.\n{advice}", lines(report));
    };
    let mut text = format!("GETs of resources from {from:.0} to {to:.0}\n{}\n\n", lines(report));
    text.push_str(&initiators(report));
    _ = writeln!(text, "\n* GETs of each resource with a notification, and of each without");
    let mut table =
        Table::new([Align::Left, Align::Right, Align::Right, Align::Right, Align::Right, Align::Right]);
    table.row(["day (UTC)", "GETs", "after one", "within 60 s", "no change", "US$"]);
    for day in &report.days {
        table.row([
            day.day.to_string(),
            grouped(day.gets),
            grouped(day.gets_after_notification),
            grouped(day.used),
            grouped(day.no_change),
            day.no_change_usd.to_string(),
        ]);
    }
    _ = write!(text, "\n{table}");
    text.push_str(&money(report));
    for note in notes(report) {
        _ = writeln!(text, "\n{note}");
    }
    for initiator in &report.initiators {
        if let Some(message) = &initiator.message {
            _ = writeln!(text, "\nTo {}:\n  {}", initiator.client_id, message.text(language));
        }
    }
    text
}

fn lines(report: &Report) -> String {
    let log = &report.log;
    format!(
        "{} lines: {} GETs of resources, {} other entries, {} broken lines; {} notifications delivered meanwhile",
        grouped(log.lines),
        grouped(log.gets),
        grouped(log.other),
        grouped(log.broken),
        grouped(report.all.figures.notifications)
    )
}

fn initiators(report: &Report) -> String {
    let mut columns = [Align::Right; 12];
    columns[0] = Align::Left;
    let mut table = Table::new(columns);
    table.row([
        "initiator",
        "GETs",
        "notified",
        "ignored",
        "after one",
        "within 60 s",
        "no change",
        "with *",
        "without *",
        "US$ to save",
        "saved ~",
        "US$ saved ~",
    ]);
    for initiator in &report.initiators {
        table.row(row(&initiator.client_id, &initiator.figures));
    }
    if report.initiators.len() > 1 {
        table.row(row("all", &report.all));
    }
    table.to_string()
}

fn row(name: &str, priced: &Priced) -> [String; 12] {
    let figures = &priced.figures;
    let mean = |mean: Option<f64>| mean.map_or_else(|| "-".to_owned(), |mean| format!("{mean:.2}"));
    let inferred = if figures.no_change_inferred > 0 { "~" } else { "" };
    [
        name.to_owned(),
        grouped(figures.gets),
        grouped(figures.notified_resources),
        grouped(figures.ignored_resources),
        grouped(figures.gets_after_notification),
        grouped(figures.used),
        format!("{}{inferred}", grouped(figures.no_change())),
        mean(figures.gets_per_notified()),
        mean(figures.gets_per_other()),
        priced.price.of(figures.no_change()).to_string(),
        priced.saved.map_or_else(|| "-".to_owned(), grouped),
        priced.saved.map_or_else(|| "-".to_owned(), |saved| priced.price.of(saved).to_string()),
    ]
}

fn money(report: &Report) -> String {
    let all = &report.all;
    let useless = all.figures.no_change();
    let mut text = format!(
        "\n{} requests saw no change: US$ {} at US$ {} for a million.\n",
        grouped(useless),
        all.price.of(useless),
        all.price
    );
    if let Some(saved) = all.saved.filter(|saved| *saved > 0) {
        _ = writeln!(
            text,
            "Notifications have saved some {} requests: US$ {}.",
            grouped(saved),
            all.price.of(saved)
        );
    }
    text
}

/// What a reader must know to believe the figures.
fn notes(report: &Report) -> Vec<String> {
    let figures = &report.all.figures;
    let note = |count: u64, text: &str| (count > 0).then(|| format!("{} {text}", grouped(count)));
    [
        note(
            figures.no_change_inferred,
            "of these are inferred (~): the log does not say what an answer held, and no notification came in between",
        ),
        note(figures.undecided_resources, "resources were notified in the last minute of the log: not called ignored"),
        note(report.notifications_outside, "notifications are from before or after the log, and are not counted"),
        note(
            report.by_other_clients,
            "GETs are of a resource that another client was notified of: does the log name clients by their ids? `clients` \
             of a mapping translates",
        ),
        note(report.late, "lines were more than ten minutes out of order"),
        note(
            report.forgotten_early,
            "resources without a notification were forgotten early, and may count twice: read fewer days at once",
        ),
    ]
    .into_iter()
    .flatten()
    .chain(report.advice.clone())
    .collect()
}
