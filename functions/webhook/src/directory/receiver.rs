//! The receiver: a client's base URI and settings.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::base_uri::BaseUri;
use super::registration::{Target, Warning};
use crate::address::AddressPolicy;
use crate::fields::{FieldError, Fields};
use crate::notification::{ClientId, WebhookVersion};

/// How a receiver is notified, where the convention leaves a choice.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
// Rows outlive releases: one written before a setting was added takes its default.
#[serde(default)]
pub struct Settings {
    /// The webhook profile.
    pub webhook_version: WebhookVersion,
    /// The statuses that count as delivered; the convention documents 202 only.
    pub success_statuses: Vec<u16>,
    /// Also send the `AUTHORISED` that the convention leaves to the sender.
    pub notify_optional: bool,
    /// Also send `x-authorisation-server-id`, as the changelog of 2026-01-12 misspells the header of the OAS.
    pub also_send_x_authorisation_server_id: bool,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            webhook_version: WebhookVersion::default(),
            success_statuses: vec![202],
            notify_optional: false,
            also_send_x_authorisation_server_id: false,
        }
    }
}

/// A client that is notified.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Receiver {
    /// The client.
    pub client_id: ClientId,
    /// Where it is notified.
    pub base_uri: BaseUri,
    /// How it is notified.
    pub settings: Settings,
    /// Since when it is notified: older events are not for it. `None` when nobody knows.
    pub notifies_since: Option<Timestamp>,
}

/// What a registration call asks for.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct RegistrationRequest {
    /// The client metadata's `webhook_uris`; absent disables notifications.
    pub webhook_uris: Option<Vec<String>>,
    /// The receiver's settings.
    pub settings: Settings,
}

const FIELDS: &[&str] = &[
    "also_send_x_authorisation_server_id",
    "notify_optional",
    "success_statuses",
    "webhook_uris",
    "webhook_version",
];
/// No participant has more than a handful; the limit bounds the stored row.
const MOST_URIS: usize = 10;
/// Longer than any URI that is accepted, so that one of 300 characters is told its own rule.
const LONGEST_URI: usize = 2048;

impl RegistrationRequest {
    /// Parses a registration call, reporting every error at once.
    pub fn from_json(value: &Value, pointer: &str) -> Result<Self, Vec<FieldError>> {
        let mut fields = Fields::of(value, pointer, FIELDS)?;
        let webhook_uris = fields.texts("webhook_uris", MOST_URIS, LONGEST_URI);
        let mut settings = Settings::default();
        if fields.value("webhook_version").is_some()
            && let Some(version) = fields.parsed("webhook_version", str::parse)
        {
            settings.webhook_version = version;
        }
        settings.notify_optional = fields.boolean("notify_optional").unwrap_or_default();
        settings.also_send_x_authorisation_server_id =
            fields.boolean("also_send_x_authorisation_server_id").unwrap_or_default();
        if let Some(value) = fields.value("success_statuses") {
            match Vec::<u16>::deserialize(value) {
                Ok(statuses) if is_choice_of_success(&statuses) => settings.success_statuses = statuses,
                _ => fields.refuse(
                    "success_statuses",
                    "invalid",
                    "Expected a list of statuses from 200 to 299.",
                ),
            }
        }
        let errors = fields.into_errors();
        if errors.is_empty() { Ok(Self { webhook_uris, settings }) } else { Err(errors) }
    }
}

fn is_choice_of_success(statuses: &[u16]) -> bool {
    (1..=100).contains(&statuses.len()) && statuses.iter().all(|status| (200..300).contains(status))
}

/// A client as it is kept in the receivers table.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
pub struct Registration {
    /// The client.
    pub client_id: ClientId,
    /// Where it is notified; absent when it is not.
    pub base_uri: Option<String>,
    /// All URIs of the registration.
    pub webhook_uris: Vec<String>,
    /// How it is notified.
    #[serde(flatten)]
    pub settings: Settings,
    /// When this registration was made.
    pub registered_at: Timestamp,
    /// Since when the client has been notified without a break.
    pub notifies_since: Option<Timestamp>,
    /// What its owner should look at.
    #[serde(default)]
    pub warnings: Vec<Warning>,
}

impl Registration {
    /// Makes the registration that takes the place of `previous`.
    pub fn new(
        client_id: ClientId,
        request: RegistrationRequest,
        (target, warnings): (Target, Vec<Warning>),
        previous: Option<&Self>,
        now: Timestamp,
    ) -> Self {
        let base_uri = match target {
            Target::Enabled(base) => Some(base.as_str().to_owned()),
            Target::Disabled => None,
        };
        // A change of URI or settings is no break: only a client that was not notified starts anew.
        let notifies_since =
            base_uri.as_ref().map(|_| previous.and_then(|previous| previous.notifies_since).unwrap_or(now));
        Self {
            client_id,
            base_uri,
            webhook_uris: request.webhook_uris.unwrap_or_default(),
            settings: request.settings,
            registered_at: now,
            notifies_since,
            warnings,
        }
    }

    /// Says whether the client is notified, in the word of the API: `enabled` or `disabled`.
    pub fn webhook(&self) -> &'static str {
        if self.base_uri.is_some() { "enabled" } else { "disabled" }
    }

    /// Returns the receiver, unless notifications are disabled or the base URI is not allowed any more.
    pub fn receiver(&self, policy: AddressPolicy) -> Option<Receiver> {
        let base_uri = BaseUri::parse_kept(self.base_uri.as_deref()?, policy).ok()?;
        Some(Receiver {
            client_id: self.client_id.clone(),
            base_uri,
            settings: self.settings.clone(),
            notifies_since: self.notifies_since,
        })
    }
}
