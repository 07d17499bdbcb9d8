//! Compares the registrations of receivers with the Directory.

use std::collections::HashMap;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::participants::{OrganisationStatus, Participants};
use super::receiver::{Registration, Suspension};
use crate::notification::ReceiverKey;

/// A software statement as the Directory shows it.
#[derive(Clone, Debug, Default, Deserialize, Eq, PartialEq, Serialize)]
pub struct SoftwareView {
    /// Whether its status is `Active`; absent if no status is shown.
    pub active: Option<bool>,
    /// `ApiWebhookUri`, if it is shown.
    pub webhook_uris: Option<Vec<String>>,
}

/// What is known of the Directory. Unknown parts change nothing.
#[derive(Debug, Default)]
pub struct DirectoryView<'a> {
    /// The list of participants.
    pub participants: Option<&'a Participants>,
    /// When the Directory last confirmed the list; absent means just now.
    pub listed_at: Option<Timestamp>,
    /// Software statements by id.
    pub software: HashMap<String, SoftwareView>,
}

/// A discrepancy for a person to look at. No notification depends on it.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Drift {
    /// The client was registered without a statement, so its organisation is unknown.
    SoftwareUnknown,
    /// The Directory does not list the client's organisation.
    OrganisationNotListed,
    /// The Directory lists the organisation without a status, or with two.
    OrganisationUnclear,
    /// The webhook URIs in the Directory differ from the registration's: the client has yet to make its DCM
    /// call.
    DirectoryUrisDiffer,
}

impl Drift {
    /// Returns the drift's stable code.
    pub fn code(self) -> &'static str {
        match self {
            Self::SoftwareUnknown => "software_unknown",
            Self::OrganisationNotListed => "organisation_not_listed",
            Self::OrganisationUnclear => "organisation_unclear",
            Self::DirectoryUrisDiffer => "directory_uris_differ",
        }
    }
}

/// The result of a reconciliation.
#[derive(Debug, Default, Eq, PartialEq)]
pub struct Reconciliation {
    /// Clients to suspend (`Some`) or to notify again (`None`).
    pub changes: Vec<(ReceiverKey, Option<Suspension>)>,
    /// Discrepancies.
    pub drifts: Vec<(ReceiverKey, Drift)>,
    /// Number of suspensions refused because there were too many at once.
    pub refused: usize,
}

/// Compares the clients that want to be notified with the Directory.
///
/// Only explicit information counts: an organisation or software with a status other than `Active`. An answer
/// that would suspend more than `max_suspensions` of the notified clients suspends none, because the answer
/// is more likely to be wrong. Clients that are already suspended are left out of this count.
pub fn reconcile(
    registrations: &[Registration],
    says: &DirectoryView<'_>,
    max_percent: u8,
) -> Reconciliation {
    let mut result = Reconciliation::default();
    let (mut notified, mut suspensions) = (0, Vec::new());
    for registration in registrations.iter().filter(|registration| registration.base_uri.is_some()) {
        let receiver = &registration.key();
        let judged = judge(registration, says);
        result.drifts.extend(judged.drifts.into_iter().map(|drift| (receiver.clone(), drift)));
        notified += usize::from(registration.suspension.is_none());
        match (registration.suspension, judged.standing) {
            (None, Standing::Suspended(suspension)) => {
                suspensions.push((receiver.clone(), Some(suspension)));
            }
            (Some(_), Standing::Good) => result.changes.push((receiver.clone(), None)),
            (Some(before), Standing::Suspended(now)) if before != now => {
                result.changes.push((receiver.clone(), Some(now)));
            }
            _ => {}
        }
    }
    if suspensions.len() > max_suspensions(notified, max_percent) {
        result.refused = suspensions.len();
    } else {
        result.changes.append(&mut suspensions);
    }
    result
}

/// Returns how many of the notified clients one answer of the Directory may suspend.
///
/// At least one, however few there are: an account holder with four initiators must stop notifying one that
/// withdraws. With a share of 0, no client is suspended automatically.
fn max_suspensions(notified: usize, max_percent: u8) -> usize {
    if max_percent == 0 { 0 } else { (notified * usize::from(max_percent) / 100).max(1) }
}

/// A client's state in the Directory.
enum Standing {
    /// Everything that was looked up is active.
    Good,
    /// Something is not active.
    Suspended(Suspension),
    /// Unknown.
    Unknown,
}

struct Comparison {
    standing: Standing,
    drifts: Vec<Drift>,
}

