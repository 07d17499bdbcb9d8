//! The queues: what waits, for how long, and what was given up.

use std::collections::BTreeMap;

use jiff::Timestamp;
use terminal::grouped;

use crate::doctor::answer::Answer;
use crate::doctor::finding::{Area, Finding, Severity};
use crate::doctor::measured::Measured;
use crate::doctor::setup::ago;

/// The queues of a stack.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(crate) struct Queues {
    /// The queue of notifications; `None` if it does not exist.
    pub(crate) notifications: Answer<Option<Queue>>,
    /// The dead-letter queue.
    pub(crate) dead_letters: Answer<Option<Queue>>,
    /// Records of sources that are no valid state changes.
    pub(crate) rejected: Answer<Option<Queue>>,
    /// Seconds that the oldest notification has waited.
    pub(crate) oldest: Answer<Option<Measured>>,
}

/// One queue.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub(crate) struct Queue {
    /// Messages that could be received.
    pub(crate) waiting: u64,
    /// Messages that are hidden: being sent, or requeued.
    pub(crate) in_flight: u64,
    /// Messages whose delay is not over: retries.
    pub(crate) delayed: u64,
    /// What it is set to.
    pub(crate) attributes: BTreeMap<String, String>,
}

/// Half a minute of the load that dispatch is made for; the alarm on the depth says the same.
const MAX_WAITING: u64 = 10_000;
/// Of 120,000 messages in flight, at which SQS delivers none; the alarm says the same.
const MAX_IN_FLIGHT: u64 = 90_000;
/// Seconds; the alarm on the age says the same.
const MAX_AGE: f64 = 300.0;
/// What is older than this was measured when the queue was last in use.
const MEASURED_WITHIN_MINS: i64 = 20;

/// Checks the queues.
pub(crate) fn check(queues: &Queues, now: Timestamp) -> Vec<Finding> {
    let mut found = match &queues.notifications {
        Ok(Some(queue)) => of_notifications(queue, &queues.oldest, now),
        Ok(None) => vec![deleted("NotificationsQueue")],
        Err(unread) => vec![unread.finding(Area::Queues, "NotificationsQueue")],
    };
    found.push(match &queues.dead_letters {
        Ok(Some(Queue { waiting: 0, .. })) => Finding::ok(Area::Queues, "no dead letters"),
        Ok(Some(queue)) => Finding::warn(
            Area::Queues,
            format!("{} dead letters: notifications that were given up", grouped(queue.waiting)),
            "arauto undelivered --last 14d lists them; arauto replay sends them again",
        )
        .runbook("notifications-are-undelivered"),
        Ok(None) => deleted("DeadLetterQueue"),
        Err(unread) => unread.finding(Area::Queues, "DeadLetterQueue"),
    });
    found.push(match &queues.rejected {
        Ok(Some(Queue { waiting: 0, .. })) => Finding::ok(Area::Queues, "no rejected state changes"),
        Ok(Some(queue)) => Finding::warn(
            Area::Queues,
            format!("{} rejected state changes wait in RejectedQueue", grouped(queue.waiting)),
            "read their errors, have the producer send them again corrected, and delete them",
        )
        .runbook("state-changes-are-rejected"),
        Ok(None) => deleted("RejectedQueue"),
        Err(unread) => unread.finding(Area::Queues, "RejectedQueue"),
    });
    found
}

fn deleted(name: &str) -> Finding {
    Finding::error(
        Area::Queues,
        format!("{name} does not exist"),
        "CloudFormation does not notice; make it again",
    )
    .runbook("a-queue")
}

