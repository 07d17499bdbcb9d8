//! What was counted.

use std::collections::{BTreeMap, HashSet};

use jiff::civil::Date;
use serde::Serialize;

use crate::figures::Figures;
use crate::initiator::InitiatorKey;

/// What was counted in a month.
#[derive(Debug, Default)]
pub struct Counts {
    /// All initiators that the report is of.
    pub all: Figures,
    /// Each of them.
    pub initiators: BTreeMap<InitiatorKey, Figures>,
    /// Each day of the month, in Brasília's time.
    pub days: Vec<Day>,
    /// Records that say of no initiator.
    pub unattributed: u64,
    pub(crate) is_of_all: bool,
    pub(crate) own: HashSet<u128>,
    pub(crate) of_nobody: HashSet<u128>,
}

/// A day of the month.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq, Serialize)]
pub struct Day {
    /// The day.
    pub day: Date,
    /// Notifications whose first attempt began on it.
    pub notifications: u64,
    /// Attempts that began on it.
    pub attempts: u64,
    /// Those that failed.
    pub failed: u64,
}

/// Whom something that is said of a notification concerns.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Concern {
    /// An initiator that the report is of.
    Own,
    /// It is not known whom.
    Unknown,
    /// Another initiator: the report says nothing of it.
    Others,
}

impl Counts {
    /// Says whether it was counted of all initiators.
    pub fn is_of_all(&self) -> bool {
        self.is_of_all
    }

    /// Says whom a notification concerns, by its id.
    pub fn concern(&self, notification_id: &str) -> Concern {
        if self.is_of_all {
            return Concern::Own;
        }
        match u128::from_str_radix(notification_id, 16) {
            Ok(id) if self.own.contains(&id) => Concern::Own,
            Ok(id) if self.of_nobody.contains(&id) => Concern::Unknown,
            Ok(_) => Concern::Others,
            Err(_) => Concern::Unknown,
        }
    }
}
