//! Log lines from `CloudWatch` Logs, of AWS or of the local stack.

use std::collections::BTreeMap;

use account::ChosenStack;
use anyhow::{Context as _, Result, bail};
use aws_sdk_cloudwatchlogs::Client;
use aws_sdk_cloudwatchlogs::error::ProvideErrorMetadata as _;
use aws_sdk_cloudwatchlogs::types::FilteredLogEvent;
use jiff::Timestamp;

/// Maximum number of events of an answer (`FilterLogEvents`, `CloudWatch` Logs API reference). An emulator may end an
/// answer there without saying that there is more.
const PAGE: usize = 10_000;

/// Log groups, read without repeating an event.
#[derive(Clone, Debug)]
pub struct LogGroups {
    client: Client,
    names: Vec<String>,
    /// The events that were told, by id, with their times: those of the last moments are read again.
    told: BTreeMap<String, i64>,
}

impl LogGroups {
    /// Finds the groups of dispatch.
    pub fn of(stack: &ChosenStack) -> Result<Self> {
        Self::of_function(stack, "Dispatch")
    }

    /// Finds the groups of directory.
    pub(crate) fn of_directory(stack: &ChosenStack) -> Result<Self> {
        Self::of_function(stack, "Directory")
    }

    fn of_function(stack: &ChosenStack, function: &str) -> Result<Self> {
        let mut names = vec![stack.output(&format!("{function}LogGroupName"))?.to_owned()];
        if stack.local.is_some() {
            // Where an emulator knows no LoggingConfig, lines are in the group of Lambda itself.
            names.push(format!("/aws/lambda/{}", stack.output(&format!("{function}FunctionName"))?));
        }
        Ok(Self::new(Client::new(&stack.sdk), names))
    }

    /// A copy that has reported no event yet.
    pub(crate) fn anew(&self) -> Self {
        Self::new(self.client.clone(), self.names.clone())
    }

    /// Reads these groups.
    pub fn new(client: Client, names: Vec<String>) -> Self {
        Self { client, names, told: BTreeMap::new() }
    }

    /// Tells each event of the window that matches the pattern and was not told before, oldest first in each group; fails
    /// if there is no such group.
    pub async fn read(
        &mut self,
        window: (Timestamp, Timestamp),
        pattern: &str,
        tell: impl FnMut(Timestamp, &str) -> Result<()>,
    ) -> Result<()> {
        if !self.read_if_there(window, pattern, tell).await? {
            bail!("there is no such log group yet: {}", self.names.join(", "));
        }
        Ok(())
    }

    /// The same; says whether there is such a group.
    pub(crate) async fn read_if_there(
        &mut self,
        (since, until): (Timestamp, Timestamp),
        pattern: &str,
        mut tell: impl FnMut(Timestamp, &str) -> Result<()>,
    ) -> Result<bool> {
        self.told.retain(|_, at| *at >= since.as_millisecond());
        let mut found = false;
        for name in self.names.clone() {
            let mut from = since.as_millisecond();
            let mut token = None;
            loop {
                let answer = self
                    .client
                    .filter_log_events()
                    .log_group_name(&name)
                    .start_time(from)
                    .end_time(until.as_millisecond())
                    .filter_pattern(pattern)
                    .set_next_token(token)
                    .send()
                    .await;
                let answer = match answer {
                    // The emulator makes a group at its first line only.
                    Err(error) if error.code() == Some("ResourceNotFoundException") => break,
                    other => other
                        .map_err(aws_sdk_cloudwatchlogs::Error::from)
                        .with_context(|| format!("failed to read the log group {name}"))?,
                };
                found = true;
                let events = answer.events();
                for event in events {
                    self.tell(event, &mut tell)?;
                }
                token = answer.next_token().map(str::to_owned);
                let last = events.iter().filter_map(FilteredLogEvent::timestamp).max();
                match (&token, last) {
                    (Some(_), _) => {}
                    (None, Some(last)) if events.len() >= PAGE => from = last.max(from + 1),
                    (None, _) => break,
                }
            }
        }
        Ok(found)
    }

    fn tell(
        &mut self,
        event: &FilteredLogEvent,
        tell: &mut impl FnMut(Timestamp, &str) -> Result<()>,
    ) -> Result<()> {
        let (Some(at), Some(line)) = (event.timestamp(), event.message()) else { return Ok(()) };
        let id = event.event_id().map_or_else(|| format!("{at} {line}"), str::to_owned);
        if self.told.insert(id, at).is_some() {
            return Ok(());
        }
        let at = Timestamp::from_millisecond(at).context("CloudWatch Logs gave a time that cannot be")?;
        tell(at, line)
    }
}
