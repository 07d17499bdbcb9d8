//! The mark of a receiver that hangs: three attributes of its own row, so that reading it costs no request.
//!
//! They are written apart from the registration, which neither sees nor disturbs them. No write makes a row: one that was
//! removed meanwhile stays removed.

use std::collections::HashMap;
use std::sync::{MutexGuard, PoisonError};

use aws_sdk_dynamodb::error::SdkError;
use aws_sdk_dynamodb::operation::update_item::builders::UpdateItemFluentBuilder;
use aws_sdk_dynamodb::types::AttributeValue;
use jiff::Timestamp;

use super::cause::cause;
use super::receivers::{KEY, Receivers, ReceiversError, text};
use crate::delivery::SlowMark;
use crate::directory::Receiver;
use crate::notification::ClientId;

const UNTIL: &str = "slow_until";
const PROBE: &str = "probe_after";
const BASE_URI: &str = "slow_base_uri";
/// The attributes of a mark. `DispatchRole` of the template names them: it may write no others of the table.
pub const SLOW_MARK_ATTRIBUTES: [&str; 3] = [UNTIL, PROBE, BASE_URI];

/// Reads the mark of a row, if it has one.
pub(super) fn read_mark(row: &HashMap<String, AttributeValue>) -> Option<SlowMark> {
    let instant = |name| Timestamp::from_millisecond(row.get(name)?.as_n().ok()?.parse().ok()?).ok();
    let base_uri = row.get(BASE_URI)?.as_s().ok()?.clone();
    Some(SlowMark { base_uri, slow_until: instant(UNTIL)?, probe_after: instant(PROBE)? })
}

impl Receivers {
    /// Returns a receiver's mark as this environment knows it, if it holds.
    pub fn slow_mark(&self, receiver: &Receiver, now: Timestamp) -> Option<SlowMark> {
        let marks = self.marks();
        marks.get(&receiver.client_id).filter(|mark| mark.holds(receiver.base_uri.as_str(), now)).cloned()
    }

    /// Marks a receiver that hangs; `false` if another environment has, or the receiver is gone.
    pub async fn mark_slow(
        &self,
        receiver: &Receiver,
        mark: SlowMark,
        now: Timestamp,
    ) -> Result<bool, ReceiversError> {
        let update = self
            .update(receiver)
            .update_expression(format!("SET {UNTIL} = :until, {PROBE} = :probe, {BASE_URI} = :base"))
            .condition_expression(format!(
                "attribute_exists({KEY}) AND (attribute_not_exists({UNTIL}) OR {UNTIL} < :now OR {BASE_URI} <> :base)"
            ))
            .expression_attribute_values(":until", millis(mark.slow_until))
            .expression_attribute_values(":probe", millis(mark.probe_after))
            .expression_attribute_values(":now", millis(now));
        // Known at once, so that the other attempts of this environment do not write it too.
        self.know(&receiver.client_id, Some(mark));
        self.write(update).await
    }

    /// Claims the attempt that may take its full time; `false` if another environment has.
    pub async fn claim_probe(
        &self,
        receiver: &Receiver,
        seen: &SlowMark,
        now: Timestamp,
    ) -> Result<bool, ReceiversError> {
        let mark = SlowMark::new(&seen.base_uri, now);
        let update = self
            .update(receiver)
            .update_expression(format!("SET {UNTIL} = :until, {PROBE} = :probe"))
            .condition_expression(format!(
                "attribute_exists({KEY}) AND {BASE_URI} = :base AND {PROBE} = :seen"
            ))
            .expression_attribute_values(":until", millis(mark.slow_until))
            .expression_attribute_values(":probe", millis(mark.probe_after))
            .expression_attribute_values(":seen", millis(seen.probe_after));
        self.know(&receiver.client_id, Some(mark));
        let claimed = self.write(update).await?;
        if !claimed {
            // Whoever was faster may have found that it responds again, which only the row tells.
            self.forget_copy(&receiver.client_id);
        }
        Ok(claimed)
    }

    /// Takes the mark of a receiver away that responds again; `false` if another environment has.
    pub async fn unmark_slow(&self, receiver: &Receiver, now: Timestamp) -> Result<bool, ReceiversError> {
        let update = self
            .update(receiver)
            .update_expression(format!("SET {UNTIL} = :never, {PROBE} = :never"))
            .condition_expression(format!(
                "attribute_exists({KEY}) AND {BASE_URI} = :base AND :now < {UNTIL}"
            ))
            .expression_attribute_values(":never", millis(Timestamp::UNIX_EPOCH))
            .expression_attribute_values(":now", millis(now));
        self.know(&receiver.client_id, None);
        self.write(update).await
    }

    /// Knows from now on what a row says.
    pub(super) fn know(&self, client_id: &ClientId, mark: Option<SlowMark>) {
        let mut marks = self.marks();
        match mark {
            Some(mark) => marks.insert(client_id.clone(), mark),
            None => marks.remove(client_id),
        };
    }

    fn marks(&self) -> MutexGuard<'_, HashMap<ClientId, SlowMark>> {
        self.marks.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn update(&self, receiver: &Receiver) -> UpdateItemFluentBuilder {
        self.client
            .update_item()
            .table_name(&self.table)
            .key(KEY, text(receiver.client_id.as_str()))
            .expression_attribute_values(":base", text(receiver.base_uri.as_str()))
    }

    async fn write(&self, update: UpdateItemFluentBuilder) -> Result<bool, ReceiversError> {
        match update.send().await {
            Ok(_) => Ok(true),
            Err(SdkError::ServiceError(refused)) if refused.err().is_conditional_check_failed_exception() => {
                Ok(false)
            }
            Err(error) => Err(self.failed("mark a receiver that hangs in", cause(error))),
        }
    }
}

fn millis(at: Timestamp) -> AttributeValue {
    AttributeValue::N(at.as_millisecond().to_string())
}
