//! Which state changes are notified.

use super::change::{Actor, Resource, StateChange, Subject};
use super::endpoint::{EditRow, PARTIALLY_ACCEPTED, Reached};
use super::version::WebhookVersion;
use crate::codes::{Code, FailureClass};

/// The kind of change that a notification reports (webhook OAS 1.3.0, `EventType`).
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
pub enum EventType {
    /// The state changed.
    StateChanged,
    /// Data changed but not the state.
    DataChanged,
}

impl EventType {
    /// Returns the value of `data.eventType`. One guide writes `STATUS_CHANGED`; the OAS takes precedence.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::StateChanged => "STATE_CHANGED",
            Self::DataChanged => "DATA_CHANGED",
        }
    }
}

/// Whether the convention requires a state change to be notified.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Trigger {
    /// It must be notified.
    Required(EventType),
    /// The sender may choose ("facultada").
    Optional(EventType),
    /// It is not notified, because of this rule.
    None(Rule),
}

/// The rule because of which a state change is not notified.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Rule {
    /// The API has no endpoint in the convention.
    ApiWithoutWebhook,
    /// The endpoint or its trigger is newer than the receiver's webhook profile.
    NewerThanProfile,
    /// The state reached is not a trigger.
    StateIsNoTrigger,
    /// Neither the state nor data changed.
    NothingChanged,
    /// The initiator edited the data itself.
    EditedByInitiator,
    /// The resource has no edits that are notified.
    EditIsNoTrigger,
    /// The edit was made in a state in which edits are not notified.
    EditInThisStateIsNoTrigger,
    /// The convention leaves the choice to the sender, and the receiver's settings do not ask for it.
    OptionalNotWanted,
    /// The event is older than the client's registration for notifications.
    BeforeRegistration,
}

impl Rule {
    /// Says whether the rule depends on the receiver: another receiver might be notified of the same change.
    pub fn depends_on_receiver(self) -> bool {
        self.as_code().row().class == Some(FailureClass::Directory)
    }

    /// Returns the rule's row of the table of codes.
    pub fn as_code(self) -> Code {
        match self {
            Self::ApiWithoutWebhook => Code::ApiWithoutWebhook,
            Self::NewerThanProfile => Code::NewerThanProfile,
            Self::StateIsNoTrigger => Code::StateIsNoTrigger,
            Self::NothingChanged => Code::NothingChanged,
            Self::EditedByInitiator => Code::EditedByInitiator,
            Self::EditIsNoTrigger => Code::EditIsNoTrigger,
            Self::EditInThisStateIsNoTrigger => Code::EditInThisStateIsNoTrigger,
            Self::OptionalNotWanted => Code::OptionalNotWanted,
            Self::BeforeRegistration => Code::BeforeRegistration,
        }
    }

    /// Returns the rule's stable code.
    pub fn code(self) -> &'static str {
        self.as_code().as_str()
    }

    /// Returns a sentence for people.
    pub fn sentence(self) -> &'static str {
        self.as_code().row().en
    }
}

/// Decides whether a state change is to be notified to a receiver on a webhook profile.
pub fn trigger(change: &StateChange, profile: WebhookVersion) -> Trigger {
    let resource = match &change.subject {
        Subject::Resource(resource) => resource,
        Subject::ApiWithoutWebhook => return Trigger::None(Rule::ApiWithoutWebhook),
    };
    if profile < resource.endpoint.row().since {
        return Trigger::None(Rule::NewerThanProfile);
    }
    let edited = !change.changed_fields.is_empty();
    match &change.from {
        Some(from) if *from == change.to && edited => edit(change, resource, profile),
        Some(from) if *from == change.to => Trigger::None(Rule::NothingChanged),
        // Without the previous state, a trigger state counts as reached; otherwise the edited fields decide.
        None if edited => match reached(change, resource, profile) {
            required @ Trigger::Required(_) => required,
            Trigger::Optional(_) | Trigger::None(_) => edit(change, resource, profile),
        },
        _ => reached(change, resource, profile),
    }
}

fn reached(change: &StateChange, resource: &Resource, profile: WebhookVersion) -> Trigger {
    let Some(state) = resource.endpoint.row().state(&change.to, resource.api_version) else {
        return Trigger::None(Rule::StateIsNoTrigger);
    };
    let passed_partial_acceptance = change.passed_through_partially_accepted == Some(true)
        || change.from.as_deref() == Some(PARTIALLY_ACCEPTED);
    match state.reached {
        Reached::Silent => Trigger::None(Rule::StateIsNoTrigger),
        Reached::Notified(since) | Reached::NotifiedAfterPartialAcceptance(since) if profile < since => {
            Trigger::None(Rule::NewerThanProfile)
        }
        Reached::NotifiedAfterPartialAcceptance(_) if !passed_partial_acceptance => {
            Trigger::Optional(EventType::StateChanged)
        }
        Reached::Notified(_) | Reached::NotifiedAfterPartialAcceptance(_) => {
            Trigger::Required(EventType::StateChanged)
        }
    }
}

fn edit(change: &StateChange, resource: &Resource, profile: WebhookVersion) -> Trigger {
    let Some(EditRow { since, fields, only_in }) = &resource.endpoint.row().edits else {
        return Trigger::None(Rule::EditIsNoTrigger);
    };
    let listed = |field: &String| fields.is_none_or(|fields| fields.contains(&field.as_str()));
    if profile < *since {
        Trigger::None(Rule::NewerThanProfile)
    } else if change.actor == Some(Actor::Initiator) {
        Trigger::None(Rule::EditedByInitiator)
    } else if only_in.is_some_and(|state| state != change.to) {
        Trigger::None(Rule::EditInThisStateIsNoTrigger)
    } else if change.changed_fields.iter().any(listed) {
        Trigger::Required(EventType::DataChanged)
    } else {
        Trigger::None(Rule::EditIsNoTrigger)
    }
}
