//! Records outcomes: retries the ledger until the invocation's time is over, and later records outcomes that could
//! not be written.

use std::collections::{BTreeSet, VecDeque};
use std::pin::pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use convention::delivery::{AttemptMessage, EXCHANGE_DEADLINE, Failure, LEASE, LedgerMode, Status};
use futures_util::future::join_all;
use jiff::Timestamp;
use platform::aws::{AttemptRecord, CALL_TIMEOUT, LedgerError};
use platform::rng::Rng;
use tokio::time::{Instant, sleep, timeout_at};

use crate::CHANGE_VISIBILITY_TIMEOUT;
use crate::fault::{Fault, PREPARE};
use crate::lifecycle::Lifecycle;
use crate::sqs_event::Record;

/// Time that Lambda gets to accept the answer of an invocation; part of the sum behind the function's timeout.
pub const ANSWER_MARGIN: Duration = Duration::from_secs(1);
/// Maximum time from the start of a message until its outcome is recorded, as in the sum behind the function's
/// timeout.
const NEEDED: Duration = Duration::from_secs(
    2 + PREPARE.as_secs()
        + 3 * CALL_TIMEOUT.as_secs()
        + EXCHANGE_DEADLINE.as_secs()
        + 1
        + 2 * CALL_TIMEOUT.as_secs(),
);
/// Pause before a failed write is retried; it doubles each time.
const FIRST_PAUSE: Duration = Duration::from_millis(100);
const MAX_PAUSE: Duration = Duration::from_secs(2);
/// Maximum number of attempts that an environment remembers. Ten run at a time; beyond this number their leases are
/// over.
const MAX_REMEMBERED: usize = 1_000;
/// Maximum number of these that one invocation writes besides its batch.
const AT_ONCE: usize = 10;

/// Returns until when an invocation may work on its messages: its deadline, less the time to set the visibility of a
/// message and to answer.
///
/// Lambda gives the deadline as milliseconds since the epoch ("Lambda-Runtime-Deadline-Ms", AWS Lambda Developer
/// Guide, "Using the Lambda runtime API for custom runtimes"). A deadline in the past, or later than a function may
/// run, is ignored.
pub fn works_until(deadline_ms: u64, now: Timestamp) -> Instant {
    let deadline =
        i64::try_from(deadline_ms).ok().and_then(|millis| Timestamp::from_millisecond(millis).ok());
    let left = deadline.and_then(|deadline| Duration::try_from(deadline.duration_since(now)).ok());
    let left = left.filter(|left| !left.is_zero()).unwrap_or(Duration::MAX).min(LEASE.unsigned_abs());
    Instant::now() + left.saturating_sub(CHANGE_VISIBILITY_TIMEOUT + ANSWER_MARGIN)
}

/// How an attempt ended.
#[derive(Clone, Debug)]
pub(crate) enum Ended {
    /// It was accepted.
    Delivered,
    /// It failed, and this is what was queued after it, if anything was queued yet.
    Failed(Failure, Option<Status>),
    /// It never reached its receiver because of a fault of ours.
    NeverSent,
}

/// An attempt that is over, with everything needed to record it.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Over<'a> {
    pub(crate) message: &'a AttemptMessage,
    pub(crate) record: &'a AttemptRecord,
    pub(crate) mode: LedgerMode,
}

/// A remembered attempt that is over.
#[derive(Debug)]
struct Known {
    message: AttemptMessage,
    record: AttemptRecord,
    mode: LedgerMode,
    ended: Ended,
}

impl Known {
    /// Says whether recording this finishes another message of the notification.
    fn ends(&self, message: &AttemptMessage) -> bool {
        match self.ended {
            Ended::Delivered => true,
            Ended::Failed(..) => message.attempt <= self.record.attempt,
            Ended::NeverSent => false,
        }
    }

