//! A plausible report for tests; nobody measured it.

use crate::report::{CaseFigures, Report};

pub(crate) const JSON: &str = include_str!("../tests/report.json");

pub(crate) fn report() -> Report {
    serde_json::from_str(JSON).expect("a report")
}

/// The case that the budgets are about.
pub(crate) fn main_case(report: &mut Report) -> &mut CaseFigures {
    report.cases.iter_mut().find(|case| case.name == "10 receivers").expect("the case")
}
