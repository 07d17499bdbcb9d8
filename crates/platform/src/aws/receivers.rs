//! The receivers table: one row for each client, which outlives its removal.

use std::collections::HashMap;
use std::sync::{Arc, PoisonError};

use aws_sdk_dynamodb::Client;
use aws_sdk_dynamodb::error::{BoxError, SdkError};
use aws_sdk_dynamodb::types::AttributeValue;
use convention::address::AddressPolicy;
use convention::delivery::{AttemptNumber, SlowReceiver};
use convention::directory::{ClientState, Receiver, Registration};
use convention::notification::ReceiverKey;
use jiff::{SignedDuration, Timestamp};
use serde::Serialize;
use thiserror::Error;
use tokio::sync::Mutex;

use super::cause::cause;
use super::slow_mark::{MARK, REMOVED_AT, read_slow_mark};
use crate::clock::Clock;

/// Lifetime of a cached receiver.
///
/// No request is sent later than 30 s after the answer that removed its receiver (guarantee G5): 8 s of this, 4 s
/// until the attempt begins, 3 s for the write that begins it, 15 s for the exchange.
pub const RECEIVER_CACHE_TTL: SignedDuration = SignedDuration::from_secs(8);
pub(super) const KEY: &str = "client_id";
const REGISTRATION: &str = "registration";
/// Replaces the registration when the client is removed.
const REMOVAL: &str = "removal";
const REVISION: &str = "revision";

/// A cached receiver. Locked while it is read, so that a batch for one receiver reads it once.
type Slot = Arc<Mutex<Option<(Arc<Receiver>, Timestamp)>>>;

/// Reads and writes registrations.
#[derive(Debug)]
pub struct Receivers {
    pub(super) client: Client,
    pub(super) table: String,
    policy: AddressPolicy,
    clock: Clock,
    copies: std::sync::Mutex<HashMap<ReceiverKey, Slot>>,
    /// The mark of each receiver, as last read or written by this environment.
    pub(super) marks: std::sync::Mutex<HashMap<ReceiverKey, SlowReceiver>>,
}

/// A registration, and the mark of its receiver if it keeps timing out.
pub type Marked = (Registration, Option<SlowReceiver>);

/// A receiver found for an attempt.
#[derive(Clone, Debug)]
pub struct Found {
    /// The receiver.
    pub receiver: Arc<Receiver>,
    /// Whether its row was read just now rather than cached.
    pub is_fresh: bool,
}

impl Receivers {
    /// Uses this table.
    pub fn new(client: Client, table: String, policy: AddressPolicy, clock: Clock) -> Self {
        let (copies, marks) = (std::sync::Mutex::default(), std::sync::Mutex::default());
        Self { client, table, policy, clock, copies, marks }
    }

    /// Finds a client's receiver, cached if the copy is young enough. Absence is never cached, so a registration
    /// takes effect at once.
    pub async fn find(&self, key: &ReceiverKey) -> Result<Option<Arc<Receiver>>, ReceiversError> {
        Ok(self.look_up(key, RECEIVER_CACHE_TTL).await?.map(|found| found.receiver))
    }

    /// Finds a client's receiver for an attempt; for a later attempt always from its row.
    ///
    /// Later attempts are few, and a receiver that was removed or moved in between must take effect at once.
    pub async fn find_for(
        &self,
        key: &ReceiverKey,
        attempt: AttemptNumber,
    ) -> Result<Option<Found>, ReceiversError> {
        let is_first = attempt == AttemptNumber::FIRST;
        self.look_up(key, if is_first { RECEIVER_CACHE_TTL } else { SignedDuration::ZERO }).await
    }

    /// Finds a client's receiver from its row, never cached. Decisions that end a notification use this.
    pub async fn find_fresh(&self, key: &ReceiverKey) -> Result<Option<Found>, ReceiversError> {
        self.look_up(key, SignedDuration::ZERO).await
    }

