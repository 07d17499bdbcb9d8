//! A change of a receiver's settings, made by the operator of the stack independently of the authorization server.

use convention::directory::{ClientState, Registration, SettingsChange};
use convention::notification::ClientId;
use lambda_http::{Request, Response};
use platform::answer::Problem;

use crate::wire::Subject;
use crate::{Directory, MAX_WRITES, contended, unavailable, wire};

impl Directory {
    /// Answers a change of settings: only the given settings change, and the registration stays.
    pub(crate) async fn change_settings(
        &self,
        Subject { client_id, key, .. }: &Subject,
        request: &Request,
    ) -> Result<Response<String>, Problem> {
        let document = wire::body(request)?;
        let ecosystem = self.keys.environment.ecosystem;
        let change = SettingsChange::from_json_in(ecosystem, &document).map_err(Problem::invalid)?;
        let now = self.clock.now();
        for _ in 0..MAX_WRITES {
            let found = self.receivers.state(key).await.map_err(unavailable)?;
            let Some(registration) = found.as_ref().and_then(ClientState::registration) else {
                return Err(wire::not_registered(client_id));
            };
            // Its profile is of that ecosystem; only a registration makes it one of ours.
            if registration.settings.ecosystem != ecosystem {
                return Err(Problem::other_ecosystem(format!(
                    "{client_id} was registered while this stack served another ecosystem. Register it again."
                )));
            }
            let changed = registration.clone().with_settings(&change, now);
            if changed == *registration {
                return Ok(wire::registered(registration, None));
            }
            let changed = Registration { revision: registration.revision + 1, ..changed };
            let state = ClientState::from(changed.clone());
            if self.receivers.replace(key, &state, found.as_ref()).await.map_err(unavailable)? {
                report(client_id, registration, &changed);
                return Ok(wire::registered(&changed, None));
            }
        }
        Err(contended(client_id))
    }
}

fn report(client_id: &ClientId, before: &Registration, after: &Registration) {
    let webhook_version = after.settings.webhook_version.as_str();
    let webhook_version_before = before.settings.webhook_version.as_str();
    tracing::info!(%client_id, webhook_version, webhook_version_before, "A receiver's settings were changed.");
}
