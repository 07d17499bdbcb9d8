//! Events of alarms: faults of ours that stop a notification before the ledger hears of it show there alone.
//!
//! Source of the format: "Alarm events and EventBridge", Amazon CloudWatch User Guide.

use convention::codes::Code;
use jiff::Timestamp;
use serde::Deserialize;

use crate::event::{AlarmData, Data, Event, EventType};

/// The detail type of what CloudWatch tells the default bus.
pub(crate) const DETAIL_TYPE: &str = "CloudWatch Alarm State Change";

/// What is read of it.
#[derive(Debug, Deserialize)]
pub(crate) struct StateChange {
    id: String,
    time: Timestamp,
    detail: Detail,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Detail {
    alarm_name: String,
    state: State,
    #[serde(default)]
    previous_state: Option<State>,
    #[serde(default)]
    configuration: Configuration,
}

#[derive(Debug, Deserialize)]
struct State {
    value: String,
}

#[derive(Debug, Default, Deserialize)]
struct Configuration {
    #[serde(default)]
    description: Option<String>,
}

/// Returns the event of an alarm that went on, or off again; not of one that was made, or that has no data.
pub(crate) fn event(change: StateChange) -> Option<Event> {
    let StateChange { id, time, detail } = change;
    let state = detail.state.value;
    let was_on = detail.previous_state.is_some_and(|state| state.value == "ALARM");
    if !(state == "ALARM" || state == "OK" && was_on) {
        return None;
    }
    let description = detail.configuration.description;
    // The alarm on a fault of ours begins with its code.
    let fault = description.as_deref().and_then(|text| Code::named(text.split_once(':')?.0));
    let data = AlarmData { alarm: detail.alarm_name, state, fault: fault.map(Code::as_str), description };
    Some(Event {
        id: format!("alarm.{id}"),
        kind: EventType::AlarmChanged,
        subject: data.alarm.clone(),
        time,
        data: Data::Alarm(data),
    })
}
