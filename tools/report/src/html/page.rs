//! What the template is filled with.

use askama::Template;

use super::figures::{Row, Tile, columns, rows, synchronisations, tiles};
use super::receivers::{CertificateRow, ReceiverRow, certificates, receivers};
use crate::charts;
use crate::outcomes::OutcomeRow;
use crate::phrases::{basis, check, differences, fault, made, notes, scope, sentence};
use crate::report::Report;
use crate::words::{Words, put, words};
use terminal::Language;

/// Maximum number of differences on the page; the JSON document has all.
const MAX_DIFFERENCES: usize = 50;
const STYLE: &str = include_str!("../../templates/style.css");

#[derive(Template)]
#[template(path = "report.html", whitespace = "minimize")]
pub(super) struct Page<'a> {
    report: &'a Report,
    words: &'static Words,
    language: &'static str,
    style: String,
    month: String,
    period: String,
    made: String,
    scope: String,
    tiles: Vec<Tile>,
    check: (&'static str, &'static str),
    check_class: &'static str,
    basis: Vec<RestsOn>,
    notes: Vec<String>,
    differences: Vec<(String, String)>,
    more_differences: usize,
    more: String,
    by_day: Option<String>,
    by_fault: Option<String>,
    columns: [&'static str; 8],
    rows: Vec<Row<8>>,
    outcome_tables: Vec<OutcomeTable<'a>>,
    synchronisations: Vec<Row<3>>,
    receivers_when: String,
    receivers: Vec<ReceiverRow>,
    receivers_missing: &'static str,
    certificates: Vec<CertificateRow>,
    certificates_missing: &'static str,
    head: String,
}

/// A thing that the report rests on; a head or a command is told letter by letter.
struct RestsOn {
    name: &'static str,
    value: String,
    is_code: bool,
}

impl RestsOn {
    fn of(name: &'static str, value: String, words: &Words) -> Self {
        Self { name, value, is_code: [words.head, words.check_again].contains(&name) }
    }
}

/// Outcomes with a heading; the first table has that of its section.
struct OutcomeTable<'a> {
    title: &'static str,
    rows: Vec<Outcome<'a>>,
}

struct Outcome<'a> {
    fault: &'static str,
    code: &'a str,
    sentence: &'a str,
    count: String,
}

impl<'a> Page<'a> {
    pub(super) fn of(report: &'a Report, language: Language) -> Self {
        let words = words(language);
        let made = made(report, words);
        let head = report
            .basis
            .chain
            .as_ref()
            .map_or_else(|| words.not_known.to_owned(), |chain| chain.head.clone());
        let (shown, more_differences) = differences(report, language, MAX_DIFFERENCES);
        Self {
            report,
            words,
            language: language.tag(),
            style: format!("{STYLE}{}", margins(report, words, &made)),
            month: words.month(report.month),
            period: put(words.period, &[&words.instant(report.from), &words.instant(report.to)]),
            scope: scope(report, words),
            tiles: tiles(report, words),
            check: check(report.basis.check, words),
            check_class: report.basis.check.as_str(),
            basis: basis(report, words)
                .into_iter()
                .map(|(name, value)| RestsOn::of(name, value, words))
                .collect(),
            notes: notes(report, words),
            differences: shown,
            more_differences,
            more: put(words.and_more, &[&words.number(more_differences as u64)]),
            by_day: charts::by_day(report, words),
            by_fault: charts::by_fault(report, words),
            columns: columns(words),
            rows: rows(report, words),
            outcome_tables: outcome_tables(report, language),
            synchronisations: synchronisations(report, words),
            receivers_when: put(words.receivers_when, &[&words.instant(report.made_at)]),
            receivers: receivers(report, words),
            receivers_missing: if report.receivers_known { words.none } else { words.not_known },
            certificates: certificates(report, words),
            certificates_missing: report.own_certificates.as_ref().map_or(words.not_known, |_| words.none),
            made,
            head,
        }
    }
}

/// The margins of printed pages: what is in a style sheet must not end its text.
fn margins(report: &Report, words: &Words, made: &str) -> String {
    let chain = report.basis.chain.as_ref();
    let head = chain.map_or(String::new(), |chain| format!("{}: {}", words.head, chain.head));
    let text = |text: &str| -> String {
        let is_plain = |c: &char| c.is_alphanumeric() || " .,:;-–−()/".contains(*c);
        text.chars().filter(is_plain).collect()
    };
    format!(
        "@page {{ size: A4; margin: 16mm 15mm 18mm;\n  \
         @bottom-left {{ content: \"{}\\A {}\"; white-space: pre; color: #5b6675; font: 6.5pt/1.5 Arial, sans-serif; }}\n  \
         @bottom-right {{ content: \"{} \" counter(page) \" / \" counter(pages); color: #5b6675; font: 7pt Arial, sans-serif; }}\n}}\n",
        text(made),
        text(&head),
        text(words.page)
    )
}

fn outcome_tables<'a>(report: &'a Report, language: Language) -> Vec<OutcomeTable<'a>> {
    let words = words(language);
    let table = |title, rows: &'a [OutcomeRow]| OutcomeTable {
        title,
        rows: rows.iter().map(|row| outcome(row, language)).collect(),
    };
    let rolled_back = report.rolled_back.as_deref().unwrap_or_default();
    let tables = [
        table("", &report.failures),
        table(words.rolled_back_why, rolled_back),
        table(words.reasons, &report.reasons),
    ];
    tables.into_iter().filter(|table| !table.rows.is_empty()).collect()
}

fn outcome(row: &OutcomeRow, language: Language) -> Outcome<'_> {
    Outcome {
        fault: fault(row, words(language)),
        code: &row.code,
        sentence: sentence(row, language),
        count: words(language).number(row.count),
    }
}
