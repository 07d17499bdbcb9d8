//! The mark of a receiver that hangs, or may: four attributes of its own row, so that reading it costs no request.
//!
//! They are written apart from the registration, which neither sees nor disturbs them. No write makes a row: one that was
//! removed meanwhile stays removed.

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
use super::slow_mark::{BASE_URI, HANGS, PROBE, Row, UNTIL, read_hangs};

/// No mark makes a row, nor is one written on what a removal leaves.
const IS_REGISTERED: &str = "attribute_exists(client_id) AND attribute_not_exists(removed_at)";

impl Receivers {
    /// Returns a receiver's mark as this environment knows it, if it holds.
    pub fn slow_mark(&self, receiver: &Receiver, now: Timestamp) -> Option<SlowReceiver> {
        let marks = self.marks();
        marks.get(&receiver.key).filter(|mark| mark.holds(receiver.base_uri.as_str(), now)).cloned()
    }

    /// Says whether a response of this receiver is to be told, as this environment knows its row.
    pub fn is_suspected(&self, receiver: &Receiver, now: Timestamp) -> bool {
        let marks = self.marks();
        marks.get(&receiver.key).is_some_and(|mark| mark.needs_clearing(receiver.base_uri.as_str(), now))
    }

    /// Counts an attempt that hung for all environments, and returns how many have since one that did not; none of a receiver
    /// that is gone.
    pub async fn count_hang(&self, receiver: &Receiver) -> Result<u32, ReceiversError> {
        let counted = self
            .update(receiver)
            .update_expression(format!("SET {BASE_URI} = :base ADD {HANGS} :one"))
            .condition_expression(format!(
                "{IS_REGISTERED} AND (attribute_not_exists({BASE_URI}) OR {BASE_URI} = :base)"
            ))
            .expression_attribute_values(":one", number(1))
            .return_values(ReturnValue::UpdatedNew);
        let hangs = match self.written(counted).await? {
            Some(row) => read_hangs(&row),
            None => u32::from(self.count_first_hang(receiver).await?),
        };
        let base_uri = receiver.base_uri.as_str();
        // Not over a mark that another attempt of this environment has made meanwhile.
        let mut marks = self.marks();
        match marks.get_mut(&receiver.key).filter(|mark| mark.base_uri == base_uri) {
            Some(mark) => mark.hangs = hangs,
            None => drop(marks.insert(receiver.key.clone(), SlowReceiver::suspected(base_uri, hangs))),
        }
        Ok(hangs)
    }

    /// Begins the count of a receiver that has moved since another was made; `false` if it is gone.
    async fn count_first_hang(&self, receiver: &Receiver) -> Result<bool, ReceiversError> {
        let update = self
            .update(receiver)
            .update_expression(format!(
                "SET {BASE_URI} = :base, {HANGS} = :one, {UNTIL} = :never, {PROBE} = :never"
            ))
            .condition_expression(format!("{IS_REGISTERED} AND {BASE_URI} <> :base"))
            .expression_attribute_values(":one", number(1))
            .expression_attribute_values(":never", millis(Timestamp::UNIX_EPOCH));
        self.write(update).await
    }

    /// Marks a receiver that hangs; `false` if another environment has, or the receiver is gone.
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
        // Known at once, so that the other attempts of this environment do not write it too.
        self.know(&receiver.key, Some(mark));
        self.write(update).await
    }

    /// Claims the attempt that may take its full time; `false` if another environment has.
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
            // Whoever was faster may have found that it responds again, which only the row tells.
            self.forget_copy(&receiver.key);
        }
        Ok(claimed)
    }

    /// Takes mark and count of a receiver away that responds; `false` if another environment has.
    pub async fn clear_slow(&self, receiver: &Receiver, now: Timestamp) -> Result<bool, ReceiversError> {
        let update = self
            .update(receiver)
            .update_expression(format!("SET {UNTIL} = :never, {PROBE} = :never, {HANGS} = :none"))
            .condition_expression(format!(
                "{IS_REGISTERED} AND {BASE_URI} = :base AND (:now < {UNTIL} OR :none < {HANGS})"
            ))
            .expression_attribute_values(":never", millis(Timestamp::UNIX_EPOCH))
            .expression_attribute_values(":none", number(0))
            .expression_attribute_values(":now", millis(now));
        self.know(&receiver.key, None);
        self.write(update).await
    }

    /// Knows from now on what a row says.
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

    /// Writes, and returns the attributes that were asked for; nothing where the condition does not hold.
    async fn written(&self, update: UpdateItemFluentBuilder) -> Result<Option<Row>, ReceiversError> {
        match update.send().await {
            Ok(answer) => Ok(Some(answer.attributes.unwrap_or_default())),
            Err(SdkError::ServiceError(refused)) if refused.err().is_conditional_check_failed_exception() => {
                Ok(None)
            }
            Err(error) => Err(self.failed("mark a receiver that hangs in", cause(error))),
        }
    }
}
