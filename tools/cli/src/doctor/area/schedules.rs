//! The schedules: whether each is on, and what its last run said.

use account::DeployedStack;
use jiff::{SignedDuration, Timestamp};

use crate::doctor::answer::Answer;
use crate::doctor::finding::{Area, Finding};
use crate::doctor::measured::Measured;
use crate::doctor::setup::{ago, is_young};

/// A schedule.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(crate) struct Schedule {
    /// Which it is.
    pub(crate) task: Task,
    /// What the scheduler says; `None` if there is none.
    pub(crate) state: Answer<Option<State>>,
    /// What its last run measured, if it did within three hours.
    pub(crate) last: Answer<Option<Measured>>,
}

/// A schedule as it is now.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub(crate) struct State {
    /// Its name in the account.
    pub(crate) name: String,
    /// `ENABLED` or `DISABLED`.
    pub(crate) switch: String,
    /// How often it runs.
    pub(crate) expression: String,
}

/// The schedules of a stack.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Task {
    /// The directory function reviews the receivers, the Directory and revocation.
    Review,
    /// Dispatch measures how long the identities are good.
    CheckIdentities,
    /// The evidence function seals the hours that are over.
    Seal,
}

impl Task {
    /// Returns the logical id, which SAM makes of the function's and the event's.
    pub(crate) fn logical_id(self) -> &'static str {
        match self {
            Self::Review => "DirectoryFunctionReview",
            Self::CheckIdentities => "DispatchFunctionCheckIdentities",
            Self::Seal => "EvidenceFunctionSeal",
        }
    }

    fn name(self) -> &'static str {
        match self {
            Self::Review => "Review of directory",
            Self::CheckIdentities => "CheckIdentities of dispatch",
            Self::Seal => "Seal of evidence",
        }
    }

    fn runbook(self) -> &'static str {
        match self {
            Self::Review => "the-schedule-does-not-run",
            Self::CheckIdentities => "certificateexpiringalarm",
            Self::Seal => "evidence-is-not-sealed",
        }
    }

    /// How long a run may be back: three runs of five minutes, or two of an hour, and the period of the metric.
    fn within(self) -> SignedDuration {
        match self {
            Self::Review => SignedDuration::from_mins(20),
            Self::CheckIdentities | Self::Seal => SignedDuration::from_mins(150),
        }
    }
}

/// An hour is sealed within the next; the alarm waits for three.
const MAX_UNSEALED: f64 = 3.0;

/// Checks each schedule and its last run.
pub(crate) fn check(schedules: &[Schedule], stack: &DeployedStack, now: Timestamp) -> Vec<Finding> {
    schedules.iter().map(|schedule| of_schedule(schedule, stack, now)).collect()
}

fn of_schedule(schedule: &Schedule, stack: &DeployedStack, now: Timestamp) -> Finding {
    let Schedule { task, state, last } = schedule;
    let name = task.name();
    match state {
        Ok(Some(state)) if state.switch == "ENABLED" => of_run(*task, last, &state.expression, stack, now),
        Ok(Some(state)) => Finding::error(
            Area::Schedules,
            format!("the schedule {name} is {}: it does not run", state.switch),
            format!("enable {} in the EventBridge Scheduler", state.name),
        )
        .runbook(task.runbook()),
        Ok(None) => Finding::error(
            Area::Schedules,
            format!("the schedule {name} was deleted"),
            "make it again as template.yaml has it, or deploy it under another logical id",
        )
        .runbook(task.runbook()),
        Err(unread) => unread.finding(Area::Schedules, &format!("the schedule {name}")),
    }
}

fn of_run(
    task: Task,
    last: &Answer<Option<Measured>>,
    expression: &str,
    stack: &DeployedStack,
    now: Timestamp,
) -> Finding {
    let name = task.name();
    let last = match last {
        Ok(last) => last.filter(|last| now.duration_since(last.at) <= task.within()),
        Err(unread) => return unread.finding(Area::Schedules, &format!("the last run of {name}")),
    };
    let Some(last) = last else {
        if is_young(stack, task.within(), now) {
            return Finding::ok(
                Area::Schedules,
                format!("{name}, {expression}: no run since the deployment yet"),
            );
        }
        return silent(task, expression);
    };
    let when = ago(now, last.at);
    let flaw = match task {
        Task::Review if last.value > 0.0 => format!("{} of its parts failed", last.value),
        Task::Seal if last.value > MAX_UNSEALED => format!("{} hours are left unsealed", last.value),
        _ => return Finding::ok(Area::Schedules, format!("{name}, {expression}: last run {when}")),
    };
    let what = format!("the last run of {name}, {when}: {flaw}");
    Finding::warn(Area::Schedules, what, "read the ERROR lines of the function's log").runbook(task.runbook())
}

