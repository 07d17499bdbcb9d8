//! A receiver's settings, where the convention leaves a choice.

use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::fields::{FieldError, Fields};
use crate::notification::{Ecosystem, WebhookVersion};

/// A receiver's settings, where the convention leaves a choice.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
// Rows outlive releases: a row written before a setting existed takes its default.
#[serde(default)]
pub struct Settings {
    /// The ecosystem that the webhook profile is of; rows of the default one do not have it.
    #[serde(skip_serializing_if = "Ecosystem::is_default")]
    pub ecosystem: Ecosystem,
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
        Self::of(Ecosystem::default())
    }
}

impl Settings {
    /// Returns the settings of a receiver of an ecosystem that chose none.
    pub fn of(ecosystem: Ecosystem) -> Self {
        Self {
            ecosystem,
            webhook_version: ecosystem.default_profile(),
            success_statuses: vec![202],
            notify_optional: false,
            also_send_x_authorisation_server_id: false,
        }
    }
}

/// A change of settings. Absent settings stay as they are.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct SettingsChange {
    /// See [`Settings::webhook_version`].
    pub webhook_version: Option<WebhookVersion>,
    /// See [`Settings::success_statuses`].
    pub success_statuses: Option<Vec<u16>>,
    /// See [`Settings::notify_optional`].
    pub notify_optional: Option<bool>,
    /// See [`Settings::also_send_x_authorisation_server_id`].
    pub also_send_x_authorisation_server_id: Option<bool>,
}

const FIELDS: &[&str] =
    &["also_send_x_authorisation_server_id", "notify_optional", "success_statuses", "webhook_version"];
/// Open Insurance leaves no state to the sender, and has no header with the id of a server.
const INSURANCE_FIELDS: &[&str] = &["success_statuses", "webhook_version"];

impl SettingsChange {
    /// Parses a call that only changes settings, reporting every error at once. Null counts as absent.
    pub fn from_json(value: &Value) -> Result<Self, Vec<FieldError>> {
        Self::from_json_in(Ecosystem::OpenFinance, value)
    }

    /// Parses a call as [`Self::from_json`] does, on a stack of this ecosystem.
    pub fn from_json_in(ecosystem: Ecosystem, value: &Value) -> Result<Self, Vec<FieldError>> {
        let known = match ecosystem {
            Ecosystem::OpenFinance => FIELDS,
            Ecosystem::OpenInsurance => INSURANCE_FIELDS,
        };
        let mut fields = Fields::of(value, "", known)?;
        let change = Self::read(&mut fields, ecosystem);
        let errors = fields.into_errors();
        if errors.is_empty() { Ok(change) } else { Err(errors) }
    }

    /// Reads the settings among the fields of a call.
    pub(super) fn read(fields: &mut Fields<'_>, ecosystem: Ecosystem) -> Self {
        let mut change = Self {
            notify_optional: fields.boolean("notify_optional"),
            also_send_x_authorisation_server_id: fields.boolean("also_send_x_authorisation_server_id"),
            ..Self::default()
        };
        if fields.value("webhook_version").is_some() {
            change.webhook_version = fields.parsed("webhook_version", |text| ecosystem.profile(text));
        }
        if let Some(value) = fields.value("success_statuses") {
            match Vec::<u16>::deserialize(value) {
                Ok(statuses) if are_success_statuses(&statuses) => change.success_statuses = Some(statuses),
                _ => fields.refuse(
                    "success_statuses",
                    "invalid",
                    "Expected a list of statuses from 200 to 299.",
                ),
            }
        }
        change
    }

    /// Says whether the change is empty.
    pub fn is_empty(&self) -> bool {
        *self == Self::default()
    }

    /// Returns the settings after this change.
    #[must_use]
    pub fn applied_to(&self, before: &Settings) -> Settings {
        // Destructured, so that a setting cannot be forgotten here.
        let Self {
            webhook_version,
            success_statuses,
            notify_optional,
            also_send_x_authorisation_server_id: also_send,
        } = self;
        Settings {
            ecosystem: before.ecosystem,
            webhook_version: webhook_version.unwrap_or(before.webhook_version),
            success_statuses: success_statuses.as_ref().unwrap_or(&before.success_statuses).clone(),
            notify_optional: notify_optional.unwrap_or(before.notify_optional),
            also_send_x_authorisation_server_id: also_send
                .unwrap_or(before.also_send_x_authorisation_server_id),
        }
    }
}

fn are_success_statuses(statuses: &[u16]) -> bool {
    (1..=100).contains(&statuses.len()) && statuses.iter().all(|status| (200..300).contains(status))
}
