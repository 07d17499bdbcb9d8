//! Family DCR: what a DCR or DCM call does to where a client is notified.

use convention::address::AddressPolicy;
use convention::directory::{Registration, RegistrationRequest, StatementUris, target};
use convention::notification::{Choices, Endpoint, Plan, WebhookVersion, plan};
use directory::wire;
use jiff::SignedDuration;
use platform::answer::Problem;
use platform::aws::RECEIVER_CACHE_TTL;
use serde::Deserialize;
use serde_json::{Map, Value, json};

use super::compare::{Comparison, Field, read, there};
use super::{Judgement, Vector, example};

const POLICY: AddressPolicy = AddressPolicy::Public;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Input {
    operation: String,
    #[serde(rename = "ssa.software_api_webhook_uris", default)]
    statement: Field<Vec<String>>,
    #[serde(rename = "payload.webhook_uris", default)]
    metadata: Field<Value>,
    #[serde(rename = "payload.webhook_uris_absent", default)]
    metadata_absent: bool,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Expected {
    http_status: Value,
    #[serde(default, deserialize_with = "there")]
    error: Option<String>,
    #[serde(default, deserialize_with = "there")]
    error_description: Option<String>,
    #[serde(default, deserialize_with = "there")]
    webhook: Option<String>,
    #[serde(default)]
    base_uri: Field<String>,
    #[serde(default)]
    alarm: Field<String>,
    #[serde(default, deserialize_with = "there")]
    previous: Option<String>,
    #[serde(default, deserialize_with = "there")]
    webhook_unchanged: Option<bool>,
    #[serde(default, deserialize_with = "there")]
    effective_within_s: Option<i64>,
    #[serde(default, deserialize_with = "there")]
    webhook_calls_after_600s: Option<usize>,
}

/// What a call left behind, and what it was answered.
struct Called {
    status: u16,
    answer: Value,
    before: Option<Registration>,
    after: Option<Registration>,
}

pub(super) fn judge(vector: &Vector) -> Judgement {
    let input: Input = read("input", &vector.input)?;
    let expected: Expected = read("expected", &vector.expected)?;
    let called = call(&input, expected.previous.as_deref().unwrap_or(example::BASE))?;
    let mut comparison = Comparison::default();
    let status = match &expected.http_status {
        Value::String(class) if class.len() == 3 && class.ends_with("xx") => {
            json!(format!("{}xx", called.status / 100))
        }
        _ => json!(called.status),
    };
    comparison.equal("http_status", &expected.http_status, &status);
    let text = |name: &str| called.answer.get(name).and_then(Value::as_str).map(str::to_owned);
    comparison.equal_if("error", expected.error.map(Some).as_ref(), &text("error"));
    let description = expected.error_description.map(Some);
    comparison.equal_if("error_description", description.as_ref(), &text("error_description"));
    let base = called.base_after();
    let webhook = if base.is_some() { "enabled" } else { "disabled" }.to_owned();
    comparison.equal_if("webhook", expected.webhook.as_ref(), &webhook);
    if let (Some(expected), Some(answered)) = (&expected.webhook, text("webhook")) {
        comparison.equal("webhook (answered)", expected, &answered);
    }
    comparison.equal_field("base_uri", &expected.base_uri, base.as_ref());
    comparison.equal_field("alarm", &expected.alarm, called.warnings().as_ref());
    if let Some(previous) = expected.previous {
        comparison.equal("previous", &Some(previous), &called.base_before());
        if base == called.base_before() {
            comparison.differ("previous", "another base URI than now", "the same");
        }
    }
    comparison.equal_if("webhook_unchanged", expected.webhook_unchanged.as_ref(), &called.is_unchanged());
    if let Some(seconds) = expected.effective_within_s
        && RECEIVER_CACHE_TTL > SignedDuration::from_secs(seconds)
    {
        let came = format!("{RECEIVER_CACHE_TTL:#} at most");
        comparison.differ("effective_within_s", &format!("{seconds} s at most"), &came);
    }
    let calls = expected.webhook_calls_after_600s.as_ref();
    comparison.equal_if("webhook_calls_after_600s", calls, &called.calls_after(600)?);
    comparison.finish()
}

/// Makes the call. A client that is changed or deleted was notified at `previous` before.
fn call(input: &Input, previous: &str) -> Result<Called, String> {
    let uris = match (&input.metadata, input.metadata_absent) {
        (Field::Absent, _) => None,
        (Field::Null, false) => Some(Value::Null),
        (Field::Is(uris), false) => Some(uris.clone()),
        (_, true) => return Err("input cannot be judged: webhook_uris both there and absent".to_owned()),
    };
    let statement = input.statement.value().map(Vec::as_slice);
    let before = || register(Some(&json!([previous])), StatementUris::NotPresented, None, -3600);
    match input.operation.as_str() {
        "POST /register" => registered(uris.as_ref(), statement, None),
        "PUT /register/{clientId}" => {
            let (_, before) = before()?.map_err(|problem| problem.detail)?;
            registered(uris.as_ref(), statement, Some(before))
        }
        "DELETE /register/{clientId}" => {
            let (_, before) = before()?.map_err(|problem| problem.detail)?;
            let status = wire::removed().status().as_u16();
            Ok(Called { status, answer: Value::Null, before: Some(before), after: None })
        }
        other => Err(format!("input cannot be judged: unknown operation {other:?}")),
    }
}

fn registered(
    uris: Option<&Value>,
    statement: Option<&[String]>,
    before: Option<Registration>,
) -> Result<Called, String> {
    let made = register(uris, StatementUris::Presented(statement), before.as_ref(), 0)?;
    // A refused call leaves what there was.
    let (response, after) = match made {
        Ok((response, after)) => (response, Some(after)),
        Err(problem) => (platform::answer::problem(problem.status, &problem), before.clone()),
    };
    let answer = serde_json::from_str(response.body()).map_err(|error| error.to_string())?;
    Ok(Called { status: response.status().as_u16(), answer, before, after })
}

/// Registers a client as the directory function does, with the software statement presented.
fn register(
    uris: Option<&Value>,
    statement: StatementUris<'_>,
    previous: Option<&Registration>,
    second: i64,
) -> Result<Result<(http::Response<String>, Registration), Problem>, String> {
    let mut document = Map::new();
    if let Some(uris) = uris {
        document.insert("webhook_uris".to_owned(), uris.clone());
    }
    let asked = match RegistrationRequest::from_json(&Value::Object(document), "") {
        Ok(asked) => asked,
        Err(errors) => return Ok(Err(Problem::invalid(errors))),
    };
    let decided = match target(statement, asked.webhook_uris.as_deref(), POLICY) {
        Ok(decided) => decided,
        Err(refusals) => return Ok(Err(wire::refused_uris(&refusals))),
    };
    let client_id = "client-1".parse().map_err(|error| format!("{error}"))?;
    let registration = Registration::new(client_id, asked, decided, previous, example::at(second * 1000));
    Ok(Ok((wire::registered(&registration, None), registration)))
}

impl Called {
    fn base_before(&self) -> Option<String> {
        base_of(self.before.as_ref())
    }

    fn base_after(&self) -> Option<String> {
        base_of(self.after.as_ref())
    }

    /// Returns the codes of the warnings in the answer, if there are any.
    fn warnings(&self) -> Option<String> {
        let warnings = self.answer.get("warnings").and_then(Value::as_array).into_iter().flatten();
        let codes: Vec<_> = warnings.filter_map(|warning| warning.get("code")?.as_str()).collect();
        (!codes.is_empty()).then(|| codes.join(","))
    }

    /// Says whether the client is notified as it was before the call.
    fn is_unchanged(&self) -> bool {
        self.before.is_some() && self.before == self.after
    }

    /// Counts what is sent to the client for one event this many seconds after the call.
    fn calls_after(&self, seconds: i64) -> Result<usize, String> {
        let profile = WebhookVersion::default();
        let change = example::Change::notified(Endpoint::PixPayment, example::api_version(), profile)?
            .with("event_instant", example::at(seconds * 1000).to_string())
            .valid()?;
        let receiver = self.after.as_ref().and_then(|registration| registration.receiver(POLICY));
        Ok(match plan(&change, receiver.as_ref(), &example::servers(), &Choices::default()) {
            Plan::Notify(_) => 1,
            Plan::NotNotifiable(_) | Plan::NoReceiver | Plan::Misconfigured(_) => 0,
        })
    }
}

/// Returns where a registration has notifications sent to.
fn base_of(registration: Option<&Registration>) -> Option<String> {
    Some(registration?.receiver(POLICY)?.base_uri.as_str().to_owned())
}
