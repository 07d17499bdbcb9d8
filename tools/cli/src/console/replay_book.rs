//! Which replays may be confirmed, which were, and how far each is.

use std::collections::BTreeMap;

use jiff::{SignedDuration, Timestamp};
use pages::views::ReplayLine;

use crate::replay::Plan;
use crate::undelivered::Filter;

/// A plan that is older is made again: what was given up since may be more.
const PLAN_TTL: SignedDuration = SignedDuration::from_mins(10);
/// How many plans wait to be confirmed.
const MAX_PLANS: usize = 20;

/// A dry run that may be confirmed, once.
#[derive(Debug)]
pub(super) struct Prepared {
    pub(super) plan: Plan,
    pub(super) filter: Filter,
    pub(super) made_at: Timestamp,
}

/// What may be confirmed, and what was.
#[derive(Debug, Default)]
pub(super) struct Replays {
    plans: BTreeMap<String, Prepared>,
    pub(super) lines: Vec<ReplayLine>,
}

impl Replays {
    /// Each replay, the last one first.
    pub(super) fn lines(&self) -> Vec<ReplayLine> {
        self.lines.iter().rev().cloned().collect()
    }

    /// Keeps a dry run, to be confirmed.
    pub(super) fn prepare(&mut self, id: String, prepared: Prepared) {
        let now = prepared.made_at;
        self.plans.retain(|_, plan| now.duration_since(plan.made_at) < PLAN_TTL);
        while self.plans.len() >= MAX_PLANS {
            self.plans.pop_first();
        }
        self.plans.insert(id, prepared);
    }

    /// Begins what a plan says; returns its number. A plan is confirmed once whatever a browser repeats, and one replay runs at a
    /// time: two would look at the same messages.
    pub(super) fn confirm(
        &mut self,
        id: &str,
        now: Timestamp,
    ) -> Result<(usize, Prepared), (&'static str, &'static str)> {
        if self.lines.iter().any(|line| !line.is_over) {
            return Err((
                "A replay is under way; wait until it is over.",
                "Há um reenvio em andamento; espere até que termine.",
            ));
        }
        let plan = self.plans.remove(id).filter(|plan| now.duration_since(plan.made_at) < PLAN_TTL);
        let prepared = plan.ok_or((
            "This dry run was confirmed before, or is older than ten minutes: make it again.",
            "Esta simulação já foi confirmada ou tem mais de dez minutos: refaça-a.",
        ))?;
        let (number, of) = (self.lines.len() + 1, prepared.plan.to_send.len());
        self.lines.push(ReplayLine { number, at: now, of, ..ReplayLine::default() });
        Ok((number, prepared))
    }

    /// Notes how far a replay is.
    pub(super) fn update(&mut self, number: usize, update: impl FnOnce(&mut ReplayLine)) {
        if let Some(line) = number.checked_sub(1).and_then(|at| self.lines.get_mut(at)) {
            update(line);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::read::undelivered::of_window;
    use super::*;
    use crate::undelivered::Listing;

    fn prepared(second: i64) -> Prepared {
        let made_at = Timestamp::from_second(second).unwrap();
        let plan = Plan::new(Listing::default(), None, 10);
        Prepared { plan, filter: of_window(made_at, made_at), made_at }
    }

    #[test]
    fn a_plan_is_confirmed_once_and_not_when_it_is_old_or_another_runs() {
        let at = |second| Timestamp::from_second(second).unwrap();
        let mut replays = Replays::default();
        replays.prepare("a".to_owned(), prepared(0));
        replays.prepare("b".to_owned(), prepared(0));
        assert!(replays.confirm("c", at(1)).is_err());
        let (number, _) = replays.confirm("a", at(1)).unwrap();
        assert!(replays.confirm("b", at(2)).is_err(), "another runs");
        replays.update(number, |line| line.is_over = true);
        assert!(replays.confirm("a", at(3)).is_err(), "confirmed before");
        assert!(replays.confirm("b", at(600)).is_err(), "too old");
        for number in 0..50 {
            replays.prepare(format!("{number:02}"), prepared(0));
        }
        assert_eq!((replays.plans.len(), replays.lines().len()), (MAX_PLANS, 1));
    }
}
