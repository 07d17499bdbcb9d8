//! A notification's progress, and how to handle a message that arrives out of turn.
//!
//! SQS delivers at least once, two invocations may hold the same message, and a process may stop between any
//! two steps. The ledger is authoritative.

use std::str::FromStr;

use jiff::Timestamp;

use super::attempt::AttemptNumber;
use crate::notification::InteractionId;

/// The status of a notification.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Status {
    /// An attempt is under way, or its process stopped.
    Attempting,
    /// An attempt failed and the message of the next one is queued.
    Waiting,
    /// The receiver accepted it.
    Delivered,
    /// Three attempts failed.
    Undelivered,
    /// Its receiver no longer exists.
    Cancelled,
}

impl Status {
    const ALL: [Self; 5] =
        [Self::Attempting, Self::Waiting, Self::Delivered, Self::Undelivered, Self::Cancelled];

    /// Returns the status as the ledger writes it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Attempting => "attempting",
            Self::Waiting => "waiting",
            Self::Delivered => "delivered",
            Self::Undelivered => "undelivered",
            Self::Cancelled => "cancelled",
        }
    }
}

impl FromStr for Status {
    type Err = ();

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        Self::ALL.into_iter().find(|status| status.as_str() == text).ok_or(())
    }
}

/// What the ledger holds about a notification.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Progress {
    /// Its status.
    pub status: Status,
    /// The last attempt that began.
    pub attempt: AttemptNumber,
    /// The interaction id of that attempt.
    pub interaction_id: InteractionId,
    /// When the lease of that attempt ends, if it is under way.
    pub lease_until: Timestamp,
    /// The fault of ours for which it was given up, while it is not yet dead-lettered and listed.
    pub unlisted: Option<Unlisted>,
}

/// A notification that was given up for a fault of ours and is not listed yet.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Unlisted {
    /// The stable code of the fault.
    pub code: String,
    /// When it was given up.
    pub at: Timestamp,
}

/// How to handle a message whose attempt could not begin because of the ledger's state.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum Resolution {
    /// Drop it: the notification has ended, or is past this attempt.
    Done,
    /// Requeue it: another process holds the lease.
    InProgress,
    /// The attempt was interrupted: record it as failed at the end of its lease, and continue from there.
    Interrupted {
        /// The interrupted attempt.
        attempt: AttemptNumber,
        /// Its interaction id.
        interaction_id: InteractionId,
        /// When it is considered to have failed.
        ended: Timestamp,
    },
}

/// Decides how to handle a message for `attempt` when the ledger is at `progress`. `before_failed_at` is when
/// the previous attempt failed, as known to the process that queued the message.
pub fn resolve(
    progress: &Progress,
    attempt: AttemptNumber,
    before_failed_at: Option<Timestamp>,
    now: Timestamp,
) -> Resolution {
    let interrupted = |ended| Resolution::Interrupted {
        attempt: progress.attempt,
        interaction_id: progress.interaction_id,
        ended,
    };
    let follows = progress.attempt.next() == Some(attempt);
    match progress.status {
        Status::Delivered | Status::Undelivered | Status::Cancelled => Resolution::Done,
        // A failure is recorded only after the message of the next attempt is queued.
        Status::Waiting if attempt <= progress.attempt => Resolution::Done,
        // The ledger changed between our write and its answer, so read it again.
        Status::Waiting => Resolution::InProgress,
        Status::Attempting if attempt < progress.attempt => Resolution::Done,
        Status::Attempting => match before_failed_at {
            // The message proves when the previous attempt failed: its process stopped only before it
            // recorded the failure. There is no need to wait for the lease.
            Some(ended) if follows => interrupted(ended),
            _ if now < progress.lease_until => Resolution::InProgress,
            _ => interrupted(progress.lease_until),
        },
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ID: &str = "7f1c2b1e-5a0e-4a9e-9d6b-0c8f5a3e1d22";

    fn second(second: i64) -> Timestamp {
        Timestamp::from_second(second).unwrap()
    }

    fn number(number: u64) -> AttemptNumber {
        AttemptNumber::try_from(number).unwrap()
    }

    fn resolution(status: Status, at: u64, message: u64, now: i64) -> Resolution {
        let interaction_id = ID.parse().unwrap();
        let progress = Progress {
            status,
            attempt: number(at),
            interaction_id,
            lease_until: second(100),
            unlisted: None,
        };
        resolve(&progress, number(message), None, second(now))
    }

    #[test]
    fn a_copy_of_a_message_whose_notification_has_ended_is_dropped() {
        for status in [Status::Delivered, Status::Undelivered, Status::Cancelled] {
            assert_eq!(resolution(status, 1, 1, 0), Resolution::Done);
            assert_eq!(resolution(status, 2, 1, 1000), Resolution::Done);
        }
    }

    #[test]
    fn a_copy_of_a_message_is_requeued_while_another_process_holds_the_lease() {
        assert_eq!(resolution(Status::Attempting, 1, 1, 99), Resolution::InProgress);
    }

    #[test]
    fn an_attempt_whose_process_stopped_counts_as_failed() {
        for message in [1, 2] {
            let Resolution::Interrupted { attempt, ended, .. } =
                resolution(Status::Attempting, 1, message, 100)
            else {
                panic!("interrupted")
            };
            assert_eq!((attempt, ended), (number(1), second(100)));
        }
    }

    #[test]
    fn a_message_for_the_next_attempt_proves_the_failure_without_waiting_for_the_lease() {
        let interaction_id = ID.parse().unwrap();
        let (status, lease_until) = (Status::Attempting, second(100));
        let progress = Progress { status, attempt: number(1), interaction_id, lease_until, unlisted: None };
        let failed = Some(second(75));
        let Resolution::Interrupted { attempt, ended, .. } =
            resolve(&progress, number(2), failed, second(85))
        else {
            panic!("interrupted")
        };
        assert_eq!((attempt, ended), (number(1), second(75)));
        assert_eq!(resolve(&progress, number(1), None, second(85)), Resolution::InProgress);
        assert_eq!(resolve(&progress, number(3), failed, second(85)), Resolution::InProgress);
    }

    #[test]
    fn a_late_copy_of_an_earlier_attempt_is_dropped() {
        assert_eq!(resolution(Status::Attempting, 2, 1, 1000), Resolution::Done);
        assert_eq!(resolution(Status::Waiting, 1, 1, 1000), Resolution::Done);
    }
}
