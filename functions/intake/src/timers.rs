//! Timers: states that end by time alone. The latest state of every resource is recorded, and a one-time schedule
//! brings the end of one back when it is due.
//!
//! The record is written first: a schedule without one notifies nobody, and a record without its schedule is made good
//! by the caller, who is told to send the change again.

use std::str::FromStr;
use std::time::Duration;

use aws_config::SdkConfig;
use aws_sdk_scheduler::Client;
use aws_sdk_scheduler::config::retry::RetryConfig;
use aws_sdk_scheduler::config::timeout::TimeoutConfig;
use aws_sdk_scheduler::error::{BoxError, SdkError};
use aws_sdk_scheduler::operation::create_schedule::CreateScheduleError;
use aws_sdk_scheduler::operation::delete_schedule::DeleteScheduleError;
use aws_sdk_scheduler::types::{
    ActionAfterCompletion, DeadLetterConfig, FlexibleTimeWindow, FlexibleTimeWindowMode, RetryPolicy, Target,
};
use convention::notification::{ReceiverKey, ResourceState, StateChange, StateKey, Timer, TimerName};
use futures_util::future::join_all;
use jiff::{SignedDuration, Timestamp, Unit};
use platform::aws::{LedgerError, Observed, ResourceStates, dynamodb};
use platform::clock::Clock;
use platform::telemetry::{ErrorChain, logged_client_id};
use thiserror::Error;

/// How long before its time a schedule fires. EventBridge Scheduler may take a minute; dispatch waits for the rest, so
/// that the notification is not late.
///
/// Source: "Schedule types in EventBridge Scheduler", EventBridge Scheduler User Guide: "60 second precision".
const PRECISION: SignedDuration = SignedDuration::from_secs(60);
/// Earliest time of a schedule after now, so that it is not over when the service reads it: more than a call may take,
/// retries included, and than two clocks may differ by.
const MIN_LEAD: SignedDuration = SignedDuration::from_secs(10);
/// For how long the scheduler tries to send to the queue, and how often; its defaults are a day and 185 times. What it
/// gives up goes to the rejected queue.
const SENDS_FOR_SECONDS: i32 = 3_600;
const SENDS: i32 = 60;
/// Timeout of deleting schedules, which is tried once; part of the sum behind the function's timeout.
pub const DELETE_TIMEOUT: Duration = Duration::from_secs(1);

/// Sets and ends timers.
#[derive(Clone, Debug)]
pub struct Timers {
    states: ResourceStates,
    scheduler: Client,
    settings: TimerSettings,
}

/// Where schedules are made, and what they do.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct TimerSettings {
    /// The group of the schedules.
    group: String,
    /// The queue that they send to, by ARN.
    queue: String,
    /// The role that they assume, by ARN.
    role: String,
    /// The queue for what that queue does not take, by ARN.
    dead_letters: String,
}

