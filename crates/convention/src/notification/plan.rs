//! Plans the request for a state change and its receiver: one decision shared by intake, dispatch and `arauto
//! explain`.

use std::borrow::Cow;

use http::{HeaderName, header};
use serde::Serialize;

use super::authorisation_servers::{AuthorisationServers, MissingAuthorisationServerId};
use super::change::{Actor, Resource, StateChange};
use super::choices::{ApiVersionOverride, Choices};
use super::endpoint::{EndpointRow, Scope};
use super::name::InteractionId;
use super::receiver_key::ReceiverKey;
use super::trigger::{EventType, Rule, Trigger, resource_of, trigger};
use super::version::{ApiVersion, WebhookVersion};
use crate::directory::{BaseUri, Receiver, is_literal_in_segment};

const INTERACTION_ID: HeaderName = HeaderName::from_static("x-webhook-interaction-id");
const AUTHORIZATION_SERVER_ID: HeaderName = HeaderName::from_static("x-authorization-server-id");
/// The spelling that `also_send_x_authorisation_server_id` adds.
const AUTHORISATION_SERVER_ID: HeaderName = HeaderName::from_static("x-authorisation-server-id");

/// The plan for a state change.
#[derive(Debug, PartialEq)]
pub enum Plan {
    /// It is notified with this content.
    Notify(Box<Notification>),
    /// It is not notified, because of this rule.
    NotNotifiable(Rule),
    /// Its client has no receiver.
    NoReceiver,
    /// It must be notified, but our configuration lacks something.
    Misconfigured(MissingAuthorisationServerId),
}

/// A notification, the same for each of its attempts.
#[derive(Clone, Debug, PartialEq)]
pub struct Notification {
    /// Its receiver.
    pub receiver: ReceiverKey,
    /// The resource.
    pub resource: Resource,
    /// Why the URL names another API version than the resource's; absent if it names that.
    pub api_version_override: Option<ApiVersionOverride>,
    /// Whether it is mandatory, or optional and wanted by the receiver's settings.
    pub required: bool,
    /// The URL.
    pub url: String,
    /// The body.
    pub body: String,
    /// The headers besides those of the attempt.
    pub headers: Vec<(HeaderName, Cow<'static, str>)>,
}

impl Notification {
    /// The method of every notification.
    pub const METHOD: &'static str = "POST";

    /// Returns the API version that the URL names, if it is not that of the resource.
    pub fn url_api_version(&self) -> Option<ApiVersion> {
        self.api_version_override.map(|found| found.named)
    }