    async fn look_up(
        &self,
        key: &ReceiverKey,
        copy_lives: SignedDuration,
    ) -> Result<Option<Found>, ReceiversError> {
        let slot = Arc::clone(
            self.copies.lock().unwrap_or_else(PoisonError::into_inner).entry(key.clone()).or_default(),
        );
        let mut copy = slot.lock().await;
        let asked_at = self.clock.now();
        if let Some((receiver, read_at)) = copy.as_ref() {
            let age = asked_at.duration_since(*read_at);
            if !age.is_negative() && age < copy_lives {
                return Ok(Some(Found { receiver: Arc::clone(receiver), is_fresh: false }));
            }
        }
        let row = Box::pin(self.row(key)).await?;
        self.know(key, row.as_ref().and_then(read_slow_mark));
        let state = row.map(|row| self.parse(&row)).transpose()?;
        let registration = state.as_ref().and_then(ClientState::registration);
        let receiver = registration.and_then(|registration| registration.receiver(self.policy)).map(Arc::new);
        *copy = receiver.clone().map(|receiver| (receiver, asked_at));
        if receiver.is_none() {
            self.forget_copy(key);
        }
        Ok(receiver.map(|receiver| Found { receiver, is_fresh: true }))
    }

    /// Drops the cached copy, so that the next look-up reads the row.
    pub(super) fn forget_copy(&self, key: &ReceiverKey) {
        self.copies.lock().unwrap_or_else(PoisonError::into_inner).remove(key);
    }

    /// Reads a client's registration from its row.
    pub async fn registration(&self, key: &ReceiverKey) -> Result<Option<Registration>, ReceiversError> {
        match self.state(key).await? {
            Some(ClientState::Registered(registration)) => Ok(Some(*registration)),
            Some(ClientState::Removed(_)) | None => Ok(None),
        }
    }

    /// Reads a client's state from its row.
    pub async fn state(&self, key: &ReceiverKey) -> Result<Option<ClientState>, ReceiversError> {
        self.row(key).await?.map(|row| self.parse(&row)).transpose()
    }

    async fn row(
        &self,
        key: &ReceiverKey,
    ) -> Result<Option<HashMap<String, AttributeValue>>, ReceiversError> {
        let answer = self
            .client
            .get_item()
            .table_name(&self.table)
            .key(KEY, text(key.as_str()))
            .consistent_read(true)
            .send()
            .await
            .map_err(|error| self.failed("read a registration from", cause(error)))?;
        Ok(answer.item)
    }

    /// Replaces a client's state by one that was decided from `previous`; `false` if the table has changed since.
    ///
    /// The revision of the row grows over removals and registrations alike, so a writer never confuses the row it
    /// read with another.
    pub async fn replace(
        &self,
        key: &ReceiverKey,
        state: &ClientState,
        previous: Option<&ClientState>,
    ) -> Result<bool, ReceiversError> {
        debug_assert!(state.revision() > previous.map_or(0, ClientState::revision));
        let number = |number: String| AttributeValue::N(number);
        let update = self.client.update_item().table_name(&self.table).key(KEY, text(key.as_str()));
        let update = match state {
            ClientState::Registered(registration) => update
                .update_expression(format!(
                    "SET #registration = :document, #revision = :revision REMOVE #removal, {REMOVED_AT}"
                ))
                .expression_attribute_values(":document", document(registration)),
            // The mark of a slow receiver belongs to its registration.
            ClientState::Removed(removal) => update
                .update_expression(format!(
                    "SET #removal = :document, #revision = :revision, {REMOVED_AT} = :removed_at \
                     REMOVE #registration, {}",
                    MARK.join(", ")
                ))
                .expression_attribute_values(":document", document(removal))
                .expression_attribute_values(
                    ":removed_at",
                    number(removal.removed_at.as_millisecond().to_string()),
                ),
        };
        let update = update
            .expression_attribute_names("#registration", REGISTRATION)
            .expression_attribute_names("#removal", REMOVAL)
            .expression_attribute_names("#revision", REVISION)
            .expression_attribute_values(":revision", number(state.revision().to_string()));
        let update = match previous.map(ClientState::revision) {
            None => update.condition_expression(
                "attribute_not_exists(#registration) AND attribute_not_exists(#removal)",
            ),
            // A row of an earlier release, which had no revision.
            Some(0) => update
                .condition_expression("attribute_exists(#registration) AND attribute_not_exists(#revision)"),
            Some(revision) => update
                .condition_expression("#revision = :previous")
                .expression_attribute_values(":previous", number(revision.to_string())),
        };
        match update.send().await {
            Ok(_) => Ok(true),
            Err(SdkError::ServiceError(refused)) if refused.err().is_conditional_check_failed_exception() => {
                Ok(false)
            }
            Err(error) => Err(self.failed("write a registration to", cause(error))),
        }
    }

