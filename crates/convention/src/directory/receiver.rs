//! Receivers and registrations: a client's base URI, settings and the call that registered it.

use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use thiserror::Error;

use super::base_uri::BaseUri;
use super::onboarding_slo::OnboardingSlo;
use super::registration::{Target, Warning};
use super::settings::{Settings, SettingsChange};
use super::statement::{CLOCK_SKEW, STATEMENT_LIMIT, Software};
use crate::address::AddressPolicy;
use crate::fields::{FieldError, Fields, sentence};
use crate::notification::{ClientId, Ecosystem, EventInstant, ReceiverKey};

/// A client that is to be notified.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Receiver {
    /// The receiver's key.
    pub key: ReceiverKey,
    /// The client.
    pub client_id: ClientId,
    /// Its base URI.
    pub base_uri: BaseUri,
    /// Its settings.
    pub settings: Settings,
    /// Start of its notifications: older events are not sent. `None` if unknown.
    pub notifies_since: Option<Timestamp>,
    /// The registration and when it was made. `None` if the receiver was never registered.
    pub onboarding_slo: Option<OnboardingSlo>,
}

/// What a registration call requests.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct RegistrationRequest {
    /// The client metadata's `webhook_uris`; absent disables notifications.
    pub webhook_uris: Option<Vec<String>>,
    /// The settings in the call.
    pub settings: SettingsChange,
    /// The ecosystem of the stack that was called.
    pub ecosystem: Ecosystem,
}

/// A call of the registration API: what the authorization server forwards of a DCR or DCM call that it has
/// accepted or is about to accept.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct RegistrationCall {
    /// The operation.
    pub operation: Operation,
    /// When it was answered; absent means now.
    pub called_at: Option<Timestamp>,
    /// The software statement, a compact JWS.
    pub software_statement: Option<String>,
    /// The request itself.
    pub request: RegistrationRequest,
}

/// A call of the authorization server's registration endpoint.
#[derive(Clone, Copy, Debug, Deserialize, Eq, Ord, PartialEq, PartialOrd, Serialize)]
pub enum Operation {
    /// Dynamic client registration, `POST /register` (RFC 7591).
    #[serde(rename = "DCR")]
    Dcr,
    /// Dynamic client management, `PUT /register/{clientId}` (RFC 7592).
    #[serde(rename = "DCM")]
    Dcm,
}

const FIELDS: &[&str] = &[
    "also_send_x_authorisation_server_id",
    "notify_optional",
    "success_statuses",
    "webhook_uris",
    "webhook_version",
];
const CALL_FIELDS: &[&str] = &[
    "also_send_x_authorisation_server_id",
    "called_at",
    "notify_optional",
    "operation",
    "software_statement",
    "success_statuses",
    "webhook_uris",
    "webhook_version",
];
/// The fields of a registration in Open Insurance.
const INSURANCE_FIELDS: &[&str] = &["success_statuses", "webhook_uris", "webhook_version"];
const INSURANCE_CALL_FIELDS: &[&str] =
    &["called_at", "operation", "software_statement", "success_statuses", "webhook_uris", "webhook_version"];
/// Maximum number of URIs, which bounds the stored row. Participants have a handful.
const MAX_URIS: usize = 10;
/// Maximum length of a URI's text. It exceeds that of a base URI, so a URI of 300 characters gets the
/// specific error.
const MAX_URI: usize = 2048;
/// Maximum age of a forwarded call. It limits how long the call's statement can be used.
pub const MAX_CALL_AGE: SignedDuration = SignedDuration::from_hours(1);

impl RegistrationRequest {
    /// Parses the request, reporting every error at once.
    pub fn from_json(value: &Value, pointer: &str) -> Result<Self, Vec<FieldError>> {
        Self::from_json_in(Ecosystem::OpenFinance, value, pointer)
    }

    /// Parses the request as [`Self::from_json`] does, on a stack of this ecosystem.
    pub fn from_json_in(ecosystem: Ecosystem, value: &Value, pointer: &str) -> Result<Self, Vec<FieldError>> {
        let known = match ecosystem {
            Ecosystem::OpenFinance => FIELDS,
            Ecosystem::OpenInsurance => INSURANCE_FIELDS,
        };
        let mut fields = Fields::of(value, pointer, known)?;
        let request = Self::read(&mut fields, ecosystem);
        let errors = fields.into_errors();
        if errors.is_empty() { Ok(request) } else { Err(errors) }
    }

    fn read(fields: &mut Fields<'_>, ecosystem: Ecosystem) -> Self {
        let webhook_uris = fields.texts("webhook_uris", MAX_URIS, MAX_URI);
        Self { webhook_uris, settings: SettingsChange::read(fields, ecosystem), ecosystem }
    }

