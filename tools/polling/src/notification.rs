//! Delivered notifications: who was told of which resource, and when.

use anyhow::{Result, bail};
use convention::notification::{ENDPOINTS, Endpoint, NotificationId, Partition};
use jiff::Timestamp;
use serde::Deserialize;

use crate::clients::{Client, Clients};
use crate::input::{LineCounts, Source};

/// Maximum number of notifications that are held: some 200 MB.
const MAX_NOTIFICATIONS: usize = 5_000_000;

/// A delivered notification.
#[derive(Clone, Debug)]
pub struct Notification<'t> {
    /// The client that was notified, or the first 43 characters of its id.
    pub client_id: &'t str,
    /// The partition of its resource, with which every notification id begins.
    pub resource: Partition,
    /// When the attempt that was accepted began. A receiver may ask for the resource before it answers.
    pub at: Timestamp,
}

/// The delivered notifications.
#[derive(Clone, Debug, Default)]
pub struct Notifications {
    pub(crate) all: Vec<Told>,
    /// What could not be read of a file.
    pub(crate) counts: LineCounts,
}

/// A delivered notification, by numbers.
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub(crate) struct Told {
    pub(crate) at: i64,
    pub(crate) client: Client,
    pub(crate) resource: Partition,
}

impl Notifications {
    /// Adds a notification; refused are more than memory is meant for.
    pub fn add(&mut self, notification: &Notification<'_>, clients: &mut Clients) -> Result<()> {
        if self.all.len() >= MAX_NOTIFICATIONS {
            bail!("there are more than {MAX_NOTIFICATIONS} notifications: ask for fewer days at once");
        }
        self.all.push(Told {
            at: notification.at.as_millisecond(),
            client: clients.number(notification.client_id),
            resource: notification.resource,
        });
        Ok(())
    }

    /// Reads JSON lines: `client_id`, `resource` (its kind, or `E1` to `E5`), `resource_id`, `delivered_at`; or those of
    /// `arauto attempts --json`, of which the delivered ones count.
    pub fn read(&mut self, source: &Source, clients: &mut Clients) -> Result<()> {
        let mut lines = source.open()?;
        loop {
            let line = lines.next()?;
            let Some(line) = line else { return Ok(()) };
            self.counts.lines += 1;
            let read = match &line {
                Ok(line) => serde_json::from_slice::<Line<'_>>(line).ok(),
                Err(_) => None,
            };
            match read.as_ref().and_then(Line::notification) {
                Some(Some(notification)) => {
                    self.add(&notification, clients)?;
                    self.counts.gets += 1;
                }
                Some(None) => self.counts.other += 1,
                None => {
                    let number = lines.number();
                    self.counts.broke(source, number, "it is no delivered notification");
                }
            }
        }
    }
}

#[derive(Deserialize)]
struct Line<'t> {
    #[serde(borrow)]
    client_id: std::borrow::Cow<'t, str>,
    // Of a notification.
    resource: Option<String>,
    resource_id: Option<String>,
    delivered_at: Option<Timestamp>,
    // Of an attempt.
    notification_id: Option<String>,
    outcome: Option<String>,
    at: Option<Timestamp>,
    duration_ms: Option<u32>,
}

impl Line<'_> {
    /// The notification of a line; `Some(None)` if it was not delivered, `None` if it is none.
    #[expect(clippy::option_option, reason = "three ends of a private function")]
    fn notification(&self) -> Option<Option<Notification<'_>>> {
        if self.outcome.as_deref().is_some_and(|outcome| outcome != "delivered") {
            return Some(None);
        }
        let resource = match (&self.notification_id, &self.resource, &self.resource_id) {
            (_, Some(kind), Some(id)) => Partition::of_id(endpoint(kind)?, id),
            (Some(id), _, _) => id.parse::<NotificationId>().ok()?.partition(),
            _ => return None,
        };
        let ended = self.delivered_at.or(self.at)?;
        let lasted = jiff::SignedDuration::from_millis(self.duration_ms.unwrap_or_default().into());
        let at = ended.checked_sub(lasted).ok()?;
        Some(Some(Notification { client_id: &self.client_id, resource, at }))
    }
}

/// The endpoint of a kind of resource: its code, or its name if no two endpoints share it.
fn endpoint(kind: &str) -> Option<Endpoint> {
    Endpoint::from_code(kind).or_else(|| {
        let mut named = ENDPOINTS.iter().filter(|row| row.resource == kind);
        let row = named.next()?;
        named.next().is_none().then_some(row.endpoint)
    })
}
