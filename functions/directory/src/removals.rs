//! When clients were removed, so that a call that was made before and passed on after does not bring one back.

use jiff::{SignedDuration, Timestamp};
use webhook::aws::{DirectoryTable, DirectoryTableError, Document};
use webhook::directory::OLDEST_CALL;
use webhook::notification::ClientId;

/// Longer than a call may be passed on after it was made, so that nothing needs to be kept for ever.
const LIVES: SignedDuration = SignedDuration::from_hours(2 * 24);

/// Notes that a client is removed now.
pub(crate) async fn note(
    table: &DirectoryTable,
    client_id: &ClientId,
    now: Timestamp,
) -> Result<(), DirectoryTableError> {
    debug_assert!(LIVES > OLDEST_CALL);
    let document = Document { bytes: Vec::new(), fetched_at: now, fresh_until: now, etag: None };
    table.put(&name(client_id), &document, LIVES).await
}

/// Returns when a client was last removed, as far as that still matters.
pub(crate) async fn last(
    table: &DirectoryTable,
    client_id: &ClientId,
) -> Result<Option<Timestamp>, DirectoryTableError> {
    Ok(table.get(&name(client_id)).await?.map(|document| document.fetched_at))
}

fn name(client_id: &ClientId) -> String {
    format!("removed#{client_id}")
}