/// Why a timer was neither set nor ended; the change must be sent again.
#[derive(Debug, Error)]
pub enum TimerError {
    /// The state of the resource could not be recorded.
    #[error("the state of a resource could not be recorded")]
    State(#[from] LedgerError),
    /// The scheduler refused, or did not answer.
    #[error("the scheduler did not take a timer")]
    Schedule(#[source] BoxError),
    /// The scheduler never takes it, a defect of ours.
    #[error("the scheduler rejects a timer")]
    Rejected(#[source] BoxError),
}

impl Timers {
    /// Uses the rows of this table, which is the ledger's.
    pub fn of(sdk: &SdkConfig, table: String, settings: TimerSettings) -> Self {
        Self { states: ResourceStates::new(dynamodb(sdk), table), scheduler: Client::new(sdk), settings }
    }

    /// Records the state that a change leads to, and sets its timer. Returns the timer of the state before, whose
    /// schedule can be deleted ([`Self::end`]).
    pub(crate) async fn observe(
        &self,
        change: &StateChange,
        receiver: &ReceiverKey,
        clock: &Clock,
    ) -> Result<Option<TimerName>, TimerError> {
        let now = clock.now();
        let Some(state) = ResourceState::of(change, receiver, now) else { return Ok(None) };
        if change.expiry.is_some() && state.timer.is_none() {
            tracing::warn!(
                code = "timer_overdue",
                client_id = logged_client_id(&change.client_id),
                "A state was reported more than a day after its end; no timer is set."
            );
        }
        let Observed::Latest { ended, due } = self.states.observe(&state, now).await? else {
            return Ok(None);
        };
        if let (Some(timer), Some(due)) = (state.timer, due) {
            self.set(&Timer { due, ..timer }, &state.key, clock).await?;
        }
        Ok(ended)
    }

    /// Makes the schedule of a timer; one of its name is the same, made before.
    async fn set(&self, timer: &Timer, state: &StateKey, clock: &Clock) -> Result<(), TimerError> {
        let TimerSettings { group, queue, role, dead_letters } = &self.settings;
        let message = timer.message(state);
        let retries = RetryPolicy::builder()
            .maximum_event_age_in_seconds(SENDS_FOR_SECONDS)
            .maximum_retry_attempts(SENDS)
            .build();
        let target = Target::builder()
            .arn(queue)
            .role_arn(role)
            .input(message.to_json())
            .dead_letter_config(DeadLetterConfig::builder().arn(dead_letters).build())
            .retry_policy(retries)
            .build()
            .expect("ARN and role are set");
        let window =
            FlexibleTimeWindow::builder().mode(FlexibleTimeWindowMode::Off).build().expect("the mode is set");
        let sent = self
            .scheduler
            .create_schedule()
            .group_name(group)
            .name(name_of(&timer.name))
            .schedule_expression(expression(message.due, clock.now()))
            .flexible_time_window(window)
            .action_after_completion(ActionAfterCompletion::Delete)
            .target(target)
            .send()
            .await;
        match sent.map_err(SdkError::into_service_error) {
            Ok(_) | Err(CreateScheduleError::ConflictException(_)) => Ok(()),
            // Unlike a quota that is used up, this stays as it is.
            Err(error @ CreateScheduleError::ValidationException(_)) => {
                Err(TimerError::Rejected(error.into()))
            }
            Err(error) => Err(TimerError::Schedule(error.into())),
        }
    }

    /// Deletes the schedules of timers that no longer hold, all concurrently. One that stays notifies nobody, so nothing
    /// depends on it, and it is tried once.
    pub(crate) async fn end(&self, timers: &[TimerName]) {
        join_all(timers.iter().map(|timer| self.end_one(timer))).await;
    }

    async fn end_one(&self, timer: &TimerName) {
        let asked = self.scheduler.delete_schedule().group_name(&self.settings.group).name(name_of(timer));
        let once = aws_sdk_scheduler::Config::builder()
            .retry_config(RetryConfig::disabled())
            .timeout_config(TimeoutConfig::builder().operation_timeout(DELETE_TIMEOUT).build());
        let asked = asked.customize().config_override(once);
        match asked.send().await.map_err(SdkError::into_service_error) {
            Ok(_) | Err(DeleteScheduleError::ResourceNotFoundException(_)) => {}
            Err(error) => tracing::warn!(
                timer = %timer,
                error = %ErrorChain(&error),
                "The schedule of an ended timer could not be deleted; it will fire without effect."
            ),
        }
    }
}

fn name_of(timer: &TimerName) -> String {
    format!("timer-{timer}")
}

/// Returns when a schedule fires, in whole seconds of UTC.
///
/// Source: "Schedule types in EventBridge Scheduler", EventBridge Scheduler User Guide, "One-time schedules".
fn expression(due: Timestamp, now: Timestamp) -> String {
    let at = due.saturating_sub(PRECISION).unwrap_or(Timestamp::MIN);
    let at = at.max(now.saturating_add(MIN_LEAD).unwrap_or(Timestamp::MAX));
    let at = at.round(Unit::Second).unwrap_or(at);
    format!("at({})", at.strftime("%Y-%m-%dT%H:%M:%S"))
}

impl FromStr for TimerSettings {
    type Err = ParseTimerSettingsError;

    /// Reads group, queue, role and dead-letter queue, separated by commas.
    fn from_str(text: &str) -> Result<Self, Self::Err> {
        match text.split(',').collect::<Vec<_>>()[..] {
            [group, queue, role, dead_letters] => Ok(Self {
                group: group.to_owned(),
                queue: queue.to_owned(),
                role: role.to_owned(),
                dead_letters: dead_letters.to_owned(),
            }),
            _ => Err(ParseTimerSettingsError),
        }
    }
}

/// A text names no place for timers.
#[derive(Debug, Error, Eq, PartialEq)]
#[error("expected group, queue, role and dead-letter queue, separated by commas")]
pub struct ParseTimerSettingsError;

#[cfg(test)]
mod tests {
    use super::*;

    fn at(due: &str, now: &str) -> String {
        expression(due.parse().unwrap(), now.parse().unwrap())
    }

    #[test]
    fn a_schedule_fires_a_minute_early_and_never_in_the_past() {
        let now = "2026-03-10T12:00:00Z";
        assert_eq!(at("2026-03-10T12:05:00.4Z", now), "at(2026-03-10T12:04:00)");
        assert_eq!(at("2026-03-10T12:00:30Z", now), "at(2026-03-10T12:00:10)");
        assert_eq!(at("2026-03-09T00:00:00Z", now), "at(2026-03-10T12:00:10)");
        assert_eq!(at("2027-01-01T00:00:59Z", "2026-03-10T12:00:00.9Z"), "at(2026-12-31T23:59:59)");
    }

    #[test]
    fn settings_are_whole_or_refused() {
        assert!("group,arn:q,arn:r,arn:d".parse::<TimerSettings>().is_ok());
        assert_eq!("group,arn:q".parse::<TimerSettings>(), Err(ParseTimerSettingsError));
    }
}
