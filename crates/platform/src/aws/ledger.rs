//! The ledger: one row a notification, written twice for one that is delivered at the first attempt, or once where that is
//! chosen ([`LedgerWrites`]).
//!
//! An attempt begins with one conditional write and ends with another, so that two processes with the same message, or one
//! that stops between any two steps, never make a fourth request. Row keys are names that lead to their partition, see
//! [`NotificationId`] and [`InteractionId`]: a ticket's interaction id, a resource and a notification id each lead
//! to their rows with one query and no index.
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
use convention::notification::InteractionId;
use jiff::{SignedDuration, Timestamp};
use ledger_writer::{Update, Value, Writer};

use super::attributes::text;
use super::cause::cause;
use super::clients::{AFTER_ONE_TRY, TRIES, TRY_TIMEOUT};
use super::http::Http;
use super::ledger_error::LedgerError;
use super::undelivered::UndeliveredRows;
use crate::clock::Clock;

/// What expressions call the attribute that keeps an attempt.
const RECORD: &str = "#record";
/// Sets what has come of an attempt.
const END: &str = "SET #status = :status, #record = :record";
/// Holds while the attempt is under way that a write is about.
const UNDER_WAY: &str = "#status = :attempting AND interaction_id = :id";

/// Writes what happens to notifications.
#[derive(Clone, Debug)]
pub struct Ledger {
    client: Client,
    table: String,
    retention: SignedDuration,
    fast_path: Option<Arc<FastPath>>,
}

/// What came of beginning an attempt.
#[derive(Debug)]
pub enum Begin {
    /// It is ours to make.
    Begun,
    /// The ledger says otherwise.
    Conflict(Progress),
    /// The ledger has forgotten the notification: its row expired, long after its attempts.
    Forgotten,
}

/// What came of cancelling a notification.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum Cancel {
    /// It has ended, by this.
    Cancelled,
    /// It had ended before, or an attempt began and what came of it is not known yet.
    Conflict(Progress),
}

/// One attempt, as the ledger keeps it.
#[derive(Clone, Debug)]
pub struct AttemptRecord {
    /// Which attempt.
    pub attempt: AttemptNumber,
    /// Its name.
    pub interaction_id: InteractionId,
    /// When it started.
    pub started: Timestamp,
    /// How long it may take.
    pub within: Duration,
    /// When it ended.
    pub ended: Option<Timestamp>,
    /// Where it went.
    pub base_uri: String,
    /// The outcome's stable code.
    pub outcome: Option<&'static str>,
    /// The HTTP status, where there was an answer.
    pub status: Option<u16>,
    /// The address connected to.
    pub peer: Option<Arc<str>>,
    /// TLS version and cipher suite.
    pub tls: Option<Arc<str>>,
}

/// What makes a write without the SDK's client.
#[derive(Debug)]
struct FastPath {
    writer: Writer,
    clock: Clock,
}

impl Ledger {
    /// Uses this table; rows expire after `retention`.
    pub fn new(client: Client, table: String, retention: SignedDuration) -> Self {
        Self { client, table, retention, fast_path: None }
    }

    /// Has writes tried without the SDK's client first, where its configuration names an endpoint that this knows.
    #[must_use]
    pub fn with_fast_path(self, sdk: &SdkConfig, http: &Http, clock: Clock) -> Self {
        let writer = Writer::new(sdk, http.connector(), TRY_TIMEOUT);
        Self { fast_path: writer.map(|writer| Arc::new(FastPath { writer, clock })), ..self }
    }

    /// The rows of notifications given up, which lie in the same table.
    pub fn undelivered(&self) -> UndeliveredRows {
        UndeliveredRows::new(self.client.clone(), self.table.clone())
    }