    /// Returns all headers of one attempt, in the order they are sent.
    pub fn headers_of_attempt(
        &self,
        id: InteractionId,
    ) -> impl Iterator<Item = (HeaderName, Cow<'static, str>)> {
        self.headers.iter().cloned().chain([(INTERACTION_ID, id.to_string().into())])
    }
}

/// Plans the notification of a state change.
pub fn plan(
    change: &StateChange,
    receiver: Option<&Receiver>,
    servers: &AuthorisationServers,
    choices: &Choices,
) -> Plan {
    let resource = match resource_of(&change.subject) {
        Ok(resource) => resource,
        Err(rule) => return Plan::NotNotifiable(rule),
    };
    let Some(receiver) = receiver else { return Plan::NoReceiver };
    if receiver.settings.ecosystem != resource.endpoint.row().ecosystem {
        return Plan::NotNotifiable(Rule::OtherEcosystem);
    }
    let (required, event_type) = match trigger(change, receiver.settings.webhook_version) {
        Trigger::Required(event_type) => (true, event_type),
        Trigger::Optional(event_type) if receiver.settings.notify_optional => (false, event_type),
        Trigger::Optional(_) => return Plan::NotNotifiable(Rule::OptionalNotWanted),
        Trigger::None(rule) => return Plan::NotNotifiable(rule),
    };
    let is_own_edit = event_type == EventType::DataChanged && change.actor == Some(Actor::Initiator);
    if is_own_edit && !choices.notify_initiator_edits {
        return Plan::NotNotifiable(Rule::EditedByInitiator);
    }
    // Compared in whole seconds, since many systems write the time of an event without a fraction.
    if receiver.notifies_since.is_some_and(|since| change.event_instant.second() < since.as_second()) {
        return Plan::NotNotifiable(Rule::BeforeRegistration);
    }
    let instead = choices.api_versions.of(resource, change.event_instant).copied();
    let version = instead.map_or(resource.api_version, |instead| instead.named);
    match headers(change, resource, receiver, servers) {
        Ok(headers) => Plan::Notify(Box::new(Notification {
            receiver: receiver.key.clone(),
            resource: resource.clone(),
            api_version_override: instead,
            required,
            url: compose_url(&receiver.base_uri, resource, version, receiver.settings.webhook_version),
            body: body(change, resource, receiver, event_type),
            headers,
        })),
        Err(missing) => Plan::Misconfigured(missing),
    }
}

/// Composes the URL of a resource on a webhook profile: base, webhook path, API, API version, endpoint, identifier.
///
/// Convenção de Webhook, "Versionamento do Webhook"; webhook OAS, `servers` and `paths`. The identifier is one path segment:
/// characters that RFC 3986, section 3.3, does not allow there are percent-encoded. Where Open Insurance tells of what an
/// authorisation server publishes, the server's id precedes the API version.
pub fn compose_url(
    base: &BaseUri,
    resource: &Resource,
    version: ApiVersion,
    profile: WebhookVersion,
) -> String {
    let (row, id) = (resource.endpoint.row(), encode_segment(resource.id.as_str()));
    let (webhook, path_version) = (row.ecosystem.webhook_path(), row.ecosystem.path_version(profile));
    let EndpointRow { api, path, path_end, .. } = row;
    match row.scope {
        Scope::Resource => format!("{base}{webhook}/{path_version}/{api}/{version}/{path}/{id}{path_end}"),
        Scope::Server => format!("{base}{webhook}/{path_version}/{api}/{id}/{version}/{path}{path_end}"),
    }
}

fn encode_segment(text: &str) -> String {
    const HEX: &[u8; 16] = b"0123456789ABCDEF";
    let mut encoded = String::with_capacity(text.len());
    for byte in text.bytes() {
        if is_literal_in_segment(byte) {
            encoded.push(char::from(byte));
        } else {
            let digit = |value: u8| char::from(HEX[usize::from(value)]);
            encoded.extend(['%', digit(byte >> 4), digit(byte & 0xf)]);
        }
    }
    encoded
}

#[derive(Serialize)]
struct Body<'a> {
    data: Data<'a>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Data<'a> {
    timestamp: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    event_type: Option<&'static str>,
}

fn body(change: &StateChange, resource: &Resource, receiver: &Receiver, event_type: EventType) -> String {
    let since = resource.endpoint.row().event_type_since;
    let carried = since.is_some_and(|since| receiver.settings.webhook_version >= since);
    let timestamp = &change.event_instant.to_wire();
    let data = Data { timestamp, event_type: carried.then(|| event_type.as_str()) };
    serde_json::to_string(&Body { data }).expect("strings serialise")
}

fn headers(
    change: &StateChange,
    resource: &Resource,
    receiver: &Receiver,
    servers: &AuthorisationServers,
) -> Result<Vec<(HeaderName, Cow<'static, str>)>, MissingAuthorisationServerId> {
    let mut headers = vec![
        (header::CONTENT_TYPE, "application/json".into()),
        (header::USER_AGENT, concat!("arauto/", env!("CARGO_PKG_VERSION")).into()),
    ];
    let since = resource.endpoint.row().authorization_server_id_since;
    if since.is_some_and(|since| receiver.settings.webhook_version >= since) {
        let id = servers.of_brand(change.brand.as_deref())?;
        headers.push((AUTHORIZATION_SERVER_ID, id.to_owned().into()));
        if receiver.settings.also_send_x_authorisation_server_id {
            headers.push((AUTHORISATION_SERVER_ID, id.to_owned().into()));
        }
    }
    Ok(headers)
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;
    use crate::address::AddressPolicy;
    use crate::directory::Settings;
    use crate::notification::ClientId;

    const A: &str = "11111111-aaaa-4000-8000-000000000001";
    const B: &str = "22222222-bbbb-4000-8000-000000000002";

    fn owner(servers: &str, brand: Option<&str>) -> Result<Option<String>, MissingAuthorisationServerId> {
        let servers: AuthorisationServers = servers.parse().unwrap();
        servers.identity_owner(brand).map(|owner| owner.id().map(str::to_owned))
    }

    fn receiver() -> Receiver {
        let client_id: ClientId = "itp-1".parse().unwrap();
        Receiver {
            key: ReceiverKey::from(&client_id),
            client_id,
            base_uri: BaseUri::parse("https://itp.com", AddressPolicy::Public).unwrap(),
            settings: Settings::default(),
            notifies_since: None,
            onboarding_slo: None,
        }
    }

    fn planned(change: &Value, choices: &Choices) -> Plan {
        let change = StateChange::from_json(change, "").unwrap();
        plan(&change, Some(&receiver()), &AuthorisationServers::default(), choices)
    }

    #[test]
    fn a_url_names_the_version_of_birth_or_that_of_an_override_by_the_instant_of_the_event() {
        let planned = |overrides: &str, event: &str| {
            let change = json!({
                "client_id": "itp-1", "api": "payments", "resource": "pix_payment", "resource_id": "p-1",
                "api_version": "v4", "to": "CANC", "event_instant": event
            });
            let choices = Choices { api_versions: overrides.parse().unwrap(), ..Choices::default() };
            let Plan::Notify(planned) = planned(&change, &choices) else { panic!("{event}") };
            assert_eq!(planned.resource.api_version.to_string(), "v4");
            (planned.url.clone(), planned.url_api_version().map(|version| version.to_string()))
        };
        let url = |version: &str| {
            format!("https://itp.com/open-banking/webhook/v1/payments/{version}/pix/payments/p-1")
        };
        let (before, after) = ("2026-08-19T23:59:59-03:00", "2026-08-20T00:00:00-03:00");
        assert_eq!(planned("", after), (url("v4"), None));
        let one = "payments=v4:v5@2026-08-20";
        assert_eq!(planned(one, before), (url("v4"), None));
        assert_eq!(planned(one, after), (url("v5"), Some("v5".to_owned())));
    }

    #[test]
    fn an_edit_by_the_initiator_is_notified_unless_the_stack_chooses_otherwise() {
        let change = |actor: Option<&str>, from: &str, to: &str| {
            json!({
                "client_id": "itp-1", "api": "automatic-payments", "resource": "recurring_consent",
                "resource_id": "urn:bancoex:1", "api_version": "v2", "from": from, "to": to, "actor": actor,
                "changed_fields": ["maximumVariableAmount"], "event_instant": "2026-11-30T12:00:00Z",
            })
        };
        let off = Choices { notify_initiator_edits: false, ..Choices::default() };
        let edit = |actor| change(actor, "AUTHORISED", "AUTHORISED");
        for actor in [None, Some("DETENTORA"), Some("INICIADORA"), Some("USUARIO")] {
            assert!(matches!(planned(&edit(actor), &Choices::default()), Plan::Notify(_)), "{actor:?}");
            let expected = actor != Some("INICIADORA");
            assert_eq!(matches!(planned(&edit(actor), &off), Plan::Notify(_)), expected, "{actor:?}");
        }
        assert_eq!(planned(&edit(Some("INICIADORA")), &off), Plan::NotNotifiable(Rule::EditedByInitiator));
        // A state that the initiator brought about is notified whatever the choice.
        let revoked = change(Some("INICIADORA"), "AUTHORISED", "REVOKED");
        assert!(matches!(planned(&revoked, &off), Plan::Notify(_)));
    }

    #[test]
    fn a_change_of_an_unknown_api_is_not_notified() {
        let change = json!({
            "client_id": "itp-1", "api": "payroll-credit-portability", "resource": "portability",
            "resource_id": "x-1", "api_version": "v1", "to": "ANY", "event_instant": "2026-11-30T12:00:00Z",
        });
        assert_eq!(planned(&change, &Choices::default()), Plan::NotNotifiable(Rule::UnknownApi));
        assert_eq!(Rule::UnknownApi.warning(), Some("unknown_api"));
        assert_eq!(Rule::ApiWithoutWebhook.warning(), None);
    }

    #[test]
    fn a_brand_is_notified_with_the_identity_of_its_authorisation_server() {
        let two = format!("a={A},b={B}");
        assert_eq!(owner(&two, Some("b")), Ok(Some(B.to_owned())));
        assert_eq!(owner(&two, None), Ok(Some(A.to_owned())));
        assert_eq!(owner(&two, Some("c")), Err(MissingAuthorisationServerId(Some("c".to_owned()))));
        assert_eq!(owner(A, Some("any")), Ok(Some(A.to_owned())));
    }

    #[test]
    fn an_optional_state_is_sent_to_whom_the_settings_say() {
        let change = |more: &str| {
            let change = format!(
                r#"{{"client_id":"itp-1","api":"payments","resource":"consent","resource_id":"urn:bancoex:1","api_version":"v5",
                "to":"AUTHORISED","passed_through_partially_accepted":{more},"event_instant":"2026-11-30T12:00:00Z"}}"#
            );
            StateChange::from_json(&serde_json::from_str(&change).unwrap(), "").unwrap()
        };
        let mut receiver = receiver();
        let planned = |receiver: &Receiver, passed| {
            plan(&change(passed), Some(receiver), &AuthorisationServers::default(), &Choices::default())
        };
        assert_eq!(planned(&receiver, "false"), Plan::NotNotifiable(Rule::OptionalNotWanted));
        assert!(matches!(planned(&receiver, "true"), Plan::Notify(notification) if notification.required));
        receiver.settings.notify_optional = true;
        assert!(matches!(planned(&receiver, "false"), Plan::Notify(notification) if !notification.required));
    }

    #[test]
    fn an_id_in_capitals_owns_the_same_identity() {
        assert_eq!(owner(&format!("b={}", B.to_uppercase()), Some("b")), Ok(Some(B.to_owned())));
    }

    #[test]
    fn without_authorisation_servers_there_is_one_identity_for_every_brand() {
        assert_eq!(owner("", None), Ok(None));
        assert_eq!(owner("", Some("any")), Ok(None));
        assert_eq!(AuthorisationServers::default().default_identity_owner().to_string(), "default");
    }
}
