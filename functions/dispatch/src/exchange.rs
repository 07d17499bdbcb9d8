//! The exchange of an attempt with its receiver.

use tokio::time::{Instant, timeout_at};
use webhook::delivery::Failure;
use webhook::notification::{InteractionId, Notification};
use webhook::peer::{Exchange, LocalFault};

use crate::Dispatch;
use crate::deliver::Means;

impl Dispatch {
    /// Sends the notification once.
    ///
    /// Where the receiver's authority is unknown nothing was sent yet; it may have been added to the trust secret since this
    /// environment read it. If so, the handshake is repeated: the same attempt, under the same id, within the same time.
    pub(crate) async fn exchange(
        &self,
        means: &Means,
        notification: &Notification,
        id: InteractionId,
    ) -> Result<Exchange, LocalFault> {
        let until = Instant::now() + means.within;
        let first = means.client.post(notification, id, means.within).await?;
        if first.answer != Err(Failure::UnknownCa) {
            return Ok(first);
        }
        let renewed = Box::pin(self.sender.after_unknown_issuer(&means.owner, &means.client));
        let Ok(Some(client)) = timeout_at(until, renewed).await else { return Ok(first) };
        let left = until.saturating_duration_since(Instant::now());
        if left.is_zero() { Ok(first) } else { Box::pin(client.post(notification, id, left)).await }
    }
}
