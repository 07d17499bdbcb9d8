//! The endpoints of the convention of Open Finance and their triggers, as data.
//!
//! [`ENDPOINTS`] holds everything that differs between endpoints: a sixth endpoint is a row here and a
//! variant of [`Endpoint`]. `open_insurance` has the rows of Open Insurance.

use std::ops::RangeInclusive;

use super::ecosystem::Ecosystem;
use super::id::IdSyntax;
use super::version::{ApiVersion, WebhookVersion};

/// An endpoint of the receiver (`paths` of webhook OAS 1.3.0 of Open Finance, and of 1.1.0 to 2.0.0 of Open Insurance).
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
pub enum Endpoint {
    /// E1: a payment consent.
    PaymentConsent,
    /// E2: a Pix payment.
    PixPayment,
    /// E3: an enrollment, for payments without redirection.
    Enrollment,
    /// E4: a consent for automatic payments.
    RecurringConsent,
    /// E5: an automatic payment.
    RecurringPayment,
    /// I1: a quote of insurance; from 2.0.0 on, one of capitalization too.
    Quote,
    /// I2: the products of capitalization.
    CapitalizationProducts,
    /// I3: a quote of capitalization, before 2.0.0.
    CapitalizationQuote,
    /// I4: the dynamic fields of damage and person insurance.
    DamageAndPersonFields,
    /// I5: the dynamic fields of capitalization.
    CapitalizationFields,
}

/// The properties of an endpoint.
#[derive(Debug)]
pub struct EndpointRow {
    /// The endpoint of this row.
    pub endpoint: Endpoint,
    /// The ecosystem whose webhook contract has it.
    pub ecosystem: Ecosystem,
    /// Its short name, `E1` to `E5` and `I1` to `I5`.
    pub code: &'static str,
    /// The API of the resource, which is also the first segment of the path.
    pub api: &'static str,
    /// The resource, as a state change names it.
    pub resource: &'static str,
    /// What the API tells of here.
    pub scope: Scope,
    /// The path between the API version and the identifier; of a [`Scope::Server`], the path after the API version.
    pub path: &'static str,
    /// The path after the identifier, with its slash; mostly empty.
    pub path_end: &'static str,
    /// The name of the identifier in the webhook OAS.
    pub id_name: &'static str,
    /// The syntax of the identifier.
    pub id_syntax: IdSyntax,
    /// The first webhook profile with this endpoint.
    pub since: WebhookVersion,
    /// The last webhook profile with this endpoint, if a later one has dropped it.
    pub until: Option<WebhookVersion>,
    /// The first webhook profile whose body carries `eventType` here.
    pub event_type_since: Option<WebhookVersion>,
    /// The first webhook profile that requires `x-authorization-server-id` here.
    pub authorization_server_id_since: Option<WebhookVersion>,
    /// The states of the resource, in the order of its life.
    pub states: &'static [StateRow],
    /// What reaching any other state means; `None` where the API has no other.
    pub other_states: Option<Reached>,
    /// Which edits of data are notified, if any.
    pub edits: Option<EditRow>,
}

impl EndpointRow {
    /// Finds a state by name among those of a version of the API.
    pub fn state(&self, name: &str, version: ApiVersion) -> Option<&'static StateRow> {
        self.states_of(version).find(|state| state.name == name)
    }

    /// Returns the states of a version of the API.
    pub fn states_of(&self, version: ApiVersion) -> impl Iterator<Item = &'static StateRow> {
        self.states.iter().filter(move |state| state.api_versions.contains(&version.number()))
    }

    /// Says whether reaching a state is notified; `None` if a version of the API has no such state.
    pub fn reached(&self, name: &str, version: ApiVersion) -> Option<Reached> {
        let listed = self.state(name, version).map(|state| state.reached);
        listed.or_else(|| self.other_states.filter(|_| is_state_name(name)))
    }
}

/// What an endpoint tells of.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Scope {
    /// One resource of one client.
    Resource,
    /// What an authorisation server publishes to all: its id takes the place of a resource's.
    Server,
}

