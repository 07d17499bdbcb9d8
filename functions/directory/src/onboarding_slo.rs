//! The report on the onboarding objective: the slowest registration of the month.

use convention::directory::{FirstDelivery, ONBOARDING_SLO, worst_of_month};
use jiff::Timestamp;
use platform::aws::DirectoryTable;
use platform::telemetry::ErrorChain;

/// Logs the report.
pub(crate) async fn report(table: &DirectoryTable, now: Timestamp) {
    let kept = match table.all(FirstDelivery::PREFIX).await {
        Ok(kept) => kept,
        Err(error) => {
            tracing::error!(code = "first_uses_unreadable", error = %ErrorChain(&error), "The first deliveries of registrations could not be read.");
            return;
        }
    };
    let uses: Vec<FirstDelivery> =
        kept.iter().filter_map(|(_, read)| serde_json::from_slice(&read.as_ref().ok()?.bytes).ok()).collect();
    let Some(worst) = worst_of_month(&uses, now) else { return };
    tracing::info!(
        client_id = %worst.client_id,
        worst_seconds = worst.seconds,
        slo_seconds = ONBOARDING_SLO.as_secs(),
        kept = worst.seconds <= ONBOARDING_SLO.as_secs(),
        called_at = %worst.called_at,
        "The slowest first notification of this month after a registration."
    );
}
