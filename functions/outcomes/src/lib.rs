//! The Lambda function `outcomes`: changes of the ledger and of the receivers table, and of the stack's alarms, become
//! CloudEvents on an EventBridge bus; those of the ledger become spans of a trace as well. It does one of them or both.
//!
//! `notification`, `client` and `alarm` derive the events from a change; they are pure. `bus` puts them, and repeats
//! what was refused. Lambda redelivers a batch that fails from its first missing change on, so an event may come
//! twice, under the same id. `infra/events.yaml` is the contract, and `docs/outcome-events.md` says what no event
//! tells. `traces` makes and sends spans (`docs/traces.md`), which never fail a batch.

mod alarm;
mod bus;
mod client;
mod event;
mod ledger_change;
mod notification;
mod scope;
mod traces;

use opentelemetry_proto::tonic::trace::v1::Span;
use platform::aws::Change;
use platform::telemetry::ErrorChain;
use serde::Deserialize as _;
use serde_json::{Value, json};
use thiserror::Error;

pub use bus::{Bus, Numbered, PutError, SOURCE};
pub use event::{AlarmData, AttemptData, Cause, ClientData, Data, Event, EventType, NotificationData};
pub use scope::Scope;
pub use traces::{EndpointError, Traces, TracesSettings};

use ledger_change::LedgerChange;
use scope::Unreadable;

/// The function.
#[derive(Debug)]
pub struct Outcomes {
    /// Accepts events; absent without a bus.
    pub bus: Option<Bus>,
    /// Which outcomes are told.
    pub scope: Scope,
    /// Sends spans; absent where none are made.
    pub traces: Option<Traces>,
}

/// What is made of one change.
#[derive(Debug, Default)]
struct Derived {
    events: Vec<Event>,
    spans: Vec<Span>,
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

    /// Puts the events of changes, then sends their spans. Lambda redelivers from the first change whose event may be
    /// missing ("Configuring partial batch response with DynamoDB and Lambda", AWS Lambda Developer Guide); the spans of
    /// changes that come again are sent then.
    async fn tell(&self, changes: &[Value]) -> Value {
        let (mut events, mut spans) = (Vec::new(), Vec::new());
        for change in changes.iter().map(Change::read) {
            let sequence = &change.dynamodb.sequence_number;
            if let Ok(told) = self.derive(&change) {
                let numbered = |event| Numbered { sequence: sequence.clone(), event };
                events.extend(told.events.into_iter().map(numbered));
                spans.push((sequence.clone(), told.spans));
            } else {
                // Retrying would hold up the changes behind it.
                tracing::error!(
                    sequence,
                    code = "outcome_row_unreadable",
                    "A row that changed cannot be read; no event or span is made of the change."
                );
            }
        }
        let failed = self.put(&events).await;
        if let Some(traces) = &self.traces {
            let done = spans.into_iter().take_while(|(sequence, _)| Some(sequence) != failed.as_ref());
            traces.send(done.flat_map(|(_, spans)| spans).collect()).await;
        }
        let failures: Vec<_> = failed.iter().map(|from| json!({ "itemIdentifier": from })).collect();
        json!({ "batchItemFailures": failures })
    }

    /// Derives events and spans of a change by the key that its table has.
    fn derive(&self, change: &Change) -> Result<Derived, Unreadable> {
        let tells = self.bus.is_some();
        if !change.dynamodb.key("client_id").is_empty() {
            let events = if tells { client::events(change)? } else { vec![] };
            return Ok(Derived { events, ..Derived::default() });
        }
        let Some(change) = LedgerChange::read(change)? else { return Ok(Derived::default()) };
        Ok(Derived {
            events: if tells { notification::events(&change, self.scope) } else { vec![] },
            spans: if self.traces.is_some() { traces::spans(&change) } else { vec![] },
        })
    }

    /// Puts events; returns the number of the first change whose event may be missing.
    async fn put(&self, events: &[Numbered]) -> Option<String> {
        let error = self.bus.as_ref()?.put(events).await.err()?;
        tracing::error!(
            code = "outcome_events_not_taken",
            error = %ErrorChain(&error),
            "The bus did not accept events; their changes are redelivered."
        );
        Some(error.from)
    }

    async fn tell_alarm(&self, event: &Value) -> Result<Value, HandleError> {
        let change = alarm::StateChange::deserialize(event).map_err(HandleError::Alarm)?;
        if let (Some(bus), Some(event)) = (&self.bus, alarm::event(change)) {
            bus.put(&[Numbered { sequence: String::new(), event }]).await?;
        }
        Ok(Value::Null)
    }
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
