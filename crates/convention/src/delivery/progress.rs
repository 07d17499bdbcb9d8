//! How far a notification has come, and what a message that arrives out of turn means.
//!
//! SQS delivers at least once, two invocations may hold the same message, and a process may stop between any two steps.
//! What is true is what the ledger says.

use std::str::FromStr;

use jiff::Timestamp;

use super::attempt::AttemptNumber;
use crate::notification::InteractionId;

/// Where a notification stands.
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
    /// Its receiver is gone.
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

/// What the ledger says of a notification.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Progress {
    /// Where it stands.
    pub status: Status,
    /// The last attempt that began.
    pub attempt: AttemptNumber,
    /// The name of that attempt.
    pub interaction_id: InteractionId,
    /// Until when that attempt, if under way, is left alone.
    pub lease_until: Timestamp,
    /// How it was given up, where that was for a fault of ours and nobody has dead-lettered and listed it yet.
    pub unlisted: Option<Unlisted>,
}

/// A notification given up for a fault of ours, and not listed yet.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Unlisted {
    /// The stable code of the fault.
    pub code: String,
    /// When it was given up.
    pub at: Timestamp,
}

/// What to do with a message whose attempt could not begin, as the ledger says otherwise.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum Resolution {
    /// Drop it: the notification has ended, or is past this attempt.
    Done,
    /// Keep it for later: another process is at it.
    InProgress,
    /// The attempt that began was interrupted: record it as failed at its lease's end, and go on from there.
    Interrupted {
        /// The attempt that was interrupted.
        attempt: AttemptNumber,
        /// Its name.
        interaction_id: InteractionId,
        /// When it is taken to have failed.
        ended: Timestamp,
    },
}

/// Decides what a message for `attempt` means when the ledger is at `progress`; `before_failed_at` is when the attempt before it
/// failed, as whoever queued the message knew.
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
        // A failure is recorded only after the message of the next attempt was queued.
        Status::Waiting if attempt <= progress.attempt => Resolution::Done,
        // The ledger moved between our write and its answer; look again.
        Status::Waiting => Resolution::InProgress,
        Status::Attempting if attempt < progress.attempt => Resolution::Done,
        Status::Attempting => match before_failed_at {
            // The message proves that the attempt before it failed, and when: its process stopped only before it recorded that.
            // So its lease need not be waited for.
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
    fn a_copy_of_a_message_is_kept_while_another_process_is_at_it() {
        assert_eq!(resolution(Status::Attempting, 1, 1, 99), Resolution::InProgress);
    }

    #[test]
    fn a_message_whose_process_stopped_goes_on_as_a_failure() {
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
    fn a_message_that_follows_an_attempt_proves_that_it_failed_and_waits_for_no_lease() {
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
