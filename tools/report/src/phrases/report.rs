//! What is said of the report as a whole, and of an outcome.

use crate::figures::CLASSES;
use crate::initiator::InitiatorKey;
use crate::outcomes::OutcomeRow;
use crate::report::Report;
use crate::words::{Words, put};
use terminal::Language;

/// Says when, by what and from what the report was made.
pub(crate) fn made(report: &Report, words: &Words) -> String {
    let made = put(words.made, &[&words.instant(report.made_at), &report.made_by]);
    format!("{made}, {}", put(words.of_stack, &[report.stack.as_deref().unwrap_or(words.of_copy)]))
}

/// Names the initiators that the report is of.
pub(crate) fn scope(report: &Report, words: &Words) -> String {
    let Some(only) = &report.only else { return words.all_initiators.to_owned() };
    let names: Vec<_> = only.iter().map(|key| name(key, words)).collect();
    put(words.only_these, &[&names.join(", ")])
}

/// Names an initiator with its brand.
pub(crate) fn name(key: &InitiatorKey, words: &Words) -> String {
    let brand = key.authorisation_server.as_ref();
    brand.map_or_else(
        || key.client_id.clone(),
        |server| format!("{} ({})", key.client_id, put(words.brand, &[server])),
    )
}

/// Names the brand of an initiator, unless it is the default one.
pub(crate) fn brand(key: &InitiatorKey, words: &Words) -> String {
    key.authorisation_server.as_ref().map(|server| put(words.brand, &[server])).unwrap_or_default()
}

/// Says whose fault an outcome is.
pub(crate) fn fault(row: &OutcomeRow, words: &Words) -> &'static str {
    let class = CLASSES.iter().find(|class| Some(class.as_str()) == row.fault);
    match (class, row.en) {
        (Some(class), _) => words.class(*class),
        (None, Some(_)) => words.nobody,
        (None, None) => words.other_fault,
    }
}

/// Returns the sentence of an outcome; the code itself if it has none.
pub(crate) fn sentence(row: &OutcomeRow, language: Language) -> &str {
    language.choose(row.en, row.pt_br).unwrap_or(&row.code)
}
