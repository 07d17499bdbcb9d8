//! What all pages need: their frame, and a page for what went wrong.

use axum::extract::{FromRequestParts, OriginalUri, State};
use axum::response::{IntoResponse as _, Response};
use http::request::Parts;
use http::{StatusCode, Uri};
use pages::Page;
use pages::page::{Section, tagged};
use pages::views::{Problem, answer};
use terminal::Language;

use super::app::App;

/// How often a page looks for news, in seconds.
const REFRESH_S: u32 = 5;

/// The frame of the page that was asked for: its language is the second segment of its path.
#[derive(Clone, Debug)]
pub(super) struct Frame(pub(super) Page);

impl FromRequestParts<App> for Frame {
    type Rejection = Response;

    async fn from_request_parts(parts: &mut Parts, app: &App) -> Result<Self, Response> {
        let uri = parts.extensions.get::<OriginalUri>().map_or(&parts.uri, |OriginalUri(uri)| uri);
        page(app, uri).map(Self).ok_or_else(|| problem(&fallback(app, uri), StatusCode::NOT_FOUND, NO_PAGE))
    }
}

const NO_PAGE: (&str, &str) = ("There is no such page.", "Esta página não existe.");

fn page(app: &App, uri: &Uri) -> Option<Page> {
    let mut segments = uri.path().trim_start_matches('/').splitn(3, '/').skip(1);
    let language = tagged(segments.next()?)?;
    let path = segments.next()?;
    let named = |section: &Section| path.split('/').next() == Some(section.path());
    // A replay is of the undelivered.
    let section = Section::ALL.into_iter().find(named).unwrap_or(Section::Undelivered);
    let query = uri.query().map(|query| format!("?{query}")).unwrap_or_default();
    Some(Page { path: format!("{path}{query}"), section, language, ..fallback(app, uri) })
}

fn fallback(app: &App, uri: &Uri) -> Page {
    let second = uri.path().trim_start_matches('/').split('/').nth(1).unwrap_or_default();
    let language = tagged(second).unwrap_or(Language::En);
    Page {
        language,
        prefix: app.inner().access.prefix(),
        path: Section::Now.path().to_owned(),
        section: Section::Now,
        stack: app.named(language),
        now: app.now(),
        is_acting: app.inner().options.is_acting,
        form_token: app.inner().access.form_token().to_owned(),
        refresh_s: 0,
    }
}

/// The frame of a page that looks for news by itself.
pub(super) fn live(page: Page) -> Page {
    Page { refresh_s: REFRESH_S, ..page }
}

/// Answers with what is wrong.
pub(super) fn problem(page: &Page, status: StatusCode, text: (&str, &str)) -> Response {
    let text = page.t(text.0, text.1).to_owned();
    let page = Page { refresh_s: 0, ..page.clone() };
    (status, answer(&Problem { page, status, text })).into_response()
}

/// Answers what has no page.
pub(super) async fn missing(State(app): State<App>, uri: Uri) -> Response {
    problem(&fallback(&app, &uri), StatusCode::NOT_FOUND, NO_PAGE)
}