fn silent(task: Task, expression: &str) -> Finding {
    let name = task.name();
    let (what, what_to_do) = match task {
        // What measures nothing may have nothing to measure.
        Task::CheckIdentities => {
            let what = format!(
                "{name}, {expression}: no run measured a certificate: none is stored, or it does not run"
            );
            return Finding::warn(Area::Schedules, what, "see the identity here; else read dispatch's log")
                .runbook(task.runbook());
        }
        Task::Review | Task::Seal => (
            format!("{name}, {expression}: no run has ended for {} minutes", task.within().as_mins()),
            "read the errors in the function's log; see that the schedule's role may invoke the function",
        ),
    };
    Finding::error(Area::Schedules, what, what_to_do).runbook(task.runbook())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::doctor::answer::Unread;
    use crate::doctor::finding::Severity;
    use crate::doctor::tests::{minutes_ago, now, one, right_stack};

    fn right(task: Task) -> Schedule {
        let state = State {
            name: "arauto-x".to_owned(),
            switch: "ENABLED".to_owned(),
            expression: "rate(5 minutes)".to_owned(),
        };
        let last = Measured { at: now() - SignedDuration::from_mins(4), value: 0.0 };
        Schedule { task, state: Ok(Some(state)), last: Ok(Some(last)) }
    }

    fn found(task: Task, change: impl FnOnce(&mut Schedule)) -> Finding {
        let mut schedule = right(task);
        change(&mut schedule);
        one(&check(&[schedule], &right_stack(), now()))
    }

    const ALL: [Task; 3] = [Task::Review, Task::CheckIdentities, Task::Seal];

    #[test]
    fn a_schedule_that_is_on_and_ran_is_right() {
        for task in ALL {
            assert_eq!(found(task, |_| ()).severity, Severity::Ok, "{task:?}");
        }
    }

    #[test]
    fn a_schedule_that_is_off_gone_or_unread_is_told() {
        for task in ALL {
            let off = found(task, |schedule| {
                "DISABLED".clone_into(&mut schedule.state.as_mut().unwrap().as_mut().unwrap().switch);
            });
            assert!(off.severity == Severity::Error && off.what_to_do.contains("arauto-x"), "{off:?}");
            let gone = found(task, |schedule| schedule.state = Ok(None));
            assert!(gone.severity == Severity::Error && gone.what.contains("was deleted"), "{gone:?}");
            let unread = || Unread::Failed("AccessDenied on scheduler:GetSchedule".to_owned());
            assert_eq!(found(task, |schedule| schedule.state = Err(unread())).severity, Severity::Unknown);
            assert_eq!(found(task, |schedule| schedule.last = Err(unread())).severity, Severity::Unknown);
        }
    }

    #[test]
    fn a_schedule_that_has_not_run_for_long_is_told() {
        for (task, minutes, severity) in [
            (Task::Review, 20, Severity::Ok),
            (Task::Review, 21, Severity::Error),
            (Task::CheckIdentities, 150, Severity::Ok),
            (Task::CheckIdentities, 151, Severity::Warn),
            (Task::Seal, 151, Severity::Error),
        ] {
            let at = now() - SignedDuration::from_mins(minutes);
            let found = found(task, |schedule| schedule.last = Ok(Some(Measured { at, value: 0.0 })));
            assert_eq!(found.severity, severity, "{task:?} after {minutes} minutes");
        }
        assert_eq!(found(Task::Review, |schedule| schedule.last = Ok(None)).severity, Severity::Error);
    }

    #[test]
    fn what_was_just_deployed_may_not_have_run_yet() {
        let mut young = right_stack();
        young.changed_at = Some(minutes_ago(19));
        let silent = Schedule { last: Ok(None), ..right(Task::Review) };
        assert_eq!(one(&check(std::slice::from_ref(&silent), &young, now())).severity, Severity::Ok);
        assert_eq!(one(&check(&[silent], &right_stack(), now())).severity, Severity::Error);
    }

    #[test]
    fn a_run_that_failed_in_part_is_told() {
        let value =
            |value| move |schedule: &mut Schedule| schedule.last = Ok(Some(Measured { at: now(), value }));
        assert!(found(Task::Review, value(2.0)).what.ends_with("2 of its parts failed"));
        assert_eq!(found(Task::Seal, value(3.0)).severity, Severity::Ok);
        assert!(found(Task::Seal, value(4.0)).what.ends_with("4 hours are left unsealed"));
        // Days left, of whatever sign, are the identity's.
        assert_eq!(found(Task::CheckIdentities, value(-4.0)).severity, Severity::Ok);
    }
}
