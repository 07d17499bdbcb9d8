//! Examples to complete a vector with: what it leaves open must not matter to what it expects.

use convention::address::AddressPolicy;
use convention::directory::{
    BaseUri, Receiver, Registration, RegistrationRequest, Settings, Target, Warning,
};
use convention::notification::{
    ApiVersion, AuthorisationServers, Choices, ClientId, Endpoint, IdSyntax, Notification, Partition, Plan,
    Reached, ReceiverKey, StateChange, WebhookVersion, plan,
};
use jiff::{SignedDuration, Timestamp};
use serde_json::{Map, Value, json};

/// The base URI of a receiver that a vector does not name.
pub(super) const BASE: &str = "https://itp.com/kong3";
/// The policy for addresses of receivers.
pub(super) const POLICY: AddressPolicy = AddressPolicy::Public;
/// The authorisation server of a vector that does not name one.
pub(super) const SERVER: &str = "123e4567-e89b-12d3-a456-426614174000";
/// When the event of a vector happened that counts milliseconds only: 2026-03-10T12:00:00Z.
const EPOCH: i64 = 1_773_144_000;
/// A version that every API had or has.
const VERSION: &str = "v2";

/// Returns the instant that a vector calls this many milliseconds.
pub(super) fn at(millis: i64) -> Timestamp {
    Timestamp::from_second(EPOCH)
        .and_then(|epoch| epoch.checked_add(SignedDuration::from_millis(millis)))
        .unwrap_or(Timestamp::MAX)
}

/// Returns the milliseconds from the instant that a vector calls 0.
pub(super) fn millis(at: Timestamp) -> i64 {
    at.as_millisecond() - EPOCH * 1000
}

/// A state change in the making: what a caller would post.
#[derive(Clone, Debug)]
pub(super) struct Change(Map<String, Value>);

impl Change {
    /// A change that says nothing but whom it is for, and of what resource.
    pub(super) fn of(api: &str, resource: &str) -> Self {
        let syntax = Endpoint::of(api, resource).map(|endpoint| endpoint.row().id_syntax);
        Self(Map::new())
            .with("client_id", "client-1")
            .with("api", api)
            .with("resource", resource)
            .with("resource_id", valid_id(syntax.unwrap_or(IdSyntax::Urn)))
            .with("api_version", VERSION)
            .with("event_instant", at(0).to_string())
    }

    /// A change to a state that must be notified to a receiver on this profile.
    pub(super) fn notified(
        endpoint: Endpoint,
        version: ApiVersion,
        profile: WebhookVersion,
    ) -> Result<Self, String> {
        let row = endpoint.row();
        let reached = |reached| matches!(reached, Reached::Notified(since) if since <= profile);
        let state = row.states_of(version).find(|state| reached(state.reached));
        let state = state.ok_or_else(|| {
            format!("no state of {endpoint} in API version {version} is notified on webhook {profile}")
        })?;
        Ok(Self::of(row.api, row.resource).with("api_version", version.to_string()).with("to", state.name))
    }

    /// A change of data at the account holder, in the state in which such edits are made.
    pub(super) fn edited(endpoint: Endpoint) -> Self {
        let row = endpoint.row();
        let edits = row.edits.as_ref();
        let field = edits.and_then(|edits| edits.fields.first().copied()).unwrap_or("useOverdraftLimit");
        let state = edits.map_or("AUTHORISED", |edits| edits.only_in);
        let state = row.states.iter().find(|known| known.name == state).unwrap_or(&row.states[0]).name;
        Self::of(row.api, row.resource)
            .with("from", state)
            .with("to", state)
            .with("changed_fields", json!([field]))
            .with("actor", "DETENTORA")
    }

    /// Sets a field.
    pub(super) fn with(mut self, name: &str, value: impl Into<Value>) -> Self {
        self.0.insert(name.to_owned(), value.into());
        self
    }

    /// Sets a field if there is a value for it.
    pub(super) fn with_some(self, name: &str, value: Option<impl Into<Value>>) -> Self {
        match value {
            Some(value) => self.with(name, value),
            None => self,
        }
    }

    /// Parses it as the product does, keeping its errors as they are.
    pub(super) fn parse(&self) -> Result<StateChange, Vec<convention::FieldError>> {
        StateChange::from_json(&Value::Object(self.0.clone()), "")
    }

    /// Parses it where it has to be valid.
    pub(super) fn valid(&self) -> Result<StateChange, String> {
        self.parse().map_err(|errors| format!("the state change is refused: {errors:?}"))
    }
}

/// Returns the default version of a resource's API, for a vector that names none.
pub(super) fn api_version() -> ApiVersion {
    VERSION.parse().expect("the example is valid")
}

/// Returns the partition of some resource.
pub(super) fn partition() -> Partition {
    Partition::of_id(Endpoint::Quote, "urn:ins:1")
}

/// Returns the registration of a client that a call makes.
pub(super) fn registration(asked: RegistrationRequest, decided: (Target, Vec<Warning>)) -> Registration {
    let client_id: ClientId = "client-1".parse().expect("the example is valid");
    Registration::new(client_id, asked, decided, None, at(0))
}

/// Returns an identifier that its syntax admits.
fn valid_id(syntax: IdSyntax) -> &'static str {
    match syntax {
        IdSyntax::Urn | IdSyntax::UrnOrPlain => "urn:bancoex:C1DD33123",
        IdSyntax::Plain => "TXpRMU9UQTROMWhZV2xSU1FUazJSMDl",
        IdSyntax::Server => SERVER,
    }
}

/// Returns the endpoint that a vector calls by its code.
pub(super) fn endpoint(code: &str) -> Result<Endpoint, String> {
    Endpoint::from_code(code).ok_or_else(|| format!("input cannot be judged: no endpoint {code:?}"))
}

/// Returns the profile that a vector names, or the default one.
pub(super) fn profile(text: Option<&str>) -> Result<WebhookVersion, String> {
    let parse =
        |text: &str| text.parse().map_err(|error| format!("input.webhook_version cannot be judged: {error}"));
    text.map_or_else(|| Ok(WebhookVersion::default()), parse)
}

/// Returns a receiver on a profile.
pub(super) fn receiver(base: &str, webhook_version: WebhookVersion) -> Result<Receiver, String> {
    receiver_with(base, AddressPolicy::Public, Settings { webhook_version, ..Settings::default() })
}

/// Returns a receiver with these settings.
pub(super) fn receiver_with(
    base: &str,
    policy: AddressPolicy,
    settings: Settings,
) -> Result<Receiver, String> {
    let base_uri = BaseUri::parse_stored(base, policy)
        .map_err(|error| format!("the base URI {base:?} is refused: {error}"))?;
    let client_id: ClientId = "client-1".parse().expect("the example is valid");
    Ok(Receiver {
        key: ReceiverKey::from(&client_id),
        client_id,
        base_uri,
        settings,
        notifies_since: None,
        onboarding_slo: None,
    })
}

/// Returns an authorisation server for a vector that names none.
pub(super) fn servers() -> AuthorisationServers {
    SERVER.parse().expect("the example is valid")
}

/// Plans a change that has to be notified.
pub(super) fn notification(change: &StateChange, receiver: &Receiver) -> Result<Box<Notification>, String> {
    match plan(change, Some(receiver), &servers(), &Choices::default()) {
        Plan::Notify(notification) => Ok(notification),
        other => Err(format!("nothing is sent: {other:?}")),
    }
}
