//! The scenarios of the conformance suite.

use super::Scenario::{self, Needs};

pub(super) const SCENARIOS: &[(&str, Scenario)] = &[
    ("CONF-001", Needs("the local stack")),
    ("CONF-002", Needs("the local stack")),
    ("CONF-003", Needs("the local stack")),
    ("CONF-004", Needs("the local stack")),
    ("CONF-005", Needs("the local stack")),
    ("CONF-006", Needs("the local stack")),
    ("CONF-007", Needs("the local stack")),
    ("CONF-008", Needs("the local stack")),
    ("CONF-009", Needs("the local stack")),
    ("CONF-010", Needs("the local stack")),
    ("CONF-011", Needs("the local stack")),
    ("CONF-012", Needs("the local stack")),
];
