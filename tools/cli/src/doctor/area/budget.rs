//! The daily budget: whether an alarm watches what a day costs.

use account::DeployedStack;

use crate::doctor::finding::{Area, Finding};
use crate::doctor::setup::Setup;

/// The alarm on a day's cost, which is there with a budget alone.
const ALARM: &str = "DailyCostAlarm";

/// Checks that a budget is set, and watched. What a day cost is the alarm's to say.
pub(crate) fn check(stack: &DeployedStack, setup: Setup) -> Finding {
    if setup.is_local {
        return Finding::not_here(Area::Budget, "no budget: the local stack costs nothing");
    }
    let budget = stack.parameter("DailyBudgetUsd");
    let is_watched = stack.resources.iter().any(|one| one.logical_id == ALARM);
    match budget {
        "" | "0" if setup.is_production => Finding::ok(
            Area::Budget,
            "no budget is set, so no alarm watches what a day costs; arauto bill says what DailyBudgetUsd could be",
        ),
        "" | "0" => Finding::ok(Area::Budget, "no budget is set"),
        usd if is_watched => Finding::ok(Area::Budget, format!("an alarm watches US$ {usd} a day")),
        usd => Finding::error(
            Area::Budget,
            format!("the budget is US$ {usd} a day and {ALARM} is not in the stack"),
            "deploy again",
        )
        .runbook("a-day-costs-too-much"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::doctor::finding::Severity;
    use crate::doctor::tests::{production, right_stack};

    #[test]
    fn a_budget_has_its_alarm() {
        let of = |budget: &str, setup: Setup| {
            let mut stack = right_stack();
            stack.parameters.insert("DailyBudgetUsd".to_owned(), budget.to_owned());
            check(&stack, setup).severity
        };
        assert_eq!(of("50", production()), Severity::Ok);
        assert_eq!(of("0", production()), Severity::Ok);
        assert_eq!(of("0", Setup { is_production: false, ..production() }), Severity::Ok);
        assert_eq!(of("0", Setup { is_local: true, ..production() }), Severity::NotHere);
        let mut stack = right_stack();
        stack.resources.retain(|one| one.logical_id != ALARM);
        assert_eq!(check(&stack, production()).severity, Severity::Error);
    }
}
