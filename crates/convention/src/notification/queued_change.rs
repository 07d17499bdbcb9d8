//! A state change in a message that was written here: its texts are read where they stand, without a tree of values.

use serde::Deserialize;

use super::change::{Actor, MAX_CHANGED_FIELDS, Resource, StateChange, Subject, depends_on_past};
use super::ecosystem::Ecosystem;
use super::endpoint::{APIS_WITHOUT_WEBHOOK, Endpoint, Scope};
use super::id::ResourceId;
use super::version::ApiVersion;
use crate::fields::{MAX_NAME, MAX_TEXT, fits};

/// The fields that [`StateChange::to_json`] writes.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct QueuedChange<'a> {
    client_id: &'a str,
    api: &'a str,
    resource: &'a str,
    resource_id: &'a str,
    api_version: &'a str,
    from: Option<String>,
    to: String,
    passed_through_partially_accepted: Option<bool>,
    #[serde(default)]
    changed_fields: Vec<String>,
    #[serde(borrow)]
    actor: Option<&'a str>,
    brand: Option<String>,
    event_instant: &'a str,
    event_id: Option<String>,
}

impl QueuedChange<'_> {
    /// Says whether it has nothing that Open Insurance has not.
    fn is_of_insurance(&self, scope: Scope, version: ApiVersion) -> bool {
        Ecosystem::OpenInsurance.admits(version)
            && self.passed_through_partially_accepted.is_none()
            && self.changed_fields.is_empty()
            && self.actor.is_none()
            && (scope == Scope::Resource || self.from.is_none())
    }

    /// Returns the state change; `None` if [`StateChange::from_json`] would report an error.
    pub(crate) fn into_change(self) -> Option<StateChange> {
        let fit = |texts: &[Option<&str>], longest| texts.iter().flatten().all(|text| fits(text, longest));
        let texts = [Some(self.resource_id), Some(self.event_instant), self.from.as_deref(), Some(&self.to)];
        let names = [self.brand.as_deref(), self.event_id.as_deref()];
        let fields = &self.changed_fields;
        let all_fit = fit(&texts, MAX_TEXT)
            && fit(&names, MAX_NAME)
            && fields.len() <= MAX_CHANGED_FIELDS
            && fields.iter().all(|field| fits(field, MAX_NAME));
        if !all_fit || APIS_WITHOUT_WEBHOOK.contains(&self.api) {
            return None;
        }
        let endpoint = Endpoint::of(self.api, self.resource)?;
        let (row, api_version) = (endpoint.row(), self.api_version.parse::<ApiVersion>().ok()?);
        if row.ecosystem == Ecosystem::OpenInsurance && !self.is_of_insurance(row.scope, api_version) {
            return None;
        }
        let to = row.reached(&self.to, api_version)?;
        if let Some(from) = &self.from {
            row.reached(from, api_version)?;
        } else if depends_on_past(to) && self.passed_through_partially_accepted.is_none() {
            return None;
        }
        let id = ResourceId::parse(self.resource_id, row.id_syntax).ok()?;
        Some(StateChange {
            client_id: self.client_id.parse().ok()?,
            subject: Subject::Resource(Resource { endpoint, api_version, id }),
            from: self.from,
            to: self.to,
            passed_through_partially_accepted: self.passed_through_partially_accepted,
            changed_fields: self.changed_fields,
            actor: match self.actor {
                Some(actor) => Some(Actor::of(actor)?),
                None => None,
            },
            brand: self.brand,
            event_instant: self.event_instant.parse().ok()?,
            event_id: self.event_id,
            expiry: None,
        })
    }
}
