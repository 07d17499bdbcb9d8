//! What a record of a queue was read as.

use convention::FieldError;
use convention::delivery::ClockSkew;
use convention::notification::{ClientId, Rule, TimerMessage};
use convention::source::Source;

/// What a record was read as.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub(crate) enum Origin {
    /// A message of the notifications queue, which only we write.
    #[default]
    Notifications,
    /// A state change of a source; the record's body is the message of its first attempt.
    Change(Source),
    /// A state change of a source that this rule keeps from every receiver, and what to find it by if its API is not known.
    NotNotifiable(Source, Rule, Option<UnknownApi>),
    /// No valid state change.
    Invalid(Source, Vec<FieldError>),
    /// A timer, whose change is read when it is due.
    Timer(TimerMessage),
    /// Not read: by our clock an event could be in the future that is not.
    Unread(ClockSkew),
    /// Not read: reading it panicked, a defect of ours that concerns this record alone.
    Panicked,
}

/// A state change of an API that is not known here.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(crate) struct UnknownApi {
    /// The name of the API, which may be spelled wrongly.
    pub(crate) api: String,
    /// Whose change it is: its producer finds the change by the client.
    pub(crate) client_id: ClientId,
}
