//! Manages registrations of receivers: DCR and DCM calls make them, and a schedule reviews them.
//!
//! Every five minutes the schedule runs five tasks concurrently, so that none blocks another:
//!
//! - `keys` fetches the Directory's keys once they are older than their `max-age`.
//! - `reconciler` fetches the list of participants (`participants`) and, if an identity for it is stored, asks the
//!   Directory's API for each software (`software`). It suspends clients that are not active there and notifies them
//!   again once they are. An answer that would suspend too many at once is refused.
//! - `review` counts the warnings of registrations, and logs those whose base URI is no longer allowed or whose host
//!   does not resolve to public addresses. It changes nothing: each attempt makes these checks itself.
//! - `receiver_check` makes a handshake with each receiver once a day, as at each registration.
//! - `revocation` asks the authorities of all verified paths for lists and statuses, and stores the signed answers in
//!   the directory table, where dispatch reads them.
//!
//! Afterwards it logs the slowest first delivery after a registration of this month.

pub mod fetch;
pub mod keys;
mod list;
mod onboarding_slo;
mod participants;
mod parts;
pub mod receiver_check;
mod reconciler;
mod register;
mod register_many;
mod remove;
mod review;
pub mod revocation;
mod settings;
mod software;
pub mod wire;

use convention::directory::Registration;
use convention::notification::{ClientId, Ecosystem};
use lambda_http::request::RequestContext;
use lambda_http::{Request, RequestExt, Response};
use mtls::Network;
use platform::answer::Problem;
use platform::aws::{Receivers, ReceiversError};
use platform::clock::Clock;
use platform::telemetry::{ErrorChain, Line, Unit};

pub use keys::DirectoryKeys;
pub use participants::ParticipantsList;
pub use parts::Parts;
use receiver_check::ReceiverCheck;
pub use reconciler::Reconciler;
pub use register_many::BUDGET as REGISTER_MANY_BUDGET;
use revocation::Refresher;
pub use software::SoftwareStatements;
use wire::Subject;

/// The function behind `/v1/clients`, `/v1/clients/{clientId}`, `/v1/clients/{clientId}/settings` and the schedule.
pub struct Directory {
    /// The registrations.
    pub receivers: Receivers,
    /// The keys that verify software statements.
    pub keys: DirectoryKeys,
    /// Compares the registrations with the Directory.
    pub reconciler: Reconciler,
    /// Refreshes revocation data.
    pub revocation: Refresher,
    /// Checks receivers before they are notified.
    pub receiver_check: ReceiverCheck,
    /// The network to receivers, with the policy for their addresses.
    pub network: Network,
    /// The clock.
    pub clock: Clock,
}

impl Directory {
    /// Answers a request, or runs the task of the schedule.
    ///
    /// Fails only for the schedule, which tries again; errors of requests become answers.
    pub async fn handle(&self, request: Request) -> Result<Response<String>, ReceiversError> {
        if matches!(request.request_context_ref(), Some(RequestContext::PassThrough)) {
            return Box::pin(self.scheduled(request.body())).await;
        }
        if wire::is_of_all(&request) {
            let answer = match request.method().as_str() {
                "PUT" => Box::pin(self.register_many(&request)).await,
                "GET" => self.list(&request).await,
                _ => Err(Problem::method_not_allowed()),
            };
            return Ok(answer.unwrap_or_else(Into::into));
        }
        let subject = match wire::subject(&request, &self.reconciler.servers) {
            Ok(subject) => subject,
            Err(problem) => return Ok(problem.into()),
        };
        let answer = match request.method().as_str() {
            "PUT" => self.register(&subject, &request).await,
            "GET" => self.show(&subject).await,
            "DELETE" => self.remove(&subject, &request).await,
            "PATCH" => self.change_settings(&subject, &request).await,
            _ => Err(Problem::method_not_allowed()),
        };
        Ok(answer.unwrap_or_else(Into::into))
    }

    async fn show(&self, subject: &Subject) -> Result<Response<String>, Problem> {
        match self.receivers.registration(&subject.key).await.map_err(unavailable)? {
            Some(registration) => Ok(wire::registered(&registration, None)),
            None => Err(wire::not_registered(&subject.client_id)),
        }
    }

    async fn scheduled(&self, event: &[u8]) -> Result<Response<String>, ReceiversError> {
        if wire::is_review(event) {
            // Concurrent: each has its own limits, well within the function's timeout.
            let (reviewed, refreshed) = tokio::join!(self.review(), revocation::refresh(&self.revocation));
            let failures = reviewed.as_ref().map_or(1, |failures| *failures) + usize::from(!refreshed);
            self.measure(failures);
            reviewed?;
        } else {
            tracing::error!("An event that is neither a request nor a task of the schedule was ignored.");
        }
        Ok(wire::nothing())
    }

    /// Records how many parts of a run of the schedule failed. Every run that ends records it, so that an alarm notices when
    /// the schedule stops.
    fn measure(&self, failures: usize) {
        #[expect(clippy::cast_precision_loss, reason = "a run has five parts")]
        let line = Line::of(&[]).by_version().with(FAILURES, Unit::Count, &[failures as f64]);
        self.reconciler.metrics.write(self.clock.now(), &line);
    }

    /// Runs the tasks of the schedule, each independent of the others. Returns how many failed.
    async fn review(&self) -> Result<usize, ReceiversError> {
        let registrations = review::registrations(&self.receivers).await?;
        let (are_known, (), reconciled, (), ()) = tokio::join!(
            async {
                let refreshed = self.keys.refresh().await;
                if let Err(error) = &refreshed {
                    keys::report(error);
                }
                self.keys.measure().await;
                refreshed.is_ok()
            },
            review::hosts(&registrations, &self.network, &self.reconciler.metrics, self.clock.now()),
            self.reconcile(&registrations),
            self.receiver_check.daily(&registrations),
            self.reconciler.software.measure(&self.reconciler.metrics),
        );
        onboarding_slo::report(&self.keys.table, self.clock.now()).await;
        Ok(reconciled? + usize::from(!are_known))
    }

    /// Compares the registrations with the Directory, where a rule makes something follow from that: Open Insurance has none, so
    /// there nobody is asked and no client is suspended.
    async fn reconcile(&self, registrations: &[Registration]) -> Result<usize, ReceiversError> {
        match self.keys.environment.ecosystem {
            Ecosystem::OpenFinance => self.reconciler.run(&self.receivers, registrations).await,
            Ecosystem::OpenInsurance => Ok(0),
        }
    }
}

/// The metric of the failed parts of a run of the schedule.
const FAILURES: &str = "ReviewFailures";
/// Maximum number of decisions for one call while others write the same client.
const MAX_WRITES: usize = 3;

/// Reports that a call was abandoned because others keep writing the same client.
fn contended(client_id: &ClientId) -> Problem {
    tracing::error!(%client_id, "A registration could not be written because other calls kept changing it.");
    Problem::unavailable("Other calls write the same registration. Send the call again.")
}

#[expect(clippy::needless_pass_by_value, reason = "what map_err calls")]
fn unavailable(error: ReceiversError) -> Problem {
    tracing::error!(error = %ErrorChain(&error), "The receivers table does not work.");
    Problem::unavailable("The registration could not be read or written. Send the call again.")
}
