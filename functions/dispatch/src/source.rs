//! State changes that producers put into a source's queue, which triggers dispatch as the notifications queue does.
//!
//! A record of such a queue is only ever read as a state change: a producer cannot write a message of ours, with an
//! attempt or a notification id of its choice (`docs/adr/0038-sources-of-state-changes.md`).

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;

use convention::FieldError;
use convention::delivery::AttemptMessage;
use convention::notification::{
    AuthorisationServers, Ecosystem, ResourceState, Rule, Subject, TimerMessage, resource_of,
};
use convention::source::{Envelope, Posted, Reading, Rejection, Source, read};
use jiff::Timestamp;
use platform::aws::{Due, ResourceStates};
use platform::telemetry::logged_client_id;

use crate::fault::Fault;
use crate::lifecycle::Lifecycle;
use crate::origin::{Origin, UnknownApi};
use crate::sqs_event::Record;

/// Reads the records of sources.
pub(crate) struct Sources {
    pub(crate) lifecycle: Arc<Lifecycle>,
    pub(crate) envelope: Envelope,
    pub(crate) ecosystem: Ecosystem,
    pub(crate) servers: AuthorisationServers,
    /// The timers, on a stack that has them.
    pub(crate) timers: Option<Timers>,
}

/// The timers of a stack.
#[derive(Clone, Debug)]
pub struct Timers {
    /// ARN of the timers queue; only the scheduler sends to it.
    pub queue: String,
    /// The latest states of resources.
    pub states: ResourceStates,
}

impl Sources {
    /// Reads a record that is received now, if it comes from a source.
    pub(crate) fn read(&self, mut record: Record, now: Timestamp) -> Record {
        let is_notifications = |arn: &String| self.lifecycle.queues.is_notifications(arn);
        if !record.queue_arn.as_ref().is_none_or(is_notifications) {
            let read = || self.origin_of(&record, now);
            let (origin, message) = unless_it_panics(read).unwrap_or((Origin::Panicked, None));
            record.origin = origin;
            record.body = message.unwrap_or(record.body);
        }
        record
    }

    /// Returns what a record of a source is, and the message of its first attempt if there is one to make.
    fn origin_of(&self, record: &Record, now: Timestamp) -> (Origin, Option<String>) {
        let metadata = record.metadata();
        if let Err(skew) = metadata.check_clock(now) {
            return (Origin::Unread(skew), None);
        }
        let timer = || TimerMessage::from_json(&record.body).map(Origin::Timer);
        match &self.timers {
            Some(timers) if record.queue_arn.as_ref() == Some(&timers.queue) => {
                let no_timer = || Origin::Invalid(Source::Timer, vec![FieldError::no_timer()]);
                return (timer().unwrap_or_else(no_timer), None);
            }
            Some(_) => {}
            // The queue of timers cannot be recognised without its ARN, so a timer returns from any.
            None => {
                if let Some(timer) = timer() {
                    return (timer, None);
                }
            }
        }
        let stack = (self.ecosystem, &self.servers);
        let Reading { source, change } =
            read(Source::Sqs, record.body.as_bytes(), &self.envelope, stack, now);
        let Posted { change, server, .. } = match change {
            Ok(Posted { change, pointer, .. }) if change.expiry.is_some() => {
                return (Origin::Invalid(source, vec![FieldError::sets_no_timers(&pointer)]), None);
            }
            Ok(posted) => posted,
            Err(errors) => return (Origin::Invalid(source, errors), None),
        };
        // The same for each receive of the record.
        let accepted_at = metadata.sent.unwrap_or(now);
        if let Err(rule) = resource_of(&change.subject) {
            let unknown = match change.subject {
                Subject::UnknownApi(api) => Some(UnknownApi { api, client_id: change.client_id }),
                Subject::ApiWithoutWebhook | Subject::Resource(_) => None,
            };
            return (Origin::NotNotifiable(source, rule, unknown), None);
        }
        let message = AttemptMessage::first_of(server, change, accepted_at);
        (Origin::Change(source), message.map(|message| message.to_json()))
    }

    /// Returns the state change of a timer's record as a record of its own; `None` for a timer that no longer holds, unless
    /// its attempt had begun by then: that is settled as any other is.
    ///
    /// It stays as it is in the table, so that a process that stops after this loses nothing.
    pub(crate) async fn due(&self, record: &Record, timer: &TimerMessage) -> Result<Option<Record>, Fault> {
        let Some(Timers { states, .. }) = &self.timers else { return Err(Fault::TimersOff) };
        let now = self.lifecycle.clock.now();
        if now < timer.due {
            return Err(Fault::NotDue(timer.due));
        }
        let (change, holds) = match states.due(timer, now).await? {
            Due::At(due) => return Err(Fault::NotDue(due)),
            Due::Now(change) => (change, true),
            Due::Ended(Some(change)) => (change, false),
            Due::Ended(None) => return Ok(None),
        };
        let server = self.servers.server_of(change.brand.as_deref())?;
        // It is accepted when it takes place; its schedule fires before.
        let accepted_at = record.metadata().sent.map_or(timer.due, |sent| sent.max(timer.due));
        let Some(message) = AttemptMessage::first_of(server, change, accepted_at) else { return Ok(None) };
        let goes_on = holds || self.lifecycle.ledger.exists(&message).await?;
        Ok(goes_on.then(|| record.of_timer(&message)))
    }

