//! Who is notified.

use askama::Template;
use jiff::Timestamp;

use super::fresh::{Freshness, of_receivers};
use crate::attempt::Attempt;
use crate::model::Model;
use crate::page::Page;
use crate::receiver::{self, Line, OutcomeLine};

/// Who is notified.
#[derive(Debug, Template)]
#[template(path = "receivers.html")]
pub struct Receivers {
    /// The frame.
    pub page: Page,
    /// The receivers, the worst first; `None` before they were read.
    pub lines: Option<Vec<Line>>,
    /// How old that is.
    pub fresh: Vec<Freshness>,
}

/// One receiver.
#[derive(Debug, Template)]
#[template(path = "receiver.html")]
pub struct Receiver {
    /// The frame.
    pub page: Page,
    /// Its line of the list.
    pub line: Line,
    /// Its attempts over time, as a picture.
    pub chart: Option<String>,
    /// Its failures with their sentences.
    pub outcomes: Vec<OutcomeLine>,
    /// Its last attempts, newest first.
    pub attempts: Vec<Attempt>,
    /// Its registration: names and values.
    pub registration: Vec<(String, String)>,
    /// What changed it: when, what and details.
    pub changes: Result<Vec<(Timestamp, String, String)>, String>,
    /// How old that is.
    pub fresh: Vec<Freshness>,
}

impl Receivers {
    /// Makes the page.
    pub fn new(page: Page, model: &Model) -> Self {
        let lines = model.receivers.value.is_some().then(|| receiver::lines(model, page.now));
        let fresh = of_receivers(&page, model);
        Self { page, lines, fresh }
    }
}
