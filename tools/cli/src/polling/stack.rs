//! What a stack knows: delivered notifications, from the lines of dispatch, and the access log of an API.

use account::ChosenStack;
use anyhow::Result;
use aws_sdk_cloudwatchlogs::Client;
use convention::notification::NotificationId;
use jiff::{SignedDuration, Timestamp};
use polling::{Clients, Notification, Notifications};

use crate::attempts::{LogGroups, Selection};

/// A window of time, both ends included.
pub(super) type Window = (Timestamp, Timestamp);

/// How much is read at once: events that were read are remembered until the next part, so that none counts twice.
const PART: SignedDuration = SignedDuration::from_hours(1);

/// Reads the notifications that were delivered in a window.
///
/// The id of a notification begins with the partition of its resource, so its log line tells which resource it was of,
/// and the ledger need not be asked.
pub(super) async fn delivered(
    stack: &ChosenStack,
    window: Window,
    clients: &mut Clients,
) -> Result<Notifications> {
    let selection = Selection { outcomes: vec!["delivered".to_owned()], ..Selection::default() };
    let pattern = selection.pattern();
    let mut groups = LogGroups::of(stack)?;
    let mut notifications = Notifications::default();
    for part in parts(window) {
        let take = |at: Timestamp, line: &str| {
            let Some(attempt) = selection.read(at, line) else { return Ok(()) };
            let Some((client_id, id, at)) = attempt.delivery() else { return Ok(()) };
            let Ok(id) = id.parse::<NotificationId>() else { return Ok(()) };
            notifications.add(&Notification { client_id: &client_id, resource: id.partition(), at }, clients)
        };
        groups.read(part, &pattern, take).await?;
    }
    Ok(notifications)
}

/// Reads the lines of a log group in a window.
pub(super) async fn lines(
    stack: &ChosenStack,
    name: &str,
    window: Window,
    mut tell: impl FnMut(&str),
) -> Result<()> {
    let mut group = LogGroups::new(Client::new(&stack.sdk), vec![name.to_owned()]);
    for part in parts(window) {
        let told = |_, line: &str| {
            tell(line);
            Ok(())
        };
        group.read(part, "", told).await?;
    }
    Ok(())
}

fn parts((since, until): Window) -> impl Iterator<Item = Window> {
    let end = move |from: Timestamp| from.saturating_add(PART).unwrap_or(until).min(until);
    let mut next = Some(since);
    std::iter::from_fn(move || {
        let from = next?;
        let to = end(from);
        next = (to < until).then_some(to);
        Some((from, to))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_window_is_read_in_parts_without_a_gap() {
        let at = |text: &str| text.parse::<Timestamp>().unwrap();
        let window = (at("2026-11-22T10:00:00Z"), at("2026-11-22T12:30:00Z"));
        let parts: Vec<_> = parts(window).collect();
        assert_eq!((parts.len(), parts[0].0, parts[2].1), (3, window.0, window.1));
        assert!(parts.windows(2).all(|two| two[0].1 == two[1].0));
        assert_eq!(super::parts((window.0, window.0)).count(), 1);
    }
}
