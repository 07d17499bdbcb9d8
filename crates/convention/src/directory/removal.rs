//! What is known of a client: its registration, or that it was removed.

use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};

use super::receiver::{Operation, Registration};

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
            Self::Registered(registration) => registration.onboarding_slo().called_at,
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
/// The order does not depend on which of them arrives first. An instant may be as coarse as a second, so several calls may have
/// one; then what they are decides, where it can: a client is registered before it is changed (a DCR before a DCM), and after a
/// removal there is nothing that the authorization server could have changed. Nothing tells two DCMs of one instant apart, nor
/// two DCRs: of those the one that arrives last counts.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct CallTime {
    instant: Timestamp,
    /// Absent of a removal.
    operation: Option<Operation>,
}

impl CallTime {
    /// Says when a registration was made that arrives at `now` and finds the client so.
    ///
    /// One that says no time was made now, and is later than all it finds: the clock of those that say one may run ahead of
    /// ours.
    pub fn of_registration(
        operation: Operation,
        called_at: Option<Timestamp>,
        now: Timestamp,
        found: Option<&ClientState>,
    ) -> Self {
        Self::new(Some(operation), called_at, now, found)
    }

    /// The same of a removal.
    pub fn of_removal(called_at: Option<Timestamp>, now: Timestamp, found: Option<&ClientState>) -> Self {
        Self::new(None, called_at, now, found)
    }

    fn new(
        operation: Option<Operation>,
        called_at: Option<Timestamp>,
        now: Timestamp,
        found: Option<&ClientState>,
    ) -> Self {
        let at = |instant| Self { instant, operation };
        let Some(called_at) = called_at else {
            let after = |state: &ClientState| {
                let same = at(state.called_at());
                if same.is_superseded(state) {
                    same.instant + SignedDuration::from_nanos(1)
                } else {
                    same.instant
                }
            };
            return at(found.map_or(now, |found| now.max(after(found))));
        };
        at(called_at)
    }

    /// Returns the instant.
    pub fn instant(self) -> Timestamp {
        self.instant
    }

    /// Says whether a call comes too late: what is known of the client was said after it.
    pub fn is_superseded(self, state: &ClientState) -> bool {
        match (state, self.operation) {
            (ClientState::Registered(found), Some(operation)) => {
                // Rows that do not say which call made them are of none that is known to be the later.
                let found = found.origin.as_ref().map_or(Operation::Dcr, |origin| origin.operation);
                (state.called_at(), found) > (self.instant, operation)
            }
            (ClientState::Registered(_), None) => state.called_at() > self.instant,
            (ClientState::Removed(_), _) => state.called_at() >= self.instant,
        }
    }
}
