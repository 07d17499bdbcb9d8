//! What was given up, and its replay.

use askama::Template;
use jiff::{SignedDuration, Timestamp};

use super::fresh::Freshness;
use crate::model::UndeliveredGroup;
use crate::page::Page;

/// What was given up.
#[derive(Debug, Template)]
#[template(path = "undelivered.html")]
pub struct Undelivered {
    /// The frame.
    pub page: Page,
    /// The groups; `None` before they were read.
    pub groups: Option<Vec<UndeliveredGroup>>,
    /// What rests in no list, as a sentence.
    pub rest: Option<String>,
    /// Replays since the start: number and how far each is.
    pub replays: Vec<ReplayLine>,
    /// How old that is.
    pub fresh: Vec<Freshness>,
}

/// A replay as it goes.
#[derive(Clone, Debug, Default)]
pub struct ReplayLine {
    /// Its number.
    pub number: usize,
    /// Who confirmed it.
    pub who: String,
    /// When.
    pub at: Timestamp,
    /// How many are to be sent.
    pub of: usize,
    /// How many were.
    pub sent: usize,
    /// How many the ledger knew already.
    pub already: usize,
    /// How many the queue refused.
    pub refused: usize,
    /// How many messages were deleted from the dead-letter queue.
    pub swept: Option<usize>,
    /// Whether it is over.
    pub is_over: bool,
    /// Why it stopped early.
    pub error: Option<String>,
}

/// The dry run of a replay.
#[derive(Debug, Template)]
#[template(path = "plan.html")]
pub struct PlanPage {
    /// The frame.
    pub page: Page,
    /// How many would be sent.
    pub to_send: u64,
    /// How many were replayed already.
    pub replayed: u64,
    /// By receiver, endpoint and outcome.
    pub groups: Vec<UndeliveredGroup>,
    /// Notifications a second.
    pub rate: u32,
    /// How long it takes at least.
    pub lasts: SignedDuration,
    /// US dollars if each is delivered at once, and if each receiver is silent again.
    pub usd: (String, String),
    /// The price list.
    pub prices: String,
    /// The plan's own secret: a plan is confirmed once.
    pub plan: String,
}

/// A replay.
#[derive(Debug, Template)]
#[template(path = "replay.html")]
pub struct ReplayPage {
    /// The frame.
    pub page: Page,
    /// How far it is.
    pub line: ReplayLine,
}

/// A group as a form sends it.
pub fn group_value(group: &UndeliveredGroup) -> String {
    serde_json::json!([group.receiver, group.endpoint, group.outcome]).to_string()
}
