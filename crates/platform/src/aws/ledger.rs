//! The ledger: one row for each notification. A notification that is delivered at the first attempt takes two writes,
//! or one if so configured ([`LedgerWrites`]).
//!
//! An attempt begins with one conditional write and ends with another, so that two processes with the same message,
//! or one that stops between any two steps, never make a fourth request. Row keys are ids that contain their
//! partition, see [`NotificationId`] and [`InteractionId`]: an interaction id from a support ticket, a resource and a
//! notification id each lead to their rows with one query and no index.
//!
//! [`NotificationId`]: convention::notification::NotificationId
//! [`LedgerWrites`]: convention::delivery::LedgerWrites

use std::borrow::Cow;
use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use aws_config::SdkConfig;
use aws_config::retry::RetryConfig;
use aws_config::timeout::TimeoutConfig;
use aws_sdk_dynamodb::error::SdkError;
use aws_sdk_dynamodb::operation::update_item::UpdateItemError;
use aws_sdk_dynamodb::types::AttributeValue;
use aws_sdk_dynamodb::{Client, Config};
use convention::delivery::{AttemptMessage, AttemptNumber, Failure, LEASE, Progress, Status, Unlisted};
use convention::notification::{ApiVersion, InteractionId};
use jiff::{SignedDuration, Timestamp};
use ledger_writer::{Update, Value, Writer};

use super::attributes::text;
use super::cause::cause;
use super::clients::{AFTER_ONE_TRY, TRIES, TRY_TIMEOUT};
use super::http::Http;
use super::ledger_error::LedgerError;
use super::undelivered::UndeliveredRows;
use crate::clock::Clock;

/// Alias, in expressions, of the attribute that holds an attempt.
const RECORD: &str = "#record";
/// Sets the outcome of an attempt.
const END: &str = "SET #status = :status, #record = :record";
/// Holds while the written attempt is under way.
const UNDER_WAY: &str = "#status = :attempting AND interaction_id = :id";

/// Writes the history of notifications.
#[derive(Clone, Debug)]
pub struct Ledger {
    client: Client,
    table: String,
    retention: SignedDuration,
    fast_path: Option<Arc<FastPath>>,
}

/// The result of beginning an attempt.
#[derive(Debug)]
pub enum Begin {
    /// This caller may make the attempt.
    Begun,
    /// The attempt cannot begin in the ledger's state.
    Conflict(Progress),
    /// The notification's row has expired, long after its attempts.
    Forgotten,
}

/// The result of cancelling a notification.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum Cancel {
    /// The notification was cancelled by this call.
    Cancelled,
    /// It had ended before, or an attempt began whose outcome is not known yet.
    Conflict(Progress),
}

/// One attempt as stored in the ledger.
#[derive(Clone, Debug)]
pub struct AttemptRecord {
    /// Its number.
    pub attempt: AttemptNumber,
    /// Its id.
    pub interaction_id: InteractionId,
    /// When it started.
    pub started: Timestamp,
    /// Its timeout.
    pub within: Duration,
    /// When it ended.
    pub ended: Option<Timestamp>,
    /// The base of the URL.
    pub base_uri: String,
    /// The API version that the URL names, if it is not that of the resource.
    pub url_api_version: Option<ApiVersion>,
    /// The outcome's stable code.
    pub outcome: Option<&'static str>,
    /// The HTTP status, where there was an answer.
    pub status: Option<u16>,
    /// The address connected to.
    pub address: Option<Arc<str>>,
    /// TLS version and cipher suite.
    pub tls: Option<Arc<str>>,
}

/// Writes without the SDK's client.
#[derive(Debug)]
struct FastPath {
    writer: Writer<Http>,
    clock: Clock,
}

impl Ledger {
    /// Uses this table; rows expire after `retention`.
    pub fn new(client: Client, table: String, retention: SignedDuration) -> Self {
        Self { client, table, retention, fast_path: None }
    }

    /// Tries writes without the SDK's client first, if its configuration has an endpoint of a known form.
    #[must_use]
    pub fn with_fast_path(self, sdk: &SdkConfig, http: &Http, clock: Clock) -> Self {
        let writer = Writer::new(sdk, http.clone(), TRY_TIMEOUT);
        Self { fast_path: writer.map(|writer| Arc::new(FastPath { writer, clock })), ..self }
    }

