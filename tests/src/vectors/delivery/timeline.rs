//! The attempts at one notification in their order, each asked for by the one before it.

use convention::delivery::{AttemptMessage, EXCHANGE_DEADLINE, Failure, Next, Outcome, delay_seconds, next};
use convention::notification::{Endpoint, StateChange};
use jiff::{SignedDuration, Timestamp};

use super::result::Attempt;
use crate::vectors::example;

/// The attempts that were made, and what follows.
pub(super) struct Timeline {
    event: Timestamp,
    pub(super) made: Vec<Made>,
    pub(super) standing: Standing,
}

/// What follows the attempts so far.
pub(super) enum Standing {
    /// The attempt that this message asks for.
    Due(Box<AttemptMessage>),
    /// Nothing: the receiver accepted it.
    Delivered,
    /// Nothing: three attempts failed.
    Exhausted,
}

/// One attempt that was made.
pub(super) struct Made {
    pub(super) started: Timestamp,
    pub(super) ended: Timestamp,
    pub(super) outcome: Outcome,
    pub(super) followed: Option<bool>,
    pub(super) body_bytes: u64,
    pub(super) body_cut: bool,
}

impl Timeline {
    /// Plays the attempts of a vector. One that the product would not make, or not yet, is an error.
    pub(super) fn play(event_at_ms: i64, attempts: &[Attempt]) -> Result<Self, String> {
        let change = change(event_at_ms)?;
        let event = change.event_instant.timestamp();
        let message = AttemptMessage::first(change, event).ok_or("nothing is queued")?;
        let mut timeline = Self { event, made: Vec::new(), standing: Standing::Due(Box::new(message)) };
        for attempt in attempts {
            timeline.attempt(attempt)?;
        }
        Ok(timeline)
    }

    fn attempt(&mut self, attempt: &Attempt) -> Result<(), String> {
        let count = self.made.len() + 1;
        let message = match &self.standing {
            Standing::Due(message) => message,
            Standing::Delivered => {
                return Err(format!("attempt {count}: the notification was delivered before"));
            }
            Standing::Exhausted => return Err(format!("attempt {count}: three attempts had failed before")),
        };
        let started = example::at(attempt.start_ms);
        let earliest = message.not_before.unwrap_or(self.event);
        if started < earliest {
            let due = example::millis(earliest);
            return Err(format!("attempt {count}: starts at {} ms, is due at {due} ms", attempt.start_ms));
        }
        let deadline = SignedDuration::try_from(EXCHANGE_DEADLINE).map_err(|error| error.to_string())?;
        let limit = started.saturating_add(deadline).unwrap_or(Timestamp::MAX);
        let ended = example::at(attempt.end_ms);
        if ended < started {
            return Err(format!("attempt {count}: ends before it starts"));
        }
        let result = attempt.result()?;
        // What comes later than the deadline comes too late: the attempt had ended by then.
        let outcome = if ended > limit { Outcome::Failed(Failure::Timeout) } else { result.outcome };
        let ended = ended.min(limit);
        let standing = match &outcome {
            Outcome::Delivered { .. } => Standing::Delivered,
            Outcome::Failed(_) => match next(message.attempt, ended) {
                Next::Attempt(number, due) => {
                    check_delay(ended, due)?;
                    Standing::Due(Box::new(message.again(number, due)))
                }
                Next::Exhausted => Standing::Exhausted,
            },
        };
        let (followed, body_bytes, body_cut) = (result.followed, result.body_bytes, result.body_cut);
        self.made.push(Made { started, ended, outcome, followed, body_bytes, body_cut });
        self.standing = standing;
        Ok(())
    }

    /// Returns the milliseconds from the event to the end of the last attempt.
    pub(super) fn window_ms(&self) -> Option<i64> {
        Some(self.made.last()?.ended.as_millisecond() - self.event.as_millisecond())
    }
}

/// The queue counts whole seconds; what it delays must come no earlier than due, and less than a second later.
fn check_delay(ended: Timestamp, due: Timestamp) -> Result<(), String> {
    let delay = SignedDuration::from_secs(i64::from(delay_seconds(ended, due)));
    let late = ended.saturating_add(delay).unwrap_or(Timestamp::MAX).duration_since(due);
    if late.is_negative() || late >= SignedDuration::from_secs(1) {
        return Err(format!("the message of the next attempt comes {late:#} after it is due"));
    }
    Ok(())
}

/// Returns a change that must be notified, of an event that happened then.
pub(super) fn change(event_at_ms: i64) -> Result<StateChange, String> {
    let profile = convention::notification::WebhookVersion::default();
    example::Change::notified(Endpoint::PixPayment, example::api_version(), profile)?
        .with("event_instant", example::at(event_at_ms).to_string())
        .valid()
}
