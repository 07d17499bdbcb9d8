//! The command: a table of counts, then the notifications.

use std::io::{self, Write};

use anyhow::Result;
use clap::Args;
use convention::notification::NotificationId;
use platform::clock::Clock;
use serde_json::{Value, json};
use terminal::{Align, Table};

use super::filter::{Filter, FilterArgs};
use super::listing::{Listed, Listing};
use super::queue::{DeadLetterQueue, Resting};
use super::summary::{groups, write_groups};
use crate::shutdown::Shutdown;
use crate::stack_ref::TargetArgs;

/// List undelivered notifications by receiver, endpoint and outcome
///
/// Also counts the messages of the dead-letter queue that are in no list: those that SQS moved there after faults of
/// ours, and those that cannot be read. Changes nothing. Without options it reads the local stack that `arauto up`
/// runs.
#[derive(Args, Clone, Debug)]
#[command(after_help = "Examples:\n  arauto undelivered\n  arauto undelivered --client itp-1 --last 7d\n  \
    arauto undelivered --outcome connect_timeout --since 2026-11-22T10:00:00-03:00 --json\n\n\
    Exit codes: 0 success, also with an empty list; 1 failure; 2 wrong usage.")]
pub struct UndeliveredArgs {
    #[command(flatten)]
    filter: FilterArgs,
    #[command(flatten)]
    target: TargetArgs,
    /// Maximum number of notifications shown below the table
    #[arg(long, value_name = "N", default_value_t = 50)]
    limit: usize,
    /// Print one JSON object, with every notification
    #[arg(long)]
    json: bool,
}

/// Maximum number of messages received from the queue, as they are invisible to others meanwhile.
const MAX_LOOKED_AT: usize = 1_000;

/// Runs the command.
pub async fn run(args: UndeliveredArgs) -> Result<()> {
    let stop = Shutdown::on_signals()?;
    let filter = args.filter.at(Clock::system().now())?;
    let target = args.target.find().await?;
    let listing = Listing::read(&target.rows(), &filter).await?;
    let resting =
        DeadLetterQueue::new(&target.sdk, target.undelivered.clone()).count(MAX_LOOKED_AT, &stop).await?;
    let mut out = io::stdout().lock();
    if args.json {
        writeln!(out, "{}", to_json(&filter, &listing, &resting))?;
    } else {
        write(&mut out, &filter, &listing, &resting, args.limit)?;
    }
    Ok(())
}

fn to_json(filter: &Filter, listing: &Listing, resting: &Resting) -> Value {
    let notification = |listed: &Listed| {
        let row = &listed.undelivered;
        json!({
            "notification_id": row.message.notification.as_str(),
            "client_id": row.message.change.client_id.as_str(),
            "authorisation_server": row.message.authorisation_server,
            "endpoint": row.message.resource.endpoint.row().code,
            "resource_id": row.message.resource.id.as_str(),
            "outcome": row.outcome,
            "interaction_id": row.interaction_id.to_string(),
            "gave_up_at": row.gave_up_at.to_string(),
            "event_instant": row.message.change.event_instant.to_string(),
            "replay_of": row.message.replay_of.as_ref().map(NotificationId::as_str),
            "replayed_at": listed.rows().find_map(|row| row.replayed_at).map(|at| at.to_string()),
            "replayed_by": listed.rows().find_map(|row| row.replayed_by.as_deref()),
            "replayed_as": listed.is_replayed().then(|| row.message.notification.replay().to_string()),
        })
    };
    json!({
        "since": filter.window.since.to_string(),
        "until": filter.window.until.to_string(),
        "groups": groups(&listing.notifications),
        "notifications": listing.notifications.iter().map(notification).collect::<Vec<_>>(),
        "unreadable_rows": listing.unreadable,
        "dead_letter_queue": resting,
    })
}

fn write(
    out: &mut impl Write,
    filter: &Filter,
    listing: &Listing,
    resting: &Resting,
    limit: usize,
) -> io::Result<()> {
    let (since, until) = (filter.window.since, filter.window.until);
    let all = &listing.notifications;
    if all.is_empty() {
        writeln!(out, "Nothing that matches was given up from {since:.0} until {until:.0}.")?;
    } else {
        writeln!(out, "{} given up from {since:.0} until {until:.0}\n", count(all.len(), "notification"))?;
        write_groups(out, &groups(all))?;
        writeln!(out)?;
        write_list(out, all.iter().take(limit))?;
        if all.len() > limit {
            writeln!(out, "… and {} more: --limit shows more, --json all", all.len() - limit)?;
        }
        if all.iter().any(|listed| !listed.is_replayed()) {
            writeln!(
                out,
                "\n`arauto replay` with the same options says what sending them again would take."
            )?;
        }
    }
    if listing.unreadable > 0 {
        writeln!(out, "{} of the window cannot be read by this version.", count(listing.unreadable, "row"))?;
    }
    write_resting(out, resting)
}

