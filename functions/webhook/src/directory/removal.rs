//! What is known of a client: its registration, or that it was removed.

use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};

use super::receiver::Registration;

/// The removal of a client: what is left of its row, so that a call made before and passed on after does not bring it back.
///
/// It is kept for good. It holds the place of the row's revision, which grows over removals and registrations alike: a writer
/// that read the row before finds another one after, however long it took.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
pub struct Removal {
    /// When the authorization server removed the client.
    pub called_at: Timestamp,
    /// When we were told.
    pub removed_at: Timestamp,
    /// How often the row has been written.
    pub revision: u64,
}

/// What is known of a client.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum ClientState {
    /// It is registered, whether or not it is notified.
    Registered(Box<Registration>),
    /// It was removed.
    Removed(Removal),
}

impl ClientState {
    /// Returns the registration, unless the client was removed.
    pub fn registration(&self) -> Option<&Registration> {
        match self {
            Self::Registered(registration) => Some(registration),
            Self::Removed(_) => None,
        }
    }

    /// Returns how often the row has been written.
    pub fn revision(&self) -> u64 {
        match self {
            Self::Registered(registration) => registration.revision,
            Self::Removed(removal) => removal.revision,
        }
    }

    /// Returns when the call that led here was made.
    pub fn called_at(&self) -> Timestamp {
        match self {
            Self::Registered(registration) => registration.promise().called_at,
            Self::Removed(removal) => removal.called_at,
        }
    }
}

impl From<Registration> for ClientState {
    fn from(registration: Registration) -> Self {
        Self::Registered(Box::new(registration))
    }
}

/// When a call was made, to be put in order with the others about its client.
///
/// The order does not depend on which of them arrives first. Of a registration and a removal of one instant the removal is
/// the later: after it there is nothing that the authorization server could have changed.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct CallTime {
    instant: Timestamp,
}

impl CallTime {
    /// Says when a call was made that arrives at `now` and finds the client so.
    ///
    /// One that says no time was made now, and is later than all it finds: the clock of those that say one may run ahead of
    /// ours.
    pub fn new(called_at: Option<Timestamp>, now: Timestamp, found: Option<&ClientState>) -> Self {
        let instant = called_at.unwrap_or_else(|| {
            let after = |state: &ClientState| match state {
                ClientState::Registered(_) => state.called_at(),
                ClientState::Removed(_) => state.called_at() + SignedDuration::from_nanos(1),
            };
            found.map_or(now, |found| now.max(after(found)))
        });
        Self { instant }
    }

    /// Returns the instant.
    pub fn instant(self) -> Timestamp {
        self.instant
    }

    /// Says whether a registration comes too late: what is known of the client was said after it.
    pub fn is_superseded(self, state: &ClientState) -> bool {
        match state {
            ClientState::Registered(_) => state.called_at() > self.instant,
            ClientState::Removed(_) => state.called_at() >= self.instant,
        }
    }
}
