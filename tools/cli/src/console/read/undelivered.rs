//! What was given up within a week.

use account::ChosenStack;
use anyhow::Result;
use jiff::{SignedDuration, Timestamp};
use pages::figures::Range;
use pages::model::{Undelivered, UndeliveredGroup};

use crate::stack_ref::StackRef;
use crate::undelivered::{Filter, Group, Listing, Window, groups};

/// How long the older hours are kept as they were read: each hour takes sixteen look-ups, and a week has 168.
const OLDER_TTL: SignedDuration = SignedDuration::from_mins(30);
/// What is looked up each time.
const NEW: SignedDuration = SignedDuration::from_hours(1);

/// The selection of all that was given up in a window.
pub(in crate::console) fn of_window(since: Timestamp, until: Timestamp) -> Filter {
    let window = Window { since, until };
    Filter { clients: Vec::new(), endpoints: Vec::new(), outcomes: Vec::new(), window }
}

pub(in crate::console) fn of_group(group: Group) -> UndeliveredGroup {
    let Group { client_id, endpoint, outcome, count, replayed, first, last } = group;
    let (count, replayed) = (count as u64, replayed as u64);
    UndeliveredGroup {
        receiver: client_id,
        endpoint: endpoint.to_owned(),
        outcome,
        count,
        replayed,
        first,
        last,
    }
}

/// The hours that were read before.
#[derive(Debug, Default)]
pub(super) struct Week {
    older: Option<Older>,
}

#[derive(Debug)]
struct Older {
    listing: Listing,
    until: Timestamp,
    read_at: Timestamp,
}

impl Week {
    /// Forgets what was read, as after a replay.
    pub(super) fn forget(&mut self) {
        self.older = None;
    }

    pub(super) async fn read(&mut self, stack: &ChosenStack, now: Timestamp) -> Result<Undelivered> {
        let rows = StackRef::of_stack(stack)?.rows();
        let is_fresh = |older: &Older| now.duration_since(older.read_at) < OLDER_TTL;
        let known = self.older.as_ref().filter(|older| is_fresh(older)).map(|older| older.until);
        let until = if let Some(until) = known {
            until
        } else {
            let since = now.saturating_sub(Range::Week.length())?;
            let until = now.saturating_sub(NEW)?;
            let listing = Listing::read(&rows, &of_window(since, until)).await?;
            self.older = Some(Older { listing, until, read_at: now });
            until
        };
        let after = until.saturating_add(SignedDuration::from_nanos(1))?;
        let new = Listing::read(&rows, &of_window(after, now)).await?;
        let older = self.older.as_ref().map(|older| &older.listing);
        let listed = older.into_iter().flat_map(|listing| &listing.notifications).chain(&new.notifications);
        let unreadable = older.map_or(0, |listing| listing.unreadable) + new.unreadable;
        let groups = groups(listed).into_iter().map(of_group).collect();
        Ok(Undelivered { groups, unreadable: unreadable as u64 })
    }
}