    /// Begins an attempt: succeeds for exactly one caller, and only if the attempt before it failed.
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
                // The SDK repeats a call whose answer was lost; what then stands in its way is its own write.
                let ours =
                    progress.status == Status::Attempting && progress.interaction_id == record.interaction_id;
                Ok(if ours { Begin::Begun } else { Begin::Conflict(progress) })
            }
            Err(error) => Err(LedgerError::service("begin an attempt", error.into())),
        }
    }

    /// Says whether there is a row of the notification, to whatever was written before.
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

    /// Records an attempt that was accepted and had not begun in the ledger, whatever has happened to the row meanwhile: one
    /// write, begin and end at once.
    pub async fn delivered_at_once(
        &self,
        message: &AttemptMessage,
        record: &AttemptRecord,
    ) -> Result<(), LedgerError> {
        let update = self.whole(message, record, Status::Delivered);
        self.finish("record a delivery", update).await.map(drop)
    }

    /// Records that an attempt was accepted, whatever has happened to the row since it began.
    pub async fn delivered(
        &self,
        message: &AttemptMessage,
        record: &AttemptRecord,
    ) -> Result<(), LedgerError> {
        let update =
            self.end(message, record, Status::Delivered, END).only_if("#record.interaction_id = :id");
        self.finish("record a delivery", update).await.map(drop)
    }

    /// Records that an attempt failed; `status` says whether another one waits.
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

    /// Takes back an attempt that never reached its receiver, for a reason of ours: the notification stands where it stood before,
    /// and this attempt can begin again. What came of it stays to be seen until then.
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
        self.finish("take an attempt back", update).await.map(drop)
    }

    /// Writes where the notification stands once an attempt is over, and what came of that, as the expression says.
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

    /// Records that an attempt was interrupted, and leaves what its process wrote of it.
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

    /// Records that a notification ends without a further attempt, as its receiver is gone or not to be told. An attempt that began
    /// comes to its own end first: a third one that was interrupted leaves its notification undelivered.
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

    /// Records that a notification is given up for a fault of ours, whose stable code is `reason`, before this attempt began. A
    /// notification that has no row gets one, without an attempt. Succeeds for one caller, and only where the attempt could begin.
    /// The row says that the notification is not listed yet, until [`Ledger::listed`].
    pub async fn set_aside(
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
            Err(error) => Err(LedgerError::service("set a notification aside", error.into())),
        }
    }

    /// Records that a notification which was set aside is dead-lettered and listed.
    pub async fn listed(&self, message: &AttemptMessage) -> Result<(), LedgerError> {
        let update = self
            .update(message, "SET #status = :status REMOVE unlisted_since")
            .only_if("#status = :status AND attribute_exists(unlisted_since)")
            .with(":status", Status::Undelivered.as_str());
        self.finish("record that a notification is listed", update).await.map(drop)
    }

    /// Writes all that a row says of a notification whose newest attempt this is.
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
        let partition = message.notification.partition().to_string().into();
        let notification = message.notification.as_str().into();
        Update::new(&self.table, [("partition", partition), ("notification", notification)], expression)
    }

    /// Makes a write that ends something; `false` if the row has moved on, which is no error: whoever moved it has written more.
    async fn finish(&self, doing: &'static str, update: Update<'_>) -> Result<bool, LedgerError> {
        match self.write(update).await {
            Ok(()) => Ok(true),
            Err(UpdateItemError::ConditionalCheckFailedException(_)) => {
                tracing::warn!(doing, "The ledger row had moved on before the write that ends the attempt.");
                Ok(false)
            }
            Err(error) => Err(LedgerError::service(doing, error.into())),
        }
    }

    /// Makes a write, within [`CALL_TIMEOUT`](super::CALL_TIMEOUT): by the fast path, and by the SDK where that is not known to have done it.
    async fn write(&self, update: Update<'_>) -> Result<(), UpdateItemError> {
        // In boxes, as futures of the SDK are thousands of bytes, and would be part of those of every attempt.
        let sent = match &self.fast_path {
            None => Box::pin(update.to_call(&self.client).send()).await,
            Some(path) if path.writer.update(&update, path.clock.now()).await => return Ok(()),
            Some(_) => {
                // What is left of the time and of the tries of a call.
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

/// Holds of a row whose notification waits for this attempt.
///
/// The row may be behind: an attempt that is taken back late, after another process has gone on from it, leaves the number before
/// its own. The message of an attempt exists only once the attempt before it is over, so that no attempt begins twice by this.
const WAITS: &str = "#status = :waiting AND attempt <= :previous";

/// Holds if an attempt may begin. Only a first attempt makes the row: a message that is moved back after its row expired must not
/// begin again.
fn may_begin(attempt: AttemptNumber) -> &'static str {
    if attempt == AttemptNumber::FIRST {
        "attribute_not_exists(notification) OR (#status = :waiting AND attempt <= :previous)"
    } else {
        WAITS
    }
}

/// Adds what a write that may make the row says besides, where it is so: that the notification is a replay, and whose client its
/// receiver is where that is not the default brand's.
fn with_optional(expression: &'static str, message: &AttemptMessage) -> Cow<'static, str> {
    let replay = message.replay_of.as_ref().map_or("", |_| ", replay_of = :replay_of");
    let server = message.authorisation_server.as_ref().map_or("", |_| ", authorisation_server = :server");
    if replay.is_empty() && server.is_empty() {
        return expression.into();
    }
    format!("{expression}{replay}{server}").into()
}

/// Gives [`with_optional`] its values.
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
    // A notification that ended before its first attempt has no attempt to speak of.
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

/// The attribute that keeps an attempt.
fn attribute(attempt: AttemptNumber) -> &'static str {
    match attempt.get() {
        1 => "attempt_1",
        2 => "attempt_2",
        _ => "attempt_3",
    }
}

impl AttemptRecord {
    fn to_value(&self) -> Value<'_> {
        let mut map = Vec::with_capacity(9);
        map.extend([
            ("interaction_id", self.interaction_id.as_str().into()),
            ("started_at", self.started.into()),
            ("deadline_ms", i64::try_from(self.within.as_millis()).unwrap_or(i64::MAX).into()),
            ("base_uri", self.base_uri.as_str().into()),
        ]);
        let optional = [
            ("ended_at", self.ended.map(Value::from)),
            ("outcome", self.outcome.map(Value::from)),
            ("status", self.status.map(|status| i64::from(status).into())),
            ("peer", self.peer.as_deref().map(Value::from)),
            ("tls", self.tls.as_deref().map(Value::from)),
        ];
        map.extend(optional.into_iter().filter_map(|(name, value)| Some((name, value?))));
        Value::Map(map)
    }
}
