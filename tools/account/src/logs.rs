//! Reads the functions' log from `CloudWatch` Logs.

use std::fmt::Write as _;

use anyhow::{Context as _, Result, ensure};
use http::Method;
use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::{Value, json};

use crate::aws_http::Caller;

/// Events read from each group: one page, the maximum of `CloudWatch`, which is more than a local stack usually
/// writes.
const EVENTS: u32 = 10_000;

/// Returns the events of all groups, group by group; the caller signs for the service `logs`.
pub(crate) async fn read(caller: &Caller, endpoint: &str) -> Result<String> {
    let groups: Groups = call(caller, endpoint, "DescribeLogGroups", &json!({})).await?;
    let mut text = String::new();
    for Group { name } in groups.groups {
        let wanted = json!({ "logGroupName": name, "limit": EVENTS });
        let events: Events = call(caller, endpoint, "FilterLogEvents", &wanted).await?;
        for event in events.events {
            writeln!(text, "{name} {}", event.message.trim_end()).context("cannot gather the logs")?;
        }
    }
    Ok(text)
}

async fn call<T: DeserializeOwned>(
    caller: &Caller,
    endpoint: &str,
    action: &str,
    wanted: &Value,
) -> Result<T> {
    let target = format!("Logs_20140328.{action}");
    let headers = [("content-type", "application/x-amz-json-1.1"), ("x-amz-target", target.as_str())];
    let body = wanted.to_string().into_bytes();
    let answer = caller.call_with(Method::POST, &format!("{endpoint}/"), &headers, body).await?;
    ensure!(answer.status == 200, "CloudWatch's {action} was refused: {}", answer.text());
    serde_json::from_slice(&answer.body)
        .with_context(|| format!("cannot read the answer of CloudWatch's {action}"))
}

#[derive(Deserialize)]
struct Groups {
    #[serde(rename = "logGroups")]
    groups: Vec<Group>,
}

#[derive(Deserialize)]
struct Group {
    #[serde(rename = "logGroupName")]
    name: String,
}

#[derive(Deserialize)]
struct Events {
    events: Vec<Event>,
}

#[derive(Deserialize)]
struct Event {
    message: String,
}
