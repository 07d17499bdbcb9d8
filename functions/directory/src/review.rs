//! What the schedule does: look over every receiver and report what would keep it from being notified.

use futures_util::{StreamExt, stream};
use webhook::address::AddressPolicy;
use webhook::aws::{Receivers, ReceiversError};
use webhook::directory::Registration;
use webhook::peer::check_host;
use webhook::telemetry::Chain;

/// How many names are resolved at once. A name that does not resolve takes five seconds, and there are some sixty receivers.
const AT_ONCE: usize = 32;

/// Looks over every receiver.
///
/// A registration is checked when it is made, but rules tighten and names move. What is found is logged: the registration
/// stays, and each attempt checks for itself.
pub(crate) async fn review(receivers: &Receivers, policy: AddressPolicy) -> Result<(), ReceiversError> {
    let mut registrations = Vec::new();
    for registration in receivers.all().await? {
        match registration {
            Ok(registration) => registrations.push(registration),
            Err(error) => tracing::error!(error = %Chain(&error), "A registration cannot be read."),
        }
    }
    let count = registrations.len();
    registrations.retain(|registration| registration.base_uri.is_some());
    let enabled = registrations.len();
    let found = stream::iter(registrations)
        .map(|registration| look_over(registration, policy))
        .buffer_unordered(AT_ONCE);
    let findings = found.filter(|found| std::future::ready(*found)).count().await;
    tracing::info!(registrations = count, enabled, findings, "The receivers were looked over.");
    Ok(())
}

/// Looks over one receiver; `true` if there is something to report.
async fn look_over(registration: Registration, policy: AddressPolicy) -> bool {
    let client_id = &registration.client_id;
    let Some(receiver) = registration.receiver(policy) else {
        tracing::warn!(%client_id, code = "base_uri_not_allowed", "A registered base URI is not allowed any more.");
        return true;
    };
    match check_host(&receiver.base_uri, policy).await {
        Ok(()) => false,
        Err(failure) => {
            tracing::warn!(%client_id, code = failure.code(), "A receiver's host cannot be connected to at present.");
            true
        }
    }
}
