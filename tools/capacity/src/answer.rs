//! The answer: what a load takes, what breaks first, and with which changes it is carried.

use super::assumptions::DUE;
use super::change::Change;
use super::model::{Observed, Run};
use super::numbers::whole;
use super::question::Question;
use super::quotas::{Quota, quotas};

/// What came of one run.
#[derive(Clone, Debug)]
pub struct Answer {
    /// What was asked.
    pub question: Question,
    /// What was seen.
    pub observed: Observed,
    /// The limits, the first to break first.
    pub quotas: Vec<Quota>,
}

/// How a load is carried, if it can be.
#[derive(Clone, Debug)]
pub struct Plan {
    /// What was changed, in this order.
    pub changes: Vec<Change>,
    /// What came of it.
    pub answer: Answer,
}

/// More changes than this are not looked for.
const MAX_STEPS: usize = 8;

impl Question {
    /// Plays it; tells now and then which second of how many it has come to.
    pub fn answer(&self, progress: &mut dyn FnMut(&Self, u64, u64)) -> Answer {
        let Self { load, settings, begin, seconds, seed } = self;
        let run = Run { load, settings, begin: *begin, seconds: *seconds, seed: *seed };
        let observed = run.play(|second, of| progress(self, second, of));
        let quotas = quotas(load, settings, *begin, &observed);
        Answer { question: self.clone(), observed, quotas }
    }

    /// Looks for settings that carry the load, beginning with those of an answer.
    pub fn plan(answer: &Answer, progress: &mut dyn FnMut(&Self, u64, u64)) -> Plan {
        let mut plan = Plan { changes: Vec::new(), answer: answer.clone() };
        for _ in 0..MAX_STEPS {
            if plan.answer.is_carried() {
                break;
            }
            let mut question = plan.answer.question.clone();
            let mut changed = false;
            for quota in plan.answer.quotas.iter().filter(|quota| quota.breaks) {
                if quota.change.make(&mut question) {
                    changed = true;
                    plan.changes.retain(|change| {
                        std::mem::discriminant(change) != std::mem::discriminant(&quota.change)
                    });
                    plan.changes.push(quota.change.clone());
                }
            }
            if !changed {
                break;
            }
            plan.answer = question.answer(progress);
        }
        plan
    }
}

impl Answer {
    /// Returns milliseconds within which first attempts are due.
    pub fn due() -> u64 {
        whole(DUE.value * 1e3)
    }

    /// Says whether 99 of a hundred first attempts came in time and no quota breaks.
    pub fn is_carried(&self) -> bool {
        self.is_in_time() && self.first_to_break().is_none()
    }

    /// Says whether 99 of a hundred first attempts came in time.
    pub fn is_in_time(&self) -> bool {
        self.observed.lateness.quantile(990) <= Self::due()
    }

    /// Returns the quota that breaks first, if one does.
    pub fn first_to_break(&self) -> Option<&Quota> {
        self.quotas.first().filter(|quota| quota.breaks)
    }
}
