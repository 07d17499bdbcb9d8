//! What a record of a queue was read as.

use convention::FieldError;
use convention::delivery::ClockSkew;
use convention::notification::{Rule, TimerMessage};
use convention::source::Source;

/// What a record was read as.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub(crate) enum Origin {
    /// A message of the notifications queue, which only we write.
    #[default]
    Notifications,
    /// A state change of a source; the record's body is the message of its first attempt.
    Change(Source),
    /// A state change of a source that this rule keeps from every receiver, and the name of its API if that is not known.
    NotNotifiable(Source, Rule, Option<String>),
    /// No valid state change.
    Invalid(Source, Vec<FieldError>),
    /// A timer, whose change is read when it is due.
    Timer(TimerMessage),
    /// Not read: by our clock an event could be in the future that is not.
    Unread(ClockSkew),
    /// Not read: reading it panicked, a defect of ours that concerns this record alone.
    Panicked,
}
