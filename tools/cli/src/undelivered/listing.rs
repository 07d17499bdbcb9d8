//! The undelivered notifications of a window, each once.

use std::collections::BTreeMap;

use anyhow::{Context as _, Result};
use convention::delivery::Undelivered;
use convention::notification::NotificationId;
use futures_util::{StreamExt as _, TryStreamExt as _, stream};
use platform::aws::UndeliveredRows;

use super::filter::Filter;

/// Maximum number of hours read concurrently.
const AT_ONCE: usize = 4;

/// An undelivered notification with all its rows.
#[derive(Clone, Debug, PartialEq)]
pub struct Listed {
    /// The earliest row.
    pub undelivered: Undelivered,
    /// Further rows: a failure whose recording was interrupted may be listed in two hours.
    pub copies: Vec<Undelivered>,
}

/// The undelivered notifications of a window.
#[derive(Clone, Debug, Default)]
pub struct Listing {
    /// The notifications in the order in which they were given up.
    pub notifications: Vec<Listed>,
    /// Number of unreadable rows.
    pub unreadable: usize,
}

impl Listed {
    /// Says whether it was replayed.
    pub fn is_replayed(&self) -> bool {
        self.rows().any(|row| row.replayed_at.is_some())
    }

    /// Returns its rows.
    pub fn rows(&self) -> impl Iterator<Item = &Undelivered> {
        std::iter::once(&self.undelivered).chain(&self.copies)
    }

    /// Returns its id.
    pub fn id(&self) -> &NotificationId {
        &self.undelivered.message.notification
    }
}

impl Listing {
    /// Reads the rows of a window and keeps the selected ones.
    pub async fn read(rows: &UndeliveredRows, filter: &Filter) -> Result<Self> {
        let hours: Vec<_> = stream::iter(filter.hours())
            .map(|hour| rows.of_hour(hour))
            .buffered(AT_ONCE)
            .try_collect()
            .await
            .context("failed to read the ledger: check its name, your region and your credentials")?;
        let mut listing = Self::default();
        let mut meant = Vec::new();
        for row in hours.into_iter().flatten() {
            match row {
                Ok(row) if filter.takes(&row) => meant.push(row),
                Ok(_) => {}
                Err(_) => listing.unreadable += 1,
            }
        }
        listing.notifications = once_each(meant);
        Ok(listing)
    }
}

/// Groups the rows of each notification, and sorts the notifications.
fn once_each(mut rows: Vec<Undelivered>) -> Vec<Listed> {
    rows.sort_by_key(|row| row.gave_up_at);
    let mut at: BTreeMap<String, usize> = BTreeMap::new();
    let mut listed: Vec<Listed> = Vec::new();
    for row in rows {
        if let Some(index) = at.get(row.message.notification.as_str()) {
            listed[*index].copies.push(row);
        } else {
            at.insert(row.message.notification.to_string(), listed.len());
            listed.push(Listed { undelivered: row, copies: Vec::new() });
        }
    }
    listed
}

#[cfg(test)]
pub(crate) mod tests {
    use convention::delivery::AttemptMessage;
    use convention::notification::StateChange;
    use jiff::Timestamp;
    use serde_json::json;

    use super::*;

    pub(crate) fn undelivered(client: &str, resource: &str, outcome: &str, gave_up_at: i64) -> Undelivered {
        let change = json!({
            "client_id": client, "api": "payments", "resource": "pix_payment", "resource_id": resource,
            "api_version": "v5", "from": "RCVD", "to": "ACSC", "event_instant": "2026-03-10T12:00:00Z"
        });
        let change = StateChange::from_json(&change, "").unwrap();
        Undelivered {
            message: AttemptMessage::first(change, Timestamp::UNIX_EPOCH).unwrap(),
            outcome: outcome.to_owned(),
            interaction_id: "7f1c2b1e-5a0e-4a9e-9d6b-0c8f5a3e1d22".parse().unwrap(),
            gave_up_at: Timestamp::from_second(gave_up_at).unwrap(),
            replayed_at: None,
            replayed_by: None,
        }
    }

    #[test]
    fn a_notification_listed_twice_is_one_and_replayed_if_either_row_says_so() {
        let (first, other) = (undelivered("c", "p-1", "timeout", 10), undelivered("c", "p-2", "timeout", 20));
        let mut second = undelivered("c", "p-1", "interrupted", 3_700);
        second.replayed_at = Some(Timestamp::UNIX_EPOCH);
        let listed = once_each(vec![second.clone(), other.clone(), first.clone()]);
        let expected = [
            Listed { undelivered: first, copies: vec![second] },
            Listed { undelivered: other, copies: vec![] },
        ];
        assert_eq!(listed, expected);
        assert_eq!(listed.iter().map(Listed::is_replayed).collect::<Vec<_>>(), [true, false]);
    }
}
