//! The ten minutes as a number: how soon each registration was first used.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};

use jiff::{SignedDuration, Timestamp};
use webhook::aws::{DirectoryTable, DirectoryTableError, Document};
use webhook::directory::{FirstUse, PROMISE_AT_RISK, PROMISED_WITHIN, Receiver};
use webhook::notification::ReceiverKey;
use webhook::telemetry::{Chain, Metrics, Unit};

/// The name of the metric, in seconds; an alarm of the template watches it.
const METRIC: &str = "SecondsFromRegistrationToFirstAttempt";
/// How long a first use is kept: the report is about a month.
const LIVES: SignedDuration = SignedDuration::from_hours(24 * 62);

/// Reports the first use of each registration, once, whichever environment made it.
#[derive(Debug)]
pub struct FirstUses {
    table: DirectoryTable,
    metrics: Metrics,
    /// What this environment knows to be reported, so that it asks once a registration.
    reported: Mutex<HashMap<ReceiverKey, Timestamp>>,
}

impl FirstUses {
    /// Keeps first uses in this table.
    pub fn new(table: DirectoryTable, metrics: Metrics) -> Self {
        Self { table, metrics, reported: Mutex::default() }
    }

    /// Reports an attempt if it is the first that used its receiver's registration.
    ///
    /// A table that does not work costs the number, not the notification: the next attempt tries again.
    pub(crate) async fn attempted(&self, receiver: &Receiver, event: Timestamp, started: Timestamp) {
        let Some(promise) = receiver.promise else { return };
        let client_id = &receiver.client_id;
        if self.reported().get(&receiver.key) == Some(&promise.registered_at) {
            return;
        }
        let took = promise.took(event, started);
        let used = FirstUse {
            client_id: client_id.clone(),
            called_at: promise.called_at,
            used_at: started,
            seconds: took.as_secs(),
        };
        match Box::pin(self.keep(receiver, &used, promise.registered_at)).await {
            Ok(first) => {
                self.reported().insert(receiver.key.clone(), promise.registered_at);
                if first {
                    self.report(&used, took);
                }
            }
            Err(error) => tracing::warn!(
                %client_id,
                code = "first_use_not_kept",
                error = %Chain(&error),
                "The first use of a registration could not be kept."
            ),
        }
    }

    /// Keeps a first use; `false` if another attempt was first.
    async fn keep(
        &self,
        receiver: &Receiver,
        used: &FirstUse,
        registered_at: Timestamp,
    ) -> Result<bool, DirectoryTableError> {
        let document = Document {
            bytes: serde_json::to_vec(used).expect("a first use serialises"),
            fetched_at: used.used_at,
            fresh_until: used.used_at,
            etag: None,
        };
        let name = format!("{}{}#{registered_at}", FirstUse::PREFIX, receiver.key);
        Ok(self.table.put_new(&name, &document, LIVES).await?.is_none())
    }

    fn report(&self, used: &FirstUse, took: SignedDuration) {
        let FirstUse { client_id, seconds, .. } = used;
        self.metrics.record(
            used.used_at,
            (METRIC, took.as_secs_f64(), Unit::Seconds),
            &[("client_id", client_id.as_str())],
        );
        if took > PROMISED_WITHIN {
            tracing::error!(
                %client_id,
                seconds,
                code = "promise_broken",
                "Notifications started more than ten minutes after the registration."
            );
        } else if took > PROMISE_AT_RISK {
            tracing::warn!(
                %client_id,
                seconds,
                code = "promise_at_risk",
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
