//! The directory table: documents fetched from others, stored with their age.
//!
//! One row for each document: key sets, lists, statuses. The directory function writes them, every function may read
//! them. A document stays while its source does not answer.

use std::collections::HashMap;

use aws_sdk_dynamodb::Client;
use aws_sdk_dynamodb::error::{BoxError, SdkError};
use aws_sdk_dynamodb::operation::put_item::PutItemError;
use aws_sdk_dynamodb::primitives::Blob;
use aws_sdk_dynamodb::types::{AttributeValue, KeysAndAttributes, ReturnValuesOnConditionCheckFailure};
use jiff::{SignedDuration, Timestamp};
use thiserror::Error;

use super::cause::cause;

/// Maximum size of a document in bytes: a DynamoDB row holds 400 KB, names and other attributes included.
pub const DOCUMENT_LIMIT: usize = 380 * 1024;
/// Maximum length of a stored `ETag` in bytes. A longer one is dropped, so that a source cannot make a row too large.
const MAX_ETAG: usize = 512;
/// Number of rows read by one request (`BatchGetItem`, Amazon DynamoDB API Reference).
const BATCH: usize = 100;
/// Maximum number of requests for unprocessed rows.
const MAX_REREADS: usize = 5;
/// Key attribute.
const KEY: &str = "name";
const BYTES: &str = "bytes";
const FETCHED_AT: &str = "fetched_at";
const FRESH_UNTIL: &str = "fresh_until";
const ETAG: &str = "etag";
const CLAIMED_AT: &str = "claimed_at";
/// When DynamoDB may delete the row, in seconds since 1970.
const EXPIRES_AT: &str = "expires_at";

/// Returns the row of the key set of one environment of the Directory, as a stack may change from one to another.
pub fn keys_row(environment: &str) -> String {
    format!("jwks#{environment}")
}

/// Returns the row of the list of participants of one environment of the Directory.
pub fn participants_row(environment: &str) -> String {
    format!("participants#{environment}")
}

/// A document and its age.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Document {
    /// The document.
    pub bytes: Vec<u8>,
    /// When its source last confirmed it as current.
    pub fetched_at: Timestamp,
    /// Until when the source need not be asked again (RFC 9111, section 4.2).
    pub fresh_until: Timestamp,
    /// The `ETag` from its source (RFC 9110, section 8.8.3).
    pub etag: Option<String>,
}

/// A document's name and the result of reading it.
pub type Read = (String, Result<Document, DirectoryTableError>);

/// Reads and writes documents.
#[derive(Clone, Debug)]
pub struct DirectoryTable {
    client: Client,
    table: String,
}

impl DirectoryTable {
    /// Uses this table.
    pub fn new(client: Client, table: String) -> Self {
        Self { client, table }
    }

    /// Reads a document.
    pub async fn get(&self, name: &str) -> Result<Option<Document>, DirectoryTableError> {
        let answer = self
            .client
            .get_item()
            .table_name(&self.table)
            .key(KEY, text(name))
            .send()
            .await
            .map_err(|error| self.failed("read", name, cause(error)))?;
        // A row without a document only holds a claim.
        answer.item.filter(|row| row.contains_key(BYTES)).map(|row| self.parse(name, &row)).transpose()
    }

