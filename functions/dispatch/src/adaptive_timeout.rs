//! The timeout of each attempt, by what all environments know about its receiver.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use convention::delivery::{
    EXCHANGE_DEADLINE, Outcome, REDUCED_TIMEOUT, Signal, SlowReceiver, marks_as_slow,
};
use convention::directory::{BaseUri, Receiver};
use convention::notification::ReceiverKey;
use platform::aws::{Found, Receivers, ReceiversError};
use platform::clock::Clock;
use platform::telemetry::{ErrorChain, Metrics, Unit};
use tokio::time::{Instant, timeout_at};

/// The metric that counts receivers marked as slow.
const METRIC: &str = "SlowReceiversFound";

/// The consecutive timeouts of each receiver that this environment has observed.
#[derive(Debug, Default)]
pub(crate) struct ConsecutiveTimeouts(Mutex<HashMap<ReceiverKey, Seen>>);

/// Observations of one receiver at one base URI.
#[derive(Debug)]
struct Seen {
    base_uri: BaseUri,
    /// Consecutive timeouts.
    timeouts: u32,
    responded_at: Option<Instant>,
}

impl ConsecutiveTimeouts {
    /// Counts a timeout of an attempt that began at this instant; `None` if the receiver has responded since.
    fn one_more(&self, receiver: &Receiver, began: Instant) -> Option<u32> {
        self.of(receiver, |seen| {
            if seen.responded_at.is_some_and(|at| began < at) {
                return None;
            }
            seen.timeouts += 1;
            Some(seen.timeouts)
        })
    }

    fn responded(&self, receiver: &Receiver, at: Instant) {
        self.of(receiver, |seen| (seen.timeouts, seen.responded_at) = (0, Some(at)));
    }

    /// A receiver with another base URI starts anew.
    fn of<T>(&self, receiver: &Receiver, change: impl FnOnce(&mut Seen) -> T) -> T {
        let anew = || Seen { base_uri: receiver.base_uri.clone(), timeouts: 0, responded_at: None };
        let mut all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(seen) = all.get_mut(&receiver.key) {
            if seen.base_uri != receiver.base_uri {
                *seen = anew();
            }
            return change(seen);
        }
        change(all.entry(receiver.key.clone()).or_insert_with(anew))
    }
}

/// Decides the timeout of each attempt.
pub(crate) struct AdaptiveTimeout {
    pub(crate) receivers: Arc<Receivers>,
    /// Off, every attempt has the time that the convention publishes, and nothing is counted or marked.
    pub(crate) is_on: bool,
    pub(crate) consecutive_timeouts: ConsecutiveTimeouts,
    /// Where slow receivers are counted.
    pub(crate) metrics: Metrics,
    pub(crate) clock: Clock,
}

impl AdaptiveTimeout {
    /// Returns the timeout of an attempt. Writes nothing unless the receiver is slow, and then until this instant at
    /// most.
    pub(crate) async fn time_for(&self, Found { receiver, is_fresh }: &Found, until: Instant) -> Duration {
        if !self.is_on {
            return EXCHANGE_DEADLINE;
        }
        let now = self.clock.now();
        let Some(mark) = self.receivers.slow_mark(receiver, now) else { return EXCHANGE_DEADLINE };
        // A cached copy may be behind, so the probe is claimed by an attempt that has just read the row.
        if !is_fresh || !mark.is_probe_due(now) {
            return REDUCED_TIMEOUT;
        }
        let claimed = timeout_at(until, Box::pin(self.receivers.claim_probe(receiver, &mark, now))).await;
        match claimed.unwrap_or(Ok(false)) {
            Ok(true) => EXCHANGE_DEADLINE,
            Ok(false) => REDUCED_TIMEOUT,
            Err(error) => {
                not_shared(receiver, &error);
                REDUCED_TIMEOUT
            }
        }
    }

    /// Observes an attempt by its timeout and duration, and informs all environments if that changes the receiver's
    /// state.
    pub(crate) async fn observe(
        &self,
        receiver: &Receiver,
        outcome: &Outcome,
        (within, took): (Duration, Duration),
    ) {
        if !self.is_on {
            return;
        }
        let (now, ended) = (self.clock.now(), Instant::now());
        match Signal::of(outcome, within, took) {
            Signal::None => {}
            Signal::TimedOut => {
                let began = ended.checked_sub(took).unwrap_or(ended);
                let Some(own) = self.consecutive_timeouts.one_more(receiver, began) else { return };
                if self.receivers.slow_mark(receiver, now).is_none()
                    && (marks_as_slow(own) || marks_as_slow(Box::pin(self.of_all(receiver)).await))
                {
                    Box::pin(self.mark(receiver, SlowReceiver::new(receiver.base_uri.as_str(), now))).await;
                }
            }
            Signal::Responds => {
                self.consecutive_timeouts.responded(receiver, ended);
                if self.receivers.is_suspected(receiver, now) {
                    Box::pin(self.clear(receiver)).await;
                }
            }
        }
    }

    /// Counts a timeout, and returns the number of consecutive ones over all environments.
    async fn of_all(&self, receiver: &Receiver) -> u32 {
        self.receivers.count_timeout(receiver).await.unwrap_or_else(|error| {
            not_shared(receiver, &error);
            0
        })
    }

    async fn mark(&self, receiver: &Receiver, mark: SlowReceiver) {
        let client_id = &receiver.client_id;
        let now = self.clock.now();
        match self.receivers.mark_slow(receiver, mark, now).await {
            Ok(true) => {
                self.metrics.record(now, (METRIC, 1.0, Unit::Count), &[("client_id", client_id.as_str())]);
                tracing::warn!(%client_id, code = "receiver_times_out", "A receiver keeps timing out; its attempts get a reduced timeout.");
            }
            Ok(false) => {}
            Err(error) => not_shared(receiver, &error),
        }
    }

    async fn clear(&self, receiver: &Receiver) {
        let now = self.clock.now();
        let was_marked = self.receivers.slow_mark(receiver, now).is_some();
        match self.receivers.clear_slow(receiver, now).await {
            Ok(true) if was_marked => {
                tracing::info!(client_id = %receiver.client_id, "A receiver that kept timing out responds again.");
            }
            Ok(_) => {}
            Err(error) => not_shared(receiver, &error),
        }
    }
}

/// An error here costs time but not the notification.
fn not_shared(receiver: &Receiver, error: &ReceiversError) {
    tracing::warn!(
        client_id = %receiver.client_id,
        code = "slow_receiver_not_shared",
        error = %ErrorChain(error),
        "The state of a slow receiver could not be shared with the other environments."
    );
}