    /// Says whether the client asks for notifications.
    pub fn requests_notifications(&self) -> bool {
        self.webhook_uris.as_ref().is_some_and(|uris| !uris.is_empty())
    }
}

impl RegistrationCall {
    /// Parses a call, reporting every error at once; `now` is the latest instant at which it may have been
    /// answered.
    pub fn from_json(value: &Value, now: Timestamp) -> Result<Self, Vec<FieldError>> {
        Self::from_json_in(Ecosystem::OpenFinance, value, now)
    }

    /// Parses a call as [`Self::from_json`] does, on a stack of this ecosystem.
    pub fn from_json_in(
        ecosystem: Ecosystem,
        value: &Value,
        now: Timestamp,
    ) -> Result<Self, Vec<FieldError>> {
        let known = match ecosystem {
            Ecosystem::OpenFinance => CALL_FIELDS,
            Ecosystem::OpenInsurance => INSURANCE_CALL_FIELDS,
        };
        let mut fields = Fields::of(value, "", known)?;
        let operation = fields.parsed("operation", |text| match text {
            "DCR" => Ok(Operation::Dcr),
            "DCM" => Ok(Operation::Dcm),
            _ => Err("expected DCR or DCM"),
        });
        let mut called_at = None;
        if fields.value("called_at").is_some() {
            called_at = fields.parsed("called_at", str::parse::<EventInstant>).map(EventInstant::timestamp);
        }
        if let Some(error) = called_at.and_then(|called_at| check_called_at(called_at, now).err()) {
            fields.refuse("called_at", error.code(), sentence(&error.to_string()));
        }
        let software_statement = fields.text("software_statement", STATEMENT_LIMIT);
        let request = RegistrationRequest::read(&mut fields, ecosystem);
        let errors = fields.into_errors();
        match operation {
            Some(operation) if errors.is_empty() => {
                Ok(Self { operation, called_at, software_statement, request })
            }
            _ => Err(errors),
        }
    }
}

/// Checks the time that a removal claims; `now` is when it arrived. There is no maximum age: a removal grants
/// nothing, and the order of calls protects later registrations.
pub fn check_removed_at(called_at: Timestamp, now: Timestamp) -> Result<(), CalledAtError> {
    if called_at > now + CLOCK_SKEW {
        return Err(CalledAtError::InFuture);
    }
    Ok(())
}

/// Checks the time that a registration claims; `now` is when it arrived.
pub fn check_called_at(called_at: Timestamp, now: Timestamp) -> Result<(), CalledAtError> {
    check_removed_at(called_at, now)?;
    if now.duration_since(called_at) > MAX_CALL_AGE {
        return Err(CalledAtError::TooOld);
    }
    Ok(())
}

/// A claimed time that is impossible for a call that arrives now.
#[derive(Clone, Copy, Debug, Eq, Error, PartialEq)]
pub enum CalledAtError {
    /// It is in the future.
    #[error("expected an instant that has passed")]
    InFuture,
    /// It is older than [`MAX_CALL_AGE`].
    #[error("expected an instant within the last hour")]
    TooOld,
}

impl CalledAtError {
    /// Returns the error's stable code.
    pub fn code(self) -> &'static str {
        match self {
            Self::InFuture => "in_future",
            Self::TooOld => "too_old",
        }
    }
}

/// The call that made a registration.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
pub struct Origin {
    /// The operation.
    pub operation: Operation,
    /// When it was answered.
    pub called_at: Timestamp,
    /// The software of the client's last registration with a statement.
    pub software: Option<Software>,
    /// SHA-256 of the statement that this call brought, in hexadecimal: which one it was can be shown later.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub statement_sha256: Option<String>,
}

/// Why a registered client is not notified although it asked to be.
#[derive(Clone, Copy, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Suspension {
    /// The Directory no longer lists its organisation as active.
    OrganisationNotActive,
    /// The Directory no longer lists its software as active.
    SoftwareNotActive,
}

impl Suspension {
    /// Returns the suspension's stable code.
    pub fn code(self) -> &'static str {
        match self {
            Self::OrganisationNotActive => "organisation_not_active",
            Self::SoftwareNotActive => "software_not_active",
        }
    }
}

/// A client as stored in the receivers table.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
pub struct Registration {
    /// The client.
    pub client_id: ClientId,
    /// The authorisation server that issued the client id, in lower case; absent for the default brand.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub authorisation_server: Option<String>,
    /// Its base URI; absent while it is not notified.
    pub base_uri: Option<String>,
    /// All URIs of the registration.
    pub webhook_uris: Vec<String>,
    /// Its settings.
    #[serde(flatten)]
    pub settings: Settings,
    /// When the settings last changed by a call: an older call does not change them back.
    #[serde(default)]
    pub settings_since: Option<Timestamp>,
    /// When the registration reached us.
    pub registered_at: Timestamp,
    /// Start of the current uninterrupted period in which the client is notified.
    pub notifies_since: Option<Timestamp>,
    /// Warnings for its owner.
    #[serde(default)]
    pub warnings: Vec<Warning>,
    /// The call that made it; absent in rows older than statements.
    #[serde(default)]
    pub origin: Option<Origin>,
    /// Why it is not notified at present although it asked to be.
    #[serde(default)]
    pub suspension: Option<Suspension>,
    /// Number of writes to the row, for optimistic locking.
    #[serde(default)]
    pub revision: u64,
}

