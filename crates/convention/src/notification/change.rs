//! The state change: what the bank's systems post. Parsing reports every error at once.

use jiff::{SignedDuration, Timestamp};
use serde_json::{Map, Value};

use super::ecosystem::Ecosystem;
use super::endpoint::{Endpoint, PARTIALLY_ACCEPTED, Reached, Scope};
use super::id::{ClientId, ResourceId};
use super::time::EventInstant;
use super::version::ApiVersion;
use crate::fields::{FieldError, Fields, MAX_NAME, MAX_TEXT, sentence};

/// Something that changed at the account holder and may have to be notified.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct StateChange {
    /// The client that owns the resource; only its receiver is notified.
    pub client_id: ClientId,
    /// The resource that changed.
    pub subject: Subject,
    /// The previous state, if known.
    pub from: Option<String>,
    /// The new state, or the unchanged one if only data changed.
    pub to: String,
    /// Whether the resource was `PARTIALLY_ACCEPTED` at some earlier time.
    pub passed_through_partially_accepted: Option<bool>,
    /// The fields of one edit.
    pub changed_fields: Vec<String>,
    /// The actor that caused it.
    pub actor: Option<Actor>,
    /// The brand of the account holder, if it has several.
    pub brand: Option<String>,
    /// When it happened.
    pub event_instant: EventInstant,
    /// The caller's identifier of the business event.
    pub event_id: Option<String>,
    /// The change that follows by time alone, unless another state comes first. No notification carries it.
    pub expiry: Option<Expiry>,
}

/// A change that no call makes, announced with the state before it.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Expiry {
    /// When it takes place.
    pub at: EventInstant,
    /// The state that then holds.
    pub to: String,
}

/// What a state change is about.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum Subject {
    /// A resource that has an endpoint in the convention.
    Resource(Resource),
    /// A resource of an API for which the convention has no endpoint.
    ApiWithoutWebhook,
    /// A resource of an API of this name that is not known here: a newer one, or a slip of the pen.
    UnknownApi(String),
}

/// A resource that has an endpoint in the convention.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Resource {
    /// The endpoint that notifies it.
    pub endpoint: Endpoint,
    /// The API version it was created through.
    pub api_version: ApiVersion,
    /// Its identifier.
    pub id: ResourceId,
}

/// The actor that caused a state change.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Actor {
    /// The account holder ("detentora").
    AccountHolder,
    /// The payment initiator ("iniciadora").
    Initiator,
    /// The customer ("usuário").
    Customer,
}

impl Actor {
    const ALL: [Self; 3] = [Self::AccountHolder, Self::Initiator, Self::Customer];

    fn as_str(self) -> &'static str {
        match self {
            Self::AccountHolder => "DETENTORA",
            Self::Initiator => "INICIADORA",
            Self::Customer => "USUARIO",
        }
    }

    pub(super) fn of(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|actor| actor.as_str() == text)
    }
}

/// The fields of a change in Open Finance.
const FIELDS: &[&str] = &[
    "actor",
    "api",
    "api_version",
    "brand",
    "cause",
    "changed_fields",
    "client_id",
    "event_id",
    "event_instant",
    "expires_at",
    "expires_to",
    "from",
    "passed_through_partially_accepted",
    "product",
    "resource",
    "resource_id",
    "to",
];
/// Maximum length of an API's name in characters; the longest that is known has 29.
const MAX_API_NAME: usize = 64;
/// The fields of a change in Open Insurance, whose contract has neither edits nor authors nor partial acceptance.
const INSURANCE_FIELDS: &[&str] = &[
    "api",
    "api_version",
    "brand",
    "cause",
    "client_id",
    "event_id",
    "event_instant",
    "expires_at",
    "expires_to",
    "from",
    "product",
    "resource",
    "resource_id",
    "to",
];
/// Maximum lead of the bank's clock over ours. Receivers refuse events in the future.
const CLOCK_SKEW: SignedDuration = SignedDuration::from_mins(5);
pub(super) const MAX_CHANGED_FIELDS: usize = 50;
/// Maximum time from a state to its end. Not a limit of the convention or of EventBridge Scheduler: it catches a wrong year.
const MAX_LIFE: SignedDuration = SignedDuration::from_hours(24 * 365 * 20);

