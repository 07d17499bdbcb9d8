//! Keeps who is notified where: registrations come from DCR and DCM calls, the schedule looks them over.

pub mod fetch;
pub mod keys;
mod participants;
mod promise;
mod reconciler;
mod removals;
mod review;
pub mod revocation;
mod software;
pub mod wire;

use jiff::Timestamp;
use lambda_http::request::RequestContext;
use lambda_http::{Request, RequestExt, Response};
use webhook::address::AddressPolicy;
use webhook::answer::{Problem, read_json};
use webhook::aws::{DirectoryTableError, Receivers, ReceiversError};
use webhook::directory::{
    Origin, Registration, RegistrationCall, Statement, StatementError, StatementUris, target,
};
use webhook::edge::Clock;
use webhook::notification::ClientId;
use webhook::telemetry::Chain;

pub use keys::DirectoryKeys;
use keys::Unverified;
pub use participants::ParticipantsList;
pub use reconciler::Reconciler;
use revocation::Refresher;
pub use software::SoftwareStatements;

/// How often a registration is decided anew when others write the same one meanwhile.
const WRITES: usize = 3;

/// The function behind `/v1/clients/{clientId}` and the schedule.
pub struct Directory {
    /// The registrations.
    pub receivers: Receivers,
    /// The keys that software statements are verified with.
    pub keys: DirectoryKeys,
    /// What compares the registrations with the Directory.
    pub reconciler: Reconciler,
    /// What keeps revocation lists and statuses.
    pub revocation: Refresher,
    /// Which addresses receivers may have.
    pub policy: AddressPolicy,
    /// What time it is.
    pub clock: Clock,
}

impl Directory {
    /// Answers one request, or does what the schedule asks for.
    ///
    /// Fails only for the schedule, which tries again; what goes wrong with a request is an answer.
    pub async fn handle(&self, request: Request) -> Result<Response<String>, ReceiversError> {
        if matches!(request.request_context_ref(), Some(RequestContext::PassThrough)) {
            return Box::pin(self.scheduled(request.body())).await;
        }
        let client_id = match wire::client_id(&request) {
            Ok(client_id) => client_id,
            Err(problem) => return Ok(problem.into()),
        };
        let answer = match request.method().as_str() {
            "PUT" => self.register(client_id, &request).await,
            "GET" => self.show(&client_id).await,
            "DELETE" => self.remove(&client_id).await,
            _ => Err(Problem::method_not_allowed()),
        };
        Ok(answer.unwrap_or_else(Into::into))
    }

    async fn register(&self, client_id: ClientId, request: &Request) -> Result<Response<String>, Problem> {
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
            let made =
                make(&client_id, &call, called_at, statement.as_ref(), previous.as_ref(), self.policy, now)?;
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

    async fn show(&self, client_id: &ClientId) -> Result<Response<String>, Problem> {
        match self.receivers.registration(client_id).await.map_err(unavailable)? {
            Some(registration) => Ok(wire::registered(&registration)),
            None => Err(Problem::not_found(format!("No client {client_id} is registered."))),
        }
    }

    async fn remove(&self, client_id: &ClientId) -> Result<Response<String>, Problem> {
        self.receivers.delete(client_id).await.map_err(unavailable)?;
        removals::note(&self.keys.table, client_id, self.clock.now()).await.map_err(not_kept)?;
        tracing::info!(%client_id, "A client was removed.");
        Ok(wire::removed())
    }

    async fn scheduled(&self, event: &[u8]) -> Result<Response<String>, ReceiversError> {
        if wire::is_review(event) {
            // Side by side: each has its own limits, well within the time that the function has.
            tokio::join!(self.review(), revocation::refresh(&self.revocation)).0?;
        } else {
            tracing::error!("An event that is neither a request nor a task of the schedule was ignored.");
        }
        Ok(wire::nothing())
    }
}

impl Directory {
    /// Does what the schedule is for: everything that is known of others is looked at again, each for itself.
    async fn review(&self) -> Result<(), ReceiversError> {
        let registrations = review::registrations(&self.receivers).await?;
        let ((), (), reconciled) = tokio::join!(
            async {
                if let Err(error) = self.keys.refresh().await {
                    keys::report(&error);
                }
            },
            review::hosts(&registrations, self.policy),
            self.reconciler.run(&self.receivers, &registrations),
        );
        promise::report(&self.keys.table, self.clock.now()).await;
        reconciled
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
    let registration =
        Registration::new(client_id.clone(), call.request.clone(), decided, previous, registered_at);
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

#[expect(clippy::needless_pass_by_value, reason = "what map_err calls")]
fn not_kept(error: DirectoryTableError) -> Problem {
    tracing::error!(error = %Chain(&error), "The directory table does not work.");
    Problem::unavailable("The order of calls could not be kept. Send the call again.")
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

#[expect(clippy::needless_pass_by_value, reason = "what map_err calls")]
fn unavailable(error: ReceiversError) -> Problem {
    tracing::error!(error = %Chain(&error), "The receivers table does not work.");
    Problem::unavailable("The registration could not be read or written. Send the call again.")
}