fn judge(registration: &Registration, says: &DirectoryView<'_>) -> Comparison {
    let Some(software) = registration.software() else {
        return Comparison { standing: Standing::Unknown, drifts: vec![Drift::SoftwareUnknown] };
    };
    let mut drifts = Vec::new();
    let organisation = says.participants.map(|list| list.organisation(&software.organisation_id));
    let shown = says.software.get(&software.software_id);
    let differ = |uris: &Vec<String>| {
        let registered = &registration.webhook_uris;
        uris.iter().any(|uri| !registered.contains(uri)) || registered.iter().any(|uri| !uris.contains(uri))
    };
    if shown.and_then(|shown| shown.webhook_uris.as_ref()).is_some_and(differ) {
        drifts.push(Drift::DirectoryUrisDiffer);
    }
    match organisation {
        Some(None) => drifts.push(Drift::OrganisationNotListed),
        Some(Some(OrganisationStatus::Unclear)) => drifts.push(Drift::OrganisationUnclear),
        _ => {}
    }
    // The statement of a call comes from the Directory too: an older list says nothing new.
    let is_news = says.listed_at.is_none_or(|listed_at| registration.onboarding_slo().called_at <= listed_at);
    let standing = match (organisation.flatten(), shown.and_then(|shown| shown.active)) {
        (Some(OrganisationStatus::NotActive), _) if is_news => {
            Standing::Suspended(Suspension::OrganisationNotActive)
        }
        (_, Some(false)) => Standing::Suspended(Suspension::SoftwareNotActive),
        // A suspended client is notified again only when the reason for its suspension is known to be gone.
        (Some(OrganisationStatus::Active), active) => match (registration.suspension, active) {
            (Some(Suspension::SoftwareNotActive), None) => Standing::Unknown,
            _ => Standing::Good,
        },
        _ => Standing::Unknown,
    };
    Comparison { standing, drifts }
}

#[cfg(test)]
mod tests {
    use jiff::SignedDuration;
    use proptest::prelude::*;

    use super::*;
    use crate::address::AddressPolicy;
    use crate::directory::{Operation, Origin, RegistrationRequest, Software, StatementUris, target};
    use crate::notification::ClientId;

    const MAX_PERCENT: u8 = 20;

    fn client_id(number: usize) -> ClientId {
        format!("itp-{number}").parse().unwrap()
    }

    fn client(number: usize) -> ReceiverKey {
        ReceiverKey::from(&client_id(number))
    }

    fn registered(number: usize) -> Registration {
        let now = "2026-11-22T12:00:00Z".parse().unwrap();
        let uris = Some(vec![format!("https://itp-{number}.example.com")]);
        let decided = target(StatementUris::NotPresented, uris.as_deref(), AddressPolicy::Public).unwrap();
        let request = RegistrationRequest { webhook_uris: uris, ..RegistrationRequest::default() };
        let software =
            Software { software_id: format!("ss-{number}"), organisation_id: format!("org-{number}") };
        Registration::new(client_id(number), request, decided, None, now).from_call(Origin {
            operation: Operation::Dcr,
            called_at: now,
            software: Some(software),
            statement_sha256: None,
        })
    }

    fn list(statuses: &[&str]) -> Participants {
        let entry = |(number, status): (usize, &&str)| serde_json::json!({ "OrganisationId": format!("org-{number}"), "Status": status });
        let entries: Vec<_> = statuses.iter().enumerate().map(entry).collect();
        Participants::from_json(&serde_json::to_vec(&entries).unwrap()).unwrap()
    }

    fn shown(active: Option<bool>, uris: Option<&[&str]>) -> SoftwareView {
        let webhook_uris = uris.map(|uris| uris.iter().map(|uri| (*uri).to_owned()).collect());
        SoftwareView { active, webhook_uris }
    }

    #[test]
    fn an_inactive_client_is_suspended_and_notified_again_once_active() {
        let mut all: Vec<_> = (0..5).map(registered).collect();
        let bad = list(&["Withdrawn", "Active", "Active", "Active", "Active"]);
        let says = DirectoryView { participants: Some(&bad), ..DirectoryView::default() };
        let result = reconcile(&all, &says, MAX_PERCENT);
        let suspended = Some(Suspension::OrganisationNotActive);
        assert_eq!(
            result,
            Reconciliation { changes: vec![(client(0), suspended)], ..Reconciliation::default() }
        );

        all[0].suspension = suspended;
        assert_eq!(reconcile(&all, &says, MAX_PERCENT), Reconciliation::default());
        let good = list(&["Active"; 5]);
        let says = DirectoryView { participants: Some(&good), ..DirectoryView::default() };
        assert_eq!(reconcile(&all, &says, MAX_PERCENT).changes, [(client(0), None)]);
        let unknown = DirectoryView::default();
        assert_eq!(reconcile(&all, &unknown, MAX_PERCENT), Reconciliation::default());
    }

    #[test]
    fn a_list_from_before_the_statement_of_a_call_suspends_nobody() {
        let all: Vec<_> = (0..5).map(registered).collect();
        let called_at = all[0].onboarding_slo().called_at;
        let bad = list(&["Withdrawn", "Active", "Active", "Active", "Active"]);
        for (listed_at, suspends) in [(-1, false), (0, true), (1, true)] {
            let listed_at = Some(called_at + SignedDuration::from_secs(listed_at));
            let says = DirectoryView { participants: Some(&bad), listed_at, ..DirectoryView::default() };
            assert_eq!(!reconcile(&all, &says, MAX_PERCENT).changes.is_empty(), suspends);
        }
    }

