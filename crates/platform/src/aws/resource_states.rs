//! The rows of resources' latest states, which say whether a timer still holds. They exist only on a stack with timers.
//!
//! They are in the ledger's table, which every function that takes state changes has, in partitions of their own.

use std::collections::HashMap;

use aws_sdk_dynamodb::Client;
use aws_sdk_dynamodb::error::SdkError;
use aws_sdk_dynamodb::operation::update_item::UpdateItemError;
use aws_sdk_dynamodb::types::{AttributeValue, ReturnValue};
use convention::notification::{ResourceState, StateChange, StateKey, TimerMessage, TimerName};
use jiff::{SignedDuration, Timestamp};

use super::attributes::{number, text};
use super::cause::cause;
use super::ledger_error::LedgerError;

/// How long a row stays after its last state or timer: as long as a message can be in a dead-letter queue, so that
/// whatever comes late still meets it.
const RETENTION: SignedDuration = SignedDuration::from_hours(24 * 14);

/// What became of a state that was reported.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum Observed {
    /// It is the latest. The timer of the state before it, if there was one, no longer holds.
    Latest {
        /// That timer.
        ended: Option<TimerName>,
    },
    /// A later state came first: this one ends no timer, and sets none.
    Superseded,
}

/// Reads and writes the latest states.
#[derive(Clone, Debug)]
pub struct ResourceStates {
    client: Client,
    table: String,
}

impl ResourceStates {
    /// Uses this table, which is the ledger's.
    pub fn new(client: Client, table: String) -> Self {
        Self { client, table }
    }

    /// Records a state unless a later one was recorded. Repeating this gives the same row.
    ///
    /// Of two states of one instant, the one without a timer stays, whichever comes first: a notification too few is
    /// found by polling, a false one is not. Of two with timers, the last stays.
    pub async fn observe(&self, state: &ResourceState, now: Timestamp) -> Result<Observed, LedgerError> {
        let ends = state.timer.as_ref().map_or(now, |timer| now.max(timer.change.event_instant.timestamp()));
        let expires = ends.saturating_add(RETENTION).unwrap_or(Timestamp::MAX);
        let update = self
            .client
            .update_item()
            .table_name(&self.table)
            .key("partition", text(partition(&state.key)))
            .key("notification", text(SORT_KEY))
            .expression_attribute_values(":since", number(state.since.timestamp().as_microsecond()))
            .expression_attribute_values(":expires", number(expires.as_second()))
            .return_values(ReturnValue::AllOld);
        let change = state.timer.as_ref().and_then(|timer| Some((timer, timer.change.to_json()?)));
        let update = match change {
            Some((timer, change)) => update
                .update_expression("SET since = :since, expires_at = :expires, timer = :timer, change = :change")
                .condition_expression(
                    "attribute_not_exists(since) OR since < :since OR (since = :since AND attribute_exists(timer))",
                )
                .expression_attribute_values(":timer", text(&timer.name))
                .expression_attribute_values(":change", text(change)),
            None => update
                .update_expression("SET since = :since, expires_at = :expires REMOVE timer, change")
                .condition_expression("attribute_not_exists(since) OR since <= :since"),
        };
        match update.send().await.map_err(SdkError::into_service_error) {
            Ok(answer) => Ok(Observed::Latest { ended: answer.attributes.as_ref().and_then(timer_of) }),
            Err(UpdateItemError::ConditionalCheckFailedException(_)) => Ok(Observed::Superseded),
            Err(error) => Err(LedgerError::service("record the state of a resource", error.into())),
        }
    }

    /// Returns the change of a timer; `None` if it no longer holds, because another state came.
    pub async fn due(&self, message: &TimerMessage) -> Result<Option<StateChange>, LedgerError> {
        let answer = self
            .client
            .get_item()
            .table_name(&self.table)
            .key("partition", text(partition(&message.state)))
            .key("notification", text(SORT_KEY))
            .consistent_read(true)
            .send()
            .await
            .map_err(|error| LedgerError::service("read the state of a resource", cause(error)))?;
        let Some(row) = answer.item.filter(|row| timer_of(row).as_ref() == Some(&message.timer)) else {
            return Ok(None);
        };
        let change = row.get("change").and_then(|change| change.as_s().ok());
        let change = change.and_then(|change| serde_json::from_str(change).ok());
        let change = change.and_then(|change| StateChange::from_json(&change, "").ok());
        change.map(Some).ok_or(LedgerError::Unreadable)
    }
}

/// The rows have a partition each, and so the same second key.
const SORT_KEY: &str = "state";

/// Never the name of a notification's partition, since those are hexadecimal.
fn partition(key: &StateKey) -> String {
    format!("state#{key}")
}

fn timer_of(row: &HashMap<String, AttributeValue>) -> Option<TimerName> {
    row.get("timer")?.as_s().ok().map(|name| TimerName::stored(name))
}
