//! What was sent.

use askama::Template;
use convention::delivery::NotificationView;

use super::fresh::Freshness;
use crate::attempt::Attempt;
use crate::page::Page;
use crate::timeline::{End, Step};

/// How many rows a list shows.
pub const ROWS: usize = 200;

/// What is asked of notifications.
#[derive(Clone, Debug, Default)]
pub struct Search {
    /// A resource, an interaction id or a notification id.
    pub id: String,
    /// A client.
    pub client: String,
    /// The begin of a window, as typed.
    pub from: String,
    /// Its end.
    pub to: String,
    /// Only failures.
    pub failed: bool,
}

/// Notifications that were found.
#[derive(Debug, Template)]
#[template(path = "notifications.html")]
pub struct Notifications {
    /// The frame.
    pub page: Page,
    /// What was asked.
    pub search: Search,
    /// By resource or id, from the ledger.
    pub found: Vec<NotificationView>,
    /// By client and time, from the attempts.
    pub attempts: Vec<Attempt>,
    /// Whether there are more than are shown.
    pub is_cut: bool,
    /// What is wrong with the question, or why it has no answer.
    pub notice: Option<String>,
    /// How old that is.
    pub fresh: Vec<Freshness>,
}

/// One notification.
#[derive(Debug, Template)]
#[template(path = "notification.html")]
pub struct NotificationPage {
    /// The frame.
    pub page: Page,
    /// What the ledger says.
    pub shown: NotificationView,
    /// The key of its receiver.
    pub receiver: String,
    /// Step by step.
    pub steps: Vec<Step>,
    /// Why it ended as it did, where that has a sentence.
    pub sentence: String,
}

/// How a status of the ledger is written.
pub fn status(page: &Page, status: &str) -> String {
    let (en, pt_br) = match status {
        "attempting" => ("attempting", "em tentativa"),
        "waiting" => ("waiting for the next attempt", "esperando a próxima tentativa"),
        "delivered" => ("delivered", "entregue"),
        "undelivered" => ("undelivered", "não entregue"),
        "cancelled" => ("cancelled", "cancelada"),
        other => (other, other),
    };
    page.t(en, pt_br).to_owned()
}

/// How a status is painted.
pub fn status_class(status: &str) -> &'static str {
    match status {
        "delivered" => "good",
        "undelivered" => "bad",
        "cancelled" => "warn",
        _ => "idle",
    }
}
