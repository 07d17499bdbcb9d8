//! `arauto notifications`: what a client was sent in a window, by the API.

use std::collections::HashSet;
use std::fmt::Write as _;
use std::io::{self, Write as _};
use std::path::PathBuf;
use std::time::Duration;

use account::aws_http::ApiAnswer;
use account::{ApiRequest, ChosenStack, StackArgs, Token};
use anyhow::{Context as _, Result, bail};
use clap::Args;
use convention::notification::ClientId;
use http::Method;
use http::header::RETRY_AFTER;
use jiff::{SignedDuration, Timestamp};
use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};
use platform::clock::Clock;
use serde_json::Value;
use terminal::{Align, Table, WrongUsage};
use tokio::time::sleep;

use crate::undelivered::duration;

/// List the notifications that a client was sent in the last hour, with their outcomes
///
/// One row for each of which an attempt ended in the window: event, endpoint, attempts, notification, status and the outcome of
/// its last attempt, as the ledger has it now. Asks GET /v1/notifications, signed or with a token, for a day at a time. Without
/// options it asks the local stack that `arauto up` runs.
#[derive(Args, Clone, Debug)]
#[command(
    after_help = "Examples:\n  arauto notifications --client itp-1 --last 24h --stack-name arauto-production --profile bank\n  \
    arauto notifications --client itp-1 --from 2026-11-22T10:00:00-03:00 --to 2026-11-22T11:00:00-03:00 --json\n\n\
    Exit codes: 0 they are listed; 1 they could not be; 2 wrong usage; 3 the client was never registered, or some are not in the ledger."
)]
pub struct NotificationsArgs {
    /// The client
    #[arg(long = "client", value_name = "ID")]
    client: ClientId,
    /// Brand whose authorization server issued the client id; default: the first
    #[arg(long, value_name = "NAME")]
    brand: Option<String>,
    /// Sent at this instant or later, such as 2026-11-22T10:00:00-03:00
    #[arg(long, value_name = "INSTANT", conflicts_with = "last")]
    from: Option<Timestamp>,
    /// Sent before this instant; default: now
    #[arg(long, value_name = "INSTANT", conflicts_with = "last")]
    to: Option<Timestamp>,
    /// Sent within this time until now, such as 90m, 24h or 7d [default: 1h]
    #[arg(long, value_name = "TIME", value_parser = duration)]
    last: Option<SignedDuration>,
    /// File with a bearer token, for a stack with ApiAuthorization=JWT; ARAUTO_TOKEN holds one, too
    #[arg(long, value_name = "FILE")]
    token_file: Option<PathBuf>,
    #[command(flatten)]
    stack: StackArgs,
    /// Print each notification as a line of JSON, as in the API's answer
    #[arg(long)]
    json: bool,
}

/// The default window.
const DEFAULT_LAST: SignedDuration = SignedDuration::from_hours(1);
/// The longest window that the API takes.
const DAY: SignedDuration = SignedDuration::from_hours(24);
/// Pauses before a page is asked for again, where the answer names none.
const PAUSES: [Duration; 4] =
    [Duration::from_secs(1), Duration::from_secs(2), Duration::from_secs(4), Duration::from_secs(8)];
/// The longest pause that an answer may ask for.
const MAX_PAUSE: Duration = Duration::from_secs(30);

/// Runs the command; `false` if the client is unknown, or some notifications are not in the ledger.
pub async fn run(args: NotificationsArgs) -> Result<bool> {
    let (mut from, to) = args.window(Clock::system().now())?;
    let token = match &args.token_file {
        Some(file) => Some(Token::from_file(file)?),
        None => Token::of_environment()?,
    };
    let stack = args.stack.find("").await?;
    let mut listing =
        Listing { stack, token, args, told: HashSet::new(), not_shown: HashSet::new(), complete: true };
    while from < to {
        let end = from.saturating_add(DAY).unwrap_or(to).min(to);
        if !listing.window(from, end).await? {
            return Ok(false);
        }
        from = end;
    }
    listing.warn();
    Ok(listing.not_shown.is_empty())
}

impl NotificationsArgs {
    fn window(&self, now: Timestamp) -> Result<(Timestamp, Timestamp)> {
        let to = self.to.unwrap_or(now);
        let last = self.last.unwrap_or(DEFAULT_LAST);
        let from = self.from.unwrap_or_else(|| to.saturating_sub(last).unwrap_or(Timestamp::MIN));
        if from >= to {
            let wrong = format!("the window ends ({to}) before it begins ({from})");
            return Err(WrongUsage(wrong).into());
        }
        Ok((from, to))
    }
}

/// What was listed so far.
struct Listing {
    stack: ChosenStack,
    token: Option<Token>,
    args: NotificationsArgs,
    /// A notification may be on several pages, and is told once.
    told: HashSet<String>,
    not_shown: HashSet<String>,
    complete: bool,
}

