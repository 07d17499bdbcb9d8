//! The answer to a request for the notifications that a client was sent in a window.
//!
//! The log of dispatch says which they are, the ledger what became of each.

mod question;

use std::collections::HashSet;
use std::time::Duration;

use convention::delivery::NotificationView;
use convention::notification::{ClientId, NotificationId};
use futures_util::{StreamExt as _, TryStreamExt as _, stream};
use jiff::{SignedDuration, Timestamp};
use lambda_http::{Request, Response};
use platform::answer::{Problem, json};
use platform::aws::{AttemptLines, AttemptLogError, AttemptsOf, LedgerError, ReceiversError};
use platform::page::wrong_token;
use platform::telemetry::ErrorChain;
use serde::Serialize;
use tokio::time::{Instant, sleep_until, timeout};

use crate::Intake;
use crate::get_notification::unreadable_ledger;
use question::{Asked, Position};

const PATH: &str = "/v1/notifications";
/// How long the log is kept by default (`LogRetentionDays` in `template.yaml`).
pub const LOG_RETENTION_DAYS: u16 = 365;
/// No further part of the log is read after this time, whether something was found or not. With one more read, the client's
/// row before and the ledger after, it is within the function's timeout in `template.yaml`.
pub const LOG_BUDGET: Duration = Duration::from_secs(2);
/// Minimum time between the starts of two reads for a page, so a page has at most eight reads: an account and region may make
/// five requests a second, or ten ("CloudWatch Logs quotas", `FilterLogEvents`, Amazon CloudWatch Logs User Guide), and
/// operators need some.
const READ_INTERVAL: Duration = Duration::from_millis(250);
/// Timeout of reading a page's notifications in the ledger.
pub const LEDGER_BUDGET: Duration = Duration::from_secs(4);
/// Maximum number of concurrent reads in the ledger.
const AT_ONCE: usize = 16;
/// A window that ended so long ago has all its lines: CloudWatch Logs shows a line some seconds after it was written.
const SETTLES: SignedDuration = SignedDuration::from_mins(5);

/// A page of the answer.
#[derive(Serialize)]
struct Page<'a> {
    client_id: &'a ClientId,
    authorisation_server: Option<&'a str>,
    from: Timestamp,
    to: Timestamp,
    notifications: Vec<NotificationView>,
    /// Notifications that were sent, and that the ledger does not show.
    not_shown: Vec<String>,
    complete: bool,
    next_page_token: Option<String>,
}

/// Says whether a request is this one.
pub(crate) fn is_asked(request: &Request) -> bool {
    request.uri().path() == PATH
}

impl Intake {
    /// Answers which notifications a client was sent in a window, oldest attempt first.
    pub(crate) async fn list_notifications(&self, request: &Request) -> Result<Response<String>, Problem> {
        let now = self.clock.now();
        let asked = Asked::of(request, &self.servers, (now, self.attempt_log.retention()))?;
        let question = asked.question(self.attempt_log.group());
        let position = asked.position(&question)?;
        if position.is_none() {
            self.check_client(&asked).await?;
        }
        let (asked_at, position) = match position {
            Some(Position { asked_at, next }) => (asked_at, Some(next)),
            None => (now, None),
        };
        let lines = self.lines(&asked, position).await?;
        let (notifications, not_shown) = self.of_ledger(&asked, lines.notifications).await?;
        // A line that came to the log after its page was read is on no later page.
        let has_settled = asked_at.duration_since(asked.to) >= SETTLES;
        let page = Page {
            client_id: &asked.client_id,
            authorisation_server: asked.authorisation_server.as_deref(),
            from: asked.from,
            to: asked.to,
            notifications,
            not_shown,
            complete: lines.next.is_none() && has_settled,
            next_page_token: lines.next.map(|next| Position { asked_at, next }.token(&question)),
        };
        Ok(json(200, &page))
    }

