//! What can be found out afterwards, as far as pure code and sockets decide it.

use convention::delivery::is_late;
use serde_json::json;

use super::looked_up::{
    a_resource_has_all_its_events_and_attempts_in_time_order, an_attempt_is_found_by_its_interaction_id,
};
use super::play::Scenario::{self, OnStack, Played};
use super::play::compare;
use super::secrecy::no_log_line_holds_personal_data_or_a_key;
use crate::vectors::peers::{block_on, client, post, receiver, start};
use crate::vectors::{Judgement, Vector, example};

pub(super) const SCENARIOS: &[(&str, Scenario)] = &[
    ("OBS-001", OnStack(an_attempt_is_found_by_its_interaction_id)),
    ("OBS-002", OnStack(a_resource_has_all_its_events_and_attempts_in_time_order)),
    ("OBS-003", OnStack(no_log_line_holds_personal_data_or_a_key)),
    ("OBS-004", Played(attempts_are_told_to_nobody_but_the_receiver)),
    ("OBS-005", Played(a_late_first_attempt_breaks_the_service_level)),
];

fn attempts_are_told_to_nobody_but_the_receiver(vector: &Vector) -> Judgement {
    let attempts = vector.input["attempts"].as_u64().ok_or("input.attempts is no number")?;
    let seen = block_on(async {
        let (client, server) = (client().await?, start(receiver()).await?);
        for _ in 0..attempts {
            post(&client, server.address()).await?.0.answer.map_err(|failure| failure.to_string())?;
        }
        Ok::<_, String>(server.received())
    })??;
    if seen.len() as u64 != attempts {
        return Err(format!("the receiver saw {} requests of {attempts}", seen.len()));
    }
    let others = seen.iter().filter(|seen| !seen.path.starts_with("/open-banking/webhook/v1/")).count();
    compare(vector, &json!({ "pcm_reports": others }))
}

fn a_late_first_attempt_breaks_the_service_level(vector: &Vector) -> Judgement {
    let instant = |field: &str| {
        let millis = vector.input[field].as_i64().ok_or_else(|| format!("input.{field} is no number"))?;
        Ok::<_, String>(example::at(millis))
    };
    let late = is_late(instant("event_at_ms")?, instant("attempt_1_start_ms")?);
    compare(vector, &json!({ "sla_met": !late }))
}
