//! Family HDR: the headers of an attempt, and what the headers of an answer mean.

use std::borrow::Cow;
use std::collections::{BTreeMap, HashSet};

use convention::delivery::{Answer, AttemptMessage, Next, Outcome, next};
use convention::directory::{Receiver, Settings};
use convention::notification::{
    AuthorisationServers, Choices, InteractionId, Notification, Plan, StateChange, plan,
};
use dispatch::Fault;
use http::HeaderName;
use platform::rng::Rng;
use regex_lite::Regex;
use serde::Deserialize;

use super::compare::{Comparison, Field, read, there};
use super::{Judgement, Vector, example};

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct AttemptInput {
    endpoint: String,
    #[serde(default, deserialize_with = "there")]
    webhook_version: Option<String>,
    #[serde(default, deserialize_with = "there")]
    attempt: Option<usize>,
    #[serde(default, deserialize_with = "there")]
    outcomes: Option<Vec<u16>>,
    #[serde(default)]
    authorisation_server_id: Field<String>,
    #[serde(default, deserialize_with = "there")]
    authorisation_servers: Option<BTreeMap<String, String>>,
    #[serde(default)]
    brand: Field<String>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct AttemptExpected {
    #[serde(rename = "x-webhook-interaction-id", default)]
    interaction_id: Field<Header>,
    #[serde(rename = "x-authorization-server-id", default)]
    authorization_server_id: Field<Header>,
    #[serde(rename = "x-authorisation-server-id", default)]
    authorisation_server_id: Field<Header>,
    #[serde(rename = "content-type", default)]
    content_type: Field<Header>,
    #[serde(default, deserialize_with = "there")]
    absent_headers: Option<Vec<String>>,
    #[serde(default, deserialize_with = "there")]
    distinct_interaction_ids: Option<usize>,
    #[serde(default, deserialize_with = "there")]
    same_url: Option<bool>,
    #[serde(default, deserialize_with = "there")]
    same_body: Option<bool>,
    #[serde(default, deserialize_with = "there")]
    sent: Option<bool>,
    #[serde(default)]
    error: Field<String>,
    #[serde(default, deserialize_with = "there")]
    alarm: Option<bool>,
}

/// What is expected of one header.
#[derive(Deserialize)]
#[serde(untagged)]
enum Header {
    Value(String),
    Pattern(Pattern),
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Pattern {
    pattern: String,
    #[serde(default, deserialize_with = "there")]
    count: Option<usize>,
}

/// One attempt as it would be sent.
struct Attempt {
    notification: Notification,
    headers: Vec<(HeaderName, Cow<'static, str>)>,
}

impl Attempt {
    fn values(&self, name: &str) -> Vec<&str> {
        let named = self.headers.iter().filter(|(header, _)| header == name);
        named.map(|(_, value)| value.as_ref()).collect()
    }
}

pub(super) fn judge(vector: &Vector) -> Judgement {
    if vector.input.get("status").is_some() { judge_answer(vector) } else { judge_attempts(vector) }
}

fn judge_attempts(vector: &Vector) -> Judgement {
    let input: AttemptInput = read("input", &vector.input)?;
    let expected: AttemptExpected = read("expected", &vector.expected)?;
    let endpoint = example::endpoint(&input.endpoint)?;
    let profile = example::profile(input.webhook_version.as_deref())?;
    let change = example::Change::notified(endpoint, example::api_version(), profile)?
        .with_some("brand", input.brand.value().cloned())
        .valid()?;
    let receiver = example::receiver(example::BASE, profile)?;
    let servers = servers(&input)?;
    let mut comparison = Comparison::default();
    let fault = match plan(&change, Some(&receiver), &servers, &Choices::default()) {
        Plan::Misconfigured(missing) => Some(Fault::from(missing)),
        _ => None,
    };
    let attempts = match fault {
        Some(_) => Vec::new(),
        None => attempts(&change, &receiver, &servers, &input)?,
    };
    comparison.equal_if("sent", expected.sent.as_ref(), &!attempts.is_empty());
    let error = fault.as_ref().map(|fault| fault.code().to_string());
    comparison.equal_field("error", &expected.error, error.as_ref());
    // Every fault of ours but a lost race is logged at ERROR, which is what the alarm counts.
    let alarm = fault.as_ref().is_some_and(Fault::alarms);
    comparison.equal_if("alarm", expected.alarm.as_ref(), &alarm);
    compare_headers(&mut comparison, &expected, &attempts);
    compare_series(&mut comparison, &expected, &attempts);
    comparison.finish()
}

/// Compares the headers of every attempt.
fn compare_headers(comparison: &mut Comparison, expected: &AttemptExpected, attempts: &[Attempt]) {
    let named = [
        ("x-webhook-interaction-id", &expected.interaction_id),
        ("x-authorization-server-id", &expected.authorization_server_id),
        ("x-authorisation-server-id", &expected.authorisation_server_id),
        ("content-type", &expected.content_type),
    ];
    for (name, header) in named {
        if !header.is_there() {
            continue;
        }
        if attempts.is_empty() {
            comparison.differ(name, "a request", "none");
        }
        for attempt in attempts {
            compare_header(comparison, name, header.value(), &attempt.values(name));
        }
    }
    let Some(absent) = &expected.absent_headers else { return };
    if attempts.is_empty() {
        comparison.differ("absent_headers", "a request without them", "no request");
    }
    for (attempt, name) in attempts.iter().flat_map(|attempt| absent.iter().map(move |name| (attempt, name)))
    {
        comparison.equal(name, &Vec::new(), &attempt.values(name));
    }
}

fn compare_header(comparison: &mut Comparison, name: &str, expected: Option<&Header>, came: &[&str]) {
    match expected {
        None => comparison.equal(name, &[] as &[&str], came),
        Some(Header::Value(value)) => comparison.equal(name, &[value.as_str()] as &[&str], came),
        Some(Header::Pattern(Pattern { pattern, count })) => {
            comparison.equal_if(&format!("{name}.count"), count.as_ref(), &came.len());
            match Regex::new(pattern) {
                Ok(regex) if !came.is_empty() && came.iter().all(|value| regex.is_match(value)) => {}
                Ok(_) => {
                    comparison.differ(name, &format!("values that match {pattern}"), &format!("{came:?}"));
                }
                Err(error) => comparison.differ(name, "a pattern", &error.to_string()),
            }
        }
    }
}

/// Compares what the attempts at one notification have in common.
fn compare_series(comparison: &mut Comparison, expected: &AttemptExpected, attempts: &[Attempt]) {
    let ids = attempts.iter().flat_map(|attempt| attempt.values("x-webhook-interaction-id"));
    let ids: HashSet<_> = ids.collect();
    comparison.equal_if("distinct_interaction_ids", expected.distinct_interaction_ids.as_ref(), &ids.len());
    let urls: HashSet<_> = attempts.iter().map(|attempt| &attempt.notification.url).collect();
    comparison.equal_if("same_url", expected.same_url.as_ref(), &(urls.len() == 1));
    let bodies: HashSet<_> = attempts.iter().map(|attempt| &attempt.notification.body).collect();
    comparison.equal_if("same_body", expected.same_body.as_ref(), &(bodies.len() == 1));
}

/// Makes the attempts that a vector asks for, each from the message that the one before it queued.
fn attempts(
    change: &StateChange,
    receiver: &Receiver,
    servers: &AuthorisationServers,
    input: &AttemptInput,
) -> Result<Vec<Attempt>, String> {
    let outcomes = match (&input.outcomes, input.attempt) {
        (Some(outcomes), None) => outcomes.clone(),
        // The attempt that is looked at follows failures.
        (None, attempt) => vec![503; attempt.unwrap_or(1)],
        (Some(_), Some(_)) => return Err("input cannot be judged: both attempt and outcomes".to_owned()),
    };
    let mut message = AttemptMessage::first(change.clone(), example::at(0));
    let mut attempts = Vec::new();
    for status in outcomes {
        let due = message.take().ok_or_else(|| format!("no attempt {} is made", attempts.len() + 1))?;
        let due = AttemptMessage::from_json(&due.to_json()).map_err(|error| error.to_string())?;
        let notification = match plan(&due.change, Some(receiver), servers, &Choices::default()) {
            Plan::Notify(notification) => *notification,
            other => return Err(format!("nothing is sent: {other:?}")),
        };
        let id = InteractionId::new(due.notification.partition(), Rng::system().bits());
        let headers = notification.headers_of_attempt(id).collect();
        attempts.push(Attempt { notification, headers });
        let answer = Answer { status, interaction_id: Some(id.to_string()), body_cut: false };
        if let Outcome::Failed(_) = Outcome::of(&answer, &id.to_string(), &receiver.settings)
            && let Next::Attempt(number, at) = next(due.attempt, example::at(0))
        {
            message = Some(due.again(number, at));
        }
    }
    Ok(attempts)
}

fn servers(input: &AttemptInput) -> Result<AuthorisationServers, String> {
    let text = match (&input.authorisation_servers, &input.authorisation_server_id) {
        (Some(servers), Field::Absent) => {
            servers.iter().map(|(brand, id)| format!("{brand}={id}")).collect::<Vec<_>>().join(",")
        }
        (None, Field::Is(id)) => id.clone(),
        (None, Field::Null) => String::new(),
        (None, Field::Absent) => return Ok(example::servers()),
        (Some(_), _) => return Err("input cannot be judged: two kinds of authorisation servers".to_owned()),
    };
    text.parse().map_err(|error| format!("the authorisation servers are refused: {error}"))
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct AnswerInput {
    status: u16,
    sent_id: String,
    #[serde(default)]
    response_header: Field<String>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct AnswerExpected {
    outcome: String,
    #[serde(default)]
    warning: Field<String>,
}

fn judge_answer(vector: &Vector) -> Judgement {
    let AnswerInput { status, sent_id, response_header } = read("input", &vector.input)?;
    let expected: AnswerExpected = read("expected", &vector.expected)?;
    let answer = Answer { status, interaction_id: response_header.value().cloned(), body_cut: false };
    let outcome = Outcome::of(&answer, &sent_id, &Settings::default());
    let mut comparison = Comparison::default();
    // A vector may call every failure "failed", or this one by its code.
    let came = match &outcome {
        Outcome::Failed(_) if expected.outcome == "failed" => "failed",
        other => other.code(),
    };
    comparison.equal("outcome", expected.outcome.as_str(), came);
    let findings: Vec<_> = match &outcome {
        Outcome::Delivered { findings, .. } => findings.iter().map(|finding| finding.code()).collect(),
        Outcome::Failed(_) => Vec::new(),
    };
    let warning: Vec<_> = expected.warning.value().map(String::as_str).into_iter().collect();
    comparison.equal("warning", &warning, &findings);
    comparison.finish()
}