impl StateChange {
    /// Parses a state change that is posted now; `pointer` is its place in the whole document.
    ///
    /// Every error of every field is reported, so that the caller can fix them all at once. An event in the
    /// future is an error.
    pub fn posted(value: &Value, pointer: &str, now: Timestamp) -> Result<Self, Vec<FieldError>> {
        Self::posted_in(Ecosystem::OpenFinance, value, pointer, now)
    }

    /// Parses a state change as [`Self::posted`] does, on a stack of this ecosystem: it takes no other's.
    pub fn posted_in(
        ecosystem: Ecosystem,
        value: &Value,
        pointer: &str,
        now: Timestamp,
    ) -> Result<Self, Vec<FieldError>> {
        Self::parse(ecosystem, value, pointer, Some(now))
    }

    /// Parses a state change that was taken before, without the check against the current time. Its API tells the ecosystem.
    pub fn from_json(value: &Value, pointer: &str) -> Result<Self, Vec<FieldError>> {
        let api = value.get("api").and_then(Value::as_str).unwrap_or_default();
        Self::parse(Ecosystem::of_api(api), value, pointer, None)
    }

    fn parse(
        ecosystem: Ecosystem,
        value: &Value,
        pointer: &str,
        now: Option<Timestamp>,
    ) -> Result<Self, Vec<FieldError>> {
        let known = match ecosystem {
            Ecosystem::OpenFinance => FIELDS,
            Ecosystem::OpenInsurance => INSURANCE_FIELDS,
        };
        let mut fields = Fields::of(value, pointer, known)?;
        let client_id = fields.parsed("client_id", str::parse::<ClientId>);
        let event_instant = fields.parsed("event_instant", str::parse::<EventInstant>);
        if let (Some(instant), Some(now)) = (event_instant, now)
            && instant.timestamp().duration_since(now) > CLOCK_SKEW
        {
            let detail = format!(
                "The event is more than {CLOCK_SKEW:#} in the future: check the clock that wrote it."
            );
            fields.refuse("event_instant", "in_the_future", detail);
        }
        let from = fields.text("from", MAX_TEXT);
        let to = fields.required_text("to", MAX_TEXT);
        let passed_through_partially_accepted = fields.boolean("passed_through_partially_accepted");
        let changed_fields = fields.texts("changed_fields", MAX_CHANGED_FIELDS, MAX_NAME).unwrap_or_default();
        let actor = actor(&mut fields);
        let brand = fields.text("brand", MAX_NAME);
        let event_id = fields.text("event_id", MAX_NAME);
        let expires_at = fields.value("expires_at");
        let expires_at = expires_at.and_then(|_| fields.parsed("expires_at", str::parse::<EventInstant>));
        let expires_to = fields.text("expires_to", MAX_TEXT);
        let mut expires = None;
        // Informative: accepted so that callers may post what they have, but used by no rule.
        fields.text("cause", MAX_TEXT);
        fields.text("product", MAX_TEXT);
        let subject = subject(&mut fields, ecosystem);
        if let (Some(Subject::Resource(resource)), Some(to)) = (&subject, &to) {
            check_states(&mut fields, resource, from.as_deref(), to, passed_through_partially_accepted);
            expires = expiry(&mut fields, resource, (event_instant, to), (expires_at, expires_to));
        }
        match (client_id, event_instant, to, subject, fields.into_errors()) {
            (Some(client_id), Some(event_instant), Some(to), Some(subject), errors) if errors.is_empty() => {
                Ok(Self {
                    client_id,
                    subject,
                    from,
                    to,
                    passed_through_partially_accepted,
                    changed_fields,
                    actor,
                    brand,
                    event_instant,
                    event_id,
                    expiry: expires,
                })
            }
            (.., errors) => Err(errors),
        }
    }

    /// Returns the change that takes place when this state expires.
    ///
    /// It has no `event_id`, as it is another event than the one that announced it.
    pub fn expired(&self) -> Option<Self> {
        let Expiry { at, to } = self.expiry.clone()?;
        Some(Self {
            from: Some(self.to.clone()),
            to,
            changed_fields: Vec::new(),
            actor: None,
            event_instant: at,
            event_id: None,
            expiry: None,
            ..self.clone()
        })
    }

