//! A notification's row before and after a change of the ledger.

use convention::delivery::{AttemptView, NotificationView};
use jiff::Timestamp;
use platform::aws::{Change, LedgerReader, image_row};

use crate::scope::Unreadable;

/// A notification before and after a change.
#[derive(Debug)]
pub(crate) struct LedgerChange {
    /// Before; absent for a new row, and for one that this version cannot read.
    pub(crate) old: Option<NotificationView>,
    /// After.
    pub(crate) new: NotificationView,
    /// When it was written.
    pub(crate) written_at: Timestamp,
}

impl LedgerChange {
    /// Reads a change of the ledger; `None` for a row that expired, and for one that lists an undelivered notification,
    /// whose own row says the same.
    ///
    /// A row that was unreadable before counts as absent: its events may be sent again, under the same ids.
    pub(crate) fn read(change: &Change) -> Result<Option<Self>, Unreadable> {
        if change.name == "REMOVE" || change.dynamodb.key("partition").contains('#') {
            return Ok(None);
        }
        let images = &change.dynamodb;
        let view = |image| LedgerReader::view(&image_row(image));
        let new = images.new_image.as_ref().and_then(view).ok_or(Unreadable)?;
        let old = images.old_image.as_ref().and_then(view);
        Ok(Some(Self { old, new, written_at: images.written_at() }))
    }

    /// Returns the attempts that ended by this change.
    pub(crate) fn ended_attempts(&self) -> impl Iterator<Item = &AttemptView> {
        self.new.attempts.iter().filter(|attempt| self.has_just_ended(attempt))
    }

    /// Returns the status before this change.
    pub(crate) fn old_status(&self) -> Option<&str> {
        self.old.as_ref().map(|old| old.status.as_str())
    }

    fn has_just_ended(&self, attempt: &AttemptView) -> bool {
        let mut before = self.old.iter().flat_map(|old| &old.attempts);
        let before = before.find(|before| before.attempt == attempt.attempt);
        let end = |view: &AttemptView| (view.interaction_id.clone(), view.outcome.clone());
        attempt.outcome.is_some() && before.map(end) != Some(end(attempt))
    }
}
