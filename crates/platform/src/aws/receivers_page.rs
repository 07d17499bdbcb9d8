//! The receivers table in pages.

use std::collections::HashMap;
use std::time::Duration;

use aws_sdk_dynamodb::types::AttributeValue;
use convention::directory::{ClientState, Registration};
use tokio::time::Instant;

use super::cause::cause;
use super::receivers::{KEY, Receivers, ReceiversError, text};

/// Rows of one read. Those of removed clients are among them, so a small page reads more rows than it has.
const ROWS: i32 = 100;
/// No further rows are read after this time. With one more read it is within the time that an HTTP API waits for an answer.
const BUDGET: Duration = Duration::from_secs(5);

/// Some of the registrations, in the table's own order.
#[derive(Debug, Default)]
pub struct ReceiversPage {
    /// The registrations.
    pub registrations: Vec<Registration>,
    /// Why other rows of the page cannot be read.
    pub unreadable: Vec<ReceiversError>,
    /// The key after which the next page begins; `None` at the end of the table.
    pub last: Option<String>,
}

impl Receivers {
    /// Reads up to `size` registrations that follow this key, which need not exist.
    ///
    /// Removed clients keep their rows, so a page may take several reads; after five seconds it is returned as it is. Each
    /// read is consistent, so a registration that exists from the first page to the last is on exactly one page.
    pub async fn page(&self, after: Option<String>, size: u16) -> Result<ReceiversPage, ReceiversError> {
        let mut page = ReceiversPage { last: after, ..ReceiversPage::default() };
        let until = Instant::now() + BUDGET;
        loop {
            let start = page.last.take().map(|key| HashMap::from([(KEY.to_owned(), text(&key))]));
            let answer = self
                .client
                .scan()
                .table_name(&self.table)
                .consistent_read(true)
                .limit(ROWS)
                .set_exclusive_start_key(start)
                .send()
                .await
                .map_err(|error| self.failed("list", cause(error)))?;
            let mut last = answer.last_evaluated_key.as_ref().and_then(key_of);
            let mut rows = answer.items.unwrap_or_default().into_iter();
            while page.len() < usize::from(size) {
                let Some(row) = rows.next() else { break };
                page.take(self.parse(&row));
                if page.len() == usize::from(size) && rows.len() > 0 {
                    last = key_of(&row);
                }
            }
            page.last = last;
            if page.last.is_none() || page.len() == usize::from(size) || Instant::now() >= until {
                return Ok(page);
            }
        }
    }
}

impl ReceiversPage {
    fn len(&self) -> usize {
        self.registrations.len() + self.unreadable.len()
    }

    fn take(&mut self, row: Result<ClientState, ReceiversError>) {
        match row {
            Ok(ClientState::Registered(registration)) => self.registrations.push(*registration),
            Ok(ClientState::Removed(_)) => {}
            Err(error) => self.unreadable.push(error),
        }
    }
}

fn key_of(row: &HashMap<String, AttributeValue>) -> Option<String> {
    row.get(KEY)?.as_s().ok().cloned()
}
