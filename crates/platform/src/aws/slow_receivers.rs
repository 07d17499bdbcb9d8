//! The mark of a slow receiver: four attributes of its own row, so that reading it costs no request.
//!
//! They are written separately from the registration, and neither affects the other. These writes never create a row:
//! a removed receiver stays removed.

use std::collections::HashMap;
use std::sync::{MutexGuard, PoisonError};

use aws_sdk_dynamodb::error::SdkError;
use aws_sdk_dynamodb::operation::update_item::builders::UpdateItemFluentBuilder;
use aws_sdk_dynamodb::types::ReturnValue;
use convention::delivery::SlowReceiver;
use convention::directory::Receiver;
use convention::notification::ReceiverKey;
use jiff::Timestamp;

use super::attributes::{millis, number};
use super::cause::cause;
use super::receivers::{KEY, Receivers, ReceiversError, text};
use super::slow_mark::{BASE_URI, PROBE, Row, TIMEOUTS, UNTIL, read_timeouts};

/// Marks are written to existing registrations only, neither to a new row nor to a removal.
const IS_REGISTERED: &str = "attribute_exists(client_id) AND attribute_not_exists(removed_at)";

impl Receivers {
    /// Returns a receiver's mark as this environment knows it, unless it has expired.
    pub fn slow_mark(&self, receiver: &Receiver, now: Timestamp) -> Option<SlowReceiver> {
        let marks = self.marks();
        marks.get(&receiver.key).filter(|mark| mark.holds(receiver.base_uri.as_str(), now)).cloned()
    }

    /// Says whether the other environments must learn of a response of this receiver, as far as this environment
    /// knows its row.
    pub fn is_suspected(&self, receiver: &Receiver, now: Timestamp) -> bool {
        let marks = self.marks();
        marks.get(&receiver.key).is_some_and(|mark| mark.needs_clearing(receiver.base_uri.as_str(), now))
    }

    /// Counts a timeout for all environments, and returns the number of consecutive ones; 0 for a receiver that no
    /// longer exists.
    pub async fn count_timeout(&self, receiver: &Receiver) -> Result<u32, ReceiversError> {
        let counted = self
            .update(receiver)
            .update_expression(format!("SET {BASE_URI} = :base ADD {TIMEOUTS} :one"))
            .condition_expression(format!(
                "{IS_REGISTERED} AND (attribute_not_exists({BASE_URI}) OR {BASE_URI} = :base)"
            ))
            .expression_attribute_values(":one", number(1))
            .return_values(ReturnValue::UpdatedNew);
        let timeouts = match self.written(counted).await? {
            Some(row) => read_timeouts(&row),
            None => u32::from(self.count_first_timeout(receiver).await?),
        };
        let base_uri = receiver.base_uri.as_str();
        // Must not overwrite a mark that another attempt of this environment has set meanwhile.
        let mut marks = self.marks();
        match marks.get_mut(&receiver.key).filter(|mark| mark.base_uri == base_uri) {
            Some(mark) => mark.timeouts = timeouts,
            None => drop(marks.insert(receiver.key.clone(), SlowReceiver::suspected(base_uri, timeouts))),
        }
        Ok(timeouts)
    }

    /// Starts the count of a receiver whose base URI has changed; `false` if it no longer exists.
    async fn count_first_timeout(&self, receiver: &Receiver) -> Result<bool, ReceiversError> {
        let update = self
            .update(receiver)
            .update_expression(format!(
                "SET {BASE_URI} = :base, {TIMEOUTS} = :one, {UNTIL} = :never, {PROBE} = :never"
            ))
            .condition_expression(format!("{IS_REGISTERED} AND {BASE_URI} <> :base"))
            .expression_attribute_values(":one", number(1))
            .expression_attribute_values(":never", millis(Timestamp::UNIX_EPOCH));
        self.write(update).await
    }

