//! Which state changes are notified.

use super::change::{Resource, StateChange, Subject};
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
    /// The API is not known here.
    UnknownApi,
    /// The endpoint or its trigger is newer than the receiver's webhook profile.
    NewerThanProfile,
    /// The receiver's webhook profile has dropped the endpoint.
    EndedBeforeProfile,
    /// The receiver's webhook profile is one of another ecosystem.
    OtherEcosystem,
    /// The state reached is not a trigger.
    StateIsNoTrigger,
    /// Neither the state nor data changed.
    NothingChanged,
    /// The initiator edited the data itself, and the stack does not notify such edits.
    EditedByInitiator,
    /// No edit of these fields of the resource is notified.
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
            Self::UnknownApi => Code::UnknownApi,
            Self::NewerThanProfile => Code::NewerThanProfile,
            Self::EndedBeforeProfile => Code::EndedBeforeProfile,
            Self::OtherEcosystem => Code::OtherEcosystem,
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

    /// Returns the code of the warning that goes with the rule, if the caller may have made a mistake.
    pub fn warning(self) -> Option<&'static str> {
        (self == Self::UnknownApi).then(|| self.code())
    }

    /// Returns a sentence for people.
    pub fn sentence(self) -> &'static str {
        self.as_code().row().en
    }
}

/// Returns the resource that a subject is, or the rule because of which nobody is notified of it.
pub fn resource_of(subject: &Subject) -> Result<&Resource, Rule> {
    match subject {
        Subject::Resource(resource) => Ok(resource),
        Subject::ApiWithoutWebhook => Err(Rule::ApiWithoutWebhook),
        Subject::UnknownApi(_) => Err(Rule::UnknownApi),
    }
}