    /// Writes the state change as JSON for [`Self::from_json`], without its expiry; `None` if it has no endpoint.
    pub fn to_json(&self) -> Option<Value> {
        let Subject::Resource(resource) = &self.subject else { return None };
        let row = resource.endpoint.row();
        let mut object = Map::new();
        let mut put = |name: &str, value: Value| {
            if !value.is_null() {
                object.insert(name.to_owned(), value);
            }
        };
        put("client_id", self.client_id.as_str().into());
        put("api", row.api.into());
        put("resource", row.resource.into());
        put("resource_id", resource.id.as_str().into());
        put("api_version", resource.api_version.to_string().into());
        put("from", self.from.clone().into());
        put("to", self.to.clone().into());
        put("passed_through_partially_accepted", self.passed_through_partially_accepted.into());
        if !self.changed_fields.is_empty() {
            put("changed_fields", self.changed_fields.clone().into());
        }
        put("actor", self.actor.map(Actor::as_str).into());
        put("brand", self.brand.clone().into());
        put("event_instant", self.event_instant.to_string().into());
        put("event_id", self.event_id.clone().into());
        Some(Value::Object(object))
    }
}

fn actor(fields: &mut Fields<'_>) -> Option<Actor> {
    let text = fields.text("actor", MAX_NAME)?;
    let actor = Actor::of(&text);
    if actor.is_none() {
        fields.refuse("actor", "invalid", "Expected DETENTORA, INICIADORA or USUARIO.");
    }
    actor
}

fn subject(fields: &mut Fields<'_>, ecosystem: Ecosystem) -> Option<Subject> {
    let api = fields.required_text("api", MAX_NAME);
    let resource = fields.required_text("resource", MAX_NAME);
    let api_version = fields.parsed("api_version", |text| match text.parse::<ApiVersion>() {
        Ok(version) if !ecosystem.admits(version) => Err(NOT_IN_INSURANCE.to_owned()),
        parsed => parsed.map_err(|error| error.to_string()),
    });
    let id = fields.required_text("resource_id", MAX_TEXT);
    let (api, resource, id) = (api?, resource?, id?);
    if ecosystem.apis_without_webhook().contains(&api.as_str()) {
        return Some(Subject::ApiWithoutWebhook);
    }
    let found = Endpoint::of(&api, &resource).filter(|endpoint| endpoint.row().ecosystem == ecosystem);
    let Some(endpoint) = found else {
        let has_it = |one: &Ecosystem| {
            let is_without_webhook = one.apis_without_webhook().contains(&api.as_str());
            is_without_webhook || one.endpoints().iter().any(|row| row.api == api)
        };
        match Ecosystem::ALL.into_iter().find(has_it) {
            // A stack that was set up for the wrong one must not take all its changes for those of unknown APIs.
            Some(other) if other != ecosystem => {
                fields.refuse("api", "invalid", format!("An API of {other}; this stack serves {ecosystem}."));
            }
            None if is_api_name(&api) => return Some(Subject::UnknownApi(api)),
            known => refuse_resource(fields, ecosystem, &api, known.is_none()),
        }
        return None;
    };
    match ResourceId::parse(&id, endpoint.row().id_syntax) {
        Ok(id) => Some(Subject::Resource(Resource { endpoint, api_version: api_version?, id })),
        Err(error) => {
            fields.refuse("resource_id", "invalid", sentence(&error.to_string()));
            None
        }
    }
}

/// Says whether a text has the form of an API's name: words of lower-case letters with hyphens between, such as
/// `payroll-credit-portability`.
///
/// No digits: a name is logged, and no document number may be.
fn is_api_name(text: &str) -> bool {
    let is_word = |word: &str| !word.is_empty() && word.bytes().all(|byte| byte.is_ascii_lowercase());
    text.len() <= MAX_API_NAME && text.split('-').all(is_word)
}

/// Why a version is refused that `versionApi` of Open Insurance cannot name.
const NOT_IN_INSURANCE: &str = "not an API version of Open Insurance: expected v1 to v99 without a zero";

fn refuse_resource(fields: &mut Fields<'_>, ecosystem: Ecosystem, api: &str, is_unknown: bool) {
    let rows = ecosystem.endpoints();
    if is_unknown {
        let mut known: Vec<_> = rows.iter().map(|row| row.api).collect();
        known.sort_unstable();
        known.dedup();
        let known = known.join(", ");
        let without = ecosystem.apis_without_webhook();
        let without = if without.is_empty() { "none".to_owned() } else { without.join(", ") };
        let detail = format!(
            "Expected the name of an API of {ecosystem}: at most {MAX_API_NAME} lower-case letters and hyphens. With a \
             webhook: {known}; without: {without}."
        );
        fields.refuse("api", "invalid", detail);
    } else {
        let resources: Vec<_> = rows.iter().filter(|row| row.api == api).map(|row| row.resource).collect();
        let detail = format!("Unknown resource of this API. Known are: {}.", resources.join(", "));
        fields.refuse("resource", "invalid", detail);
    }
}

