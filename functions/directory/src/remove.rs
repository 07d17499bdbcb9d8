//! The removal of a client, which is ordered among the calls about it and kept forever.

use convention::directory::{CallTime, ClientState, Removal};
use lambda_http::{Request, Response};
use platform::answer::Problem;

use crate::wire::Subject;
use crate::{Directory, MAX_WRITES, contended, unavailable, wire};

impl Directory {
    /// Answers a removal.
    ///
    /// An unregistered client is removed too: the call that registers it may arrive later.
    pub(crate) async fn remove(
        &self,
        Subject { client_id, key, .. }: &Subject,
        request: &Request,
    ) -> Result<Response<String>, Problem> {
        let now = self.clock.now();
        let called_at = wire::called_at(request, now)?;
        let mut found = self.receivers.state(key).await.map_err(unavailable)?;
        let time = CallTime::of_removal(called_at, now, found.as_ref());
        for _ in 0..MAX_WRITES {
            match &found {
                Some(state @ ClientState::Registered(_)) if time.is_superseded(state) => {
                    return Err(Problem::superseded(
                        "The registration in force comes from a later call and stays.",
                    ));
                }
                // Already removed, by this call or a later one.
                Some(state @ ClientState::Removed(_)) if time.is_superseded(state) => {
                    return Ok(wire::removed());
                }
                _ => {}
            }
            let revision = found.as_ref().map_or(0, ClientState::revision) + 1;
            let removal =
                ClientState::Removed(Removal { called_at: time.instant(), removed_at: now, revision });
            if self.receivers.replace(key, &removal, found.as_ref()).await.map_err(unavailable)? {
                tracing::info!(%client_id, "A client was removed.");
                return Ok(wire::removed());
            }
            found = self.receivers.state(key).await.map_err(unavailable)?;
        }
        Err(contended(client_id))
    }
}
