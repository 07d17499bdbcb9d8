//! The Lambda function `evidence`: changes of the ledger become records in an immutable bucket, and each hour of the
//! bucket is sealed.
//!
//! `change` compares the row before and after a change, and `seal` computes the chain; both are pure. `batch` packs
//! lines for Firehose, and `firehose` retries refused records. Lambda redelivers a batch that fails from its first
//! missing change on, so a record may come twice but none is left out. Every hour `sealer` lists, reads and chains
//! what came into the bucket. `arauto verify` (`tools/cli/src/verify`) computes the same chain and also checks the
//! records. `docs/evidence.md` describes the formats and what they prove.

mod archive;
mod batch;
mod change;
mod firehose;
mod record;
mod seal;
mod sealer;
mod timeouts;

use convention::delivery::Hour;
use platform::aws::Change;
use platform::clock::Clock;
use platform::telemetry::{ErrorChain, Metrics, Unit};
use serde_json::{Value, json};
use thiserror::Error;

pub use archive::{Archive, ArchiveError, Put, Version};
pub use batch::{Blob, pack};
pub use change::records;
pub use firehose::{Firehose, PutError};
pub use record::{Attempt, Kind, Record};
pub use seal::{ATTEMPTS, Digest, Entry, Hasher, ParseDigestError, SEALS, Seal, Sealed, hour_of, prefix};
pub use sealer::{BUDGET, LATE_HOURS, Run, SETTLES, SealError, Sealer, Stopped, last_over};
pub use timeouts::with_long_timeouts;

/// Number of hours that are over and not sealed.
const HOURS_UNSEALED: &str = "HoursUnsealed";

/// The function.
#[derive(Debug)]
pub struct Evidence {
    /// Accepts records.
    pub firehose: Firehose,
    /// Seals stored records.
    pub sealer: Sealer,
    /// The clock for metrics.
    pub clock: Clock,
    /// The metrics.
    pub metrics: Metrics,
}

impl Evidence {
    /// Handles an event: changes of the ledger, or the schedule's `{"task":"seal"}`.
    pub async fn handle(&self, event: Value) -> Result<Value, EventError> {
        if let Some(changes) = event["Records"].as_array() {
            return Ok(self.keep(changes).await);
        }
        if event["task"] == "seal" {
            return self.seal().await;
        }
        Err(EventError::Unknown)
    }

    /// Puts the records of changes into Firehose. Lambda redelivers from the first change that may be missing
    /// ("Configuring partial batch response with DynamoDB and Lambda", AWS Lambda Developer Guide).
    async fn keep(&self, changes: &[Value]) -> Value {
        let mut lines = Vec::new();
        for change in changes.iter().map(Change::read) {
            for record in records(&change) {
                if record.kind == Kind::RowUnreadable {
                    tracing::error!(
                        notification_id = record.notification_id,
                        code = "ledger_row_unreadable",
                        "A row of the ledger cannot be read; its record says so."
                    );
                }
                lines.push((record.sequence.clone(), record.to_line()));
            }
        }
        let failures = match self.firehose.put(&pack(lines)).await {
            Ok(()) => vec![],
            Err(error) => {
                tracing::error!(
                    code = "evidence_not_taken",
                    error = %ErrorChain(&error),
                    "Firehose did not accept records; they are put again."
                );
                vec![json!({ "itemIdentifier": error.from })]
            }
        };
        json!({ "batchItemFailures": failures })
    }

    async fn seal(&self) -> Result<Value, EventError> {
        let run = match self.sealer.run().await {
            Ok(run) => run,
            Err(Stopped { left, early, source }) => {
                tell_early(&early);
                // If the number is unknown nothing is written, and the alarm treats missing data as the worst.
                if let Some(left) = left {
                    self.measure(left);
                }
                return Err(source.into());
            }
        };
        tell_early(&run.early);
        self.measure(run.left);
        let head = run.head.map(|head| head.to_string()).unwrap_or_default();
        // The head in the log forces an attacker on the bucket to change the log too.
        tracing::info!(
            hours = run.sealed,
            objects = run.objects,
            late = run.late,
            left = run.left,
            head,
            "The evidence is sealed."
        );
        Ok(json!({ "sealed": run.sealed, "left": run.left, "head": head }))
    }

    fn measure(&self, left: i64) {
        #[expect(clippy::cast_precision_loss, reason = "hours are few")]
        let left = left as f64;
        self.metrics.record(self.clock.now(), (HOURS_UNSEALED, left, Unit::Count), &[]);
    }
}

fn tell_early(hours: &[Hour]) {
    for hour in hours {
        tracing::error!(
            hour = %hour,
            code = "seal_of_the_future",
            "A seal exists for an hour that is not over. It is not ours, and is ignored."
        );
    }
}

/// Why an event could not be handled.
#[derive(Debug, Error)]
pub enum EventError {
    /// The event is of an unknown kind.
    #[error("the event is neither a batch of the ledger's stream nor the task seal")]
    Unknown,
    /// An hour cannot be sealed.
    #[error("the evidence cannot be sealed")]
    Seal(#[from] SealError),
}
