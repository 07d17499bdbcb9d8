//! The report.

use std::collections::BTreeMap;

use jiff::Timestamp;
use serde::Serialize;

use crate::basis::{Basis, Check, Source};
use crate::counts::{Counts, Day};
use crate::figures::Figures;
use crate::initiator::{InitiatorKey, Selection};
use crate::month::{Month, ZONE};
use crate::outcomes::{OutcomeRow, failures, rows};
use crate::receiver::{Certificate, Receiver, Synchronisation};

/// The format, in the first field of the JSON document.
const FORMAT: &str = "arauto-report/1";

/// An initiator in a report.
#[derive(Clone, Debug, Serialize)]
pub struct Initiator {
    /// Who it is.
    #[serde(flatten)]
    pub key: InitiatorKey,
    /// What was counted.
    pub figures: Figures,
    /// What is known of its receiver; `None` if the registrations are not known.
    pub receiver: Option<Receiver>,
}

/// What a report is made of.
#[derive(Debug)]
pub struct Gathered {
    /// The month.
    pub month: Month,
    /// The initiators that were asked for.
    pub selection: Selection,
    /// The time at which it is made.
    pub made_at: Timestamp,
    /// What makes it, with its version.
    pub made_by: String,
    /// The stack; `None` for a copy of its evidence.
    pub stack: Option<String>,
    /// What it rests on.
    pub basis: Basis,
    /// What was counted.
    pub counts: Counts,
    /// The receivers of all initiators that are or were registered; `None` if not known.
    pub receivers: Option<BTreeMap<InitiatorKey, Receiver>>,
    /// Our certificates; `None` if not known.
    pub own_certificates: Option<Vec<Certificate>>,
}

/// The report.
#[derive(Debug, Serialize)]
pub struct Report {
    /// The format of the JSON document.
    pub format: &'static str,
    /// The month.
    pub month: Month,
    /// The zone of the month.
    pub time_zone: &'static str,
    /// Its first instant.
    pub from: Timestamp,
    /// The first instant after it.
    pub to: Timestamp,
    /// Whether figures may still change: attempts of the month may end in the two days after it, or not all of that time is
    /// sealed.
    pub provisional: bool,
    /// When it was made.
    pub made_at: Timestamp,
    /// What made it.
    pub made_by: String,
    /// The stack; `None` for a copy of its evidence.
    pub stack: Option<String>,
    /// The initiators that were asked for; `None` if all are in it.
    pub only: Option<Vec<InitiatorKey>>,
    /// What it rests on.
    pub basis: Basis,
    /// All initiators of the report.
    pub all: Figures,
    /// Whether the receivers could be read.
    pub receivers_known: bool,
    /// How soon their registrations were used; `None` if not known.
    pub synchronisation: Option<Synchronisation>,
    /// Each initiator, the one with the most notifications first.
    pub initiators: Vec<Initiator>,
    /// Each day.
    pub days: Vec<Day>,
    /// How attempts failed, by whose fault.
    pub failures: Vec<OutcomeRow>,
    /// Why attempts were rolled back; `None` if the source does not tell.
    pub rolled_back: Option<Vec<OutcomeRow>>,
    /// Why notifications ended without a further attempt.
    pub reasons: Vec<OutcomeRow>,
    /// Our certificates; `None` if not known.
    pub own_certificates: Option<Vec<Certificate>>,
}

impl Report {
    /// Makes the report.
    pub fn new(gathered: Gathered) -> Self {
        let Gathered { month, selection, made_at, made_by, stack, basis, mut counts, mut receivers, .. } =
            gathered;
        if let Some(receivers) = &mut receivers {
            receivers.retain(|key, _| selection.has(key));
        }
        let asked = match &selection {
            Selection::All => None,
            Selection::Only(keys) => Some(keys.iter().cloned().collect::<Vec<_>>()),
        };
        let mut keys: Vec<InitiatorKey> = counts.initiators.keys().cloned().collect();
        keys.extend(
            receivers.iter().flatten().filter(|(_, one)| one.webhook.is_some()).map(|(key, _)| key.clone()),
        );
        keys.extend(asked.iter().flatten().cloned());
        keys.sort();
        keys.dedup();
        let nothing = Figures {
            rolled_back: counts.all.rolled_back.as_ref().map(|_| BTreeMap::new()),
            ..Figures::default()
        };
        let initiator = |key: InitiatorKey| Initiator {
            figures: counts.initiators.remove(&key).unwrap_or_else(|| nothing.clone()),
            receiver: receivers.as_ref().map(|all| all.get(&key).cloned().unwrap_or_default()),
            key,
        };
        let mut initiators: Vec<_> = keys.into_iter().map(initiator).collect();
        initiators.sort_by_key(|one| std::cmp::Reverse(one.figures.notifications));
        let is_sealed = basis.source == Source::Ledger || basis.sealed_until() >= Some(month.settled_at());
        Self {
            format: FORMAT,
            month,
            time_zone: ZONE,
            from: month.start(),
            to: month.end(),
            provisional: made_at < month.settled_at() || !is_sealed,
            made_at,
            made_by,
            stack,
            only: asked,
            basis,
            receivers_known: receivers.is_some(),
            synchronisation: receivers.is_some().then(|| together(&initiators)).flatten(),
            initiators,
            days: counts.days,
            failures: failures(&counts.all),
            rolled_back: counts.all.rolled_back.as_ref().map(rows),
            reasons: rows(&counts.all.reasons),
            all: counts.all,
            own_certificates: gathered.own_certificates,
        }
    }

    /// Says whether the check found no difference.
    pub fn agrees(&self) -> bool {
        self.basis.check != Check::Differs
    }
}

/// Returns the synchronisation of all; `None` if that of one is not known.
fn together(initiators: &[Initiator]) -> Option<Synchronisation> {
    let mut all = Synchronisation::default();
    for one in initiators {
        let one = one.receiver.as_ref()?.synchronisation?;
        all.registrations += one.registrations;
        all.over_ten_minutes += one.over_ten_minutes;
        all.worst_seconds = all.worst_seconds.max(one.worst_seconds);
    }
    Some(all)
}