    /// Returns the rows of undelivered notifications, which are in the same table.
    pub fn undelivered(&self) -> UndeliveredRows {
        UndeliveredRows::new(self.client.clone(), self.table.clone())
    }

    /// Begins an attempt: succeeds for exactly one caller, and only if the previous attempt failed.
    pub async fn begin(
        &self,
        message: &AttemptMessage,
        record: &AttemptRecord,
    ) -> Result<Begin, LedgerError> {
        let update = self
            .whole(message, record, Status::Attempting)
            .only_if(may_begin(record.attempt))
            .with(":waiting", Status::Waiting.as_str())
            .with(":previous", i64::from(record.attempt.get()) - 1)
            .returning_old();
        match self.write(update).await {
            Ok(()) => Ok(Begin::Begun),
            Err(UpdateItemError::ConditionalCheckFailedException(failed)) => {
                let Some(row) = failed.item else { return Ok(Begin::Forgotten) };
                let progress = progress(&row).ok_or(LedgerError::Unreadable)?;
                // The SDK repeats a call whose answer was lost; the conflict is then with its own write.
                let ours =
                    progress.status == Status::Attempting && progress.interaction_id == record.interaction_id;
                Ok(if ours { Begin::Begun } else { Begin::Conflict(progress) })
            }
            Err(error) => Err(LedgerError::service("begin an attempt", error.into())),
        }
    }

    /// Says whether the notification has a row, with a consistent read.
    pub async fn exists(&self, message: &AttemptMessage) -> Result<bool, LedgerError> {
        let request = self
            .client
            .get_item()
            .table_name(&self.table)
            .key("partition", text(message.notification.partition()))
            .key("notification", text(&message.notification))
            .projection_expression("notification")
            .consistent_read(true);
        let found = Box::pin(request.send())
            .await
            .map_err(|error| LedgerError::service("look for a notification", cause(error)))?;
        Ok(found.item.is_some())
    }

    /// Records an accepted attempt whose beginning was not written, whatever the state of the row: one write instead
    /// of two.
    pub async fn delivered_at_once(
        &self,
        message: &AttemptMessage,
        record: &AttemptRecord,
    ) -> Result<(), LedgerError> {
        let update = self.whole(message, record, Status::Delivered);
        self.finish("record a delivery", update).await.map(drop)
    }

    /// Records an accepted attempt, whatever has happened to the row since it began.
    pub async fn delivered(
        &self,
        message: &AttemptMessage,
        record: &AttemptRecord,
    ) -> Result<(), LedgerError> {
        let update =
            self.end(message, record, Status::Delivered, END).only_if("#record.interaction_id = :id");
        self.finish("record a delivery", update).await.map(drop)
    }

    /// Records a failed attempt; `status` says whether another one follows.
    pub async fn failed(
        &self,
        message: &AttemptMessage,
        record: &AttemptRecord,
        new: Status,
    ) -> Result<(), LedgerError> {
        let update = self
            .end(message, record, new, END)
            .only_if(UNDER_WAY)
            .with(":attempting", Status::Attempting.as_str());
        self.finish("record a failure", update).await.map(drop)
    }

    /// Undoes an attempt that never reached its receiver because of a fault of ours: the notification returns to its
    /// previous state, and the attempt can begin again. Its record stays readable until then.
    pub async fn roll_back(
        &self,
        message: &AttemptMessage,
        record: &AttemptRecord,
    ) -> Result<(), LedgerError> {
        let update = self
            .end(
                message,
                record,
                Status::Waiting,
                "SET #status = :status, #record = :record, attempt = :previous",
            )
            .only_if(UNDER_WAY)
            .with(":attempting", Status::Attempting.as_str())
            .with(":previous", i64::from(record.attempt.get()) - 1);
        self.finish("roll an attempt back", update).await.map(drop)
    }