impl Registration {
    /// Creates the registration that replaces `previous`, for a call made at `called_at` that reached us at
    /// once.
    pub fn new(
        client_id: ClientId,
        request: RegistrationRequest,
        (target, warnings): (Target, Vec<Warning>),
        previous: Option<&Self>,
        called_at: Timestamp,
    ) -> Self {
        let base_uri = match target {
            Target::Enabled(base) => Some(base.as_str().to_owned()),
            Target::Disabled => None,
        };
        // A change of URI or settings does not interrupt notifications. Only a client that was not notified
        // starts anew, at the time of the call rather than of its arrival, so that events in between are
        // notified too.
        let notifies_since = base_uri
            .as_ref()
            .map(|_| previous.and_then(|previous| previous.notifies_since).unwrap_or(called_at));
        let registration = Self {
            client_id,
            authorisation_server: previous.and_then(|previous| previous.authorisation_server.clone()),
            base_uri,
            webhook_uris: request.webhook_uris.unwrap_or_default(),
            settings: previous
                .map(|previous| &previous.settings)
                .filter(|settings| settings.ecosystem == request.ecosystem)
                .map_or_else(|| Settings::of(request.ecosystem), Settings::clone),
            settings_since: previous.and_then(|previous| previous.settings_since),
            registered_at: called_at,
            notifies_since,
            warnings,
            origin: None,
            suspension: None,
            revision: previous.map_or(0, |previous| previous.revision) + 1,
        };
        registration.with_settings(&request.settings, called_at)
    }

    /// Applies changed settings, unless a later call has already changed them.
    #[must_use]
    pub fn with_settings(self, change: &SettingsChange, called_at: Timestamp) -> Self {
        if change.is_empty() || self.settings_since.is_some_and(|since| since > called_at) {
            return self;
        }
        Self { settings: change.applied_to(&self.settings), settings_since: Some(called_at), ..self }
    }

    /// Sets when the registration reached us, if that was later than the call.
    #[must_use]
    pub fn told_at(self, registered_at: Timestamp) -> Self {
        Self { registered_at, ..self }
    }

    /// Lists all warnings for its owner: those of the call, and those that follow from the settings.
    pub fn all_warnings(&self) -> impl Iterator<Item = Warning> {
        let settings = self.base_uri.is_some().then_some(&self.settings);
        let of_profile = settings.into_iter().flat_map(Warning::of_profile);
        self.warnings.iter().copied().chain(of_profile)
    }

    /// Sets the call that made the registration.
    #[must_use]
    pub fn from_call(self, origin: Origin) -> Self {
        Self { origin: Some(origin), ..self }
    }

    /// Returns the receiver's key.
    pub fn key(&self) -> ReceiverKey {
        ReceiverKey::new(self.authorisation_server.as_deref(), &self.client_id)
    }

    /// Returns the software of the client's last registration with a statement.
    pub fn software(&self) -> Option<&Software> {
        self.origin.as_ref()?.software.as_ref()
    }

    /// Returns the times from which the onboarding objective is measured.
    pub fn onboarding_slo(&self) -> OnboardingSlo {
        let registered_at = self.registered_at;
        let called_at = self.origin.as_ref().map_or(registered_at, |origin| origin.called_at);
        OnboardingSlo { called_at, registered_at }
    }

    /// Returns the client's state as the API writes it: `enabled`, `disabled` or `suspended`.
    pub fn webhook(&self) -> &'static str {
        match (&self.base_uri, self.suspension) {
            (None, _) => "disabled",
            (Some(_), None) => "enabled",
            (Some(_), Some(_)) => "suspended",
        }
    }

    /// Returns the receiver, unless notifications are disabled or suspended, or the base URI is no longer
    /// allowed.
    pub fn receiver(&self, policy: AddressPolicy) -> Option<Receiver> {
        if self.suspension.is_some() {
            return None;
        }
        let base_uri = BaseUri::parse_stored(self.base_uri.as_deref()?, policy).ok()?;
        Some(Receiver {
            key: self.key(),
            client_id: self.client_id.clone(),
            base_uri,
            settings: self.settings.clone(),
            notifies_since: self.notifies_since,
            onboarding_slo: Some(self.onboarding_slo()),
        })
    }
}