/// Takes the expiry: both of its fields, or neither, and a later state of the resource.
fn expiry(
    fields: &mut Fields<'_>,
    resource: &Resource,
    (since, now_in): (Option<EventInstant>, &str),
    (at, to): (Option<EventInstant>, Option<String>),
) -> Option<Expiry> {
    for (field, other) in [("expires_at", "expires_to"), ("expires_to", "expires_at")] {
        if fields.value(field).is_none() && fields.value(other).is_some() {
            fields.refuse(field, "missing", format!("This field goes with {other}."));
        }
    }
    if let (Some(at), Some(since)) = (at, since) {
        let life = at.timestamp().duration_since(since.timestamp());
        if life <= SignedDuration::ZERO {
            fields.refuse("expires_at", "not_after_event", "Expected an instant after event_instant.");
        } else if life > MAX_LIFE {
            let years = MAX_LIFE.as_hours() / (24 * 365);
            fields.refuse("expires_at", "too_far", format!("Expected an instant within {years} years."));
        }
    }
    if let Some(to) = &to {
        check_state(fields, resource, "expires_to", to);
        if to == now_in {
            fields.refuse("expires_to", "same_state", "Expected another state than to.");
        }
    }
    Some(Expiry { at: at?, to: to? })
}

fn check_state(fields: &mut Fields<'_>, resource: &Resource, field: &str, name: &str) {
    let row = resource.endpoint.row();
    if row.reached(name, resource.api_version).is_none() {
        let states: Vec<_> = row.states_of(resource.api_version).map(|state| state.name).collect();
        let version = resource.api_version;
        let states =
            if states.is_empty() { "capitals, digits and _ expected".to_owned() } else { states.join(", ") };
        let detail = format!("Not a state of this resource in {} {version}: {states}.", row.api);
        fields.refuse(field, "unknown_state", detail);
    }
}

/// Says whether a state is notified depending on a state before it.
pub(super) fn depends_on_past(reached: Reached) -> bool {
    matches!(reached, Reached::NotifiedAfterPartialAcceptance(_))
}