/// Says whether a text has the form of a state that no table lists: short, and in capitals as the OAS write them.
fn is_state_name(text: &str) -> bool {
    (1..=64).contains(&text.len())
        && text.starts_with(|first: char| first.is_ascii_uppercase())
        && text.bytes().all(|byte| byte.is_ascii_uppercase() || byte.is_ascii_digit() || byte == b'_')
}

/// A state, and whether reaching it is notified.
#[derive(Debug)]
pub struct StateRow {
    /// The state as the API's OAS writes it.
    pub name: &'static str,
    /// The versions of the resource's API that have the state.
    pub api_versions: RangeInclusive<u8>,
    /// Whether reaching it is notified.
    pub reached: Reached,
}

/// Whether reaching a state is notified.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Reached {
    /// It is not a trigger.
    Silent,
    /// It must be notified from this webhook profile on.
    Notified(WebhookVersion),
    /// From this profile on: mandatory if `PARTIALLY_ACCEPTED` came before, else optional.
    NotifiedAfterPartialAcceptance(WebhookVersion),
}

/// Which edits of data are notified as `DATA_CHANGED`.
#[derive(Debug)]
pub struct EditRow {
    /// The first webhook profile with data changes.
    pub since: WebhookVersion,
    /// The fields whose edit is notified.
    pub fields: &'static [&'static str],
    /// The state that the resource must be in.
    pub only_in: &'static str,
}

use Reached::{Notified, NotifiedAfterPartialAcceptance, Silent};
use WebhookVersion::{V1_0_0, V1_1_0, V1_2_0, V1_3_0};

/// The state that makes a later `AUTHORISED` mandatory to notify.
pub(super) const PARTIALLY_ACCEPTED: &str = "PARTIALLY_ACCEPTED";

const ANY: RangeInclusive<u8> = 1..=99;
/// Multiple approval is a state of the payment up to payments v3, of its consent from v4 on (Informa #472).
const V2_AND_V3: RangeInclusive<u8> = 2..=3;
const FROM_V4: RangeInclusive<u8> = 4..=99;

pub(super) const fn state(name: &'static str, reached: Reached) -> StateRow {
    StateRow { name, api_versions: ANY, reached }
}

