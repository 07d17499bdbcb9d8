//! The rows of resources' latest states, which say whether a timer still holds. They exist only on a stack with timers.
//!
//! They are in the ledger's table, which every function that takes state changes has, in partitions of their own.

use std::collections::HashMap;

use aws_sdk_dynamodb::Client;
use aws_sdk_dynamodb::error::SdkError;
use aws_sdk_dynamodb::operation::update_item::UpdateItemError;
use aws_sdk_dynamodb::types::{AttributeValue, ReturnValue, ReturnValuesOnConditionCheckFailure};
use convention::notification::{Reported, ResourceState, StateChange, StateKey, TimerMessage, TimerName};
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
        /// When its own timer is due, if it has one: a state that comes again does not delay it.
        due: Option<Timestamp>,
    },
    /// A later state came first, or an edit leaves the state as it is: this one ends no timer, and sets none.
    Superseded,
}

/// What became of a timer whose time has come.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum Due {
    /// Its change takes place.
    Now(StateChange),
    /// Its time was put off until this instant.
    At(Timestamp),
    /// Another state came first. What the timer announced is known as long as no other timer was set.
    Ended(Option<StateChange>),
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
        let ends = state.timer.as_ref().map_or(now, |timer| now.max(timer.due));
        let expires = ends.saturating_add(RETENTION).unwrap_or(Timestamp::MAX);
        let update = self
            .client
            .update_item()
            .table_name(&self.table)
            .key("partition", text(partition(&state.key)))
            .key("notification", text(SORT_KEY))
            .expression_attribute_values(":since", number(state.since.timestamp().as_microsecond()))
            .expression_attribute_values(":expires", number(expires.as_second()))
            .expression_attribute_values(":reached", text(&state.reached))
            .expression_attribute_values(":holds", AttributeValue::Bool(state.timer.is_some()))
            .return_values_on_condition_check_failure(ReturnValuesOnConditionCheckFailure::AllOld)
            .return_values(ReturnValue::AllOld);
        let change = state.timer.as_ref().and_then(|timer| Some((timer, timer.change.to_json()?)));
        let update = match change {
            Some((timer, change)) => update
                .update_expression(
                    "SET since = :since, expires_at = :expires, reached = :reached, holds = :holds, timer = :timer, \
                     due = :due, change = :change",
                )
                .condition_expression(
                    "attribute_not_exists(since) OR since < :since OR (since = :since AND holds = :holds AND timer <> :timer)",
                )
                .expression_attribute_values(":timer", text(&timer.name))
                .expression_attribute_values(":due", number(timer.due.as_microsecond()))
                .expression_attribute_values(":change", text(change)),
            // The timer stays in the row, and holds no longer: its attempt may have begun.
            None => update
                .update_expression("SET since = :since, expires_at = :expires, reached = :reached, holds = :holds")
                .condition_expression(match state.reported {
                    Reported::State => "attribute_not_exists(since) OR since <= :since",
                    Reported::Edit => "since <= :since AND reached <> :reached",
                    Reported::EditOrState => {
                        "attribute_not_exists(since) OR (since <= :since AND reached <> :reached)"
                    }
                }),
        };
        let own = state.timer.as_ref();
        // Boxed, because the SDK's futures have thousands of bytes and would be part of every attempt's future.
        match Box::pin(update.send()).await.map_err(SdkError::into_service_error) {
            Ok(answer) => Ok(Observed::Latest {
                ended: answer.attributes.as_ref().and_then(timer_of),
                due: own.map(|timer| timer.due),
            }),
            Err(UpdateItemError::ConditionalCheckFailedException(refused)) => {
                let row = refused.item();
                let is_same = own.is_some_and(|timer| row.and_then(timer_of).as_ref() == Some(&timer.name));
                match row.and_then(due_of).filter(|_| is_same) {
                    Some(due) => Ok(Observed::Latest { ended: None, due: Some(due) }),
                    None => Ok(Observed::Superseded),
                }
            }
            Err(error) => Err(LedgerError::service("record the state of a resource", error.into())),
        }
    }

    /// Returns what becomes now of a timer.
    pub async fn due(&self, message: &TimerMessage, now: Timestamp) -> Result<Due, LedgerError> {
        let request = self
            .client
            .get_item()
            .table_name(&self.table)
            .key("partition", text(partition(&message.state)))
            .key("notification", text(SORT_KEY))
            .consistent_read(true);
        let answer = Box::pin(request.send())
            .await
            .map_err(|error| LedgerError::service("read the state of a resource", cause(error)))?;
        let is_asked = |row: &Row| {
            row.get("timer").and_then(|name| name.as_s().ok()) == Some(&message.timer.to_string())
        };
        let Some(row) = answer.item.filter(is_asked) else { return Ok(Due::Ended(None)) };
        let holds = timer_of(&row).is_some();
        let due = due_of(&row).ok_or(LedgerError::Unreadable)?;
        if holds && now < due {
            return Ok(Due::At(due));
        }
        let change = row.get("change").and_then(|change| change.as_s().ok());
        let change = change.and_then(|change| serde_json::from_str(change).ok());
        let change = change.and_then(|change| StateChange::from_json(&change, "").ok());
        let change = change.ok_or(LedgerError::Unreadable)?;
        Ok(if holds { Due::Now(change) } else { Due::Ended(Some(change)) })
    }
}

/// The rows have a partition each, and so the same second key.
const SORT_KEY: &str = "state";

/// Never the name of a notification's partition, since those are hexadecimal.
fn partition(key: &StateKey) -> String {
    format!("state#{key}")
}

type Row = HashMap<String, AttributeValue>;

/// Returns the timer that holds.
fn timer_of(row: &Row) -> Option<TimerName> {
    row.get("holds")?.as_bool().ok().filter(|holds| **holds)?;
    row.get("timer")?.as_s().ok().map(|name| TimerName::stored(name))
}

fn due_of(row: &Row) -> Option<Timestamp> {
    let micros = row.get("due")?.as_n().ok()?.parse().ok()?;
    Timestamp::from_microsecond(micros).ok()
}
