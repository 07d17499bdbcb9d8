//! The scenarios of the conformance suite, played by the modules that replay it.

use super::play::Scenario::{self, OnStack};
use super::play::compare;
use super::stack::on_stack;
use crate::conformance::{clock_ahead, play};
use crate::vectors::{Judgement, Vector};

pub(super) const SCENARIOS: &[(&str, Scenario)] = &[
    ("CONF-001", OnStack(replayed)),
    ("CONF-002", OnStack(replayed)),
    ("CONF-003", OnStack(replayed)),
    ("CONF-004", OnStack(replayed)),
    ("CONF-005", OnStack(replayed)),
    ("CONF-006", OnStack(replayed)),
    ("CONF-007", OnStack(replayed)),
    ("CONF-008", OnStack(replayed)),
    ("CONF-009", OnStack(replayed)),
    ("CONF-010", OnStack(replayed)),
    ("CONF-011", OnStack(replayed)),
    ("CONF-012", OnStack(the_suite_notices_a_clock_that_is_ahead)),
];

/// The plan of the modules that a vector names without their plan.
const PAYMENTS: &str = "dcr-dcm-pagto_test-plan-v5";
/// The one module of the plan that a vector names without it.
const AUTOMATIC_PIX: &str = "automatic-pix-webhook";

fn replayed(vector: &Vector) -> Judgement {
    let text = |field: &str| vector.input.get(field).and_then(|value| value.as_str());
    let (plan, module) = (text("plan").unwrap_or(PAYMENTS), text("module").unwrap_or(AUTOMATIC_PIX));
    let told = on_stack(async |suite| play(suite, plan, module).await)?;
    compare(vector, &told)
}

fn the_suite_notices_a_clock_that_is_ahead(vector: &Vector) -> Judgement {
    let seconds = vector.input["clock_skew_s"].as_i64().ok_or("input.clock_skew_s is no number")?;
    let told = on_stack(async |suite| clock_ahead(suite, seconds).await)?;
    compare(vector, &told)
}
