//! The plan of a replay.

use std::io::{self, Write};

use serde_json::{Value, json};
use terminal::{Align, Table};

use super::price::BatchMetrics;
use crate::prices::{Prices, Region};
use crate::undelivered::{Group, Listed, Listing, count, groups, write_groups};

/// The price list for estimates: most of a replay's cost is waiting for silent receivers, which costs the same in
/// both regions.
const LIST: Region = Region::UsEast1;

/// The plan of a replay.
#[derive(Clone, Debug)]
pub struct Plan {
    /// What is sent, in the order in which it was given up.
    pub to_send: Vec<Listed>,
    /// What was already replayed.
    pub replayed: Vec<Listed>,
    /// Number of notifications beyond the maximum.
    pub left_over: usize,
    /// Notifications a second.
    pub rate: u32,
}

impl Plan {
    /// Plans the notifications that were not replayed, at most `most`.
    pub fn new(listing: Listing, most: Option<usize>, rate: u32) -> Self {
        let (replayed, mut to_send): (Vec<_>, Vec<_>) =
            listing.notifications.into_iter().partition(Listed::is_replayed);
        let left_over = most.map_or(0, |most| to_send.len().saturating_sub(most));
        to_send.truncate(to_send.len() - left_over);
        Self { to_send, replayed, left_over, rate }
    }

    /// Returns the minimum duration in seconds, without the time of AWS's answers.
    pub fn seconds(&self) -> u64 {
        (self.to_send.len() as u64).div_ceil(u64::from(self.rate.max(1)))
    }

    /// Returns what it costs in US dollars if each is delivered at once, and if each receiver is silent again, and by which
    /// price list.
    pub fn prices(&self) -> (String, String, String) {
        let (ours, best, worst) = self.tallies();
        let prices = Prices::of(LIST);
        let usd = |rest| (ours + rest).price(&prices).to_string();
        (usd(best), usd(worst), prices.title())
    }

    fn groups(&self) -> Vec<Group> {
        groups(&self.to_send)
    }

    /// Writes the plan for people.
    pub fn write(&self, out: &mut impl Write) -> io::Result<()> {
        let to_send = self.to_send.len();
        if !self.replayed.is_empty() {
            writeln!(out, "replayed before and left out: {}", self.replayed.len())?;
        }
        if to_send == 0 {
            return writeln!(out, "nothing is to be sent");
        }
        let receivers = count(receivers(&self.to_send), "receiver");
        writeln!(out, "{to_send} to send, to {receivers}, as new notifications with three attempts each\n")?;
        write_groups(out, &self.groups())?;
        if self.left_over > 0 {
            writeln!(out, "\n{} more stay for the next time, as --max says", self.left_over)?;
        }
        let (ours, best, _) = self.tallies();
        let (at_once, silent, list) = self.prices();
        let mut table = Table::new([Align::Left; 2]).indented(2);
        table.row([format!("at {} a second", self.rate), format!("{} at least", duration(self.seconds()))]);
        let requests = format!(
            "{} of this command, besides the listing; {} in all if each is delivered at once",
            ours.requests(),
            (ours + best).requests()
        );
        table.row(["requests to AWS", &requests]);
        let usd = format!(
            "US$ {at_once} if each is delivered at once, US$ {silent} if each receiver is silent again"
        );
        table.row([format!("cost ({list})"), usd]);
        write!(out, "\n{table}")
    }

    /// Writes the plan for programs.
    pub fn to_json(&self) -> Value {
        let (ours, best, _) = self.tallies();
        let (at_once, silent, list) = self.prices();
        json!({
            "to_send": self.to_send.len(),
            "already_replayed": self.replayed.len(),
            "left_over": self.left_over,
            "groups": self.groups(),
            "rate": self.rate,
            "at_least_seconds": self.seconds(),
            "requests": { "of_this_command": ours.requests(), "if_delivered_at_once": (ours + best).requests() },
            "price_usd": {
                "list": list,
                "if_delivered_at_once": at_once,
                "if_silent_again": silent,
            },
        })
    }

    fn tallies(&self) -> (BatchMetrics, BatchMetrics, BatchMetrics) {
        let count = self.to_send.len();
        (
            BatchMetrics::of_command(count),
            BatchMetrics::delivered_at_once(count),
            BatchMetrics::silent_three_times(count),
        )
    }
}

fn receivers(listed: &[Listed]) -> usize {
    let receivers = listed.iter().map(|listed| listed.undelivered.message.receiver());
    receivers.collect::<std::collections::BTreeSet<_>>().len()
}

fn duration(seconds: u64) -> String {
    let (hours, minutes, seconds) = (seconds / 3600, seconds / 60 % 60, seconds % 60);
    match (hours, minutes) {
        (0, 0) => format!("{seconds} s"),
        (0, _) => format!("{minutes} min {seconds} s"),
        _ => format!("{hours} h {minutes} min"),
    }
}

#[cfg(test)]
mod tests {
    use jiff::Timestamp;

    use super::*;
    use crate::undelivered::tests::undelivered;

    fn listing(count: i64, replayed: i64) -> Listing {
        let one = |at| {
            let mut undelivered = undelivered("itp-1", &format!("p-{at}"), "timeout", at);
            undelivered.replayed_at = (at < replayed).then_some(Timestamp::UNIX_EPOCH);
            Listed { undelivered, copies: Vec::new() }
        };
        Listing { notifications: (0..count).map(one).collect(), unreadable: 0 }
    }

    #[test]
    fn what_was_replayed_is_left_out_and_the_oldest_go_first() {
        let plan = Plan::new(listing(10, 3), Some(5), 2);
        assert_eq!((plan.to_send.len(), plan.replayed.len(), plan.left_over), (5, 3, 2));
        assert_eq!(plan.to_send[0].undelivered.gave_up_at.as_second(), 3);
        assert_eq!(plan.seconds(), 3);
        let everything = Plan::new(listing(10, 3), None, 2);
        assert_eq!((everything.to_send.len(), everything.left_over), (7, 0));
    }

    #[test]
    fn the_plan_says_how_many_to_whom_how_long_and_what_it_costs() {
        let mut out = Vec::new();
        Plan::new(listing(100, 0), None, 10).write(&mut out).unwrap();
        // As it reads, however wide its columns are.
        let text = String::from_utf8(out).unwrap().split_whitespace().collect::<Vec<_>>().join(" ");
        for expected in [
            "100 to send, to 1 receiver, as",
            "itp-1",
            "at 10 a second 10 s at least",
            "330 of this command, besides the listing",
            "list price, us-east-1, 2026-",
        ] {
            assert!(text.contains(expected), "{expected}: {text}");
        }
    }

    #[test]
    fn a_long_time_is_said_in_hours() {
        assert_eq!(["5 s", "1 min 5 s", "2 h 46 min"].map(str::to_owned), [5, 65, 10_000].map(duration));
    }
}