    #[test]
    fn suspended_software_is_notified_again_only_when_the_software_is_active() {
        let mut all: Vec<_> = (0..5).map(registered).collect();
        let active = list(&["Active"; 5]);
        let says = |software| DirectoryView {
            participants: Some(&active),
            listed_at: None,
            software: HashMap::from([("ss-0".to_owned(), software)]),
        };
        let suspended = Some(Suspension::SoftwareNotActive);
        let result = reconcile(&all, &says(shown(Some(false), None)), MAX_PERCENT);
        assert_eq!(result.changes, [(client(0), suspended)]);
        all[0].suspension = suspended;
        assert_eq!(reconcile(&all, &says(shown(None, None)), MAX_PERCENT).changes, []);
        assert_eq!(reconcile(&all, &says(shown(Some(true), None)), MAX_PERCENT).changes, [(client(0), None)]);
    }

    #[test]
    fn an_answer_that_would_suspend_too_many_is_refused_whole() {
        for (clients, withdrawn, refused) in [
            (10, 2, 0),
            (10, 3, 3),
            (5, 1, 0),
            (5, 2, 2),
            (4, 1, 0),
            (1, 1, 0),
            (2, 2, 2),
            (100, 20, 0),
            (100, 21, 21),
        ] {
            let all: Vec<_> = (0..clients).map(registered).collect();
            let statuses: Vec<_> =
                (0..clients).map(|number| if number < withdrawn { "Withdrawn" } else { "Active" }).collect();
            let list = list(&statuses);
            let says = DirectoryView { participants: Some(&list), ..DirectoryView::default() };
            let result = reconcile(&all, &says, MAX_PERCENT);
            assert_eq!(result.refused, refused, "{withdrawn} of {clients}");
            assert_eq!(result.changes.len(), withdrawn - refused, "{withdrawn} of {clients}");
            assert_eq!(reconcile(&all, &says, 100).changes.len(), withdrawn);
        }
    }

    #[test]
    fn a_share_of_zero_suspends_nobody() {
        let all = [registered(0)];
        let list = list(&["Withdrawn"]);
        let says = DirectoryView { participants: Some(&list), ..DirectoryView::default() };
        let result = reconcile(&all, &says, 0);
        assert_eq!((result.changes.len(), result.refused), (0, 1));
    }

    proptest! {
        /// Clients that are already suspended do not count: one suspension is always allowed, and never more
        /// than the share of the notified clients.
        #[test]
        fn the_cap_counts_those_that_are_notified(
            clients in prop::collection::vec((any::<bool>(), any::<bool>()), 1..40), max_percent in 1_u8..=100,
        ) {
            let mut all: Vec<_> = (0..clients.len()).map(registered).collect();
            for (registration, (is_suspended, _)) in all.iter_mut().zip(&clients) {
                registration.suspension = is_suspended.then_some(Suspension::OrganisationNotActive);
            }
            let statuses: Vec<_> = clients.iter().map(|(_, is_active)| if *is_active { "Active" } else { "Withdrawn" }).collect();
            let list = list(&statuses);
            let says = DirectoryView { participants: Some(&list), ..DirectoryView::default() };
            let result = reconcile(&all, &says, max_percent);

            let notified = clients.iter().filter(|(is_suspended, _)| !is_suspended).count();
            let wanted = clients.iter().filter(|(is_suspended, is_active)| !is_suspended && !is_active).count();
            let suspended = result.changes.iter().filter(|(_, suspension)| suspension.is_some()).count();
            prop_assert!(suspended == wanted && result.refused == 0 || suspended == 0 && result.refused == wanted);
            let within_share = wanted * 100 <= notified * usize::from(max_percent);
            prop_assert_eq!(suspended == wanted, within_share || wanted <= 1);
            // Clients that are active again are notified again, whatever the cap.
            let back = clients.iter().filter(|(is_suspended, is_active)| *is_suspended && *is_active).count();
            prop_assert_eq!(result.changes.len() - suspended, back);
        }
    }

    #[test]
    fn discrepancies_are_reported_and_change_nothing() {
        let mut all: Vec<_> = (0..4).map(registered).collect();
        all[3].origin = None;
        let text =
            r#"[{"OrganisationId":"org-0","Status":"Active"},{"OrganisationId":"org-1","Status":null}]"#;
        let list = Participants::from_json(text.as_bytes()).unwrap();
        let software = HashMap::from([
            ("ss-0".to_owned(), shown(Some(true), Some(&["https://new.example.com"]))),
            ("ss-1".to_owned(), shown(Some(true), Some(&["https://itp-1.example.com"]))),
        ]);
        let says = DirectoryView { participants: Some(&list), listed_at: None, software };
        let result = reconcile(&all, &says, MAX_PERCENT);
        let drifts = [
            (client(0), Drift::DirectoryUrisDiffer),
            (client(1), Drift::OrganisationUnclear),
            (client(2), Drift::OrganisationNotListed),
            (client(3), Drift::SoftwareUnknown),
        ];
        assert_eq!(result, Reconciliation { drifts: drifts.to_vec(), ..Reconciliation::default() });
    }
}