    /// Reads every registration; rows that cannot be read are returned as errors.
    ///
    /// The read is consistent, because suspensions are decided from it.
    pub async fn all(&self) -> Result<Vec<Result<Registration, ReceiversError>>, ReceiversError> {
        let all = self.all_with_marks().await?;
        Ok(all.into_iter().map(|row| row.map(|(registration, _)| registration)).collect())
    }

    /// Reads every registration, with the mark of a receiver that keeps timing out.
    pub async fn all_with_marks(&self) -> Result<Vec<Result<Marked, ReceiversError>>, ReceiversError> {
        let scan = self.client.scan().table_name(&self.table).consistent_read(true);
        let mut pages = scan.into_paginator().items().send();
        let mut all = Vec::new();
        while let Some(item) = pages.next().await {
            let item = item.map_err(|error| self.failed("list", cause(error)))?;
            match self.parse(&item) {
                Ok(ClientState::Registered(registration)) => {
                    all.push(Ok((*registration, read_slow_mark(&item))));
                }
                Ok(ClientState::Removed(_)) => {}
                Err(error) => all.push(Err(error)),
            }
        }
        Ok(all)
    }

    pub(super) fn parse(
        &self,
        item: &HashMap<String, AttributeValue>,
    ) -> Result<ClientState, ReceiversError> {
        let text = |name| item.get(name).and_then(|value: &AttributeValue| value.as_s().ok());
        let state = match (text(REGISTRATION), text(REMOVAL)) {
            (Some(document), None) => serde_json::from_str(document).ok().map(ClientState::Registered),
            (None, Some(document)) => serde_json::from_str(document).ok().map(ClientState::Removed),
            (Some(_), Some(_)) | (None, None) => None,
        };
        state.ok_or_else(|| ReceiversError::Unreadable {
            table: self.table.clone(),
            client_id: text(KEY).cloned().unwrap_or_default(),
        })
    }

    pub(super) fn failed(&self, doing: &'static str, source: BoxError) -> ReceiversError {
        ReceiversError::Service { doing, table: self.table.clone(), source }
    }
}

fn document(document: &impl Serialize) -> AttributeValue {
    AttributeValue::S(serde_json::to_string(document).expect("a registration and a removal serialise"))
}

pub(super) fn text(text: &str) -> AttributeValue {
    AttributeValue::S(text.to_owned())
}

/// Why a registration cannot be read or written.
#[derive(Debug, Error)]
pub enum ReceiversError {
    /// The service refused, or did not answer.
    #[error("failed to {doing} the table {table}")]
    Service {
        /// The failed action.
        doing: &'static str,
        /// The table.
        table: String,
        /// The service's error.
        source: BoxError,
    },
    /// The row was not written by this version.
    #[error("the registration of {client_id:?} in the table {table} cannot be read")]
    Unreadable {
        /// The table.
        table: String,
        /// The client.
        client_id: String,
    },
}
