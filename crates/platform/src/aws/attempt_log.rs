//! Which notifications a client was sent, from the lines that dispatch logs of attempts.
//!
//! The ledger is keyed by resource. An index by client would be one more write for each write of an attempt; the lines
//! are there, in the order of time, and reading them costs nothing but requests.

use aws_sdk_cloudwatchlogs::Client;
use aws_sdk_cloudwatchlogs::error::{BoxError, ProvideErrorMetadata as _};
use convention::notification::{ClientId, NotificationId};
use jiff::{SignedDuration, Timestamp};
use thiserror::Error;

use super::cause::cause;
use crate::telemetry::{client_phrase, field_text, fields_of_line, logged_client_id};

/// The messages of an attempt that ended, and of one whose process stopped (docs/logging.md).
const SENTENCES: &[&str] =
    &["An attempt ended.", "An attempt was interrupted; whether it arrived is not known."];
/// What both have.
const PHRASE: &str = "An attempt";

/// Reads the lines.
#[derive(Clone, Debug)]
pub struct AttemptLog {
    client: Client,
    group: String,
    retention: SignedDuration,
}

/// The attempts that are looked for.
#[derive(Clone, Copy, Debug)]
pub struct AttemptsOf<'a> {
    /// The client.
    pub client_id: &'a ClientId,
    /// The authorisation server that issued its id; `None` for the default brand.
    pub authorisation_server: Option<&'a str>,
    /// The first instant of the window.
    pub from: Timestamp,
    /// The end of the window, which is no part of it.
    pub to: Timestamp,
    /// Maximum number of lines.
    pub limit: u16,
}

/// Some of the lines, oldest first.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct AttemptLines {
    /// The notification of each.
    pub notifications: Vec<NotificationId>,
    /// Where to go on; `None` if the window was looked through.
    pub next: Option<String>,
}

impl AttemptLog {
    /// Reads the lines of this log group, which are kept for so many days.
    pub fn new(client: Client, group: String, retention_days: u16) -> Self {
        Self { client, group, retention: SignedDuration::from_hours(24 * i64::from(retention_days)) }
    }

    /// Returns how long lines are kept.
    pub fn retention(&self) -> SignedDuration {
        self.retention
    }

    /// Returns the log group.
    pub fn group(&self) -> &str {
        &self.group
    }

    /// Looks through a part of the window, from its start or where an answer said to go on. It may hold no line although
    /// others follow.
    ///
    /// The service orders lines by their times, and lines of one time always alike (`FilterLogEvents`, Amazon CloudWatch
    /// Logs API Reference).
    pub async fn read(
        &self,
        of: AttemptsOf<'_>,
        next: Option<String>,
    ) -> Result<AttemptLines, AttemptLogError> {
        // Times of lines are cut to whole milliseconds. Both ends are cut alike, so that windows that meet share no line.
        let (first, last) = (of.from.as_millisecond(), of.to.as_millisecond() - 1);
        if last < first {
            return Ok(AttemptLines::default());
        }
        let goes_on = next.is_some();
        let answer = self
            .client
            .filter_log_events()
            .log_group_name(&self.group)
            .start_time(first)
            .end_time(last)
            .filter_pattern(pattern(of.client_id))
            .limit(of.limit.into())
            .set_next_token(next)
            .send()
            .await;
        let answer = answer.map_err(|error| match error.code() {
            // A token is good for a day.
            Some("InvalidParameterException") if goes_on => AttemptLogError::Expired,
            _ => AttemptLogError::Service { group: self.group.clone(), source: cause(error) },
        })?;
        let lines = answer.events().iter().filter_map(|event| event.message());
        let notifications = lines.filter_map(|line| notification(line, of)).collect();
        Ok(AttemptLines { notifications, next: answer.next_token })
    }
}

/// The filter pattern. Where it leaves the client out, the fields of each line decide.
fn pattern(client_id: &ClientId) -> String {
    let message = format!("\"{PHRASE}\"");
    client_phrase(client_id).map_or_else(|| message.clone(), |client| format!("{message} {client}"))
}

/// Reads the notification of a line, if it tells of an attempt at this receiver.
fn notification(line: &str, of: AttemptsOf<'_>) -> Option<NotificationId> {
    let fields = fields_of_line(line.trim_end(), SENTENCES)?;
    let is_of_client = field_text(&fields, "client_id").as_deref() == Some(logged_client_id(of.client_id));
    let is_of_brand = field_text(&fields, "authorisation_server").as_deref() == of.authorisation_server;
    field_text(&fields, "notification_id")?.parse().ok().filter(|_| is_of_client && is_of_brand)
}

/// Why the lines cannot be read.
#[derive(Debug, Error)]
pub enum AttemptLogError {
    /// The token has expired.
    #[error("the position in the log has expired")]
    Expired,
    /// The service refused, or did not answer.
    #[error("failed to read the log group {group}")]
    Service {
        /// The log group.
        group: String,
        /// The service's error.
        source: BoxError,
    },
}

#[cfg(test)]
mod tests {
    use super::*;

    const ID: &str = "339c89c7469c6be05b1f0d2a97c3e481";

    fn read(line: &str, client: &str, server: Option<&str>) -> Option<String> {
        let client_id: ClientId = client.parse().unwrap();
        let of = AttemptsOf {
            client_id: &client_id,
            authorisation_server: server,
            from: Timestamp::UNIX_EPOCH,
            to: Timestamp::UNIX_EPOCH,
            limit: 1,
        };
        notification(line, of).map(|id| id.to_string())
    }

    #[test]
    fn a_line_is_of_the_client_and_the_brand_that_it_names() {
        let json = format!(
            r#"{{"level":"INFO","message":"An attempt ended.","notification_id":"{ID}","client_id":"12"}}"#
        );
        let interrupted = json
            .replace("ended.", "was interrupted; whether it arrived is not known.")
            .replace("INFO", "WARN");
        let text = format!(" INFO An attempt ended. notification_id={ID} client_id=\"12\" attempt=1");
        for line in [&json, &interrupted, &text] {
            assert_eq!(read(line, "12", None).as_deref(), Some(ID), "{line}");
            for (client, server) in [("1", None), ("123", None), ("12", Some("a"))] {
                assert_eq!(read(line, client, server), None, "{line}");
            }
        }
        let branded = json.replace("\"client_id\"", "\"authorisation_server\":\"a\",\"client_id\"");
        assert!(read(&branded, "12", Some("a")).is_some() && read(&branded, "12", None).is_none());
        let other = json.replace("An attempt ended.", "A copy of a message is dropped.");
        assert_eq!(read(&other, "12", None), None);
    }

    #[test]
    fn a_pattern_holds_only_what_it_cannot_misread() {
        let of = |id: &str| pattern(&id.parse().unwrap());
        assert_eq!(of("itp-1.b:c_D"), "\"An attempt\" \"itp-1.b:c_D\"");
        for odd in ["a\"b", "a\\b", "a*b", "a%b", "a?b"] {
            assert_eq!(of(odd), "\"An attempt\"");
        }
        assert_eq!(of(&"x".repeat(60)), format!("\"An attempt\" \"{}\"", "x".repeat(43)));
    }
}