fn check_states(
    fields: &mut Fields<'_>,
    resource: &Resource,
    from: Option<&str>,
    to: &str,
    passed: Option<bool>,
) {
    let row = resource.endpoint.row();
    if row.scope == Scope::Server && from.is_some() {
        fields.refuse("from", "no_states", "What a server publishes has no state before: leave it out.");
        return;
    }
    for (field, name) in [("from", from), ("to", Some(to))] {
        if let Some(name) = name {
            check_state(fields, resource, field, name);
        }
    }
    let depends = row.reached(to, resource.api_version).is_some_and(depends_on_past);
    if depends && from.is_none() && passed.is_none() {
        let detail = format!(
            "Required here: whether {to} must be notified depends on {PARTIALLY_ACCEPTED} before it. Give \
             from, or passed_through_partially_accepted."
        );
        fields.refuse("from", "missing", detail);
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn every_error_is_reported_at_once() {
        let value = json!({
            "client_id": "not allowed", "api": "payments", "resource": "pix_payment", "resource_id": "-x",
            "api_version": "v0", "to": 7, "event_instant": "yesterday", "extra/field": true
        });
        let errors = StateChange::from_json(&value, "/changes/3").unwrap_err();
        let mut pointers: Vec<_> = errors.iter().map(|error| error.pointer.as_str()).collect();
        pointers.sort_unstable();
        let expected = ["api_version", "client_id", "event_instant", "extra~1field", "resource_id", "to"];
        assert_eq!(pointers, expected.map(|field| format!("/changes/3/{field}")));
    }

    #[test]
    fn texts_that_the_queue_would_refuse_are_refused_when_posted() {
        let with = |field: &str, bad: Value| {
            let mut value = json!({
                "client_id": "c-1", "api": "payments", "resource": "pix_payment", "resource_id": "p-1",
                "api_version": "v5", "from": "RCVD", "to": "ACSC", "event_instant": "2026-03-10T12:00:00Z"
            });
            value[field] = bad;
            StateChange::from_json(&value, "").unwrap_err()[0].pointer.clone()
        };
        assert_eq!(with("event_id", json!("a\u{ffff}")), "/event_id");
        assert_eq!(with("brand", json!("a\nb")), "/brand");
        assert_eq!(with("changed_fields", json!(["a\u{fffe}"])), "/changed_fields");
        assert_eq!(with("changed_fields", json!(["x".repeat(129)])), "/changed_fields");
        assert_eq!(with("changed_fields", json!(vec!["x"; 51])), "/changed_fields");
    }

    #[test]
    fn an_expiry_has_both_fields_and_is_a_later_state_of_the_resource() {
        let with = |at: Value, to: Value| {
            let value = json!({
                "client_id": "c-1", "api": "payments", "resource": "consent", "resource_id": "urn:b:1",
                "api_version": "v5", "to": "AWAITING_AUTHORISATION", "event_instant": "2026-03-10T12:00:00Z",
                "expires_at": at, "expires_to": to
            });
            let errors = StateChange::from_json(&value, "").err().unwrap_or_default();
            errors.into_iter().map(|error| (error.pointer, error.code)).collect::<Vec<_>>()
        };
        let refused = |field: &str, code| vec![(format!("/{field}"), code)];
        let (at, to) = (json!("2026-03-10T12:05:00Z"), json!("REJECTED"));
        assert_eq!(with(at.clone(), to.clone()), []);
        assert_eq!(with(Value::Null, Value::Null), []);
        assert_eq!(with(at.clone(), Value::Null), refused("expires_to", "missing"));
        assert_eq!(with(Value::Null, to.clone()), refused("expires_at", "missing"));
        assert_eq!(with(json!("2026-03-10"), to.clone()), refused("expires_at", "invalid"));
        assert_eq!(with(json!(300), to.clone()), refused("expires_at", "wrong_type"));
        for at in ["2026-03-10T12:00:00Z", "2026-03-09T12:00:00Z"] {
            assert_eq!(with(json!(at), to.clone()), refused("expires_at", "not_after_event"));
        }
        assert_eq!(with(json!("2062-03-10T12:00:00Z"), to), refused("expires_at", "too_far"));
        assert_eq!(with(at.clone(), json!("ACSC")), refused("expires_to", "unknown_state"));
        assert_eq!(with(at, json!("AWAITING_AUTHORISATION")), refused("expires_to", "same_state"));
    }

    #[test]
    fn an_unknown_api_is_told_from_a_text_that_is_no_name_of_one() {
        let of = |api: &str, resource: &str| {
            let value = json!({
                "client_id": "c-1", "api": api, "resource": resource, "resource_id": "x", "api_version": "v1",
                "to": "ANY", "event_instant": "2026-03-10T12:00:00Z"
            });
            StateChange::from_json(&value, "")
                .map(|change| change.subject)
                .map_err(|errors| errors.into_iter().map(|error| error.pointer).collect::<Vec<_>>())
        };
        for api in ["payroll-credit-portability", "payment", "x", "a-b-c", &"a".repeat(64)] {
            assert_eq!(of(api, "any"), Ok(Subject::UnknownApi(api.to_owned())));
        }
        assert_eq!(of("accounts", "account"), Ok(Subject::ApiWithoutWebhook));
        let too_long = "a".repeat(65);
        for api in
            ["Payments", "pay ments", "-a", "a-", "a--b", "a/b", "a_b", "cpf11144477735", "ação", &too_long]
        {
            assert_eq!(of(api, "any"), Err(vec!["/api".to_owned()]), "{api}");
        }
        assert_eq!(of("payments", "any"), Err(vec!["/resource".to_owned()]));
    }

    #[test]
    fn a_queued_change_is_read_back_the_same() {
        let value = json!({
            "client_id": "c-1", "api": "enrollments", "resource": "enrollment", "resource_id": "urn:b:1",
            "api_version": "v2", "from": "AUTHORISED", "to": "AUTHORISED", "changed_fields": ["dailyLimit"],
            "actor": "DETENTORA", "brand": "B", "event_instant": "2026-03-10T12:00:00.25-03:00", "event_id": "e-1"
        });
        let change = StateChange::from_json(&value, "").unwrap();
        assert_eq!(StateChange::from_json(&change.to_json().unwrap(), "").unwrap(), change);
    }
}
