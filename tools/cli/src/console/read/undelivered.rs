//! What was given up within a week.

use account::ChosenStack;
use anyhow::Result;
use jiff::Timestamp;
use pages::figures::Range;
use pages::model::{Undelivered, UndeliveredGroup};

use crate::stack_ref::StackRef;
use crate::undelivered::{Filter, Group, Listing, Window, groups};

/// The selection of all that was given up within a week.
pub(in crate::console) fn of_a_week(now: Timestamp) -> Filter {
    let since = now.saturating_sub(Range::Week.length()).unwrap_or(Timestamp::MIN);
    let window = Window { since, until: now };
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

pub(super) async fn read(stack: &ChosenStack, now: Timestamp) -> Result<Undelivered> {
    let listing = Listing::read(&StackRef::of_stack(stack)?.rows(), &of_a_week(now)).await?;
    let groups = groups(&listing.notifications).into_iter().map(of_group).collect();
    Ok(Undelivered { groups, unreadable: listing.unreadable as u64 })
}
