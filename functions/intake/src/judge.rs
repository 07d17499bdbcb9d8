//! Judges state changes, whatever they came by, and queues those to be notified.

use std::collections::{BTreeMap, BTreeSet};

use convention::FieldError;
use convention::codes::Code;
use convention::delivery::{AttemptMessage, AttemptNumber, TraceHeader};
use convention::notification::{
    AuthorisationServers, Choices, ClientId, Ecosystem, MissingAuthorisationServerId, Plan, ReceiverKey,
    StateChange, Subject, TimerName, plan,
};
use convention::source::Envelope;
use futures_util::future::join_all;
use jiff::Timestamp;
use platform::aws::{AttemptLog, Found, LedgerReader, Queues, Receivers, ReceiversError, SendError};
use platform::clock::Clock;
use platform::telemetry::{ErrorChain, Metrics, Unit, UsageMeter, logged_client_id};

use crate::timers::{TimerError, Timers};
use crate::verdict::{ChangeResult, Taken, Verdict};

/// The metric that counts timers that could not be set.
const TIMERS_NOT_SET: &str = "TimersNotSet";

/// The function behind `POST /v1/state-changes`, `GET /v1/notifications` and `GET /v1/notifications/{notificationId}`,
/// and behind the streams that are sources of state changes.
pub struct Intake {
    /// The receivers.
    pub receivers: Receivers,
    /// The ledger.
    pub ledger: LedgerReader,
    /// The lines that dispatch logs of attempts.
    pub attempt_log: AttemptLog,
    /// The queue of notifications.
    pub queues: Queues,
    /// The ecosystem whose state changes it takes.
    pub ecosystem: Ecosystem,
    /// Our authorisation servers.
    pub servers: AuthorisationServers,
    /// What the stack chooses where the convention leaves a choice.
    pub choices: Choices,
    /// Where a record of a stream holds its state change.
    pub envelope: Envelope,
    /// Sets timers, on a stack that has them.
    pub timers: Option<Timers>,
    /// Where metrics are written.
    pub metrics: Metrics,
    /// The clock.
    pub clock: Clock,
    /// Counts billable usage of the clients.
    pub meter: UsageMeter,
}

impl Intake {
    /// Decides on every change, queues those to be notified, and returns the result of each.
    ///
    /// The trace is that of the request; it leads to everything that follows.
    pub(crate) async fn judge_all(
        &self,
        parsed: Vec<Parsed>,
        trace: Option<&TraceHeader>,
        now: Timestamp,
    ) -> Vec<ChangeResult> {
        let changes = || parsed.iter().filter_map(|parsed| parsed.change.as_ref().ok());
        let known = async {
            let mut receivers = self.receivers_of(changes()).await;
            self.read_again(changes(), &mut receivers).await;
            receivers
        };
        // Timers come first: a change whose timer could not be set is not queued either, and is sent again.
        let (receivers, timers) = tokio::join!(Box::pin(known), Box::pin(self.set_timers(&parsed)));
        let mut messages: Vec<AttemptMessage> = Vec::new();
        let mut verdicts = Vec::with_capacity(parsed.len());
        let mut ended = Vec::new();
        warn_of_unknown_apis(&parsed);
        for (Parsed { change, pointer }, timer) in parsed.into_iter().zip(timers) {
            verdicts.push(match (change, timer) {
                (Err(errors), _) => Verdict::Invalid(errors),
                (Ok(_), Err(TimerError::Rejected(_))) => Verdict::NeverTaken,
                (Ok(_), Err(_)) => Verdict::Unavailable,
                (Ok(change), Ok(before)) => {
                    ended.extend(before);
                    self.judge(change, &pointer, &receivers, &mut messages, now)
                }
            });
        }
        for message in &mut messages {
            message.trace = trace.cloned();
        }
        let sent = self.queues.send_all(&messages).await;
        report(&sent);
        // After what matters, as nothing depends on it.
        if let Some(timers) = &self.timers {
            timers.end(&ended).await;
        }
        let taken: Vec<_> = sent.iter().map(Taken::of).collect();
        verdicts
            .into_iter()
            .enumerate()
            .map(|(index, verdict)| ChangeResult::new(index, verdict, &messages, &taken))
            .collect()
    }

    /// Refuses an expiry on a stack without timers.
    pub(crate) fn refuse_expiry_without_timers(
        &self,
        change: StateChange,
        pointer: &str,
    ) -> Result<StateChange, Vec<FieldError>> {
        if change.expiry.is_some() && self.timers.is_none() {
            return Err(vec![FieldError::timers_off(pointer)]);
        }
        Ok(change)
    }

    /// Records the state of every change and sets its timer, all concurrently; returns the timers that ended.
    async fn set_timers(&self, parsed: &[Parsed]) -> Vec<Result<Option<TimerName>, TimerError>> {
        let Some(timers) = &self.timers else { return parsed.iter().map(|_| Ok(None)).collect() };
        let set = join_all(parsed.iter().map(async |parsed| {
            // One that is invalid has no state.
            let Ok(change) = &parsed.change else { return Ok(None) };
            let Ok((_, receiver)) = self.receiver_of(change) else { return Ok(None) };
            timers.observe(change, &receiver, &self.clock).await
        }));
        let set = set.await;
        let errors = || set.iter().filter_map(|set| set.as_ref().err());
        if let Some(error) = errors().next() {
            let missing = u32::try_from(errors().count()).unwrap_or(u32::MAX);
            let not_set = (TIMERS_NOT_SET, f64::from(missing), Unit::Count);
            self.metrics.record(self.clock.now(), not_set, &[]);
            tracing::error!(code = "timer_not_set", error = %ErrorChain(error), "Some timers could not be set; their changes are unavailable and must be sent again.");
        }
        set
    }