    /// Marks a receiver as slow; `false` if another environment has done so, or the receiver no longer exists.
    pub async fn mark_slow(
        &self,
        receiver: &Receiver,
        mark: SlowReceiver,
        now: Timestamp,
    ) -> Result<bool, ReceiversError> {
        let update = self
            .update(receiver)
            .update_expression(format!("SET {UNTIL} = :until, {PROBE} = :probe, {BASE_URI} = :base"))
            .condition_expression(format!(
                "{IS_REGISTERED} AND (attribute_not_exists({UNTIL}) OR {UNTIL} < :now OR {BASE_URI} <> :base)"
            ))
            .expression_attribute_values(":until", millis(mark.slow_until))
            .expression_attribute_values(":probe", millis(mark.probe_after))
            .expression_attribute_values(":now", millis(now));
        // Stored locally first, so that other attempts of this environment do not write it too.
        self.know(&receiver.key, Some(mark));
        self.write(update).await
    }

    /// Claims the probe; `false` if another environment has.
    pub async fn claim_probe(
        &self,
        receiver: &Receiver,
        seen: &SlowReceiver,
        now: Timestamp,
    ) -> Result<bool, ReceiversError> {
        let mark = SlowReceiver::new(&seen.base_uri, now);
        let update = self
            .update(receiver)
            .update_expression(format!("SET {UNTIL} = :until, {PROBE} = :probe"))
            .condition_expression(format!("{IS_REGISTERED} AND {BASE_URI} = :base AND {PROBE} = :seen"))
            .expression_attribute_values(":until", millis(mark.slow_until))
            .expression_attribute_values(":probe", millis(mark.probe_after))
            .expression_attribute_values(":seen", millis(seen.probe_after));
        self.know(&receiver.key, Some(mark));
        let claimed = self.write(update).await?;
        if !claimed {
            // The environment that was faster may have found that the receiver responds again; only the row tells.
            self.forget_copy(&receiver.key);
        }
        Ok(claimed)
    }

    /// Clears mark and count of a receiver that responds; `false` if another environment has.
    pub async fn clear_slow(&self, receiver: &Receiver, now: Timestamp) -> Result<bool, ReceiversError> {
        let update = self
            .update(receiver)
            .update_expression(format!("SET {UNTIL} = :never, {PROBE} = :never, {TIMEOUTS} = :none"))
            .condition_expression(format!(
                "{IS_REGISTERED} AND {BASE_URI} = :base AND (:now < {UNTIL} OR :none < {TIMEOUTS})"
            ))
            .expression_attribute_values(":never", millis(Timestamp::UNIX_EPOCH))
            .expression_attribute_values(":none", number(0))
            .expression_attribute_values(":now", millis(now));
        self.know(&receiver.key, None);
        self.write(update).await
    }

    /// Stores the content of a row locally.
    pub(super) fn know(&self, key: &ReceiverKey, mark: Option<SlowReceiver>) {
        let mut marks = self.marks();
        match mark {
            Some(mark) => marks.insert(key.clone(), mark),
            None => marks.remove(key),
        };
    }

    fn marks(&self) -> MutexGuard<'_, HashMap<ReceiverKey, SlowReceiver>> {
        self.marks.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn update(&self, receiver: &Receiver) -> UpdateItemFluentBuilder {
        self.client
            .update_item()
            .table_name(&self.table)
            .key(KEY, text(receiver.key.as_str()))
            .expression_attribute_values(":base", text(receiver.base_uri.as_str()))
    }

    async fn write(&self, update: UpdateItemFluentBuilder) -> Result<bool, ReceiversError> {
        Ok(self.written(update).await?.is_some())
    }

    /// Writes, and returns the requested attributes; `None` if the condition does not hold.
    async fn written(&self, update: UpdateItemFluentBuilder) -> Result<Option<Row>, ReceiversError> {
        match update.send().await {
            Ok(answer) => Ok(Some(answer.attributes.unwrap_or_default())),
            Err(SdkError::ServiceError(refused)) if refused.err().is_conditional_check_failed_exception() => {
                Ok(None)
            }
            Err(error) => Err(self.failed("mark a slow receiver in", cause(error))),
        }
    }
}
