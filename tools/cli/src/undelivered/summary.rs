//! Undelivered notifications counted by receiver, endpoint and outcome.

use std::collections::BTreeMap;
use std::io::{self, Write};

use jiff::Timestamp;
use serde::Serialize;
use terminal::{Align, Table};

use super::listing::Listed;

/// The notifications of one receiver, endpoint and outcome.
#[derive(Clone, Debug, Eq, PartialEq, Serialize)]
pub struct Group {
    /// The receiver.
    pub client_id: String,
    /// The endpoint, `E1` to `E5`.
    pub endpoint: &'static str,
    /// The code of the last failure.
    pub outcome: String,
    /// The number.
    pub count: usize,
    /// How many of them were replayed.
    pub replayed: usize,
    /// When the first was given up.
    pub first: Timestamp,
    /// When the last was given up.
    pub last: Timestamp,
}

/// Counts notifications, the most frequent first.
pub fn groups<'a>(notifications: impl IntoIterator<Item = &'a Listed>) -> Vec<Group> {
    let mut groups: BTreeMap<(String, &'static str, String), Group> = BTreeMap::new();
    for listed in notifications {
        let row = &listed.undelivered;
        let (client_id, endpoint) =
            (row.message.receiver().to_string(), row.message.resource.endpoint.row().code);
        let at = row.gave_up_at;
        let group = groups.entry((client_id.clone(), endpoint, row.outcome.clone())).or_insert_with(|| {
            let outcome = row.outcome.clone();
            Group { client_id, endpoint, outcome, count: 0, replayed: 0, first: at, last: at }
        });
        group.count += 1;
        group.replayed += usize::from(listed.is_replayed());
        (group.first, group.last) = (group.first.min(at), group.last.max(at));
    }
    let mut groups: Vec<_> = groups.into_values().collect();
    groups.sort_by_key(|group| std::cmp::Reverse(group.count));
    groups
}

/// Writes the counts as a table.
pub fn write_groups(out: &mut impl Write, groups: &[Group]) -> io::Result<()> {
    let mut table = Table::new([
        Align::Left,
        Align::Left,
        Align::Left,
        Align::Right,
        Align::Right,
        Align::Left,
        Align::Left,
    ]);
    table.row(["receiver", "endpoint", "outcome", "count", "replayed", "first", "last"]);
    for group in groups {
        table.row([
            group.client_id.clone(),
            group.endpoint.to_owned(),
            group.outcome.clone(),
            group.count.to_string(),
            group.replayed.to_string(),
            format!("{:.0}", group.first),
            format!("{:.0}", group.last),
        ]);
    }
    write!(out, "{table}")
}

#[cfg(test)]
mod tests {
    use super::super::listing::tests::undelivered;
    use super::*;

    #[test]
    fn notifications_are_counted_by_receiver_endpoint_and_outcome() {
        let listed = |client: &str, outcome: &str, at: i64, replayed: bool| {
            let mut undelivered = undelivered(client, &format!("p-{at}"), outcome, at);
            undelivered.replayed_at = replayed.then_some(Timestamp::UNIX_EPOCH);
            Listed { undelivered, copies: Vec::new() }
        };
        let all = [
            listed("a", "timeout", 5, false),
            listed("b", "timeout", 1, true),
            listed("b", "timeout", 3, false),
            listed("b", "server_error", 2, false),
        ];
        let counted = groups(&all);
        let shown: Vec<_> = counted
            .iter()
            .map(|group| (group.client_id.as_str(), group.outcome.as_str(), group.count, group.replayed))
            .collect();
        assert_eq!(shown, [("b", "timeout", 2, 1), ("a", "timeout", 1, 0), ("b", "server_error", 1, 0)]);
        assert_eq!((counted[0].first.as_second(), counted[0].last.as_second()), (1, 3));
        let mut out = Vec::new();
        write_groups(&mut out, &counted).unwrap();
        let text = String::from_utf8(out).unwrap();
        assert_eq!(text.lines().count(), 4);
        assert!(text.contains("1970-01-01T00:00:01Z  1970-01-01T00:00:03Z"), "{text}");
    }
}
