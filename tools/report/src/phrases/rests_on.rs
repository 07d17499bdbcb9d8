//! What the report rests on, in words.

use crate::basis::{Basis, Chain, Check, Source};
use crate::report::Report;
use crate::words::{Words, put};
use terminal::Language;

/// The result of the check and what it means.
pub(crate) fn check(check: Check, words: &Words) -> (&'static str, &'static str) {
    match check {
        Check::Agrees => (words.agrees, words.agrees_why),
        Check::Differs => (words.differs, words.differs_why),
        Check::Unsealed => (words.unsealed, words.unsealed_why),
    }
}

/// Each thing that it rests on.
pub(crate) fn basis(report: &Report, words: &Words) -> Vec<(&'static str, String)> {
    let Basis { source, known_from, read_until, chain, .. } = &report.basis;
    let named = words.sources[match source {
        Source::Evidence => 0,
        Source::Ledger => 1,
    }];
    let mut rows = vec![(words.source, named.to_owned())];
    if let Some(chain) = chain {
        of_chain(chain, words, &mut rows);
    }
    if let Some(from) = known_from {
        rows.push((words.known_from, format!("{}. {}", words.instant(*from), words.known_from_why)));
    }
    rows.push((words.read_until, words.instant(*read_until)));
    if let Some(chain) = chain {
        rows.push((words.check_again, check_again(chain)));
    }
    rows
}

fn of_chain(chain: &Chain, words: &Words, rows: &mut Vec<(&'static str, String)>) {
    let hours = words.number(chain.hours as u64);
    rows.push((words.sealed_hours, put(words.hours_from_to, &[&hours, &chain.first_hour, &chain.last_hour])));
    rows.push((words.head, chain.head.clone()));
    if !chain.expected_heads.is_empty() {
        rows.push((words.expected_heads, put(words.heads_present, &[&chain.expected_heads.join(", ")])));
    }
    if let Some(objects) = chain.objects {
        let objects = words.number(objects as u64);
        let text = match chain.unsealed_objects {
            Some(unsealed @ 1..) => put(words.not_sealed_yet, &[&objects, &words.number(unsealed as u64)]),
            _ => objects,
        };
        rows.push((words.objects, text));
    }
    if let Some(records) = chain.records {
        rows.push((words.records, words.number(records)));
    }
}

/// The command that checks the same hours to have the same head.
fn check_again(chain: &Chain) -> String {
    let day = |hour: &str| hour.split('T').next().unwrap_or_default().to_owned();
    let Chain { first_hour, last_hour, head, .. } = chain;
    format!("arauto verify --from {} --to {} --expect-head {head}", day(first_hour), day(last_hour))
}

/// What a reader must know besides.
pub(crate) fn notes(report: &Report, words: &Words) -> Vec<String> {
    let Basis { is_copy, lean, unattributed_records, unreadable_rows, .. } = &report.basis;
    let counted = |count: u64, text| (count > 0).then(|| put(text, &[&words.number(count)]));
    [
        is_copy.then(|| words.copy_note.to_owned()),
        (*lean == Some(true)).then(|| words.lean.to_owned()),
        counted(*unattributed_records, words.unattributed),
        counted(*unreadable_rows, words.unreadable_rows),
    ]
    .into_iter()
    .flatten()
    .collect()
}

/// The first differences, each with its subject, and the number of the others.
pub(crate) fn differences(report: &Report, language: Language, max: usize) -> (Vec<(String, String)>, usize) {
    let all = &report.basis.differences;
    let shown = all.iter().take(max).map(|one| {
        let sentence = language.choose(&one.en, &one.pt_br).clone();
        (sentence, printable(&one.subject))
    });
    (shown.collect(), all.len().saturating_sub(max))
}

/// Makes a text harmless that somebody who tampers chose, as the key of an object.
fn printable(text: &str) -> String {
    text.chars().map(|c| if c.is_control() { char::REPLACEMENT_CHARACTER } else { c }).collect()
}
