//! Reads the ledger. Each look-up is one query, because ids lead to their partitions.

use std::collections::HashMap;

use aws_sdk_dynamodb::Client;
use aws_sdk_dynamodb::types::AttributeValue;
use convention::delivery::{AttemptNumber, AttemptView, NotificationView, Status};
use convention::notification::{Endpoint, InteractionId, NotificationId, Partition};
use jiff::Timestamp;

use super::attributes::text;
use super::cause::cause;
use super::ledger_error::LedgerError;

type Row = HashMap<String, AttributeValue>;

/// Finds notifications in the ledger.
#[derive(Clone, Debug)]
pub struct LedgerReader {
    client: Client,
    table: String,
}

impl LedgerReader {
    /// Reads this table.
    pub fn new(client: Client, table: String) -> Self {
        Self { client, table }
    }

    /// Finds a notification by its id.
    pub async fn notification(&self, id: &NotificationId) -> Result<Option<NotificationView>, LedgerError> {
        let answer = self
            .client
            .get_item()
            .table_name(&self.table)
            .key("partition", text(id.partition()))
            .key("notification", text(id))
            .consistent_read(true)
            .send()
            .await
            .map_err(|error| LedgerError::service("find a notification", cause(error)))?;
        answer.item.map(|row| Self::view(&row).ok_or(LedgerError::Unreadable)).transpose()
    }

    /// Finds the notification that an attempt belongs to.
    pub async fn attempt(&self, id: InteractionId) -> Result<Option<NotificationView>, LedgerError> {
        let name = id.to_string();
        let is_it =
            |shown: &NotificationView| shown.attempts.iter().any(|attempt| attempt.interaction_id == name);
        Ok(self.partition(id.partition()).await?.into_iter().find(is_it))
    }

    /// Finds the notifications of a resource, ordered by their events.
    pub async fn resource(&self, endpoint: Endpoint, id: &str) -> Result<Vec<NotificationView>, LedgerError> {
        let mut found = self.partition(Partition::of_id(endpoint, id)).await?;
        // Two resources may share a partition.
        found.retain(|shown| shown.resource_id == id && shown.endpoint == endpoint.row().code);
        found.sort_by_key(NotificationView::when);
        Ok(found)
    }

    /// Parses a row; `None` for one that this version cannot have written.
    pub fn view(row: &HashMap<String, AttributeValue>) -> Option<NotificationView> {
        let status: Status = text_of(row, "status")?.parse().ok()?;
        let attempts = (1..=u64::from(AttemptNumber::MAX)).filter_map(|number| {
            let attempt = AttemptNumber::try_from(number).ok()?;
            Some(attempt_of(attempt, row.get(&format!("attempt_{attempt}"))?.as_m().ok()?))
        });
        Some(NotificationView {
            notification_id: text_of(row, "notification")?,
            status: status.as_str().to_owned(),
            client_id: text_of(row, "client_id")?,
            authorisation_server: text_of(row, "authorisation_server"),
            endpoint: text_of(row, "endpoint")?,
            resource_id: text_of(row, "resource_id")?,
            api_version: text_of(row, "api_version"),
            event_instant: text_of(row, "event_instant")?,
            accepted_at: instant(row, "accepted_at"),
            reason: text_of(row, "reason"),
            replay_of: text_of(row, "replay_of"),
            attempts: attempts.collect::<Option<_>>()?,
        })
    }

    async fn partition(&self, partition: Partition) -> Result<Vec<NotificationView>, LedgerError> {
        let mut rows = self
            .client
            .query()
            .table_name(&self.table)
            .key_condition_expression("#partition = :partition")
            // "partition" is a reserved word of DynamoDB.
            .expression_attribute_names("#partition", "partition")
            .expression_attribute_values(":partition", text(partition))
            .consistent_read(true)
            .into_paginator()
            .items()
            .send();
        let mut found = Vec::new();
        while let Some(row) = rows.next().await {
            let row = row.map_err(|error| LedgerError::service("look a partition up", cause(error)))?;
            found.push(Self::view(&row).ok_or(LedgerError::Unreadable)?);
        }
        Ok(found)
    }
}

fn attempt_of(attempt: AttemptNumber, map: &Row) -> Option<AttemptView> {
    Some(AttemptView {
        attempt: attempt.get(),
        interaction_id: text_of(map, "interaction_id")?,
        base_uri: text_of(map, "base_uri")?,
        url_api_version: text_of(map, "url_api_version"),
        started_at: instant(map, "started_at")?,
        deadline_ms: number(map, "deadline_ms").and_then(|deadline| deadline.try_into().ok()),
        ended_at: instant(map, "ended_at"),
        outcome: text_of(map, "outcome"),
        status: number(map, "status").and_then(|status| status.try_into().ok()),
        address: text_of(map, "peer"),
        tls: text_of(map, "tls"),
    })
}

fn text_of(row: &Row, name: &str) -> Option<String> {
    row.get(name)?.as_s().ok().cloned()
}

fn number(row: &Row, name: &str) -> Option<i64> {
    row.get(name)?.as_n().ok()?.parse().ok()
}

fn instant(row: &Row, name: &str) -> Option<Timestamp> {
    Timestamp::from_millisecond(number(row, name)?).ok()
}
