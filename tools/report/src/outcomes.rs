//! Outcomes with their sentences.

use convention::codes::{Code, FailureClass};
use serde::Serialize;

use crate::figures::{CLASSES, Figures};

/// How often an outcome came.
#[derive(Clone, Debug, Eq, PartialEq, Serialize)]
pub struct OutcomeRow {
    /// The stable code.
    pub code: String,
    /// Whose fault it is; absent if it is nobody's, or of a code of another version.
    pub fault: Option<&'static str>,
    /// How often.
    pub count: u64,
    /// A sentence in English; absent for a code of another version.
    pub en: Option<&'static str>,
    /// The same in Brazilian Portuguese.
    pub pt_br: Option<&'static str>,
}

impl OutcomeRow {
    fn of(code: &str, count: u64) -> Self {
        let row = Code::named(code).map(Code::row);
        Self {
            code: code.to_owned(),
            fault: row.and_then(|row| row.class).map(FailureClass::as_str),
            count,
            en: row.map(|row| row.en),
            pt_br: row.map(|row| row.pt_br),
        }
    }
}

/// Returns how attempts failed, by whose fault, the most frequent first.
pub(crate) fn failures(figures: &Figures) -> Vec<OutcomeRow> {
    let rank = |row: &OutcomeRow| CLASSES.iter().position(|class| Some(class.as_str()) == row.fault);
    let mut rows =
        rows(figures.outcomes.iter().filter(|(code, _)| Code::named(code) != Some(Code::Delivered)));
    rows.sort_by_key(|row| (rank(row).unwrap_or(CLASSES.len()), std::cmp::Reverse(row.count)));
    rows
}

/// Returns rows of codes, the most frequent first.
pub(crate) fn rows<'a>(codes: impl IntoIterator<Item = (&'a String, &'a u64)>) -> Vec<OutcomeRow> {
    let mut rows: Vec<_> = codes.into_iter().map(|(code, count)| OutcomeRow::of(code, *count)).collect();
    rows.sort_by_key(|row| std::cmp::Reverse(row.count));
    rows
}