/// Decides whether a state change is to be notified to a receiver on a webhook profile.
pub fn trigger(change: &StateChange, profile: WebhookVersion) -> Trigger {
    let resource = match resource_of(&change.subject) {
        Ok(resource) => resource,
        Err(rule) => return Trigger::None(rule),
    };
    let row = resource.endpoint.row();
    if profile < row.since {
        return Trigger::None(Rule::NewerThanProfile);
    }
    if row.until.is_some_and(|until| profile > until) {
        return Trigger::None(Rule::EndedBeforeProfile);
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
    let Some(reached) = resource.endpoint.row().reached(&change.to, resource.api_version) else {
        return Trigger::None(Rule::StateIsNoTrigger);
    };
    let passed_partial_acceptance = change.passed_through_partially_accepted == Some(true)
        || change.from.as_deref() == Some(PARTIALLY_ACCEPTED);
    match reached {
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
    let listed = |field: &String| fields.contains(&field.as_str());
    if profile < *since {
        Trigger::None(Rule::NewerThanProfile)
    } else if *only_in != change.to {
        Trigger::None(Rule::EditInThisStateIsNoTrigger)
    } else if change.changed_fields.iter().any(listed) {
        Trigger::Required(EventType::DataChanged)
    } else {
        Trigger::None(Rule::EditIsNoTrigger)
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::super::endpoint::ENDPOINTS;
    use super::*;

    /// What the guides say of the states of a resource.
    struct Guide {
        api: &'static str,
        resource: &'static str,
        api_version: &'static str,
        /// The first webhook version with its endpoint.
        since: &'static str,
        /// Each state, and since which webhook version reaching it is notified.
        states: &'static [(&'static str, &'static str)],
    }

    /// Never notified.
    const SILENT: &str = "-";
    /// Not a state of this version of the API.
    const ABSENT: &str = "absent";
    /// Mandatory after `PARTIALLY_ACCEPTED`, else optional.
    const AFTER: &str = "1.2.0 after PARTIALLY_ACCEPTED";

    const CONSENT: &[(&str, &str)] = &[
        ("AWAITING_AUTHORISATION", SILENT),
        ("PARTIALLY_ACCEPTED", SILENT),
        ("AUTHORISED", AFTER),
        ("CONSUMED", "1.0.0"),
        ("REJECTED", "1.0.0"),
    ];
    const CONSENT_OF_V3: &[(&str, &str)] = &[
        ("AWAITING_AUTHORISATION", SILENT),
        ("PARTIALLY_ACCEPTED", ABSENT),
        ("AUTHORISED", AFTER),
        ("CONSUMED", "1.0.0"),
        ("REJECTED", "1.0.0"),
    ];
    const PIX_PAYMENT: &[(&str, &str)] = &[
        ("RCVD", SILENT),
        ("PATC", ABSENT),
        ("ACCP", SILENT),
        ("ACPD", SILENT),
        ("PDNG", "1.0.0"),
        ("SCHD", "1.0.0"),
        ("ACSC", "1.0.0"),
        ("CANC", "1.0.0"),
        ("RJCT", "1.0.0"),
    ];
    const PIX_PAYMENT_OF_V3: &[(&str, &str)] = &[
        ("RCVD", SILENT),
        ("PATC", "1.0.0"),
        ("ACCP", SILENT),
        ("ACPD", SILENT),
        ("PDNG", "1.0.0"),
        ("SCHD", "1.0.0"),
        ("ACSC", "1.0.0"),
        ("CANC", "1.0.0"),
        ("RJCT", "1.0.0"),
    ];
    const ENROLLMENT: &[(&str, &str)] = &[
        ("AWAITING_RISK_SIGNALS", SILENT),
        ("AWAITING_ACCOUNT_HOLDER_VALIDATION", SILENT),
        ("AWAITING_ENROLLMENT", SILENT),
        ("AUTHORISED", SILENT),
        ("REJECTED", "1.1.0"),
        ("REVOKED", "1.1.0"),
    ];
    const RECURRING_CONSENT: &[(&str, &str)] = &[
        ("AWAITING_AUTHORISATION", SILENT),
        ("PARTIALLY_ACCEPTED", SILENT),
        ("AUTHORISED", AFTER),
        ("CONSUMED", "1.2.0"),
        ("REJECTED", "1.2.0"),
        ("REVOKED", "1.2.0"),
    ];
    const RECURRING_PAYMENT: &[(&str, &str)] = &[
        ("RCVD", SILENT),
        ("ACCP", SILENT),
        ("ACPD", SILENT),
        ("PDNG", "1.2.0"),
        ("SCHD", "1.2.0"),
        ("ACSC", "1.2.0"),
        ("CANC", "1.2.0"),
        ("RJCT", "1.2.0"),
    ];

    const fn guide(
        (api, resource): (&'static str, &'static str),
        api_version: &'static str,
        since: &'static str,
        states: &'static [(&'static str, &'static str)],
    ) -> Guide {
        Guide { api, resource, api_version, since, states }
    }

    /// Written from the guides of the webhook ("Pagamentos", "Pagamentos automáticos", "Pagamentos sem redirecionamento", 1.3.0,
    /// and their earlier versions), not from [`ENDPOINTS`].
    const GUIDES: &[Guide] = &[
        guide(("payments", "consent"), "v5", "1.0.0", CONSENT),
        guide(("payments", "consent"), "v4", "1.0.0", CONSENT),
        guide(("payments", "consent"), "v3", "1.0.0", CONSENT_OF_V3),
        guide(("payments", "pix_payment"), "v5", "1.0.0", PIX_PAYMENT),
        guide(("payments", "pix_payment"), "v4", "1.0.0", PIX_PAYMENT),
        guide(("payments", "pix_payment"), "v3", "1.0.0", PIX_PAYMENT_OF_V3),
        guide(("payments", "pix_payment"), "v2", "1.0.0", PIX_PAYMENT_OF_V3),
        guide(("enrollments", "enrollment"), "v2", "1.1.0", ENROLLMENT),
        guide(("automatic-payments", "recurring_consent"), "v2", "1.2.0", RECURRING_CONSENT),
        guide(("automatic-payments", "recurring_payment"), "v2", "1.2.0", RECURRING_PAYMENT),
    ];
    /// Who may have caused a change; absent if unknown.
    const ACTORS: [Option<&str>; 4] = [None, Some("DETENTORA"), Some("INICIADORA"), Some("USUARIO")];

    /// A change that is posted, if it is one of this resource.
    fn change(api: &str, resource: &str, version: &str, more: &Value) -> Option<StateChange> {
        let id = if resource.contains("payment") { "p-1" } else { "urn:bancoex:1" };
        let mut change = json!({
            "client_id": "itp-1", "api": api, "resource": resource, "resource_id": id, "api_version": version,
            "event_instant": "2026-11-30T12:00:00Z",
        });
        change.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        StateChange::from_json(&change, "").ok()
    }

    impl Guide {
        /// What must come of reaching a state that is notified since then.
        fn expected(&self, since: &str, is_after: bool, profile: WebhookVersion) -> Trigger {
            let first = |text: &str| text.split(' ').next().unwrap().parse::<WebhookVersion>();
            if profile < first(self.since).unwrap() {
                return Trigger::None(Rule::NewerThanProfile);
            }
            match first(since) {
                Err(_) => Trigger::None(Rule::StateIsNoTrigger),
                Ok(first) if profile < first => Trigger::None(Rule::NewerThanProfile),
                Ok(_) if since == AFTER && !is_after => Trigger::Optional(EventType::StateChanged),
                Ok(_) => Trigger::Required(EventType::StateChanged),
            }
        }

        fn check(&self, (state, since): (&str, &str), actor: Option<&str>, is_after: bool) {
            let more = json!({ "to": state, "actor": actor, "passed_through_partially_accepted": is_after });
            let context = format!("{} {} {} {more}", self.api, self.resource, self.api_version);
            let change = change(self.api, self.resource, self.api_version, &more);
            assert_eq!(change.is_none(), since == ABSENT, "{context}");
            let Some(change) = change else { return };
            for profile in WebhookVersion::ALL {
                let expected = self.expected(since, is_after, profile);
                assert_eq!(trigger(&change, profile), expected, "{context} on {profile}");
            }
        }
    }

    #[test]
    fn each_state_of_each_endpoint_is_notified_as_the_guides_list() {
        for guide in GUIDES {
            for &state in guide.states {
                for actor in ACTORS {
                    guide.check(state, actor, false);
                    guide.check(state, actor, true);
                }
            }
        }
    }

    #[test]
    fn each_state_that_is_known_is_listed() {
        for row in ENDPOINTS {
            let of_row = |guide: &&Guide| guide.api == row.api && guide.resource == row.resource;
            assert!(GUIDES.iter().any(|guide| of_row(&guide)), "{}", row.code);
            for guide in GUIDES.iter().filter(of_row) {
                let listed =
                    guide.states.iter().filter(|(_, since)| *since != ABSENT).map(|(state, _)| *state);
                let mut listed: Vec<_> = listed.collect();
                let known = row.states_of(guide.api_version.parse().unwrap());
                let mut known: Vec<_> = known.map(|state| state.name).collect();
                listed.sort_unstable();
                known.sort_unstable();
                assert_eq!(known, listed, "{} {}", row.code, guide.api_version);
            }
        }
    }

    /// An edit in a state, as the trigger decides.
    fn edited(
        resource: (&str, &str),
        state: &str,
        fields: &[&str],
        actor: Option<&str>,
        profile: WebhookVersion,
    ) -> Trigger {
        let edit = json!({ "from": state, "to": state, "changed_fields": fields, "actor": actor });
        trigger(&change(resource.0, resource.1, "v2", &edit).unwrap(), profile)
    }

    /// "Edição do consentimento", automatic payments 2.2.1, "Campos passíveis de edição e suas condições".
    #[test]
    fn a_recurring_consent_is_edited_while_authorised_and_in_two_fields_alone() {
        let consent = ("automatic-payments", "recurring_consent");
        let edited = |state, fields: &[&str]| edited(consent, state, fields, None, WebhookVersion::V1_3_0);
        let notified = Trigger::Required(EventType::DataChanged);
        assert_eq!(edited("AUTHORISED", &["useOverdraftLimit"]), notified);
        assert_eq!(edited("AUTHORISED", &["maximumVariableAmount"]), notified);
        assert_eq!(edited("AUTHORISED", &["expirationDateTime", "maximumVariableAmount"]), notified);
        for other in
            ["expirationDateTime", "creditors", "MaximumVariableAmount", "automatic.maximumVariableAmount"]
        {
            assert_eq!(edited("AUTHORISED", &[other]), Trigger::None(Rule::EditIsNoTrigger), "{other}");
        }
        for state in ["AWAITING_AUTHORISATION", "PARTIALLY_ACCEPTED", "CONSUMED", "REJECTED", "REVOKED"] {
            let other = edited(state, &["useOverdraftLimit"]);
            assert_eq!(other, Trigger::None(Rule::EditInThisStateIsNoTrigger), "{state}");
        }
    }

    #[test]
    fn each_edit_is_notified_as_the_guides_list() {
        let enrollment = ("enrollments", "enrollment");
        let recurring_consent = ("automatic-payments", "recurring_consent");
        let fields_of = |of| match of {
            ("enrollments", _) => &["expirationDateTime", "transactionLimit", "dailyLimit"][..],
            _ => &["maximumVariableAmount", "useOverdraftLimit"],
        };
        for of in [enrollment, recurring_consent] {
            for field in fields_of(of) {
                for actor in ACTORS {
                    let edited = |profile| edited(of, "AUTHORISED", &[field], actor, profile);
                    let expected = Trigger::Required(EventType::DataChanged);
                    assert_eq!(edited(WebhookVersion::V1_3_0), expected, "{of:?} {field} {actor:?}");
                    for older in [WebhookVersion::V1_0_0, WebhookVersion::V1_1_0, WebhookVersion::V1_2_0] {
                        assert_eq!(edited(older), Trigger::None(Rule::NewerThanProfile), "{of:?} {older}");
                    }
                }
            }
        }
        let newest = WebhookVersion::V1_3_0;
        // A field that is listed among others, one that is not, and a state in which nothing is edited.
        let both = edited(enrollment, "AUTHORISED", &["nickname", "dailyLimit"], None, newest);
        assert_eq!(both, Trigger::Required(EventType::DataChanged));
        let other = edited(enrollment, "AUTHORISED", &["nickname"], None, newest);
        assert_eq!(other, Trigger::None(Rule::EditIsNoTrigger));
        for state in ["AWAITING_RISK_SIGNALS", "AWAITING_ENROLLMENT", "REJECTED", "REVOKED"] {
            let early = edited(enrollment, state, &["dailyLimit"], None, newest);
            assert_eq!(early, Trigger::None(Rule::EditInThisStateIsNoTrigger), "{state}");
        }
        // No guide lists edits of the other resources.
        for (of, state) in [
            (("payments", "consent"), "AUTHORISED"),
            (("payments", "pix_payment"), "SCHD"),
            (("automatic-payments", "recurring_payment"), "SCHD"),
        ] {
            assert_eq!(
                edited(of, state, &["amount"], None, newest),
                Trigger::None(Rule::EditIsNoTrigger),
                "{of:?}"
            );
        }
        // The same state without any field is no change.
        for of in [enrollment, recurring_consent] {
            assert_eq!(edited(of, "AUTHORISED", &[], None, newest), Trigger::None(Rule::NothingChanged));
        }
    }
}
