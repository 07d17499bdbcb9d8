//! The webhook contract of Open Insurance Brasil, as data.
//!
//! Written from the facts of the webhook OAS 1.1.0, 1.2.0 and 2.0.0 (br-openinsurance/areadesenvolvedor, `fase-3/webhook`).
//! It names no state machine, no edits, no `eventType` and no header but the interaction id.

use super::ecosystem::Ecosystem::OpenInsurance;
use super::endpoint::Reached::Notified;
use super::endpoint::{Endpoint, EndpointRow, Scope, StateRow, state};
use super::id::IdSyntax;
use super::version::WebhookVersion::{V1_1_0, V1_2_0};

/// What a change of published data leads to, since it has no states: the only state that such a change can name.
pub(super) const UPDATED: &str = "UPDATED";

const PUBLISHED: &[StateRow] = &[state(UPDATED, Notified(V1_1_0))];

/// The endpoint of a quote. The contract lists no states: each change of state is notified.
const fn quote(endpoint: Endpoint, code: &'static str, api: &'static str) -> EndpointRow {
    EndpointRow {
        endpoint,
        ecosystem: OpenInsurance,
        code,
        api,
        resource: "quote",
        scope: Scope::Resource,
        path: "request",
        path_end: "/quote-status",
        id_name: "consentId",
        id_syntax: IdSyntax::Urn,
        since: V1_1_0,
        until: None,
        event_type_since: None,
        authorization_server_id_since: None,
        states: &[],
        other_states: Some(Notified(V1_1_0)),
        edits: None,
    }
}

/// The endpoint of data that an authorisation server publishes.
const fn published(
    endpoint: Endpoint,
    code: &'static str,
    (api, resource, path): (&'static str, &'static str, &'static str),
) -> EndpointRow {
    EndpointRow {
        resource,
        scope: Scope::Server,
        path,
        path_end: "",
        id_name: "authorisationServerId",
        id_syntax: IdSyntax::Server,
        states: PUBLISHED,
        other_states: None,
        ..quote(endpoint, code, api)
    }
}

/// The five endpoints, in the order of the webhook OAS 1.1.0.
pub const OPEN_INSURANCE_ENDPOINTS: &[EndpointRow] = &[
    quote(Endpoint::Quote, "I1", "quote"),
    published(
        Endpoint::CapitalizationProducts,
        "I2",
        ("products-services", "capitalization_title", "capitalization-title"),
    ),
    EndpointRow {
        until: Some(V1_2_0),
        ..quote(Endpoint::CapitalizationQuote, "I3", "quote-capitalization-title")
    },
    published(
        Endpoint::DamageAndPersonFields,
        "I4",
        ("dynamic-fields", "damage_and_person", "damage-and-person"),
    ),
    published(
        Endpoint::CapitalizationFields,
        "I5",
        ("dynamic-fields", "capitalization_title", "capitalization-title"),
    ),
];
