//! The state of a client: registered or removed.

use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};

use super::receiver::{Operation, Registration};

/// The removal of a client. It remains in the client's row, so that a call made earlier but forwarded later
/// does not restore the client.
///
/// The row is kept forever. It continues the row's revision, which grows over removals and registrations
/// alike, so a writer with an old copy of the row always detects the change.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
pub struct Removal {
    /// When the authorization server removed the client.
    pub called_at: Timestamp,
    /// When the removal reached us.
    pub removed_at: Timestamp,
    /// Number of writes to the row.
    pub revision: u64,
}

/// The state of a client.
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

    /// Returns the number of writes to the row.
    pub fn revision(&self) -> u64 {
        match self {
            Self::Registered(registration) => registration.revision,
            Self::Removed(removal) => removal.revision,
        }
    }

    /// Returns the time of the call that led to this state.
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

/// The time of a call, which orders it among the other calls about its client.
///
/// The order does not depend on the order of arrival. Timestamps may be as coarse as a second, so several
/// calls may share one. The operation then decides where it can: a client is registered before it is changed
/// (a DCR before a DCM), and nothing can follow a removal except a new registration. Two DCMs with one
/// timestamp, or two DCRs, cannot be ordered: the one that arrives last counts.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct CallTime {
    instant: Timestamp,
    /// `None` for a removal.
    operation: Option<Operation>,
}

impl CallTime {
    /// Determines the time of a registration that arrives at `now` for a client in state `found`.
    ///
    /// A registration without a timestamp counts as made now, and as later than the found state, because the clocks
    /// behind given timestamps may run ahead of ours.
    pub fn of_registration(
        operation: Operation,
        called_at: Option<Timestamp>,
        now: Timestamp,
        found: Option<&ClientState>,
    ) -> Self {
        Self::new(Some(operation), called_at, now, found)
    }

    /// Determines the time of a removal in the same way.
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

    /// Says whether the client's state comes from a later call than this one.
    pub fn is_superseded(self, state: &ClientState) -> bool {
        match (state, self.operation) {
            (ClientState::Registered(found), Some(operation)) => {
                // Rows that do not name their call are not known to be the later.
                let found = found.origin.as_ref().map_or(Operation::Dcr, |origin| origin.operation);
                (state.called_at(), found) > (self.instant, operation)
            }
            (ClientState::Registered(_), None) => state.called_at() > self.instant,
            (ClientState::Removed(_), _) => state.called_at() >= self.instant,
        }
    }
}