    /// Says whether recording it is still useful.
    ///
    /// Once the lease is over, another process may have continued from there. A delivery counts in any case, and the
    /// rollback of an attempt that was never sent applies only while the attempt is under way. But the successor of a
    /// failed attempt would be queued twice.
    fn is_of_use(&self, now: Timestamp) -> bool {
        match self.ended {
            Ended::Delivered | Ended::NeverSent => true,
            Ended::Failed(..) => now < self.record.started.saturating_add(LEASE).unwrap_or(Timestamp::MAX),
        }
    }
}

/// Attempts of this environment that are over and could not be recorded.
#[derive(Debug, Default)]
pub(crate) struct Unwritten(Mutex<Memory>);

#[derive(Debug, Default)]
struct Memory {
    /// Oldest first.
    known: VecDeque<Known>,
    /// Notifications that are being recorded just now.
    writing: BTreeSet<String>,
}

/// The remembered state of a notification.
enum Memories<'a> {
    Nothing,
    /// A copy of the message is recording it just now.
    BeingWritten,
    /// An attempt, to be recorded while the mark is held.
    Known(Box<Known>, Writing<'a>),
}

/// Marks a notification whose attempt is being recorded.
struct Writing<'a> {
    unwritten: &'a Unwritten,
    notification: String,
}

impl Drop for Writing<'_> {
    fn drop(&mut self) {
        self.unwritten.memory().writing.remove(&self.notification);
    }
}

impl Unwritten {
    fn memory(&self) -> MutexGuard<'_, Memory> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn keep(&self, known: Known) {
        let all = &mut self.memory().known;
        if all.len() >= MAX_REMEMBERED {
            all.pop_front();
        }
        all.push_back(known);
    }

    /// Removes and returns the remembered attempt of a notification.
    fn take(&self, message: &AttemptMessage) -> Memories<'_> {
        let mut memory = self.memory();
        let notification = message.notification.to_string();
        if memory.writing.contains(&notification) {
            return Memories::BeingWritten;
        }
        let at = memory.known.iter().position(|known| known.message.notification == message.notification);
        let Some(known) = at.and_then(|at| memory.known.remove(at)) else { return Memories::Nothing };
        memory.writing.insert(notification.clone());
        Memories::Known(Box::new(known), Writing { unwritten: self, notification })
    }

    /// Removes and returns some that belong to none of these messages.
    fn take_others(&self, batch: &[Arc<Record>]) -> Vec<Known> {
        let all = &mut self.memory().known;
        let is_other = |known: &Known| {
            let name = known.message.notification.as_str();
            !batch.iter().any(|record| record.body.contains(name))
        };
        let mut others = Vec::new();
        let mut at = 0;
        while at < all.len() && others.len() < AT_ONCE {
            if is_other(&all[at]) {
                others.extend(all.remove(at));
            } else {
                at += 1;
            }
        }
        others
    }
}

/// Records the outcomes of attempts.
pub(crate) struct Closing {
    pub(crate) lifecycle: Arc<Lifecycle>,
    /// What this environment could not record yet.
    pub(crate) unwritten: Unwritten,
    /// The source of jitter.
    pub(crate) rng: Rng,
}

impl Closing {
    /// Records the outcome of an attempt, retrying until this instant. An outcome that cannot be written is
    /// remembered, so that this process does not repeat the attempt.
    pub(crate) async fn close(&self, over: Over<'_>, mut ended: Ended, until: Instant) -> Result<(), Fault> {
        // Pinned in place, because it has thousands of bytes; only retries are boxed.
        let mut result = pin!(self.write_down(over, &mut ended)).await;
        let mut pause = FIRST_PAUSE;
        while let Err(Fault::Ledger(LedgerError::Service { .. }) | Fault::Queue(_)) = result {
            let jittered = self.rng.jittered(pause);
            if Instant::now() + jittered >= until {
                break;
            }
            sleep(jittered).await;
            pause = MAX_PAUSE.min(pause * 2);
            match timeout_at(until, Box::pin(self.write_down(over, &mut ended))).await {
                Ok(repeated) => result = repeated,
                Err(_) => break,
            }
        }
        if let Err(Fault::Ledger(_) | Fault::Queue(_)) = result {
            let (message, record, mode) = (over.message.clone(), over.record.clone(), over.mode);
            self.unwritten.keep(Known { message, record, mode, ended });
        }
        result
    }

