//! How old what a page shows is.

use jiff::{SignedDuration, Timestamp};

use crate::model::{Model, Reading};
use crate::page::Page;

/// How old something is that was read, and what is awaited.
#[derive(Clone, Debug, Default)]
pub struct Freshness {
    /// What it is, in the page's language.
    pub what: String,
    /// When it was read.
    pub at: Option<Timestamp>,
    /// For how long the next reading has been awaited.
    pub awaited: Option<SignedDuration>,
    /// Why the last reading failed.
    pub error: Option<String>,
}

/// Says how old a reading is.
pub fn freshness<T>(page: &Page, what: (&str, &str), reading: &Reading<T>) -> Freshness {
    Freshness {
        what: page.t(what.0, what.1).to_owned(),
        at: reading.at,
        awaited: reading.reading_since.map(|since| page.now.duration_since(since)),
        error: reading.error.clone(),
    }
}

/// How old the attempts are, and how far back they reach.
pub fn of_history(page: &Page, model: &Model) -> Freshness {
    let since = model.history.value.as_ref().and_then(crate::history::History::since);
    let mut fresh = freshness(page, ("The attempts", "As tentativas"), &model.history);
    if let Some(since) = since {
        fresh.what = format!("{} {} {}", fresh.what, page.t("since", "desde"), page.at(&since));
    }
    fresh
}

/// How old what is known of receivers is.
pub fn of_receivers(page: &Page, model: &Model) -> Vec<Freshness> {
    vec![
        freshness(page, ("The registrations", "Os cadastros"), &model.receivers),
        of_history(page, model),
        freshness(page, ("The undelivered", "As não entregues"), &model.undelivered),
        freshness(page, ("The certificates", "Os certificados"), &model.certificates),
    ]
}