fn write_list<'a>(out: &mut impl Write, listed: impl Iterator<Item = &'a Listed>) -> io::Result<()> {
    let mut table = Table::new([Align::Left; 7]);
    for listed in listed {
        let row = &listed.undelivered;
        let message = &row.message;
        let original = message.replay_of.as_ref().map(|original| format!("(a replay of {original})"));
        let replay = listed.is_replayed().then(|| format!("replayed as {}", message.notification.replay()));
        table.row([
            format!("{:.0}", row.gave_up_at),
            message.notification.to_string(),
            message.receiver().to_string(),
            message.resource.endpoint.to_string(),
            row.outcome.clone(),
            message.resource.id.to_string(),
            original.into_iter().chain(replay).collect::<Vec<_>>().join("  "),
        ]);
    }
    write!(out, "{table}")
}

/// Writes what the list above does not contain.
fn write_resting(out: &mut impl Write, resting: &Resting) -> io::Result<()> {
    let Resting { given_up, unreadable, unlisted, at_least } = *resting;
    let bound = if at_least { "at least " } else { "" };
    writeln!(
        out,
        "\nthe dead-letter queue holds {bound}{}",
        count(given_up + unreadable + unlisted, "message")
    )?;
    if unlisted > 0 {
        writeln!(
            out,
            "  {bound}{unlisted} delayed by faults of ours, in no list: `arauto replay --redrive` moves them back"
        )?;
    }
    if unreadable > 0 {
        writeln!(
            out,
            "  {bound}{unreadable} that cannot be read, in no list: dispatch logged why (unreadable_message)"
        )?;
    }
    Ok(())
}

/// Writes a number with its noun.
pub(crate) fn count(number: usize, noun: &str) -> String {
    if number == 1 { format!("1 {noun}") } else { format!("{number} {noun}s") }
}

#[cfg(test)]
mod tests {
    use jiff::Timestamp;

    use super::super::filter::Window;
    use super::super::listing::tests::undelivered;
    use super::*;

    fn filter() -> Filter {
        let at = |second| Timestamp::from_second(second).unwrap();
        let window = Window { since: at(0), until: at(86_400) };
        Filter { clients: vec![], endpoints: vec![], outcomes: vec![], window }
    }

    fn listing(count: i64) -> Listing {
        let one = |at| undelivered("itp-1", &format!("p-{at}"), "timeout", at);
        let notifications = (0..count).map(|at| Listed { undelivered: one(at), copies: vec![] }).collect();
        Listing { notifications, unreadable: 0 }
    }

    fn text(listing: &Listing, resting: Resting, limit: usize) -> String {
        let mut out = Vec::new();
        write(&mut out, &filter(), listing, &resting, limit).unwrap();
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn the_list_stops_at_its_limit_and_says_how_many_more_there_are() {
        let text = text(&listing(5), Resting::default(), 2);
        assert!(text.starts_with("5 notifications given up from 1970-01-01T00:00:00Z"), "{text}");
        assert_eq!(text.matches("  p-").count(), 2, "{text}");
        assert!(text.contains("… and 3 more"), "{text}");
        assert!(text.contains("holds 0 messages"), "{text}");
    }

    #[test]
    fn what_no_list_has_is_told_and_that_it_may_be_more() {
        let resting = Resting { given_up: 3, unreadable: 1, unlisted: 2, at_least: true };
        let text = text(&listing(0), resting, 50);
        assert!(text.starts_with("Nothing that matches"), "{text}");
        assert!(text.contains("holds at least 6 messages"), "{text}");
        assert!(text.contains("at least 2 delayed by faults of ours"), "{text}");
        assert!(text.contains("at least 1 that cannot be read"), "{text}");
    }

    #[test]
    fn the_json_has_every_notification_and_what_it_was_replayed_as() {
        let mut listing = listing(60);
        listing.notifications[7].undelivered.replayed_at = Some(Timestamp::UNIX_EPOCH);
        let value = to_json(&filter(), &listing, &Resting::default());
        let all = value["notifications"].as_array().unwrap();
        assert_eq!((all.len(), &value["groups"][0]["replayed"]), (60, &json!(1)));
        let replay = listing.notifications[7].id().replay();
        assert_eq!(all[7]["replayed_as"], replay.as_str());
        assert_eq!(all[8]["replayed_as"], Value::Null);
    }
}
