//! Family BODY: what a notification says, and how it writes the instant of its event.

use convention::notification::{
    Choices, Endpoint, EventInstant, Notification, Plan, WebhookVersion, is_canonical,
    matches_published_pattern, plan,
};
use serde::Deserialize;
use serde_json::Value;

use super::compare::{Comparison, read, there};
use super::{Judgement, Vector, example};

/// The headers that every notification has besides the name of its attempt.
const OF_EVERY_NOTIFICATION: [&str; 2] = ["content-type", "user-agent"];

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct FormatInput {
    event_instant: String,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct FormatExpected {
    #[serde(rename = "data.timestamp")]
    timestamp: String,
}

/// Judges a vector of `timestamp_format`: what is sent for the instant of an event, by every endpoint.
pub(super) fn judge_format(vector: &Vector) -> Judgement {
    let input: FormatInput = read("input", &vector.input)?;
    let expected: FormatExpected = read("expected", &vector.expected)?;
    let mut comparison = Comparison::default();
    for code in ["E1", "E2", "E3", "E4", "E5"] {
        let profile = WebhookVersion::default();
        let endpoint = example::endpoint(code)?;
        let change = example::Change::notified(endpoint, example::api_version(), profile)?
            .with("event_instant", input.event_instant.as_str())
            .valid()?;
        let notification = example::notification(&change, &example::receiver(example::BASE, profile)?)?;
        let came = &body(&notification)?["data"]["timestamp"];
        comparison.equal(
            &format!("data.timestamp ({code})"),
            &Value::from(expected.timestamp.as_str()),
            came,
        );
    }
    comparison.finish()
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct ValidationInput {
    #[serde(rename = "data.timestamp")]
    timestamp: String,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct ValidationExpected {
    #[serde(default, deserialize_with = "there")]
    oas_valid: Option<bool>,
    #[serde(default, deserialize_with = "there")]
    rfc3339_valid: Option<bool>,
    #[serde(default, deserialize_with = "there")]
    sender_may_emit: Option<bool>,
}

/// Judges a vector of `timestamp_validation`: a text that a sender might write.
pub(super) fn judge_validation(vector: &Vector) -> Judgement {
    let input: ValidationInput = read("input", &vector.input)?;
    let expected: ValidationExpected = read("expected", &vector.expected)?;
    let text = input.timestamp.as_str();
    let (published, emitted) = (matches_published_pattern(text), is_canonical(text));
    let mut comparison = Comparison::default();
    comparison.equal_if("oas_valid", expected.oas_valid.as_ref(), &published);
    comparison.equal_if(
        "rfc3339_valid",
        expected.rfc3339_valid.as_ref(),
        &text.parse::<EventInstant>().is_ok(),
    );
    comparison.equal_if("sender_may_emit", expected.sender_may_emit.as_ref(), &emitted);
    if emitted && expected.oas_valid == Some(false) {
        comparison.differ("oas_valid", "a text that is never sent", "one that the product would send");
    }
    comparison.finish()
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RequestInput {
    endpoint: String,
    #[serde(default, deserialize_with = "there")]
    webhook_version: Option<String>,
    #[serde(default, deserialize_with = "there")]
    event_kind: Option<String>,
    #[serde(default, deserialize_with = "there")]
    event_instant: Option<String>,
    #[serde(default, deserialize_with = "there")]
    guide_value: Option<String>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RequestExpected {
    #[serde(default, deserialize_with = "there")]
    notify: Option<String>,
    #[serde(default, deserialize_with = "there")]
    json: Option<Value>,
    #[serde(rename = "data.eventType", default, deserialize_with = "there")]
    event_type: Option<Value>,
    #[serde(default, deserialize_with = "there")]
    extra_required_headers: Option<Vec<String>>,
    #[serde(default, deserialize_with = "there")]
    content_type_prefix: Option<String>,
}

/// Judges a vector of `request_body`: a whole body, and the headers that belong to it.
pub(super) fn judge_request(vector: &Vector) -> Judgement {
    let input: RequestInput = read("input", &vector.input)?;
    let expected: RequestExpected = read("expected", &vector.expected)?;
    let endpoint = example::endpoint(&input.endpoint)?;
    let profile = example::profile(input.webhook_version.as_deref())?;
    let kind = kind(&input)?;
    let change =
        example_of(endpoint, profile, kind)?.with_some("event_instant", input.event_instant).valid()?;
    let receiver = example::receiver(example::BASE, profile)?;
    let planned = plan(&change, Some(&receiver), &example::servers(), &Choices::default());
    let mut comparison = Comparison::default();
    let notify = match &planned {
        Plan::Notify(notification) if notification.required => "required",
        Plan::Notify(_) => "optional",
        Plan::NotNotifiable(_) => "none",
        Plan::NoReceiver | Plan::Misconfigured(_) => return Err(format!("came {planned:?}")),
    };
    comparison.equal_if("notify", expected.notify.as_deref().as_ref(), &notify);
    let sent = match planned {
        Plan::Notify(notification) => Some(*notification),
        _ => None,
    };
    let said = sent.as_ref().map(body).transpose()?;
    comparison.equal_if("json", expected.json.map(Some).as_ref(), &said);
    let event_type = said.as_ref().map(|said| said["data"]["eventType"].clone());
    comparison.equal_if("data.eventType", expected.event_type.map(Some).as_ref(), &event_type);
    if let Some(typo) = input.guide_value
        && kind == Kind::Typo
        && event_type == Some(Value::from(typo.as_str()))
    {
        comparison.differ("data.eventType", "a value of the OAS", &typo);
    }
    if let Some(mut extra) = expected.extra_required_headers {
        extra.sort();
        comparison.equal("extra_required_headers", &Some(extra), &sent.as_ref().map(extra_headers));
    }
    if let Some(prefix) = expected.content_type_prefix {
        let content_type = sent.as_ref().and_then(|sent| header(sent, "content-type")).unwrap_or_default();
        if prefix.is_empty() || !content_type.starts_with(&prefix) {
            comparison.differ("content_type_prefix", &format!("{prefix:?}"), &format!("{content_type:?}"));
        }
    }
    comparison.finish()
}

/// What kind of event a vector is about.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Kind {
    State,
    Data,
    /// A state change, called by a name that a guide has and the OAS has not.
    Typo,
}

fn kind(input: &RequestInput) -> Result<Kind, String> {
    match (input.event_kind.as_deref(), input.guide_value.as_deref()) {
        (Some("STATE_CHANGED"), None) | (None, None | Some("STATE_CHANGED")) => Ok(Kind::State),
        (Some("DATA_CHANGED"), None) | (None, Some("DATA_CHANGED")) => Ok(Kind::Data),
        (Some("STATE_CHANGED") | None, Some(_)) => Ok(Kind::Typo),
        (kind, guide) => Err(format!("input cannot be judged: event_kind {kind:?}, guide_value {guide:?}")),
    }
}

/// Returns a change of this kind. A state change is of a state that the newest profile notifies, so that what an older one
/// leaves out is left out by the product.
fn example_of(endpoint: Endpoint, profile: WebhookVersion, kind: Kind) -> Result<example::Change, String> {
    match kind {
        Kind::Data => Ok(example::Change::edited(endpoint)),
        Kind::State | Kind::Typo => {
            let version = example::api_version();
            example::Change::notified(endpoint, version, profile)
                .or_else(|_| example::Change::notified(endpoint, version, WebhookVersion::default()))
        }
    }
}

/// Parses the body of a notification.
pub(super) fn body(notification: &Notification) -> Result<Value, String> {
    serde_json::from_str(&notification.body).map_err(|error| format!("the body is not JSON: {error}"))
}

fn header<'a>(notification: &'a Notification, name: &str) -> Option<&'a str> {
    let found = notification.headers.iter().find(|(header, _)| header == name);
    found.map(|(_, value)| value.as_ref())
}

fn extra_headers(notification: &Notification) -> Vec<String> {
    let extra = notification.headers.iter().map(|(name, _)| name.to_string());
    let mut extra: Vec<_> = extra.filter(|name| !OF_EVERY_NOTIFICATION.contains(&name.as_str())).collect();
    extra.sort();
    extra
}
