//! Whether a second request was made although the answer to the first had come: guarantee G2.

use std::time::Duration;

use convention::delivery::LedgerWrites;

use super::time::TIMEOUT;
use super::world::{Arrival, Facts, HandedOut, World};

/// How long before the end of its invocation a function gives up what it cannot write, so that it can still hide its messages.
const GIVES_UP_BEFORE: Duration = Duration::from_secs(12);

/// G2: a receiver gets a notification again that it accepted only where nobody could know that it had: its answer did not come,
/// its process died, or the ledger did not take it for as long as there was time.
pub(super) fn no_request_after_an_answer_that_came(
    world: &World,
    facts: &Facts,
    arrival: &Arrival,
    broken: &mut Vec<(&'static str, String)>,
) {
    let handed_out = facts.handed_out.get(&arrival.resource).copied().unwrap_or_default();
    if world.ledger_writes() == LedgerWrites::Lean && came_twice(handed_out) {
        return;
    }
    let accepted = facts.arrivals.iter().filter(|other| other.resource == arrival.resource && other.accepts);
    for before in accepted {
        let died = facts.deaths.get(&before.by).is_some_and(|died| *died >= before.at);
        let tried = facts.closings.get(&before.interaction_id).and_then(|tries| tries.last());
        let had_no_time = tried.is_some_and(|last| *last + GIVES_UP_BEFORE >= before.invoked + TIMEOUT);
        if before.answer.came() && !died && !had_no_time {
            broken.push((
                "G2_no_request_after_an_answer_that_came",
                format!("{} was accepted at {:?}, and came again", arrival.resource, before.at),
            ));
        }
    }
}

/// G2: two processes never make the same request at the same time, whatever copies of its message they have.
pub(super) fn one_request_at_a_time(
    world: &World,
    facts: &Facts,
    arrival: &Arrival,
    broken: &mut Vec<(&'static str, String)>,
) {
    if world.ledger_writes() == LedgerWrites::Lean {
        return;
    }
    let others = facts.arrivals.iter().filter(|other| other.resource == arrival.resource);
    for before in others.filter(|other| other.by != arrival.by) {
        let died = facts.deaths.get(&before.by).is_some_and(|died| *died >= before.at);
        if !died && !before.answer.came() && arrival.at < before.at + EXCHANGE_AT_LEAST {
            broken.push((
                "G2_one_request_at_a_time",
                format!("{} by {} at {:?}, and by {}", arrival.resource, before.by, before.at, arrival.by),
            ));
        }
    }
}

/// However much an environment has reduced a receiver's timeout, it waits so long for its answer.
const EXCHANGE_AT_LEAST: Duration = Duration::from_millis(500);

/// Whether more than one process may have had a first attempt to make.
pub(super) fn came_twice(handed_out: HandedOut) -> bool {
    handed_out.firsts + handed_out.again > 1
}
