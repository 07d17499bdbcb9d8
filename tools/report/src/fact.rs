//! What a source tells: one fact for each write of the ledger that it shows.

use jiff::Timestamp;

use crate::initiator::InitiatorKey;

/// What one record says of a notification. The order of facts and copies of them change nothing.
#[derive(Clone, Debug)]
pub struct Fact<'a> {
    /// The id of the notification, as a number.
    pub notification: u128,
    /// Whom it is for; `None` if the record does not say so.
    pub initiator: Option<&'a InitiatorKey>,
    /// When it was recorded; for an end without an attempt, when it ended.
    pub at: Timestamp,
    /// When the event happened, if it is known.
    pub event: Option<Timestamp>,
    /// When the state change was accepted, if it is known.
    pub accepted: Option<Timestamp>,
    /// The undelivered notification that it replays.
    pub replay_of: Option<u128>,
    /// How the notification has ended, if it has.
    pub end: Option<End>,
    /// Why it ended without a further attempt: a stable code.
    pub reason: Option<&'a str>,
    /// The attempt, if the record is about one.
    pub attempt: Option<AttemptFact<'a>>,
}

/// What a record says of an attempt.
#[derive(Clone, Copy, Debug)]
pub struct AttemptFact<'a> {
    /// Its number, from 1 on.
    pub number: u8,
    /// Its id.
    pub interaction_id: &'a str,
    /// When it began.
    pub started: Timestamp,
    /// The outcome's code; `None` if it has only begun.
    pub outcome: Option<&'a str>,
}

/// How a notification has ended.
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub enum End {
    /// Nothing more is sent: its receiver no longer exists or must not be notified.
    Cancelled,
    /// It was given up.
    Undelivered,
    /// The receiver accepted it. Known better than any other end, as of an attempt that was taken for interrupted.
    Delivered,
}
