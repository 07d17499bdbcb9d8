//! A DCR or DCM call: verified, decided, written over the registration it was decided from.

use jiff::Timestamp;
use lambda_http::{Request, Response};
use webhook::address::AddressPolicy;
use webhook::answer::{Problem, read_json};
use webhook::directory::{
    Origin, Registration, RegistrationCall, Statement, StatementError, StatementUris, target,
};
use webhook::notification::ClientId;
use webhook::telemetry::Chain;

use crate::keys::Unverified;
use crate::{Directory, keys, not_kept, removals, unavailable, wire};

/// How often a registration is decided anew when others write the same one meanwhile.
const WRITES: usize = 3;

impl Directory {
    /// Answers a DCR or DCM call.
    pub(crate) async fn register(
        &self,
        client_id: ClientId,
        request: &Request,
    ) -> Result<Response<String>, Problem> {
        let dry_run = wire::is_dry_run(request)?;
        let content_type = request.headers().get("content-type").and_then(|value| value.to_str().ok());
        let document = read_json(content_type, request.body())?;
        let now = self.clock.now();
        let call = RegistrationCall::from_json(&document, now).map_err(wire::refused_fields)?;
        let called_at = call.called_at.unwrap_or(now);
        let statement = match &call.software_statement {
            Some(jws) => match self.keys.verify(jws, called_at).await {
                Ok(statement) => Some(statement),
                // A removal must not wait for keys: it claims nothing.
                Err(Unverified::NoKeys(missing)) if !call.request.is_to_be_notified() => {
                    keys::report(&missing);
                    None
                }
                Err(error) => return Err(unverified(error)),
            },
            // Nothing is claimed, so nothing need be proved: a removal must not wait for a statement.
            None if !call.request.is_to_be_notified() => None,
            None => return Err(wire::missing_statement()),
        };
        for _ in 0..WRITES {
            let previous = self.receivers.registration(&client_id).await.map_err(unavailable)?;
            if previous.is_none() && call.request.is_to_be_notified() {
                let removed = removals::last(&self.keys.table, &client_id).await.map_err(not_kept)?;
                if removed.is_some_and(|removed_at| removed_at > called_at) {
                    return Err(Problem::superseded("The client was removed after this call."));
                }
            }
            let made = make(
                &client_id,
                &call,
                called_at,
                statement.as_ref(),
                previous.as_ref(),
                self.network.policy(),
                now,
            )?;
            if dry_run {
                return Ok(wire::registered(&made));
            }
            if self.receivers.put(&made, previous.as_ref()).await.map_err(unavailable)? {
                report(&made, previous.as_ref());
                return Ok(wire::registered(&made));
            }
        }
        tracing::error!(%client_id, "A registration was written by others each time it was to be written.");
        Err(Problem::unavailable("Other calls write the same registration. Send the call again."))
    }
}

/// Makes the registration that a call asks for, or says why it is refused.
fn make(
    client_id: &ClientId,
    call: &RegistrationCall,
    called_at: Timestamp,
    statement: Option<&Statement>,
    previous: Option<&Registration>,
    policy: AddressPolicy,
    now: Timestamp,
) -> Result<Registration, Problem> {
    if previous.is_some_and(|previous| previous.promise().called_at > called_at) {
        return Err(Problem::superseded("A later call made the registration in force, which stays."));
    }
    let known = previous.and_then(Registration::software);
    let software = statement.map(|statement| &statement.software);
    if let (Some(known), Some(software)) = (known, software)
        && known != software
    {
        return Err(wire::refused_statement(StatementError::OtherSoftware));
    }
    let claim = statement.map_or(StatementUris::NotPresented, |statement| {
        StatementUris::Presented(statement.webhook_uris.as_deref())
    });
    let decided = target(claim, call.request.webhook_uris.as_deref(), policy)
        .map_err(|refusals| wire::refused_uris(&refusals))?;
    let origin = Origin { operation: call.operation, called_at, software: software.or(known).cloned() };
    // A call that is passed on again is the registration that it made: the ten minutes are not counted anew.
    let repeated = previous.filter(|previous| {
        previous.origin.as_ref() == Some(&origin)
            && previous.webhook_uris == call.request.webhook_uris.as_deref().unwrap_or_default()
            && previous.settings == call.request.settings
    });
    let registered_at = repeated.map_or(now, |previous| previous.registered_at);
    let mut registration =
        Registration::new(client_id.clone(), call.request.clone(), decided, previous, registered_at);
    // Only a new statement says that the client is active again.
    registration.suspension = repeated.and_then(|previous| previous.suspension);
    Ok(registration.from_call(origin))
}

fn report(made: &Registration, previous: Option<&Registration>) {
    let (client_id, webhook) = (&made.client_id, made.webhook());
    let base_uri_changed = previous.is_some_and(|previous| previous.base_uri != made.base_uri);
    let software_id = made.software().map(|software| software.software_id.as_str());
    let called_ago_s = made.registered_at.duration_since(made.promise().called_at).as_secs();
    tracing::info!(%client_id, software_id, webhook, base_uri_changed, called_ago_s, "A client was registered.");
    for warning in &made.warnings {
        tracing::warn!(%client_id, code = warning.code(), "A registration has something to look at.");
    }
}

fn unverified(error: Unverified) -> Problem {
    match error {
        Unverified::Refused(refused) => {
            tracing::warn!(code = refused.code(), "A software statement was refused.");
            wire::refused_statement(refused)
        }
        Unverified::NoKeys(missing) => {
            tracing::error!(code = "keys_missing", error = %Chain(&missing), "A software statement could not be verified.");
            Problem::unavailable(
                "The Directory's keys are missing, so the statement could not be verified. Send the call again.",
            )
        }
    }
}
