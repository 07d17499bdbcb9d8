//! The question which notifications a client was sent.

use std::fmt::Display;

use convention::notification::{AuthorisationServers, ClientId, EventInstant, ReceiverKey};
use jiff::{SignedDuration, Timestamp};
use lambda_http::{Request, RequestExt};
use platform::answer::Problem;
use platform::page::{self, PAGE_SIZE, PAGE_TOKEN, Question};

/// Maximum length of a window. The log is read through from its start, so a longer one takes more requests, not fewer.
pub(super) const MAX_WINDOW: SignedDuration = SignedDuration::from_hours(24);
const PARAMETERS: &[&str] = &["client_id", "brand", "from", "to", PAGE_SIZE, PAGE_TOKEN];

/// A question, as its query parameters ask it.
#[derive(Clone, Debug)]
pub(super) struct Asked {
    pub(super) client_id: ClientId,
    /// The authorisation server of the brand; `None` for the default one.
    pub(super) authorisation_server: Option<String>,
    /// The first instant of the window.
    pub(super) from: Timestamp,
    /// The end of the window, which is no part of it.
    pub(super) to: Timestamp,
    pub(super) page_size: u16,
    page_token: Option<String>,
}

impl Asked {
    /// Reads the question of a request. `retention` says how long the log is kept.
    pub(super) fn of(
        request: &Request,
        servers: &AuthorisationServers,
        (now, retention): (Timestamp, SignedDuration),
    ) -> Result<Self, Problem> {
        let query = request.query_string_parameters();
        let parameter = |name: &str| query.first(name).filter(|text| !text.is_empty());
        page::refuse_unknown(query.iter().map(|(name, _)| name), PARAMETERS)?;
        let client_id = parameter("client_id").ok_or_else(|| missing("client_id"))?;
        let client_id = client_id.parse().map_err(|error| wrong("client_id", &error))?;
        let authorisation_server = servers
            .server_of(parameter("brand"))
            .map_err(|_| wrong("brand", &"expected one of the brands that this stack was given"))?;
        let instant = |name: &'static str| {
            let text = parameter(name).ok_or_else(|| missing(name))?;
            // A "+" that was not percent-encoded arrives as a space, which no instant contains.
            let instant: Result<EventInstant, _> = text.replace(' ', "+").parse();
            instant.map(EventInstant::timestamp).map_err(|error| wrong(name, &error))
        };
        let (from, to) = (instant("from")?, instant("to")?);
        check_window(from, to, (now, retention))?;
        Ok(Self {
            client_id,
            authorisation_server,
            from,
            to,
            page_size: page::page_size(query.first(PAGE_SIZE))?,
            page_token: query.first(PAGE_TOKEN).map(str::to_owned),
        })
    }

    /// The receiver's key.
    pub(super) fn key(&self) -> ReceiverKey {
        ReceiverKey::new(self.authorisation_server.as_deref(), &self.client_id)
    }

    /// What a token of a page of this question belongs to.
    pub(super) fn question(&self, group: &str) -> Question {
        let (from, to, size) = (self.from.to_string(), self.to.to_string(), self.page_size.to_string());
        Question::new(["notifications", group, self.key().as_str(), &from, &to, &size])
    }

    /// Where the log is to be read on; `None` for the first page.
    pub(super) fn position(&self, question: &Question) -> Result<Option<Position>, Problem> {
        self.page_token.as_deref().map(|token| Position::read(question, token)).transpose()
    }
}

/// Where a later page begins.
#[derive(Clone, Debug)]
pub(super) struct Position {
    /// When the first page was read.
    pub(super) asked_at: Timestamp,
    /// Where the log is to be read on.
    pub(super) next: String,
}

impl Position {
    fn read(question: &Question, token: &str) -> Result<Self, Problem> {
        let text = question.position(token)?;
        let read = || {
            let (asked_at, next) = text.split_once(' ')?;
            let asked_at = Timestamp::from_millisecond(asked_at.parse().ok()?).ok()?;
            Some(Self { asked_at, next: next.to_owned() })
        };
        read().ok_or_else(page::wrong_token)
    }

    /// Makes the token of the page.
    pub(super) fn token(&self, question: &Question) -> String {
        question.token(&format!("{} {}", self.asked_at.as_millisecond(), self.next))
    }
}

fn check_window(
    from: Timestamp,
    to: Timestamp,
    (now, retention): (Timestamp, SignedDuration),
) -> Result<(), Problem> {
    if from >= to {
        return Err(wrong("from", &"expected an instant before to"));
    }
    if to.duration_since(from) > MAX_WINDOW {
        let hours = MAX_WINDOW.as_hours();
        return Err(wrong(
            "to",
            &format!("expected at most {hours} hours after from; ask for several windows"),
        ));
    }
    if now.duration_since(from) > retention {
        let days = retention.as_hours() / 24;
        return Err(wrong(
            "from",
            &format!("attempts are logged for {days} days; the ledger may have older ones"),
        ));
    }
    Ok(())
}

fn missing(name: &str) -> Problem {
    Problem::malformed(format!("The query parameter {name} is missing."))
}

fn wrong(name: &str, why: &dyn Display) -> Problem {
    Problem::malformed(format!("The query parameter {name} is wrong: {why}."))
}
