//! The exchange of an attempt with its receiver.

use std::sync::Arc;
use std::time::Duration;

use convention::delivery::Failure;
use convention::notification::{IdentityOwner, InteractionId, Notification};
use mtls::{Client, Exchange, LocalFault};
use tokio::time::{Instant, timeout_at};

use crate::identity_store::IdentityStore;

/// With less time left, a handshake is not repeated: its failure would show the lack of time and nothing about the
/// receiver.
const WORTH_REPEATING: Duration = Duration::from_secs(1);

/// Sends a notification once, within this timeout, as the client of this owner.
///
/// If no trust anchor leads to the receiver's certificate, nothing was sent yet, and an anchor may have been added to
/// the trust secret since this environment read it. If so, the handshake is repeated: the same attempt, with the same
/// id and deadline.
pub(crate) async fn exchange(
    identities: &Arc<IdentityStore>,
    (owner, client): &(IdentityOwner, Client),
    (notification, id): (&Notification, InteractionId),
    within: Duration,
) -> Result<Exchange, LocalFault> {
    let until = Instant::now() + within;
    let first = client.post(notification, id, within).await?;
    if !first.answer.as_ref().err().is_some_and(|failure| may_lack_an_anchor(*failure)) {
        return Ok(first);
    }
    let renewed = Box::pin(identities.after_unknown_issuer(owner, client));
    let Ok(Some(client)) = timeout_at(until, renewed).await else { return Ok(first) };
    let left = until.saturating_duration_since(Instant::now());
    if left < WORTH_REPEATING {
        return Ok(first);
    }
    Box::pin(client.post(notification, id, left)).await
}

/// Says whether another trust anchor may make the chain valid that failed in this way. webpki reports the
/// highest-ranking error of all paths it tried (`Error::rank` in its `error.rs`), which need not be the missing
/// anchor. In any case nothing was sent.
fn may_lack_an_anchor(failure: Failure) -> bool {
    matches!(
        failure,
        Failure::UnknownCa
            | Failure::CertificateExpired
            | Failure::CertificateNotYetValid
            | Failure::CertificatePurpose
            | Failure::CertificateInvalid
    )
}
