//! The mark of a slow receiver, as its row has it.

use std::collections::HashMap;

use aws_sdk_dynamodb::types::AttributeValue;
use convention::delivery::SlowReceiver;
use jiff::Timestamp;

pub(super) const UNTIL: &str = "slow_until";
pub(super) const PROBE: &str = "probe_after";
pub(super) const BASE_URI: &str = "slow_base_uri";
pub(super) const HANGS: &str = "slow_hangs";
/// The attributes of a mark.
pub(super) const MARK: [&str; 4] = [UNTIL, PROBE, BASE_URI, HANGS];
/// What says that a client was removed, beside the removal itself: dispatch asks for it and decides nothing else by it.
pub(super) const REMOVED_AT: &str = "removed_at";
/// The attributes that the writing of a mark names. `DispatchRole` of the template has them: it may write no others of the table.
pub const SLOW_RECEIVER_ATTRIBUTES: [&str; 5] = [UNTIL, PROBE, BASE_URI, HANGS, REMOVED_AT];

pub(super) type Row = HashMap<String, AttributeValue>;

/// Reads the mark of a row, if it has one.
pub(super) fn read_mark(row: &Row) -> Option<SlowReceiver> {
    let number = |name| row.get(name)?.as_n().ok()?.parse::<i64>().ok();
    let instant = |name| Timestamp::from_millisecond(number(name)?).ok();
    let suspected = SlowReceiver::suspected(row.get(BASE_URI)?.as_s().ok()?, read_hangs(row));
    // Suspected only: then nothing says until when.
    let (Some(slow_until), Some(probe_after)) = (instant(UNTIL), instant(PROBE)) else {
        return Some(suspected);
    };
    Some(SlowReceiver { slow_until, probe_after, ..suspected })
}

pub(super) fn read_hangs(row: &Row) -> u32 {
    row.get(HANGS).and_then(|value| value.as_n().ok()?.parse().ok()).unwrap_or_default()
}