    /// Records what this environment remembers of the notification from an earlier invocation; `true` if that
    /// finishes the message. A message that continues is requeued if too little time is left.
    pub(crate) async fn close_known(&self, message: &AttemptMessage, until: Instant) -> Result<bool, Fault> {
        let now = self.lifecycle.clock.now();
        let (known, _writing) = match self.unwritten.take(message) {
            Memories::Nothing => return Ok(false),
            Memories::BeingWritten => return Err(Fault::InProgress(now)),
            Memories::Known(known, writing) => (*known, writing),
        };
        if !known.is_of_use(now) {
            return Ok(false);
        }
        let ends = known.ends(message);
        Box::pin(self.close_late(known, until)).await?;
        if !ends && Instant::now() + NEEDED > until {
            return Err(Fault::InProgress(now));
        }
        Ok(ends)
    }

    /// Records remembered attempts of messages outside this batch, once each, because those messages may go to other
    /// environments.
    pub(crate) async fn close_others(&self, batch: &[Arc<Record>]) {
        let now = self.lifecycle.clock.now();
        let all = self.unwritten.take_others(batch).into_iter().filter(|known| known.is_of_use(now));
        // An error is reported when the message is received again.
        join_all(all.map(|known| Box::pin(self.close_late(known, Instant::now())))).await;
    }

    async fn close_late(&self, known: Known, until: Instant) -> Result<(), Fault> {
        let Known { message, record, mode, ended } = known;
        self.close(Over { message: &message, record: &record, mode }, ended, until).await?;
        tracing::info!(
            notification_id = %message.notification,
            attempt = record.attempt.get(),
            outcome = record.outcome,
            "The outcome of an attempt is recorded late."
        );
        Ok(())
    }

    async fn write_down(&self, over: Over<'_>, ended: &mut Ended) -> Result<(), Fault> {
        let Over { message, record, mode } = over;
        match (ended, mode) {
            (Ended::Delivered, LedgerMode::WriteAhead) => {
                self.lifecycle.ledger.delivered(message, record).await?;
            }
            (Ended::Delivered, LedgerMode::WriteBehind) => {
                self.lifecycle.ledger.delivered_at_once(message, record).await?;
            }
            (Ended::Failed(failure, queued), mode) => {
                // A row is needed for what follows, so it is created first, as before the request.
                if mode == LedgerMode::WriteBehind && !self.lifecycle.begin(message, record).await? {
                    return Ok(());
                }
                let status = if let Some(status) = *queued {
                    status
                } else {
                    let ended = record.ended.unwrap_or(record.started);
                    let attempt = (record.attempt, record.interaction_id);
                    *queued.insert(self.lifecycle.schedule_next(message, attempt, *failure, ended).await?)
                };
                self.lifecycle.ledger.failed(message, record, status).await?;
            }
            (Ended::NeverSent, LedgerMode::WriteAhead) => {
                self.lifecycle.ledger.roll_back(message, record).await?;
            }
            (Ended::NeverSent, LedgerMode::WriteBehind) => {}
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The time left, in whole seconds.
    fn left(deadline_ms: u64, now_ms: i64) -> u64 {
        let now = Timestamp::from_millisecond(now_ms).unwrap();
        let left = works_until(deadline_ms, now).saturating_duration_since(Instant::now());
        (left + Duration::from_millis(500)).as_secs()
    }

    #[test]
    fn work_ends_before_the_deadline_by_the_time_to_hide_a_message_and_to_answer() {
        assert_eq!(left(30_000, 0), 27);
        assert_eq!(left(2_000, 0), 0);
        let most = LEASE.as_secs().unsigned_abs() - 3;
        for (deadline, now) in [(0, 0), (0, 1_000), (999, 1_000), (u64::MAX, 0), (10_000_000, 0)] {
            assert_eq!(left(deadline, now), most, "{deadline}");
        }
    }
}
