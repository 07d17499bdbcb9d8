//! The pages, each a template with what it shows.

mod commands;
mod fresh;
mod notifications;
mod now;
mod receivers;
mod undelivered;

use askama::Template;
use axum::body::Body;
use axum::response::{IntoResponse, Response};
use http::{StatusCode, header};

pub use self::commands::{Command, Explain, Field};
pub use self::fresh::{Freshness, freshness, of_history, of_receivers};
pub use self::notifications::{NotificationPage, Notifications, ROWS, Search, status, status_class};
pub use self::now::{AlarmLine, Now, Tile};
pub use self::receivers::{Receiver, Receivers};
pub use self::undelivered::{PlanPage, ReplayLine, ReplayPage, Undelivered, group_value};
use crate::page::Page;

/// Something went wrong.
#[derive(Debug, Template)]
#[template(path = "problem.html")]
pub struct Problem {
    /// The frame.
    pub page: Page,
    /// The status.
    pub status: StatusCode,
    /// What is wrong, and what to do.
    pub text: String,
}

/// Answers with a page.
pub fn answer(page: &impl Template) -> Response {
    match page.render() {
        Ok(html) => ([(header::CONTENT_TYPE, "text/html; charset=utf-8")], html).into_response(),
        Err(error) => (StatusCode::INTERNAL_SERVER_ERROR, Body::from(error.to_string())).into_response(),
    }
}
