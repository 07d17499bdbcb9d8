//! The mark of a slow receiver as attributes of its row.

use std::collections::HashMap;

use aws_sdk_dynamodb::types::AttributeValue;
use convention::delivery::SlowReceiver;
use jiff::Timestamp;

pub(super) const UNTIL: &str = "slow_until";
pub(super) const PROBE: &str = "probe_after";
pub(super) const BASE_URI: &str = "slow_base_uri";
/// Named when rows were first written; renaming it would lose the count of every receiver.
pub(super) const TIMEOUTS: &str = "slow_hangs";
/// The attributes of a mark.
pub(super) const MARK: [&str; 4] = [UNTIL, PROBE, BASE_URI, TIMEOUTS];
/// Set when a client was removed; dispatch reads it only as a condition.
pub(super) const REMOVED_AT: &str = "removed_at";
/// The attributes named by writes of a mark. `DispatchRole` in the template allows these only.
pub const SLOW_RECEIVER_ATTRIBUTES: [&str; 5] = [UNTIL, PROBE, BASE_URI, TIMEOUTS, REMOVED_AT];

pub(super) type Row = HashMap<String, AttributeValue>;

/// Reads the mark of a row, if it has one.
pub fn read_slow_mark(row: &Row) -> Option<SlowReceiver> {
    let number = |name| row.get(name)?.as_n().ok()?.parse::<i64>().ok();
    let instant = |name| Timestamp::from_millisecond(number(name)?).ok();
    let suspected = SlowReceiver::suspected(row.get(BASE_URI)?.as_s().ok()?, read_timeouts(row));
    // A suspicion without a mark has no end.
    let (Some(slow_until), Some(probe_after)) = (instant(UNTIL), instant(PROBE)) else {
        return Some(suspected);
    };
    Some(SlowReceiver { slow_until, probe_after, ..suspected })
}

pub(super) fn read_timeouts(row: &Row) -> u32 {
    row.get(TIMEOUTS).and_then(|value| value.as_n().ok()?.parse().ok()).unwrap_or_default()
}
