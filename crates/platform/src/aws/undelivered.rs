//! The rows of undelivered notifications: separate from the notifications' own rows, in sixteen partitions an hour.
//!
//! The ledger keeps years; an operator asks for the last hours. A few queries for each hour answer that without a
//! scan, and without an index that every delivery would pay for. A single partition would not be enough: DynamoDB
//! accepts 1,000 write units a second for a key, and a few dead receivers of a busy sender exceed that.

use std::collections::HashMap;

use aws_sdk_dynamodb::Client;
use aws_sdk_dynamodb::error::SdkError;
use aws_sdk_dynamodb::operation::update_item::UpdateItemError;
use aws_sdk_dynamodb::operation::update_item::builders::UpdateItemFluentBuilder;
use aws_sdk_dynamodb::types::AttributeValue;
use convention::delivery::{AttemptMessage, Hour, UNDELIVERED_ROW_RETENTION, Undelivered};
use convention::notification::NotificationId;
use futures_util::future::try_join_all;
use jiff::Timestamp;

use super::attributes::{millis, number, text};
use super::cause::cause;
use super::ledger_error::LedgerError;

/// Number of partitions of an hour: one for each first digit of a notification's id, which is that of a hash.
pub const UNDELIVERED_PARTITIONS: u32 = 16;

/// Writes and reads undelivered notifications.
#[derive(Clone, Debug)]
pub struct UndeliveredRows {
    client: Client,
    table: String,
}

impl UndeliveredRows {
    /// Uses this table, which is the ledger's.
    pub fn new(client: Client, table: String) -> Self {
        Self { client, table }
    }

    /// Writes an undelivered notification. Repeating this keeps the first outcome of the last attempt, because a
    /// later writer takes it for interrupted. It also keeps the mark of a replay.
    pub async fn keep(&self, undelivered: &Undelivered) -> Result<(), LedgerError> {
        let message = &undelivered.message;
        let expires =
            undelivered.gave_up_at.saturating_add(UNDELIVERED_ROW_RETENTION).unwrap_or(Timestamp::MAX);
        let replay = message.replay_of.as_ref();
        let update = self
            .update(undelivered.hour(), &message.notification)
            .update_expression(format!(
                "SET client_id = :client, endpoint = :endpoint, resource_id = :resource, \
                 outcome = if_not_exists(outcome, :outcome), interaction_id = if_not_exists(interaction_id, :id), \
                 gave_up_at = if_not_exists(gave_up_at, :gave_up), accepted_at = :accepted, event_instant = :event, \
                 message = :message, expires_at = if_not_exists(expires_at, :expires){}",
                replay.map_or("", |_| ", replay_of = :replay_of")
            ))
            .expression_attribute_values(":client", text(&message.change.client_id))
            .expression_attribute_values(":endpoint", text(message.resource.endpoint))
            .expression_attribute_values(":resource", text(&message.resource.id))
            .expression_attribute_values(":outcome", text(&undelivered.outcome))
            .expression_attribute_values(":id", text(undelivered.interaction_id))
            .expression_attribute_values(":gave_up", millis(undelivered.gave_up_at))
            .expression_attribute_values(":accepted", millis(message.accepted_at))
            .expression_attribute_values(":event", text(message.change.event_instant))
            .expression_attribute_values(":message", text(message.to_json()))
            .expression_attribute_values(":expires", number(expires.as_second()));
        let update = match replay {
            Some(original) => update.expression_attribute_values(":replay_of", text(original)),
            None => update,
        };
        let sent = Box::pin(update.send()).await;
        sent.map_err(|error| LedgerError::service("write an undelivered notification", cause(error)))?;
        Ok(())
    }

    /// Reads the undelivered notifications of an hour; rows that cannot be read are returned as errors.
    pub async fn of_hour(&self, hour: Hour) -> Result<Vec<Result<Undelivered, LedgerError>>, LedgerError> {
        let digits = (0..UNDELIVERED_PARTITIONS).filter_map(|digit| char::from_digit(digit, 16));
        let all = try_join_all(digits.map(|digit| self.of_partition(hour, digit))).await?;
        Ok(all.into_iter().flatten().collect())
    }

    async fn of_partition(
        &self,
        hour: Hour,
        digit: char,
    ) -> Result<Vec<Result<Undelivered, LedgerError>>, LedgerError> {
        let mut items = self
            .client
            .query()
            .table_name(&self.table)
            .key_condition_expression("#partition = :partition")
            // "partition" is a reserved word of DynamoDB.
            .expression_attribute_names("#partition", "partition")
            .expression_attribute_values(":partition", text(partition(hour, digit)))
            // A replay that was marked just now must be visible.
            .consistent_read(true)
            .into_paginator()
            .items()
            .send();
        let mut rows = Vec::new();
        while let Some(item) = items.next().await {
            let item = item.map_err(|error| {
                LedgerError::service("list the undelivered notifications of an hour", cause(error))
            })?;
            rows.push(parse(&item).ok_or(LedgerError::Unreadable));
        }
        Ok(rows)
    }

    /// Marks a notification as replayed, at that time and by whom; does nothing if its row has expired.
    pub async fn mark_replayed(
        &self,
        undelivered: &Undelivered,
        at: Timestamp,
        by: &str,
    ) -> Result<(), LedgerError> {
        let name = &undelivered.message.notification;
        let update = self
            .update(undelivered.hour(), name)
            .update_expression("SET replayed_at = :at, replayed_as = :replay, replayed_by = :by")
            .condition_expression("notification = :notification")
            .expression_attribute_values(":notification", text(name))
            .expression_attribute_values(":at", millis(at))
            .expression_attribute_values(":by", text(by))
            .expression_attribute_values(":replay", text(name.replay()));
        match update.send().await.map_err(SdkError::into_service_error) {
            Ok(_) | Err(UpdateItemError::ConditionalCheckFailedException(_)) => Ok(()),
            Err(error) => Err(LedgerError::service("mark a replay", error.into())),
        }
    }

    fn update(&self, hour: Hour, notification: &NotificationId) -> UpdateItemFluentBuilder {
        let update = self.client.update_item().table_name(&self.table);
        update
            .key("partition", text(partition_of(hour, notification)))
            .key("notification", text(notification))
    }
}

fn partition_of(hour: Hour, notification: &NotificationId) -> String {
    let digit = notification.as_str().chars().next().expect("a notification id has 32 digits");
    partition(hour, digit)
}

/// Never the name of a notification's partition, since those are hexadecimal.
fn partition(hour: Hour, digit: char) -> String {
    format!("undelivered#{hour}#{digit}")
}

fn parse(row: &HashMap<String, AttributeValue>) -> Option<Undelivered> {
    let text = |name| row.get(name)?.as_s().ok();
    let instant = |name| Timestamp::from_millisecond(row.get(name)?.as_n().ok()?.parse().ok()?).ok();
    Some(Undelivered {
        message: AttemptMessage::from_json(text("message")?).ok()?,
        outcome: text("outcome")?.clone(),
        interaction_id: text("interaction_id")?.parse().ok()?,
        gave_up_at: instant("gave_up_at")?,
        replayed_at: instant("replayed_at"),
        replayed_by: text("replayed_by").cloned(),
    })
}
