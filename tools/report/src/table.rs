//! The report as tables for a terminal.

use std::fmt::Write as _;

use terminal::{Align, Table};

use crate::figures::Figures;
use crate::phrases::{
    basis, check, differences, fault, made, mutual_tls, name, notes, scope, sentence, suspensions, version,
    worst,
};
use crate::report::Report;
use crate::words::{Words, put, words};
use terminal::Language;

/// Maximum number of differences that are shown; the JSON document has all.
const MAX_DIFFERENCES: usize = 50;

/// Writes the report.
pub fn text(report: &Report, language: Language) -> String {
    let words = words(language);
    let mut text = format!("{} – {}\n", words.title, words.month(report.month));
    _ = writeln!(text, "{}", put(words.period, &[&words.instant(report.from), &words.instant(report.to)]));
    _ = writeln!(text, "{}\n{}: {}", made(report, words), words.scope, scope(report, words));
    if report.provisional {
        _ = writeln!(text, "{}. {}", words.provisional, words.provisional_why);
    }
    rests_on(report, language, &mut text);
    _ = write!(text, "\n{}\n{}", words.by_initiator, initiators(report, words));
    outcomes(report, language, &mut text);
    _ = write!(text, "\n{}\n{}", words.receivers, receivers(report, words));
    certificates(report, words, &mut text);
    text
}

fn rests_on(report: &Report, language: Language, text: &mut String) {
    let words = words(language);
    let (result, why) = check(report.basis.check, words);
    _ = writeln!(text, "\n{}\n  {result}. {why}", words.rests_on);
    let mut table = Table::new([Align::Left; 2]).indented(2);
    for (name, value) in basis(report, words) {
        table.row([name.to_owned(), value]);
    }
    _ = write!(text, "{table}");
    for note in notes(report, words) {
        _ = writeln!(text, "  {note}");
    }
    let (shown, more) = differences(report, language, MAX_DIFFERENCES);
    for (sentence, subject) in shown {
        _ = writeln!(text, "  {subject}: {sentence}");
    }
    if more > 0 {
        _ = writeln!(text, "  {}", put(words.and_more, &[&words.number(more as u64)]));
    }
}

fn initiators(report: &Report, words: &Words) -> Table<12> {
    let mut columns = [Align::Right; 12];
    columns[0] = Align::Left;
    let mut table = Table::new(columns).indented(2);
    table.row([
        words.initiator,
        words.notifications,
        words.delivered,
        words.undelivered,
        words.recovered,
        words.cancelled,
        words.not_ended,
        words.replays,
        words.attempts,
        words.failed,
        words.rolled_back,
        words.in_time,
    ]);
    for one in &report.initiators {
        table.row(row(name(&one.key, words), &one.figures, words));
    }
    table.row(row(words.all.to_owned(), &report.all, words));
    table
}

fn row(name: String, figures: &Figures, words: &Words) -> [String; 12] {
    let number = |count| words.number(count);
    [
        name,
        number(figures.notifications),
        number(figures.delivered),
        number(figures.undelivered),
        number(figures.recovered),
        number(figures.cancelled),
        number(figures.open()),
        number(figures.replays),
        number(figures.attempts),
        number(figures.failed()),
        figures.all_rolled_back().map_or_else(|| words.not_known.to_owned(), number),
        words.percent(figures.in_time_share()),
    ]
}

fn outcomes(report: &Report, language: Language, text: &mut String) {
    let words = words(language);
    let rolled_back = report.rolled_back.as_deref().unwrap_or_default();
    for (title, rows) in [
        (words.whose_fault, report.failures.as_slice()),
        (words.rolled_back_why, rolled_back),
        (words.reasons, report.reasons.as_slice()),
    ] {
        if rows.is_empty() {
            continue;
        }
        let mut table = Table::new([Align::Left, Align::Left, Align::Right, Align::Left]).indented(2);
        for row in rows {
            let (fault, sentence) = (fault(row, words), sentence(row, language));
            table.row([fault.to_owned(), row.code.clone(), words.number(row.count), sentence.to_owned()]);
        }
        _ = write!(text, "\n{title}\n{table}");
    }
}

fn receivers(report: &Report, words: &Words) -> Table<7> {
    let mut table = Table::new([Align::Left; 7]).indented(2);
    table.row([
        words.initiator,
        words.state,
        words.version,
        words.mutual_tls,
        words.certificate_ends,
        words.worst_synchronisation,
        words.suspensions,
    ]);
    for one in &report.initiators {
        let name = name(&one.key, words);
        let Some(receiver) = &one.receiver else {
            let unknown = words.not_known.to_owned();
            table.row([
                name,
                unknown,
                String::new(),
                String::new(),
                String::new(),
                String::new(),
                String::new(),
            ]);
            continue;
        };
        let ends = receiver.certificate_ends.map_or_else(|| words.not_known.to_owned(), |at| words.day(at));
        table.row([
            name,
            words.webhook(receiver.webhook).to_owned(),
            version(receiver, words),
            mutual_tls(receiver, &one.figures, words).0,
            ends,
            receiver.synchronisation.map_or_else(|| words.not_known.to_owned(), |one| worst(one, words)),
            suspensions(receiver, words).0,
        ]);
    }
    table
}

fn certificates(report: &Report, words: &Words, text: &mut String) {
    _ = writeln!(text, "\n{}", words.own_certificates);
    let Some(all) = report.own_certificates.as_ref().filter(|all| !all.is_empty()) else {
        let nothing = report.own_certificates.as_ref().map_or(words.not_known, |_| words.none);
        _ = writeln!(text, "  {nothing}");
        return;
    };
    let mut table = Table::new([Align::Left, Align::Right, Align::Left]).indented(2);
    table.row([words.authorisation_server, words.days_left, words.measured]);
    for one in all {
        table.row([one.owner.clone(), one.days_left.to_string(), words.instant(one.measured_at)]);
    }
    _ = write!(text, "{table}");
}