    /// Reads several documents; missing ones are left out.
    ///
    /// A row that cannot be read does not affect the others; its error names it.
    pub async fn get_all(&self, names: &[String]) -> Result<Vec<Read>, DirectoryTableError> {
        let mut all = Vec::new();
        for names in names.chunks(BATCH) {
            let keys = names.iter().map(|name| HashMap::from([(KEY.to_owned(), text(name))])).collect();
            let mut left = KeysAndAttributes::builder().set_keys(Some(keys)).build().ok();
            let first = names.first().map_or("", String::as_str);
            for _ in 0..MAX_REREADS {
                let Some(asked) = left.take() else { break };
                let answer = self.client.batch_get_item().request_items(&self.table, asked).send().await;
                let mut answer = answer.map_err(|error| self.failed("read", first, cause(error)))?;
                let rows = answer.responses.as_mut().and_then(|tables| tables.remove(&self.table));
                for row in rows.unwrap_or_default() {
                    let name = row.get(KEY).and_then(|name| name.as_s().ok()).cloned().unwrap_or_default();
                    if row.contains_key(BYTES) {
                        let document = self.parse(&name, &row);
                        all.push((name, document));
                    }
                }
                // An answer has at most 16 MB, and leaves out throttled rows.
                left = answer.unprocessed_keys.and_then(|mut tables| tables.remove(&self.table));
            }
            if left.is_some() {
                return Err(self.failed("read", first, "the table left rows out five times".into()));
            }
        }
        Ok(all)
    }

    /// Writes a document over the previous one; DynamoDB may delete it after `lifetime`.
    pub async fn put(
        &self,
        name: &str,
        document: &Document,
        lifetime: SignedDuration,
    ) -> Result<(), DirectoryTableError> {
        if document.bytes.len() > DOCUMENT_LIMIT {
            return Err(DirectoryTableError::TooLarge { name: name.to_owned(), bytes: document.bytes.len() });
        }
        self.client
            .put_item()
            .table_name(&self.table)
            .set_item(Some(row(name, document, lifetime)))
            .send()
            .await
            .map_err(|error| self.failed("write", name, cause(error)))?;
        Ok(())
    }

    /// Writes a document if there is none, else returns the existing one.
    pub async fn put_new(
        &self,
        name: &str,
        document: &Document,
        lifetime: SignedDuration,
    ) -> Result<Option<Document>, DirectoryTableError> {
        let put = self
            .client
            .put_item()
            .table_name(&self.table)
            .set_item(Some(row(name, document, lifetime)))
            .condition_expression("attribute_not_exists(#name)")
            .expression_attribute_names("#name", KEY)
            .return_values_on_condition_check_failure(ReturnValuesOnConditionCheckFailure::AllOld)
            .send()
            .await;
        let Err(error) = put else { return Ok(None) };
        if let Some(PutItemError::ConditionalCheckFailedException(refused)) = error.as_service_error() {
            let row = refused.item().cloned().unwrap_or_default();
            return self.parse(name, &row).map(Some);
        }
        Err(self.failed("write", name, cause(error)))
    }

    /// Deletes a document, if it exists.
    pub async fn delete(&self, name: &str) -> Result<(), DirectoryTableError> {
        let deleted = self.client.delete_item().table_name(&self.table).key(KEY, text(name)).send().await;
        deleted.map(drop).map_err(|error| self.failed("delete", name, cause(error)))
    }

    /// Claims a task that must run at most once in `every` over all processes; `false` if it was already claimed in
    /// that time.
    pub async fn claim(
        &self,
        name: &str,
        now: Timestamp,
        every: SignedDuration,
    ) -> Result<bool, DirectoryTableError> {
        let second = |instant: Timestamp| AttributeValue::N(instant.as_second().to_string());
        let update = self
            .client
            .update_item()
            .table_name(&self.table)
            .key(KEY, text(name))
            .update_expression("SET #claimed_at = :now")
            .condition_expression("attribute_not_exists(#claimed_at) OR #claimed_at <= :before")
            .expression_attribute_names("#claimed_at", CLAIMED_AT)
            .expression_attribute_values(":now", second(now))
            .expression_attribute_values(":before", second(now - every))
            .send()
            .await;
        match update {
            Ok(_) => Ok(true),
            Err(SdkError::ServiceError(refused)) if refused.err().is_conditional_check_failed_exception() => {
                Ok(false)
            }
            Err(error) => Err(self.failed("claim", name, cause(error))),
        }
    }