impl Listing {
    /// Lists a window, page after page; `false` if the client is unknown.
    async fn window(&mut self, from: Timestamp, to: Timestamp) -> Result<bool> {
        let mut page_token = None::<String>;
        loop {
            let mut path = format!("/v1/notifications?client_id={}", encoded(self.args.client.as_str()));
            let mut add = |name: &str, value: &str| _ = write!(path, "&{name}={}", encoded(value));
            add("from", &from.to_string());
            add("to", &to.to_string());
            if let Some(brand) = &self.args.brand {
                add("brand", brand);
            }
            if let Some(token) = &page_token {
                add("page_token", token);
            }
            let send = async || {
                let request = ApiRequest { method: Method::GET, path: path.clone(), body: Vec::new() };
                request.send_to(&self.stack, self.token.as_ref()).await
            };
            let answer = send_again(send).await?;
            let page: Value = serde_json::from_slice(&answer.body)
                .with_context(|| format!("the API answered {}: {}", answer.status, answer.text()))?;
            match answer.status {
                200 => {}
                404 if page["type"] == "urn:arauto:not-found" => {
                    let detail = page["detail"].as_str().unwrap_or_default();
                    writeln!(io::stderr().lock(), "arauto: {detail}").ok();
                    return Ok(false);
                }
                status => bail!("the API answered {status}: {}", answer.text()),
            }
            self.tell(&page)?;
            page_token = page["next_page_token"].as_str().map(str::to_owned);
            if page_token.is_none() {
                self.complete &= page["complete"] == true;
                return Ok(true);
            }
        }
    }

    fn tell(&mut self, page: &Value) -> Result<()> {
        let not_shown = page["not_shown"].as_array().into_iter().flatten();
        self.not_shown.extend(not_shown.filter_map(Value::as_str).map(str::to_owned));
        let mut out = io::stdout().lock();
        for shown in page["notifications"].as_array().into_iter().flatten() {
            let id = shown["notification_id"].as_str().unwrap_or_default().to_owned();
            if !self.told.insert(id) {
                continue;
            }
            if self.args.json {
                writeln!(out, "{shown}")?;
            } else {
                write!(out, "{}", row(shown))?;
            }
        }
        Ok(())
    }

    fn warn(&self) {
        let mut err = io::stderr().lock();
        if self.told.is_empty() && self.not_shown.is_empty() {
            writeln!(err, "arauto: {} was sent nothing in this window.", self.args.client).ok();
        }
        if !self.not_shown.is_empty() {
            let count = self.not_shown.len();
            writeln!(err, "arauto: warning: {count} more were sent, which the ledger does not show.").ok();
        }
        if !self.complete {
            let why = "the window ended less than five minutes ago: attempts may still come to the log.";
            writeln!(err, "arauto: warning: {why}").ok();
        }
    }
}

/// Sends a request, and again while the API is throttled or unavailable, five times at most.
async fn send_again(send: impl AsyncFn() -> Result<ApiAnswer>) -> Result<ApiAnswer> {
    for pause in PAUSES {
        let answer = send().await?;
        if !matches!(answer.status, 429 | 503) {
            return Ok(answer);
        }
        let asked = answer.headers.get(RETRY_AFTER).and_then(|text| text.to_str().ok()?.parse().ok());
        sleep(asked.map_or(pause, Duration::from_secs).clamp(PAUSES[0], MAX_PAUSE)).await;
    }
    send().await
}

fn row(shown: &Value) -> Table<6> {
    let attempts = shown["attempts"].as_array().map_or(&[][..], Vec::as_slice);
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    let outcome = attempts.last().map(|last| text(&last["outcome"])).unwrap_or_default();
    let mut table =
        Table::new([Align::Left, Align::Left, Align::Right, Align::Left, Align::Left, Align::Left])
            .at_least([24, 2, 1, 32, 11, 0]);
    table.row([
        text(&shown["event_instant"]),
        text(&shown["endpoint"]),
        attempts.len().to_string(),
        text(&shown["notification_id"]),
        text(&shown["status"]),
        outcome,
    ]);
    table
}

fn encoded(text: &str) -> String {
    utf8_percent_encode(text, NON_ALPHANUMERIC).to_string()
}

#[cfg(test)]
mod tests {
    use std::sync::Mutex;

    use http::HeaderMap;
    use tokio::time::Instant;

    use super::*;

    /// Answers with these, each a status and a `Retry-After`; returns the last status, the requests and the seconds that they took.
    async fn sent(answers: &[(u16, Option<&str>)]) -> (u16, usize, u64) {
        let (left, began) = (Mutex::new(answers.iter()), Instant::now());
        let send = async || {
            let (status, after) = *left.lock().unwrap().next().unwrap();
            let headers: HeaderMap =
                after.map(|after| (RETRY_AFTER, after.parse().unwrap())).into_iter().collect();
            Ok(ApiAnswer { status, headers, body: Vec::new() })
        };
        let status = send_again(send).await.unwrap().status;
        let requests = answers.len() - left.lock().unwrap().len();
        (status, requests, began.elapsed().as_secs())
    }

    #[tokio::test(start_paused = true)]
    async fn a_page_that_is_throttled_is_asked_for_again_when_the_answer_says() {
        assert_eq!(sent(&[(503, Some("3")), (429, None), (200, None)]).await, (200, 3, 5));
        assert_eq!(sent(&[(503, Some("0")), (503, Some("3600")), (404, None)]).await, (404, 3, 31));
        assert_eq!(sent(&[(429, None); 9]).await, (429, 5, 15), "it ends");
        assert_eq!(sent(&[(400, None); 2]).await, (400, 1, 0));
    }
}