    /// Looks every client up once, all concurrently; a client is missing if its receiver could not be read.
    async fn receivers_of(&self, changes: impl Iterator<Item = &StateChange>) -> Known {
        // Sorted, so that the same request makes the same calls in the same order.
        let receivers: BTreeSet<_> =
            changes.filter_map(|change| Some(self.receiver_of(change).ok()?.1)).collect();
        let found = join_all(receivers.into_iter().map(async |key| {
            let found = self.receivers.find_for(&key, AttemptNumber::FIRST).await;
            readable(&key, found).map(|found| (key, found)).ok()
        }));
        found.await.into_iter().flatten().collect()
    }

    /// Reads receivers again whose cached copies would drop a change: that decision is final, and a copy may be
    /// behind.
    async fn read_again(&self, changes: impl Iterator<Item = &StateChange>, known: &mut Known) {
        let ends = |change: &StateChange| {
            let (_, key) = self.receiver_of(change).ok()?;
            match known.get(&key) {
                Some(Some(Found { receiver, is_fresh: false })) => {
                    let planned = plan(change, Some(receiver), &self.servers, &self.choices);
                    matches!(planned, Plan::NotNotifiable(rule) if rule.depends_on_receiver()).then_some(key)
                }
                _ => None,
            }
        };
        let receivers: BTreeSet<_> = changes.filter_map(ends).collect();
        let found = join_all(receivers.into_iter().map(async |key| {
            let found = readable(&key, self.receivers.find_fresh(&key).await);
            (key, found)
        }));
        for (key, found) in found.await {
            match found {
                Ok(found) => known.insert(key, found),
                Err(_) => known.remove(&key),
            };
        }
    }

    /// Returns the authorisation server of a change's brand, unless it is the default one's, and the receiver; fails
    /// if this stack has no such brand.
    fn receiver_of(
        &self,
        change: &StateChange,
    ) -> Result<(Option<String>, ReceiverKey), MissingAuthorisationServerId> {
        let server = self.servers.server_of(change.brand.as_deref())?;
        let key = ReceiverKey::new(server.as_deref(), &change.client_id);
        Ok((server, key))
    }

    fn judge(
        &self,
        change: StateChange,
        pointer: &str,
        receivers: &Known,
        messages: &mut Vec<AttemptMessage>,
        now: Timestamp,
    ) -> Verdict {
        let Ok((server, key)) = self.receiver_of(&change) else {
            return Verdict::Invalid(vec![FieldError::unknown_brand(pointer)]);
        };
        if let Err(errors) = self.servers.check(&change, pointer) {
            return Verdict::Invalid(errors);
        }
        let Some(receiver) = receivers.get(&key) else { return Verdict::Unavailable };
        match plan(&change, receiver.as_ref().map(|found| &*found.receiver), &self.servers, &self.choices) {
            Plan::NotNotifiable(rule) => Verdict::NotNotifiable(rule),
            Plan::NoReceiver => Verdict::NoReceiver,
            // Accepted nevertheless: dispatch requeues it, without consuming an attempt, until our configuration is
            // fixed.
            Plan::Notify(_) | Plan::Misconfigured(_) => {
                let Some(message) = AttemptMessage::first_of(server, change, now) else {
                    return Verdict::NoReceiver;
                };
                let same = |other: &AttemptMessage| other.notification == message.notification;
                if let Some(of) = messages.iter().position(same) {
                    return Verdict::Duplicate { of };
                }
                messages.push(message);
                Verdict::Queued { at: messages.len() - 1 }
            }
        }
    }
}

/// A change as it was read, and its place in the request.
#[derive(Debug)]
pub(crate) struct Parsed {
    pub(crate) change: Result<StateChange, Vec<FieldError>>,
    pub(crate) pointer: String,
}

/// The look-up result of each client; one whose receiver could not be read is missing.
type Known = BTreeMap<ReceiverKey, Option<Found>>;

fn readable(
    key: &ReceiverKey,
    found: Result<Option<Found>, ReceiversError>,
) -> Result<Option<Found>, ReceiversError> {
    if let Err(error) = &found {
        tracing::error!(receiver = %key, error = %ErrorChain(error), "A receiver could not be read.");
    }
    found
}

/// Logs that changes of APIs are not notified whose names are not known here, in one line for each name however many they
/// are: a name that is spelled wrongly stops notifications that are due.
fn warn_of_unknown_apis(parsed: &[Parsed]) {
    // Of each name, the first client and the number of changes.
    let mut unknown = BTreeMap::<&str, (&ClientId, usize)>::new();
    for parsed in parsed {
        if let Ok(StateChange { subject: Subject::UnknownApi(api), client_id, .. }) = &parsed.change {
            unknown.entry(api).or_insert((client_id, 0)).1 += 1;
        }
    }
    for (api, (client_id, changes)) in unknown {
        tracing::warn!(
            code = Code::UnknownApi.as_str(),
            api,
            client_id = logged_client_id(client_id),
            changes,
            "State changes of an API that is not known here are not notified; check the API's name."
        );
    }
}

/// Logs why messages were not queued. A message that SQS never accepts is a defect of ours, which sending it again
/// does not fix.
fn report(sent: &[Result<(), SendError>]) {
    let errors = || sent.iter().filter_map(|sent| sent.as_ref().err());
    if let Some(error) = errors().find(|error| matches!(error, SendError::Rejected { .. })) {
        tracing::error!(
            code = "message_rejected",
            error = %ErrorChain(error),
            "The queue rejects notifications because of a defect of ours; sending them again does not help."
        );
    }
    if let Some(error) = errors().find(|error| !matches!(error, SendError::Rejected { .. })) {
        tracing::error!(error = %ErrorChain(error), "Some notifications could not be queued; their changes are unavailable and must be sent again.");
    }
}