    /// Refuses a client that was never registered. One that was removed has a row still.
    async fn check_client(&self, asked: &Asked) -> Result<(), Problem> {
        match self.receivers.state(&asked.key()).await {
            Ok(Some(_)) | Err(ReceiversError::Unreadable { .. }) => Ok(()),
            Ok(None) => Err(Problem::not_found(format!(
                "No client {} was ever registered. Check the query parameters client_id and brand.",
                asked.client_id
            ))),
            Err(error) => {
                tracing::error!(error = %ErrorChain(&error), "The receivers table does not work.");
                Err(Problem::unavailable("The client could not be looked up. Ask again."))
            }
        }
    }

    /// Reads the log until there is something to show, it ends, or the time is over.
    async fn lines(&self, asked: &Asked, mut position: Option<String>) -> Result<AttemptLines, Problem> {
        let of = AttemptsOf {
            client_id: &asked.client_id,
            authorisation_server: asked.authorisation_server.as_deref(),
            from: asked.from,
            to: asked.to,
            limit: asked.page_size,
        };
        let (began, mut has_progressed) = (Instant::now(), false);
        loop {
            let next_read = Instant::now() + READ_INTERVAL;
            let lines = match self.attempt_log.read(of, position.clone()).await {
                // Throttled, most likely: what was looked through is not looked through again.
                Err(error @ AttemptLogError::Service { .. }) if has_progressed => {
                    tracing::warn!(error = %ErrorChain(&error), "A part of the log could not be read; the answer's page token continues there.");
                    return Ok(AttemptLines { notifications: Vec::new(), next: position });
                }
                lines => lines.map_err(|error| unreadable_log(&error))?,
            };
            if !lines.notifications.is_empty()
                || lines.next.is_none()
                || next_read.max(Instant::now()) >= began + LOG_BUDGET
            {
                return Ok(lines);
            }
            sleep_until(next_read).await;
            (position, has_progressed) = (lines.next, true);
        }
    }

    /// Reads notifications in the ledger, each once; also returns those that it does not show.
    async fn of_ledger(
        &self,
        asked: &Asked,
        mut ids: Vec<NotificationId>,
    ) -> Result<(Vec<NotificationView>, Vec<String>), Problem> {
        let mut seen = HashSet::new();
        ids.retain(|id| seen.insert(id.clone()));
        let reads: Vec<_> = ids.iter().map(|id| self.of_ledger_if_readable(id)).collect();
        let read = stream::iter(reads).buffered(AT_ONCE).try_collect::<Vec<_>>();
        let read = timeout(LEDGER_BUDGET, read).await.map_err(|_| {
            tracing::error!("The ledger did not answer in time.");
            unreadable_ledger()
        })?;
        let read = read.map_err(|error| {
            tracing::error!(error = %ErrorChain(&error), "The ledger could not be read.");
            unreadable_ledger()
        })?;
        let not_shown = ids.iter().zip(&read).filter(|(_, view)| view.is_none());
        let not_shown = not_shown.map(|(id, _)| id.to_string()).collect();
        // Lines shorten client ids, so that two may look alike.
        let is_of_client = |view: &NotificationView| {
            view.client_id == asked.client_id.as_str()
                && view.authorisation_server.as_deref() == asked.authorisation_server.as_deref()
        };
        Ok((read.into_iter().flatten().filter(is_of_client).collect(), not_shown))
    }

    async fn of_ledger_if_readable(
        &self,
        id: &NotificationId,
    ) -> Result<Option<NotificationView>, LedgerError> {
        match self.ledger.notification(id).await {
            Err(LedgerError::Unreadable) => Ok(None),
            read => read,
        }
    }
}

fn unreadable_log(error: &AttemptLogError) -> Problem {
    match error {
        AttemptLogError::Expired => wrong_token(),
        AttemptLogError::Service { .. } => {
            tracing::error!(error = %ErrorChain(error), "The log of attempts could not be read.");
            Problem::unavailable("The log of attempts could not be read. Ask again.")
        }
    }
}