    /// Records the state that a change of a source leads to, which ends the timer of the state before it.
    ///
    /// The change of a timer is not recorded: its row must stay until its attempt has begun. Intake records what it takes.
    pub(crate) async fn observe(&self, record: &Record, message: &AttemptMessage) -> Result<(), Fault> {
        let (Origin::Change(source), Some(Timers { states, .. })) = (&record.origin, &self.timers) else {
            return Ok(());
        };
        if *source == Source::Timer {
            return Ok(());
        }
        let now = self.lifecycle.clock.now();
        if let Some(state) = ResourceState::of(&message.change, &message.receiver(), now) {
            states.observe(&state, now).await?;
        }
        Ok(())
    }

    /// Ends a record that no attempt follows; `true` if it can be deleted.
    pub(crate) async fn end(&self, record: &Record) -> Result<bool, Fault> {
        match &record.origin {
            Origin::Notifications | Origin::Change(_) => Ok(false),
            Origin::Unread(skew) => Err((*skew).into()),
            Origin::Panicked => Err(Fault::PanicInReading),
            Origin::Timer(timer) => {
                tracing::info!(timer = %timer.timer, "A timer is ignored: another state was reported first.");
                Ok(true)
            }
            Origin::NotNotifiable(source, rule, None) => {
                log(*source, record, "not_notifiable", Some(*rule));
                Ok(true)
            }
            Origin::NotNotifiable(source, rule, Some(UnknownApi { api, client_id })) => {
                tracing::warn!(
                    code = rule.code(),
                    source = source.as_str(),
                    record_id = record.message_id,
                    api,
                    client_id = logged_client_id(client_id),
                    "A state change of an API that is not known here is not notified; check the API's name."
                );
                Ok(true)
            }
            Origin::Invalid(source, errors) => self.reject(record, *source, errors).await.map(|()| true),
        }
    }

    /// Moves a record to the rejected queue, with its errors.
    async fn reject(&self, record: &Record, source: Source, errors: &[FieldError]) -> Result<(), Fault> {
        let rejection = Rejection {
            source,
            from: record.queue_arn.as_deref().unwrap_or_default(),
            id: &record.message_id,
            at: self.lifecycle.clock.now(),
            errors,
            body: record.body.as_bytes(),
        };
        self.lifecycle.queues.reject(&rejection).await?;
        self.lifecycle.batch_metrics.rejected(source);
        // The pointers of unknown fields are the producer's text, so they stay in the queue.
        tracing::error!(
            code = "change_rejected",
            source = source.as_str(),
            record_id = record.message_id,
            errors = errors.len(),
            "A record is no valid state change and was moved to the rejected queue."
        );
        Ok(())
    }

    /// Says whether a record is a state change that no attempt can have begun for.
    ///
    /// One of a timer came before it was due, so how often it was received does not tell; the ledger does.
    pub(crate) async fn is_new_change(
        &self,
        record: &Record,
        message: &AttemptMessage,
    ) -> Result<bool, Fault> {
        match record.origin {
            Origin::Change(Source::Timer) => Ok(!self.lifecycle.ledger.exists(message).await?),
            _ => Ok(record.is_new_change()),
        }
    }

    /// Logs that a state change is not notified; nothing is written of it, as of one that is posted to the API.
    pub(crate) fn not_notified(record: &Record, rule: Option<Rule>) {
        if let Origin::Change(source) = record.origin {
            log(source, record, if rule.is_some() { "not_notifiable" } else { "no_receiver" }, rule);
        }
    }
}

/// Returns nothing if reading a record panics: a record that a defect of ours stops must not fail its batch.
fn unless_it_panics<T>(read: impl FnOnce() -> T) -> Option<T> {
    // What was read until then is dropped, and nothing that is shared was changed.
    catch_unwind(AssertUnwindSafe(read)).ok()
}

fn log(source: Source, record: &Record, verdict: &'static str, rule: Option<Rule>) {
    tracing::info!(
        source = source.as_str(),
        record_id = record.message_id,
        verdict,
        rule = rule.map(Rule::code),
        "A state change is not notified."
    );
}

impl Record {
    /// Says whether it is a state change that no attempt can have begun for. A record that was received before may
    /// have a row in the ledger, which must not stay open.
    pub(crate) fn is_new_change(&self) -> bool {
        matches!(self.origin, Origin::Change(_)) && self.metadata().receives == 1
    }
}

#[cfg(test)]
mod tests {
    use super::unless_it_panics;

    #[test]
    fn a_panic_in_reading_ends_with_its_record() {
        assert_eq!(unless_it_panics(|| 1), Some(1));
        assert_eq!(unless_it_panics(|| usize::from(Vec::<u8>::new()[0])), None);
    }
}