fn of_notifications(queue: &Queue, oldest: &Answer<Option<Measured>>, now: Timestamp) -> Vec<Finding> {
    let Queue { waiting, in_flight, delayed, .. } = *queue;
    let mut found = Vec::new();
    let is_recent = |last: &Measured| now.duration_since(last.at).as_mins() <= MEASURED_WITHIN_MINS;
    match oldest {
        Ok(Some(last)) if last.value > MAX_AGE && is_recent(last) => found.push(
            Finding::error(
                Area::Queues,
                format!(
                    "the oldest notification had waited for {:.0} minutes, {}",
                    last.value / 60.0,
                    ago(now, last.at)
                ),
                "see the event source of dispatch, its throttles and the concurrency",
            )
            .runbook("notifications-wait-in-the-queue"),
        ),
        Ok(_) => {}
        Err(unread) => found.push(unread.finding(Area::Queues, "the age of the oldest notification")),
    }
    if waiting > MAX_WAITING {
        let what = format!("{} notifications wait", grouped(waiting));
        found.push(
            Finding::warn(
                Area::Queues,
                what,
                "see whether dispatch is throttled, or one receiver gets a flood",
            )
            .runbook("notifications-wait-in-the-queue"),
        );
    }
    if in_flight > MAX_IN_FLIGHT {
        let what =
            format!("{} notifications are in flight; at 120,000 SQS delivers none", grouped(in_flight));
        found.push(
            Finding::error(Area::Queues, what, "repair what requeues them")
                .runbook("too-many-messages-are-in-flight"),
        );
    }
    if found.iter().all(|one| one.severity >= Severity::Unknown) {
        let counts = [waiting, in_flight, delayed].map(grouped);
        let [waiting, in_flight, delayed] = counts;
        found.push(Finding::ok(
            Area::Queues,
            format!("{waiting} notifications wait, {in_flight} are in flight, {delayed} wait for a retry"),
        ));
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::doctor::answer::Unread;
    use crate::doctor::tests::{now, one};

    fn right() -> Queues {
        let queue = Queue { waiting: MAX_WAITING, in_flight: MAX_IN_FLIGHT, ..Queue::default() };
        Queues {
            notifications: Ok(Some(queue)),
            dead_letters: Ok(Some(Queue::default())),
            rejected: Ok(Some(Queue::default())),
            oldest: Ok(Some(Measured { at: now(), value: MAX_AGE })),
        }
    }

    fn wrong(change: impl FnOnce(&mut Queues)) -> Vec<Finding> {
        let mut queues = right();
        change(&mut queues);
        let mut found = check(&queues, now());
        found.retain(|one| one.severity != Severity::Ok);
        found
    }

    fn notifications(queues: &mut Queues) -> &mut Queue {
        queues.notifications.as_mut().unwrap().as_mut().unwrap()
    }

    #[test]
    fn queues_below_the_alarms_are_right() {
        assert_eq!(wrong(|_| ()), []);
        assert_eq!(check(&right(), now()).len(), 3);
        let idle = Ok(Some(Measured { at: now() - jiff::SignedDuration::from_hours(1), value: 900.0 }));
        assert_eq!(wrong(|queues| queues.oldest = idle), []);
    }

    #[test]
    fn what_waits_what_is_hidden_and_what_was_given_up_is_told() {
        type Change = fn(&mut Queues);
        let cases: [(Change, Severity, &str); 9] = [
            (|queues| notifications(queues).waiting += 1, Severity::Warn, "10,001 notifications wait"),
            (
                |queues| notifications(queues).in_flight += 1,
                Severity::Error,
                "90,001 notifications are in flight",
            ),
            (
                |queues| queues.oldest = Ok(Some(Measured { at: now(), value: 601.0 })),
                Severity::Error,
                "had waited for 10 minutes",
            ),
            (
                |queues| queues.dead_letters.as_mut().unwrap().as_mut().unwrap().waiting = 2,
                Severity::Warn,
                "2 dead letters",
            ),
            (
                |queues| queues.rejected.as_mut().unwrap().as_mut().unwrap().waiting = 3,
                Severity::Warn,
                "3 rejected state changes",
            ),
            (|queues| queues.rejected = Ok(None), Severity::Error, "RejectedQueue does not exist"),
            (|queues| queues.notifications = Ok(None), Severity::Error, "NotificationsQueue does not exist"),
            (|queues| queues.dead_letters = Ok(None), Severity::Error, "DeadLetterQueue does not exist"),
            (|queues| queues.oldest = Err(Unread::NotHere), Severity::NotHere, "the age of the oldest"),
        ];
        for (change, severity, text) in cases {
            let found = one(&wrong(change));
            assert!(found.severity == severity && found.what.contains(text), "{text}: {found:?}");
        }
        let denied = || Err(Unread::Failed("AccessDenied on sqs:GetQueueAttributes".to_owned()));
        assert_eq!(one(&wrong(|queues| queues.notifications = denied())).severity, Severity::Unknown);
        assert_eq!(one(&wrong(|queues| queues.dead_letters = denied())).severity, Severity::Unknown);
    }
}
