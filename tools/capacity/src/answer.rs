//! The answer: the demand of a load, the first limit that breaks, and changes that carry the load.

use super::assumptions::DUE;
use super::change::Change;
use super::model::{Observed, Run};
use super::numbers::whole;
use super::question::Question;
use super::quotas::{Quota, quotas};

/// The result of one run.
#[derive(Clone, Debug)]
pub struct Answer {
    /// The question.
    pub question: Question,
    /// The observations.
    pub observed: Observed,
    /// The limits, the first one to break first.
    pub quotas: Vec<Quota>,
}

/// Changes that carry a load, if there are any.
#[derive(Clone, Debug)]
pub struct Plan {
    /// The changes, in order.
    pub changes: Vec<Change>,
    /// The result with these changes.
    pub answer: Answer,
}

/// Maximum number of changes to look for.
const MAX_STEPS: usize = 8;

impl Question {
    /// Runs the model; `progress` gets the current and the last second from time to time.
    pub fn answer(&self, progress: &mut dyn FnMut(&Self, u64, u64)) -> Answer {
        let Self { load, settings, begin, seconds, seed } = self;
        let run = Run { load, settings, begin: *begin, seconds: *seconds, seed: *seed };
        let observed = run.play(|second, of| progress(self, second, of));
        let quotas = quotas(load, settings, *begin, &observed);
        Answer { question: self.clone(), observed, quotas }
    }

    /// Looks for settings that carry the load, starting from an answer.
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
    /// Returns the time in which first attempts are due, in milliseconds.
    pub fn due() -> u64 {
        whole(DUE.value * 1e3)
    }

    /// Says whether 99 % of first attempts are in time and no quota breaks.
    pub fn is_carried(&self) -> bool {
        self.is_in_time() && self.first_to_break().is_none()
    }

    /// Says whether 99 % of first attempts are in time.
    pub fn is_in_time(&self) -> bool {
        self.observed.lateness.quantile(990) <= Self::due()
    }

    /// Returns the first quota to break, if one does.
    pub fn first_to_break(&self) -> Option<&Quota> {
        self.quotas.first().filter(|quota| quota.breaks)
    }
}
