//! A DCR or DCM call: verified, decided, and written over the registration it was decided from.

use convention::address::AddressPolicy;
use convention::directory::{
    CallTime, ClientState, Origin, Registration, RegistrationCall, Statement, StatementError, StatementUris,
    target_in,
};
use jiff::Timestamp;
use lambda_http::{Request, Response};
use platform::answer::Problem;
use platform::sha256_hex;
use platform::telemetry::ErrorChain;

use crate::keys::Unverified;
use crate::wire::Subject;
use crate::{Directory, MAX_WRITES, contended, keys, unavailable, wire};

impl Directory {
    /// Answers a DCR or DCM call.
    pub(crate) async fn register(
        &self,
        subject: &Subject,
        request: &Request,
    ) -> Result<Response<String>, Problem> {
        let dry_run = wire::is_dry_run(request)?;
        let document = wire::body(request)?;
        let now = self.clock.now();
        let call = RegistrationCall::from_json_in(self.keys.environment.ecosystem, &document, now)
            .map_err(wire::refused_fields)?;
        let made = self.register_call(subject, &call, dry_run, now).await?;
        // Checked after the write, because no finding refuses the registration.
        let seen = match made.receiver(self.network.policy()).filter(|_| !dry_run) {
            Some(receiver) => Some(self.receiver_check.look(&receiver.base_uri).await),
            None => None,
        };
        Ok(wire::registered(&made, seen))
    }

    /// Makes a call: verifies, decides and writes. A dry run decides only.
    pub(crate) async fn register_call(
        &self,
        subject: &Subject,
        call: &RegistrationCall,
        dry_run: bool,
        now: Timestamp,
    ) -> Result<Registration, Problem> {
        let statement = self.statement_of(call, now).await?;
        let mut found = self.receivers.state(&subject.key).await.map_err(unavailable)?;
        let decision = Decision {
            subject,
            call,
            time: CallTime::of_registration(call.operation, call.called_at, now, found.as_ref()),
            statement: statement.as_ref(),
            policy: self.network.policy(),
            now,
        };
        for _ in 0..MAX_WRITES {
            let made = decision.make(found.as_ref())?;
            if dry_run {
                return Ok(made);
            }
            let state = ClientState::from(made.clone());
            if self.receivers.replace(&subject.key, &state, found.as_ref()).await.map_err(unavailable)? {
                report(&made, found.as_ref().and_then(ClientState::registration));
                return Ok(made);
            }
            found = self.receivers.state(&subject.key).await.map_err(unavailable)?;
        }
        Err(contended(&subject.client_id))
    }

    /// Verifies the statement of a call; `None` for one that needs none.
    async fn statement_of(
        &self,
        call: &RegistrationCall,
        now: Timestamp,
    ) -> Result<Option<Statement>, Problem> {
        match &call.software_statement {
            Some(jws) => match self.keys.verify(jws, call.called_at.unwrap_or(now)).await {
                Ok(statement) => Ok(Some(statement)),
                // A removal needs no keys, because it grants nothing.
                Err(Unverified::NoKeys(missing)) if !call.request.requests_notifications() => {
                    keys::report(&missing);
                    Ok(None)
                }
                Err(error) => Err(unverified(error)),
            },
            // Disabling notifications grants nothing and needs no statement.
            None if !call.request.requests_notifications() => Ok(None),
            None => Err(wire::missing_statement()),
        }
    }
}

/// The inputs of a decision, besides the client's state.
struct Decision<'a> {
    subject: &'a Subject,
    call: &'a RegistrationCall,
    time: CallTime,
    statement: Option<&'a Statement>,
    policy: AddressPolicy,
    now: Timestamp,
}

impl Decision<'_> {
    /// Creates the requested registration, or says why it is refused.
    fn make(&self, found: Option<&ClientState>) -> Result<Registration, Problem> {
        if let Some(found) = found.filter(|found| self.time.is_superseded(found)) {
            return Err(Problem::superseded(match found {
                ClientState::Registered(_) => "The registration in force comes from a later call and stays.",
                ClientState::Removed(_) => "The client was removed after this call.",
            }));
        }
        let previous = found.and_then(ClientState::registration);
        let call = self.call;
        let known = previous.and_then(Registration::software);
        let software = self.statement.map(|statement| &statement.software);
        if let (Some(known), Some(software)) = (known, software)
            && known != software
        {
            return Err(wire::refused_statement(StatementError::OtherSoftware));
        }
        let claim = self.statement.map_or(StatementUris::NotPresented, |statement| {
            StatementUris::Presented(statement.webhook_uris.as_deref())
        });
        let (ecosystem, uris) = (call.request.ecosystem, call.request.webhook_uris.as_deref());
        let decided = target_in(ecosystem, claim, uris, self.policy)
            .map_err(|refusals| wire::refused_uris(&refusals))?;
        let called_at = self.time.instant();
        let statement = self.statement.and(call.software_statement.as_deref());
        let origin = Origin {
            operation: call.operation,
            called_at,
            software: software.or(known).cloned(),
            statement_sha256: statement.map(|jws| sha256_hex(jws.as_bytes())),
        };
        // The caller's clock may run ahead of ours.
        let since = called_at.min(self.now);
        let made =
            Registration::new(self.subject.client_id.clone(), call.request.clone(), decided, previous, since);
        // A repeated call is the registration that it made: the onboarding objective is not measured anew.
        let repeated = previous.filter(|previous| {
            previous.origin.as_ref() == Some(&origin)
                && previous.webhook_uris == made.webhook_uris
                && previous.settings == made.settings
        });
        Ok(Registration {
            authorisation_server: self.subject.authorisation_server.clone(),
            // Only a new statement proves that the client is active again.
            suspension: repeated.and_then(|previous| previous.suspension),
            revision: found.map_or(0, ClientState::revision) + 1,
            ..made.told_at(repeated.map_or(self.now, |previous| previous.registered_at)).from_call(origin)
        })
    }
}

fn report(made: &Registration, previous: Option<&Registration>) {
    let (client_id, webhook) = (&made.client_id, made.webhook());
    let base_uri_changed = previous.is_some_and(|previous| previous.base_uri != made.base_uri);
    let software_id = made.software().map(|software| software.software_id.as_str());
    let called_ago_s = made.registered_at.duration_since(made.onboarding_slo().called_at).as_secs();
    let statement_sha256 = made.origin.as_ref().and_then(|origin| origin.statement_sha256.as_deref());
    tracing::info!(
        %client_id, software_id, statement_sha256, webhook, base_uri_changed, called_ago_s, "A client was registered."
    );
    for warning in made.all_warnings() {
        tracing::warn!(%client_id, code = warning.code(), "A registration has a warning.");
    }
}

fn unverified(error: Unverified) -> Problem {
    match error {
        Unverified::Refused(refused) => {
            tracing::warn!(code = refused.code(), "A software statement was refused.");
            wire::refused_statement(refused)
        }
        Unverified::NoKeys(missing) => {
            tracing::error!(code = "keys_missing", error = %ErrorChain(&missing), "A software statement could not be verified.");
            Problem::unavailable(
                "The Directory's keys are missing, so the statement could not be verified. Send the call again.",
            )
        }
    }
}