    /// Reads every document whose name has this prefix. Scans the whole table: for scheduled tasks, not for messages.
    ///
    /// A row that cannot be read does not affect the others; its error names it.
    pub async fn all(&self, prefix: &str) -> Result<Vec<Read>, DirectoryTableError> {
        let mut pages = self
            .client
            .scan()
            .table_name(&self.table)
            .filter_expression("begins_with(#name, :prefix)")
            .expression_attribute_names("#name", KEY)
            .expression_attribute_values(":prefix", text(prefix))
            .into_paginator()
            .items()
            .send();
        let mut all = Vec::new();
        while let Some(row) = pages.next().await {
            let row = row.map_err(|error| self.failed("list", prefix, cause(error)))?;
            let name = row.get(KEY).and_then(|name| name.as_s().ok()).cloned().unwrap_or_default();
            if row.contains_key(BYTES) {
                let document = self.parse(&name, &row);
                all.push((name, document));
            }
        }
        Ok(all)
    }

    fn parse(
        &self,
        name: &str,
        row: &HashMap<String, AttributeValue>,
    ) -> Result<Document, DirectoryTableError> {
        let text = |field: &str| row.get(field).and_then(|value| value.as_s().ok());
        let instant = |field: &str| text(field).and_then(|text| text.parse().ok());
        let document = || {
            Some(Document {
                bytes: row.get(BYTES)?.as_b().ok()?.clone().into_inner(),
                fetched_at: instant(FETCHED_AT)?,
                fresh_until: instant(FRESH_UNTIL)?,
                etag: text(ETAG).cloned(),
            })
        };
        document().ok_or_else(|| self.unreadable(name))
    }

    /// Creates the error for a row with unexpected content.
    pub fn unreadable(&self, name: &str) -> DirectoryTableError {
        DirectoryTableError::Unreadable { name: name.to_owned(), table: self.table.clone() }
    }

    fn failed(&self, doing: &'static str, name: &str, source: BoxError) -> DirectoryTableError {
        DirectoryTableError::Service { doing, name: name.to_owned(), table: self.table.clone(), source }
    }
}

fn row(name: &str, document: &Document, lifetime: SignedDuration) -> HashMap<String, AttributeValue> {
    let expires = document.fetched_at.saturating_add(lifetime).unwrap_or(Timestamp::MAX);
    let mut row = HashMap::from([
        (KEY.to_owned(), text(name)),
        (BYTES.to_owned(), AttributeValue::B(Blob::new(document.bytes.as_slice()))),
        (FETCHED_AT.to_owned(), text(&document.fetched_at.to_string())),
        (FRESH_UNTIL.to_owned(), text(&document.fresh_until.to_string())),
        (EXPIRES_AT.to_owned(), AttributeValue::N(expires.as_second().to_string())),
    ]);
    if let Some(etag) = document.etag.as_ref().filter(|etag| etag.len() <= MAX_ETAG) {
        row.insert(ETAG.to_owned(), text(etag));
    }
    row
}

fn text(text: &str) -> AttributeValue {
    AttributeValue::S(text.to_owned())
}

/// Why a document cannot be read or written.
#[derive(Debug, Error)]
pub enum DirectoryTableError {
    /// The service refused, or did not answer.
    #[error("failed to {doing} {name:?} in the table {table}")]
    Service {
        /// The failed action.
        doing: &'static str,
        /// The document.
        name: String,
        /// The table.
        table: String,
        /// The service's error.
        source: BoxError,
    },
    /// The row was not written by this version.
    #[error("{name:?} in the table {table} cannot be read")]
    Unreadable {
        /// The document.
        name: String,
        /// The table.
        table: String,
    },
    /// The document exceeds the size of a row.
    #[error("{name:?} has {bytes} bytes; a row holds {DOCUMENT_LIMIT}")]
    TooLarge {
        /// The document.
        name: String,
        /// Its size.
        bytes: usize,
    },
}
