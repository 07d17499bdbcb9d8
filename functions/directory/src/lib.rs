//! Keeps who is notified where: registrations come from DCR and DCM calls, the schedule looks them over.

pub mod fetch;
mod review;
pub mod wire;

use lambda_http::request::RequestContext;
use lambda_http::{Request, RequestExt, Response};
use webhook::address::AddressPolicy;
use webhook::answer::{Problem, read_json};
use webhook::aws::{Receivers, ReceiversError};
use webhook::directory::{Registration, RegistrationRequest, StatementUris, target};
use webhook::edge::Clock;
use webhook::notification::ClientId;
use webhook::telemetry::Chain;

/// The function behind `/v1/clients/{clientId}` and the schedule.
pub struct Directory {
    /// The registrations.
    pub receivers: Receivers,
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
            return self.scheduled(request.body()).await;
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
        let content_type = request.headers().get("content-type").and_then(|value| value.to_str().ok());
        let document = read_json(content_type, request.body())?;
        let asked = RegistrationRequest::from_json(&document, "").map_err(wire::refused_fields)?;
        let uris = asked.webhook_uris.as_deref();
        let decided = target(StatementUris::NotPresented, uris, self.policy)
            .map_err(|refusals| wire::refused_uris(&refusals))?;
        let previous = self.receivers.registration(&client_id).await.map_err(unavailable)?;
        let registration = Registration::new(client_id, asked, decided, previous.as_ref(), self.clock.now());
        self.receivers.put(&registration).await.map_err(unavailable)?;
        let webhook = registration.webhook();
        tracing::info!(client_id = %registration.client_id, webhook, "A client was registered.");
        Ok(wire::registered(&registration))
    }

    async fn show(&self, client_id: &ClientId) -> Result<Response<String>, Problem> {
        match self.receivers.registration(client_id).await.map_err(unavailable)? {
            Some(registration) => Ok(wire::registered(&registration)),
            None => Err(Problem::not_found(format!("No client {client_id} is registered."))),
        }
    }

    async fn remove(&self, client_id: &ClientId) -> Result<Response<String>, Problem> {
        self.receivers.delete(client_id).await.map_err(unavailable)?;
        tracing::info!(%client_id, "A client was removed.");
        Ok(wire::removed())
    }

    async fn scheduled(&self, event: &[u8]) -> Result<Response<String>, ReceiversError> {
        if wire::is_review(event) {
            review::review(&self.receivers, self.policy).await?;
        } else {
            tracing::error!("An event that is neither a request nor a task of the schedule was ignored.");
        }
        Ok(wire::nothing())
    }
}

#[expect(clippy::needless_pass_by_value, reason = "what map_err calls")]
fn unavailable(error: ReceiversError) -> Problem {
    tracing::error!(error = %Chain(&error), "The receivers table does not work.");
    Problem::unavailable("The registration could not be read or written. Send the call again.")
}
