//! The scheduled review of registrations: reports what would prevent notifications.

use convention::directory::{Registration, Warning};
use futures_util::{StreamExt, stream};
use jiff::Timestamp;
use mtls::{Network, check_host};
use platform::aws::{Receivers, ReceiversError};
use platform::telemetry::{ErrorChain, Metrics};

/// Maximum number of names resolved concurrently. A name that does not resolve takes five seconds, and there are
/// about sixty receivers.
const AT_ONCE: usize = 32;

/// Reads every registration; those that cannot be read are reported and left out.
pub(crate) async fn registrations(receivers: &Receivers) -> Result<Vec<Registration>, ReceiversError> {
    let mut registrations = Vec::new();
    for registration in receivers.all().await? {
        match registration {
            Ok(registration) => registrations.push(registration),
            Err(error) => tracing::error!(error = %ErrorChain(&error), "A registration cannot be read."),
        }
    }
    Ok(registrations)
}

/// Checks where every receiver is.
///
/// A registration is checked when it is made, but rules tighten and names move. Findings are logged: the registration
/// stays, and each attempt checks for itself.
pub(crate) async fn hosts(
    registrations: &[Registration],
    network: &Network,
    metrics: &Metrics,
    now: Timestamp,
) {
    measure_warnings(registrations, metrics, now);
    let enabled = registrations.iter().filter(|registration| registration.webhook() == "enabled");
    let looks: Vec<_> = enabled.map(|registration| look_over(registration, network)).collect();
    let found: Vec<_> = stream::iter(looks).buffer_unordered(AT_ONCE).collect().await;
    let findings = found.iter().filter(|found| **found).count();
    let (registrations, enabled) = (registrations.len(), found.len());
    tracing::info!(registrations, enabled, findings, "The receivers were reviewed.");
}

/// Measures how many registrations have each warning; those about profiles mean that mandatory notifications are not
/// sent. A warning that none has is not measured: a metric is billed for each hour in which it has a value.
fn measure_warnings(registrations: &[Registration], metrics: &Metrics, now: Timestamp) {
    for warning in Warning::ALL {
        let has = |registration: &&Registration| registration.all_warnings().any(|other| other == warning);
        let count = u32::try_from(registrations.iter().filter(has).count()).unwrap_or(u32::MAX);
        if count > 0 {
            metrics.count(now, "ReceiverWarnings", warning.code(), count);
        }
    }
}

/// Checks one receiver; `true` if there is a finding.
async fn look_over(registration: &Registration, network: &Network) -> bool {
    let client_id = &registration.client_id;
    let Some(receiver) = registration.receiver(network.policy()) else {
        tracing::warn!(%client_id, code = "base_uri_not_allowed", "A registered base URI is no longer allowed.");
        return true;
    };
    match check_host(&receiver.base_uri, network).await {
        Ok(()) => false,
        Err(unseen) => {
            tracing::warn!(%client_id, code = unseen.code(), "A receiver's host cannot be connected to at present.");
            true
        }
    }
}