    /// Creates the update that sets status and record at the end of an attempt.
    fn end<'a>(
        &'a self,
        message: &'a AttemptMessage,
        record: &'a AttemptRecord,
        new: Status,
        expression: &'static str,
    ) -> Update<'a> {
        self.update(message, expression)
            .named(RECORD, attribute(record.attempt))
            .with(":status", new.as_str())
            .with(":record", record.to_value())
            .with(":id", record.interaction_id.as_str())
    }

    /// Records that an attempt was interrupted, and keeps what its process wrote.
    pub async fn interrupted(
        &self,
        message: &AttemptMessage,
        (attempt, interaction_id): (AttemptNumber, InteractionId),
        ended: Timestamp,
        new: Status,
    ) -> Result<(), LedgerError> {
        let update = self
            .update(message, "SET #status = :status, #record.ended_at = :ended, #record.outcome = :outcome")
            .named(RECORD, attribute(attempt))
            .only_if(UNDER_WAY)
            .with(":status", new.as_str())
            .with(":attempting", Status::Attempting.as_str())
            .with(":ended", ended)
            .with(":outcome", Failure::Interrupted.code())
            .with(":id", interaction_id.as_str());
        self.finish("record an interruption", update).await.map(drop)
    }

    /// Records that a notification ends without a further attempt, because its receiver no longer exists or must not
    /// be notified. An attempt that began must end first: a third one that was interrupted leaves its notification
    /// undelivered.
    pub async fn cancelled(
        &self,
        message: &AttemptMessage,
        reason: &str,
        now: Timestamp,
    ) -> Result<Cancel, LedgerError> {
        let update = self
            .update(
                message,
                with_optional(
                    "SET #status = :status, reason = :reason, client_id = :client, resource_id = :resource, \
                 endpoint = :endpoint, event_instant = :event, expires_at = :expires",
                    message,
                ),
            )
            .only_if("attribute_not_exists(notification) OR #status = :waiting")
            .with(":status", Status::Cancelled.as_str())
            .with(":waiting", Status::Waiting.as_str())
            .with(":reason", reason)
            .with(":client", message.change.client_id.as_str())
            .with(":resource", message.resource.id.as_str())
            .with(":endpoint", message.resource.endpoint.to_string())
            .with(":event", message.change.event_instant.to_string())
            .with(":expires", self.expires(now))
            .returning_old();
        match self.write(with_optional_values(update, message)).await {
            Ok(()) => Ok(Cancel::Cancelled),
            Err(UpdateItemError::ConditionalCheckFailedException(failed)) => {
                let progress = failed.item.as_ref().and_then(progress).ok_or(LedgerError::Unreadable)?;
                Ok(Cancel::Conflict(progress))
            }
            Err(error) => Err(LedgerError::service("record a cancellation", error.into())),
        }
    }

    /// Records that a notification is given up before this attempt for a fault of ours, whose stable code is
    /// `reason`. A notification without a row gets one, without an attempt. Succeeds for one caller, and only if the
    /// attempt could begin. Until [`Ledger::listed`] is called, the row says that the notification is not listed yet.
    pub async fn mark_undelivered(
        &self,
        message: &AttemptMessage,
        reason: &str,
        now: Timestamp,
    ) -> Result<Begin, LedgerError> {
        let resource = &message.resource;
        let row = resource.endpoint.row();
        let update = self
            .update(message, with_optional(
                "SET #status = :status, reason = :reason, unlisted_since = :now, attempt = :previous, client_id = :client, \
                 endpoint = :endpoint, resource_id = :resource, api_version = :version, event_instant = :event, \
                 accepted_at = :accepted, expires_at = :expires",
                message
            ))
            .only_if(may_begin(message.attempt))
            .with(":status", Status::Undelivered.as_str())
            .with(":waiting", Status::Waiting.as_str())
            .with(":reason", reason)
            .with(":now", now)
            .with(":previous", i64::from(message.attempt.get()) - 1)
            .with(":client", message.change.client_id.as_str())
            .with(":endpoint", row.code)
            .with(":resource", resource.id.as_str())
            .with(":version", resource.api_version.to_string())
            .with(":event", message.change.event_instant.to_string())
            .with(":accepted", message.accepted_at)
            .with(":expires", self.expires(now))
            .returning_old();
        match self.write(with_optional_values(update, message)).await {
            Ok(()) => Ok(Begin::Begun),
            Err(UpdateItemError::ConditionalCheckFailedException(failed)) => {
                let Some(row) = failed.item else { return Ok(Begin::Forgotten) };
                Ok(Begin::Conflict(progress(&row).ok_or(LedgerError::Unreadable)?))
            }
            Err(error) => Err(LedgerError::service("give a notification up", error.into())),
        }
    }

    /// Records that a notification that was given up for a fault of ours is dead-lettered and listed.
    pub async fn listed(&self, message: &AttemptMessage) -> Result<(), LedgerError> {
        let update = self
            .update(message, "SET #status = :status REMOVE unlisted_since")
            .only_if("#status = :status AND attribute_exists(unlisted_since)")
            .with(":status", Status::Undelivered.as_str());
        self.finish("record that a notification is listed", update).await.map(drop)
    }

    /// Creates the update that writes the whole row of a notification with this latest attempt.
    fn whole<'a>(
        &'a self,
        message: &'a AttemptMessage,
        record: &'a AttemptRecord,
        new: Status,
    ) -> Update<'a> {
        let resource = &message.resource;
        let row = resource.endpoint.row();
        let lease = record.started.saturating_add(LEASE).unwrap_or(Timestamp::MAX);
        let update = self
            .update(message, with_optional(
                "SET #status = :status, attempt = :attempt, interaction_id = :id, lease_until = :lease, #record = :record, \
                 client_id = :client, endpoint = :endpoint, resource_id = :resource, api_version = :version, \
                 event_instant = :event, accepted_at = :accepted, expires_at = :expires",
                message
            ))
            .named(RECORD, attribute(record.attempt))
            .with(":status", new.as_str())
            .with(":attempt", i64::from(record.attempt.get()))
            .with(":id", record.interaction_id.as_str())
            .with(":lease", lease)
            .with(":record", record.to_value())
            .with(":client", message.change.client_id.as_str())
            .with(":endpoint", row.code)
            .with(":resource", resource.id.as_str())
            .with(":version", resource.api_version.to_string())
            .with(":event", message.change.event_instant.to_string())
            .with(":accepted", message.accepted_at)
            .with(":expires", self.expires(record.started));
        with_optional_values(update, message)
    }

    fn update<'a>(
        &'a self,
        message: &'a AttemptMessage,
        expression: impl Into<Cow<'static, str>>,
    ) -> Update<'a> {
        let partition = message.notification.partition_text().into();
        let notification = message.notification.as_str().into();
        Update::new(&self.table, [("partition", partition), ("notification", notification)], expression)
    }

    /// Makes a write that ends something; `false` if the row has moved on, which is not an error: a later write holds
    /// more.
    async fn finish(&self, doing: &'static str, update: Update<'_>) -> Result<bool, LedgerError> {
        match self.write(update).await {
            Ok(()) => Ok(true),
            Err(UpdateItemError::ConditionalCheckFailedException(_)) => {
                tracing::warn!(doing, "The ledger row had changed before the write that ends the attempt.");
                Ok(false)
            }
            Err(error) => Err(LedgerError::service(doing, error.into())),
        }
    }

    /// Makes a write within [`CALL_TIMEOUT`](super::CALL_TIMEOUT): by the fast path, then by the SDK unless that is
    /// known to have succeeded.
    async fn write(&self, update: Update<'_>) -> Result<(), UpdateItemError> {
        // Boxed, because the SDK's futures have thousands of bytes and would be part of every attempt's future.
        let sent = match &self.fast_path {
            None => Box::pin(update.to_call(&self.client).send()).await,
            Some(path) if path.writer.update(&update, path.clock.now()).await => return Ok(()),
            Some(_) => {
                // The rest of the call's time and tries.
                let rest = TimeoutConfig::builder().operation_timeout(AFTER_ONE_TRY).build();
                let tries = RetryConfig::standard().with_max_attempts(TRIES - 1);
                let config = Config::builder().timeout_config(rest).retry_config(tries);
                Box::pin(update.to_call(&self.client).customize().config_override(config).send()).await
            }
        };
        sent.map(drop).map_err(SdkError::into_service_error)
    }

    fn expires(&self, now: Timestamp) -> i64 {
        now.saturating_add(self.retention).unwrap_or(Timestamp::MAX).as_second()
    }
}

