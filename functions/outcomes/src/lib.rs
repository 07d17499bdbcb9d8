//! The Lambda function `outcomes`: changes of the ledger and of the receivers table, and of the stack's alarms, become
//! CloudEvents on an EventBridge bus.
//!
//! `notification`, `client` and `alarm` derive the events from a change; they are pure. `bus` puts them, and repeats
//! what was refused. Lambda redelivers a batch that fails from its first missing change on, so an event may come
//! twice, under the same id. `infra/events.yaml` is the contract, and `docs/outcome-events.md` says what no event
//! tells.

mod alarm;
mod bus;
mod client;
mod event;
mod notification;
mod scope;

use platform::aws::Change;
use platform::telemetry::ErrorChain;
use serde::Deserialize as _;
use serde_json::{Value, json};
use thiserror::Error;

pub use bus::{Bus, Numbered, PutError, SOURCE};
pub use event::{AlarmData, AttemptData, Cause, ClientData, Data, Event, EventType, NotificationData};
pub use scope::Scope;

use scope::Unreadable;

/// The function.
#[derive(Debug)]
pub struct Outcomes {
    /// Accepts events.
    pub bus: Bus,
    /// Which outcomes are told.
    pub scope: Scope,
}

impl Outcomes {
    /// Handles an event: changes of a table, or an alarm's.
    pub async fn handle(&self, event: Value) -> Result<Value, HandleError> {
        if let Some(changes) = event["Records"].as_array() {
            return Ok(self.tell(changes).await);
        }
        if event["detail-type"] == alarm::DETAIL_TYPE {
            return self.tell_alarm(&event).await;
        }
        Err(HandleError::Unknown)
    }

    /// Puts the events of changes. Lambda redelivers from the first change whose event may be missing ("Configuring
    /// partial batch response with DynamoDB and Lambda", AWS Lambda Developer Guide).
    async fn tell(&self, changes: &[Value]) -> Value {
        let mut events = Vec::new();
        for change in changes.iter().map(Change::read) {
            let sequence = &change.dynamodb.sequence_number;
            if let Ok(found) = events_of(&change, self.scope) {
                events.extend(found.into_iter().map(|event| Numbered { sequence: sequence.clone(), event }));
            } else {
                // Retrying would hold up the changes behind it.
                tracing::error!(
                    sequence,
                    code = "outcome_row_unreadable",
                    "A row that changed cannot be read; no event is made of the change."
                );
            }
        }
        let failures = match self.bus.put(&events).await {
            Ok(()) => vec![],
            Err(error) => {
                tracing::error!(
                    code = "outcome_events_not_taken",
                    error = %ErrorChain(&error),
                    "The bus did not accept events; their changes are redelivered."
                );
                vec![json!({ "itemIdentifier": error.from })]
            }
        };
        json!({ "batchItemFailures": failures })
    }

    async fn tell_alarm(&self, event: &Value) -> Result<Value, HandleError> {
        let change = alarm::StateChange::deserialize(event).map_err(HandleError::Alarm)?;
        if let Some(event) = alarm::event(change) {
            self.bus.put(&[Numbered { sequence: String::new(), event }]).await?;
        }
        Ok(Value::Null)
    }
}

/// Derives the events of a change by the key that its table has.
fn events_of(change: &Change, scope: Scope) -> Result<Vec<Event>, Unreadable> {
    if !change.dynamodb.key("client_id").is_empty() {
        return client::events(change);
    }
    notification::events(change, scope)
}

/// Why an event could not be handled.
#[derive(Debug, Error)]
pub enum HandleError {
    /// The event is of an unknown kind.
    #[error("the event is neither a batch of a table's stream nor a change of an alarm")]
    Unknown,
    /// CloudWatch's event has another format.
    #[error("the change of an alarm cannot be read")]
    Alarm(#[source] serde_json::Error),
    /// The bus did not accept the event.
    #[error(transparent)]
    Put(#[from] PutError),
}
