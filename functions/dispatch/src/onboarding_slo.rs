//! Measures the onboarding objective: how soon each registration was first used.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};

use convention::directory::{FirstDelivery, ONBOARDING_AT_RISK, ONBOARDING_SLO, Receiver};
use convention::notification::ReceiverKey;
use jiff::{SignedDuration, Timestamp};
use platform::aws::{DirectoryTable, DirectoryTableError, Document};
use platform::telemetry::{ErrorChain, Metrics, Unit};

/// The metric in seconds, watched by an alarm of the template.
const METRIC: &str = "SecondsFromRegistrationToFirstAttempt";

/// Reports the first delivery of each registration once over all environments.
#[derive(Debug)]
pub(crate) struct FirstDeliveries {
    table: DirectoryTable,
    metrics: Metrics,
    /// Registrations known to be reported, so that this environment asks once for each.
    reported: Mutex<HashMap<ReceiverKey, Timestamp>>,
}

impl FirstDeliveries {
    /// Stores first deliveries in this table.
    pub(crate) fn new(table: DirectoryTable, metrics: Metrics) -> Self {
        Self { table, metrics, reported: Mutex::default() }
    }

    /// Reports an attempt if it is the first under its receiver's registration.
    ///
    /// If the table does not work, the report waits for the next attempt; the notification is not affected.
    pub(crate) async fn attempted(&self, receiver: &Receiver, event: Timestamp, started: Timestamp) {
        let Some(onboarding_slo) = receiver.onboarding_slo else { return };
        let client_id = &receiver.client_id;
        if self.reported().get(&receiver.key) == Some(&onboarding_slo.registered_at) {
            return;
        }
        let took = onboarding_slo.took(event, started);
        let used = FirstDelivery {
            client_id: client_id.clone(),
            called_at: onboarding_slo.called_at,
            used_at: started,
            seconds: took.as_secs(),
        };
        match Box::pin(self.keep(receiver, &used, onboarding_slo.registered_at)).await {
            Ok(first) => {
                self.reported().insert(receiver.key.clone(), onboarding_slo.registered_at);
                if first {
                    self.report(&used, took);
                }
            }
            Err(error) => tracing::warn!(
                %client_id,
                code = "first_delivery_not_recorded",
                error = %ErrorChain(&error),
                "The first delivery of a registration could not be stored."
            ),
        }
    }

    /// Stores a first delivery; `false` if another attempt was first.
    async fn keep(
        &self,
        receiver: &Receiver,
        used: &FirstDelivery,
        registered_at: Timestamp,
    ) -> Result<bool, DirectoryTableError> {
        let document = Document {
            bytes: serde_json::to_vec(used).expect("a first delivery serialises"),
            fetched_at: used.used_at,
            fresh_until: used.used_at,
            etag: None,
        };
        let name = format!("{}{}#{registered_at}", FirstDelivery::PREFIX, receiver.key);
        Ok(self.table.put_new(&name, &document, FirstDelivery::RETENTION).await?.is_none())
    }

    fn report(&self, used: &FirstDelivery, took: SignedDuration) {
        let FirstDelivery { client_id, seconds, .. } = used;
        self.metrics.record(
            used.used_at,
            (METRIC, took.as_secs_f64(), Unit::Seconds),
            &[("client_id", client_id.as_str())],
        );
        if took > ONBOARDING_SLO {
            tracing::error!(
                %client_id,
                seconds,
                code = "onboarding_slo_missed",
                "Notifications started more than ten minutes after the registration."
            );
        } else if took > ONBOARDING_AT_RISK {
            tracing::warn!(
                %client_id,
                seconds,
                code = "onboarding_slo_at_risk",
                "Notifications started more than five minutes after the registration."
            );
        } else {
            tracing::info!(%client_id, seconds, "A registration was used for the first time.");
        }
    }

    fn reported(&self) -> std::sync::MutexGuard<'_, HashMap<ReceiverKey, Timestamp>> {
        self.reported.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