/// Holds for a row whose notification waits for this attempt.
///
/// The row may be behind: an attempt that is rolled back late, after another process has continued from it, leaves
/// the previous number. The message of an attempt exists only after the previous attempt has ended, so no attempt
/// begins twice because of this.
const WAITS: &str = "#status = :waiting AND attempt <= :previous";

/// Returns the condition under which an attempt may begin. Only a first attempt creates the row: a message that is
/// redriven after its row expired must not begin again.
fn may_begin(attempt: AttemptNumber) -> &'static str {
    if attempt == AttemptNumber::FIRST {
        "attribute_not_exists(notification) OR (#status = :waiting AND attempt <= :previous)"
    } else {
        WAITS
    }
}

/// Adds the optional attributes of a write that may create the row: the id of the replayed notification, and the
/// authorisation server if it is not the default brand's.
fn with_optional(expression: &'static str, message: &AttemptMessage) -> Cow<'static, str> {
    let replay = message.replay_of.as_ref().map_or("", |_| ", replay_of = :replay_of");
    let server = message.authorisation_server.as_ref().map_or("", |_| ", authorisation_server = :server");
    if replay.is_empty() && server.is_empty() {
        return expression.into();
    }
    format!("{expression}{replay}{server}").into()
}

/// Adds the values for [`with_optional`].
fn with_optional_values<'a>(update: Update<'a>, message: &'a AttemptMessage) -> Update<'a> {
    let update = match &message.replay_of {
        Some(original) => update.with(":replay_of", original.as_str()),
        None => update,
    };
    match &message.authorisation_server {
        Some(server) => update.with(":server", server.as_str()),
        None => update,
    }
}

fn progress(row: &HashMap<String, AttributeValue>) -> Option<Progress> {
    let text = |name| row.get(name)?.as_s().ok();
    let number = |name| row.get(name)?.as_n().ok()?.parse::<i64>().ok();
    let status = text("status")?.parse().ok()?;
    // A notification that ended before its first attempt has no attempt.
    if matches!(status, Status::Cancelled | Status::Undelivered) {
        let interaction_id =
            text("interaction_id").and_then(|id| id.parse().ok()).unwrap_or(InteractionId::NONE);
        let unlisted = number("unlisted_since").and_then(|millis| Timestamp::from_millisecond(millis).ok());
        let unlisted = text("reason").zip(unlisted).map(|(code, at)| Unlisted { code: code.clone(), at });
        let (attempt, lease_until) = (AttemptNumber::FIRST, Timestamp::MIN);
        return Some(Progress { status, attempt, interaction_id, lease_until, unlisted });
    }
    Some(Progress {
        status,
        attempt: AttemptNumber::try_from(u64::try_from(number("attempt")?).ok()?).ok()?,
        interaction_id: text("interaction_id")?.parse().ok()?,
        lease_until: Timestamp::from_millisecond(number("lease_until")?).ok()?,
        unlisted: None,
    })
}

/// Returns the attribute that holds an attempt.
fn attribute(attempt: AttemptNumber) -> &'static str {
    match attempt.get() {
        1 => "attempt_1",
        2 => "attempt_2",
        _ => "attempt_3",
    }
}

impl AttemptRecord {
    fn to_value(&self) -> Value<'_> {
        let mut map = Vec::with_capacity(10);
        map.extend([
            ("interaction_id", self.interaction_id.as_str().into()),
            ("started_at", self.started.into()),
            ("deadline_ms", i64::try_from(self.within.as_millis()).unwrap_or(i64::MAX).into()),
            ("base_uri", self.base_uri.as_str().into()),
        ]);
        let optional = [
            ("url_api_version", self.url_api_version.map(|version| version.to_string().into())),
            ("ended_at", self.ended.map(Value::from)),
            ("outcome", self.outcome.map(Value::from)),
            ("status", self.status.map(|status| i64::from(status).into())),
            ("peer", self.address.as_deref().map(Value::from)),
            ("tls", self.tls.as_deref().map(Value::from)),
        ];
        map.extend(optional.into_iter().filter_map(|(name, value)| Some((name, value?))));
        Value::Map(map)
    }
}