/// The five endpoints, in the order of the webhook OAS 1.3.0.
///
/// Paths: webhook OAS 1.3.0, `paths`. States: OAS of payments 5.0.0, automatic payments 2.2.0, enrollments 2.3.0.
/// Triggers: developer portal, webhook guides v1.0.0 to v1.3.0.
pub const ENDPOINTS: &[EndpointRow] = &[
    EndpointRow {
        endpoint: Endpoint::PaymentConsent,
        ecosystem: Ecosystem::OpenFinance,
        code: "E1",
        api: "payments",
        resource: "consent",
        scope: Scope::Resource,
        path: "consents",
        path_end: "",
        id_name: "consentId",
        id_syntax: IdSyntax::Urn,
        since: V1_0_0,
        until: None,
        event_type_since: None,
        authorization_server_id_since: None,
        states: &[
            state("AWAITING_AUTHORISATION", Silent),
            StateRow { name: PARTIALLY_ACCEPTED, api_versions: FROM_V4, reached: Silent },
            state("AUTHORISED", NotifiedAfterPartialAcceptance(V1_2_0)),
            state("CONSUMED", Notified(V1_0_0)),
            state("REJECTED", Notified(V1_0_0)),
        ],
        other_states: None,
        edits: None,
    },
    EndpointRow {
        endpoint: Endpoint::PixPayment,
        ecosystem: Ecosystem::OpenFinance,
        code: "E2",
        api: "payments",
        resource: "pix_payment",
        scope: Scope::Resource,
        path: "pix/payments",
        path_end: "",
        id_name: "paymentId",
        id_syntax: IdSyntax::Plain,
        since: V1_0_0,
        until: None,
        event_type_since: None,
        authorization_server_id_since: None,
        states: &[
            state("RCVD", Silent),
            // The API version of the resource decides which list applies: a payment created under v2 or v3
            // may still reach PATC, whatever its receiver's webhook profile.
            StateRow { name: "PATC", api_versions: V2_AND_V3, reached: Notified(V1_0_0) },
            state("ACCP", Silent),
            state("ACPD", Silent),
            state("PDNG", Notified(V1_0_0)),
            state("SCHD", Notified(V1_0_0)),
            state("ACSC", Notified(V1_0_0)),
            state("CANC", Notified(V1_0_0)),
            state("RJCT", Notified(V1_0_0)),
        ],
        other_states: None,
        edits: None,
    },
    EndpointRow {
        endpoint: Endpoint::Enrollment,
        ecosystem: Ecosystem::OpenFinance,
        code: "E3",
        api: "enrollments",
        resource: "enrollment",
        scope: Scope::Resource,
        path: "enrollments",
        path_end: "",
        id_name: "enrollmentId",
        id_syntax: IdSyntax::UrnOrPlain,
        since: V1_1_0,
        until: None,
        event_type_since: Some(V1_3_0),
        authorization_server_id_since: Some(V1_3_0),
        states: &[
            state("AWAITING_RISK_SIGNALS", Silent),
            state("AWAITING_ACCOUNT_HOLDER_VALIDATION", Silent),
            state("AWAITING_ENROLLMENT", Silent),
            state("AUTHORISED", Silent),
            state("REJECTED", Notified(V1_1_0)),
            state("REVOKED", Notified(V1_1_0)),
        ],
        other_states: None,
        edits: Some(EditRow {
            since: V1_3_0,
            fields: &["expirationDateTime", "transactionLimit", "dailyLimit"],
            only_in: "AUTHORISED",
        }),
    },
    EndpointRow {
        endpoint: Endpoint::RecurringConsent,
        ecosystem: Ecosystem::OpenFinance,
        code: "E4",
        api: "automatic-payments",
        resource: "recurring_consent",
        scope: Scope::Resource,
        path: "recurring-consents",
        path_end: "",
        id_name: "recurringConsentId",
        id_syntax: IdSyntax::Urn,
        since: V1_2_0,
        until: None,
        event_type_since: Some(V1_3_0),
        authorization_server_id_since: None,
        states: &[
            state("AWAITING_AUTHORISATION", Silent),
            state(PARTIALLY_ACCEPTED, Silent),
            state("AUTHORISED", NotifiedAfterPartialAcceptance(V1_2_0)),
            state("CONSUMED", Notified(V1_2_0)),
            state("REJECTED", Notified(V1_2_0)),
            state("REVOKED", Notified(V1_2_0)),
        ],
        other_states: None,
        // "Edição do consentimento", automatic payments 2.2.1: what the account holder may edit, and when.
        edits: Some(EditRow {
            since: V1_3_0,
            fields: &["maximumVariableAmount", "useOverdraftLimit"],
            only_in: "AUTHORISED",
        }),
    },
    EndpointRow {
        endpoint: Endpoint::RecurringPayment,
        ecosystem: Ecosystem::OpenFinance,
        code: "E5",
        api: "automatic-payments",
        resource: "recurring_payment",
        scope: Scope::Resource,
        path: "pix/recurring-payments",
        path_end: "",
        id_name: "recurringPaymentId",
        id_syntax: IdSyntax::Plain,
        since: V1_2_0,
        until: None,
        event_type_since: None,
        authorization_server_id_since: None,
        states: &[
            state("RCVD", Silent),
            state("ACCP", Silent),
            state("ACPD", Silent),
            state("PDNG", Notified(V1_2_0)),
            state("SCHD", Notified(V1_2_0)),
            state("ACSC", Notified(V1_2_0)),
            state("CANC", Notified(V1_2_0)),
            state("RJCT", Notified(V1_2_0)),
        ],
        other_states: None,
        edits: None,
    },
];

/// The API families of Open Finance Brasil without an endpoint in the convention.
///
/// A state change of one of them is not an error of the caller; it is simply not notified. One of an API that is not listed
/// here is not notified either, with a warning.
pub const APIS_WITHOUT_WEBHOOK: &[&str] = &[
    "accounts",
    "bank-fixed-incomes",
    "consents",
    "credit-cards-accounts",
    "credit-fixed-incomes",
    "credit-portability",
    "customers",
    "exchanges",
    "financings",
    "funds",
    "invoice-financings",
    "loans",
    "resources",
    "treasure-titles",
    "unarranged-accounts-overdraft",
    "variable-incomes",
];
