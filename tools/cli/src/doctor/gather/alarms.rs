//! CloudWatch: the alarms.

use std::collections::BTreeMap;

use aws_sdk_cloudwatch::Client;
use aws_sdk_cloudwatch::types::MetricAlarm;
use jiff::Timestamp;

use super::context::Context;
use crate::doctor::answer::Answer;
use crate::doctor::area::alarms::{Alarm, Alarms};

const ALARM: &str = "AWS::CloudWatch::Alarm";
/// Its alarms stop deployments, and tell nobody.
const DEPLOYMENTS: &str = "DeploymentStack";
/// How many names one request may have (`DescribeAlarms`, Amazon CloudWatch API Reference).
const AT_ONCE: usize = 100;

/// Reads every alarm that the stack and its nested stacks made.
pub(crate) async fn read(context: Context<'_>) -> Answer<Alarms> {
    let client = Client::new(context.sdk);
    let made: Vec<_> = context.stack.of_kind(ALARM).collect();
    let mut known = BTreeMap::new();
    for some in made.chunks(AT_ONCE) {
        let names = some.iter().map(|one| one.physical_id.clone()).collect();
        let count = i32::try_from(AT_ONCE).unwrap_or_default();
        let asked = client.describe_alarms().set_alarm_names(Some(names)).max_records(count);
        let answer = context.answer("cloudwatch:DescribeAlarms", asked.send().await)?;
        known.extend(
            answer
                .metric_alarms()
                .iter()
                .map(|one| (one.alarm_name().unwrap_or_default().to_owned(), alarm(one))),
        );
    }
    let of = |one: &account::Resource| {
        let alarm = known.get(&one.physical_id).cloned();
        let alarm = alarm.map(|alarm| Alarm { is_for_deployments: one.nested_in == DEPLOYMENTS, ..alarm });
        (one.logical_id.clone(), alarm)
    };
    let alarms = made.into_iter().map(of).collect();
    Ok(Alarms { topic: context.stack.parameter("AlarmTopicArn").to_owned(), alarms })
}

fn alarm(alarm: &MetricAlarm) -> Alarm {
    let text = |text: Option<&str>| text.unwrap_or_default().to_owned();
    let changed = alarm.state_transitioned_timestamp().or_else(|| alarm.state_updated_timestamp());
    Alarm {
        description: text(alarm.alarm_description()),
        state: text(alarm.state_value().map(aws_sdk_cloudwatch::types::StateValue::as_str)),
        reason: text(alarm.state_reason()),
        since: changed.and_then(|at| Timestamp::from_second(at.secs()).ok()),
        is_armed: alarm.actions_enabled().unwrap_or_default(),
        actions: alarm.alarm_actions().to_vec(),
        is_for_deployments: false,
    }
}
