//! How long each attempt may take, by what all environments know of its receiver.

use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::time::{Instant, timeout_at};
use webhook::aws::{Found, ReceiversError};
use webhook::delivery::{EXCHANGE_DEADLINE, Evidence, IMPATIENT, Outcome, SlowMark, is_hanging};
use webhook::directory::{BaseUri, Receiver};
use webhook::notification::ClientId;
use webhook::telemetry::{Chain, Unit};

use crate::Dispatch;

/// The metric that counts the marks this makes.
const METRIC: &str = "ReceiversFoundHanging";

/// The attempts that hung, in a row, of each receiver that this environment saw hang.
#[derive(Debug, Default)]
pub struct Hangs(Mutex<HashMap<ClientId, (BaseUri, u32)>>);

impl Hangs {
    /// Counts one more; another place is another receiver.
    fn one_more(&self, receiver: &Receiver) -> u32 {
        let mut counts = self.counts();
        let (base_uri, count) =
            counts.entry(receiver.client_id.clone()).or_insert_with(|| (receiver.base_uri.clone(), 0));
        if *base_uri != receiver.base_uri {
            (*base_uri, *count) = (receiver.base_uri.clone(), 0);
        }
        *count += 1;
        *count
    }

    fn forget(&self, receiver: &Receiver) {
        self.counts().remove(&receiver.client_id);
    }

    fn counts(&self) -> MutexGuard<'_, HashMap<ClientId, (BaseUri, u32)>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Dispatch {
    /// Decides how long an attempt may take; asks nobody unless its receiver hangs, and then until this instant at most.
    pub(crate) async fn time_for(&self, Found { receiver, is_fresh }: &Found, until: Instant) -> Duration {
        let now = self.clock.now();
        let Some(mark) = self.receivers.slow_mark(receiver, now) else { return EXCHANGE_DEADLINE };
        // A copy may be behind: whoever has just read the row asks for the probe.
        if !is_fresh || !mark.wants_probe(now) {
            return IMPATIENT;
        }
        let claimed = timeout_at(until, Box::pin(self.receivers.claim_probe(receiver, &mark, now))).await;
        match claimed.unwrap_or(Ok(false)) {
            Ok(true) => EXCHANGE_DEADLINE,
            Ok(false) => IMPATIENT,
            Err(error) => {
                not_shared(receiver, &error);
                IMPATIENT
            }
        }
    }

    /// Learns from what came of an attempt that was granted so much time and took this much, and tells all environments if that
    /// changes what they know.
    pub(crate) async fn learn(
        &self,
        receiver: &Receiver,
        outcome: &Outcome,
        (within, took): (Duration, Duration),
    ) {
        let now = self.clock.now();
        match Evidence::of(outcome, within, took) {
            Evidence::None => {}
            Evidence::Hangs => {
                let hanging = is_hanging(self.hangs.one_more(receiver));
                if hanging && self.receivers.slow_mark(receiver, now).is_none() {
                    Box::pin(self.mark(receiver, SlowMark::new(receiver.base_uri.as_str(), now))).await;
                }
            }
            Evidence::Responds => {
                self.hangs.forget(receiver);
                if self.receivers.slow_mark(receiver, now).is_some() {
                    Box::pin(self.unmark(receiver)).await;
                }
            }
        }
    }

    async fn mark(&self, receiver: &Receiver, mark: SlowMark) {
        let client_id = &receiver.client_id;
        let now = self.clock.now();
        match self.receivers.mark_slow(receiver, mark, now).await {
            Ok(true) => {
                self.metrics.record(now, (METRIC, 1.0, Unit::Count), &[("client_id", client_id.as_str())]);
                tracing::warn!(%client_id, code = "receiver_hangs", "A receiver hangs; its attempts are granted less time.");
            }
            Ok(false) => {}
            Err(error) => not_shared(receiver, &error),
        }
    }

    async fn unmark(&self, receiver: &Receiver) {
        match self.receivers.unmark_slow(receiver, self.clock.now()).await {
            Ok(true) => {
                tracing::info!(client_id = %receiver.client_id, "A receiver that hung responds again.");
            }
            Ok(false) => {}
            Err(error) => not_shared(receiver, &error),
        }
    }
}

/// What cannot be shared costs patience, not the notification.
fn not_shared(receiver: &Receiver, error: &ReceiversError) {
    tracing::warn!(
        client_id = %receiver.client_id,
        code = "slow_mark_not_kept",
        error = %Chain(error),
        "Whether a receiver hangs could not be told to the other environments."
    );
}
