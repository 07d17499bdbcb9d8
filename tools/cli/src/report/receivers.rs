//! What is known of receivers: their registrations, certificates and first notifications.

use std::collections::{BTreeMap, BTreeSet};

use anyhow::{Context as _, Result};
use convention::directory::{FirstDelivery, ONBOARDING_SLO, Registration, Suspension, Warning};
use http::Uri;
use jiff::Timestamp;
use mtls::revocation::RevocationStore;
use platform::aws::{DirectoryTable, Receivers};
use report::{InitiatorKey, Month, Receiver, Suspended, Synchronisation, Webhook};

use super::logs::{Logged, logged};

/// What the log says, as far as it is known.
#[derive(Debug, Default)]
pub(super) struct FromLogs {
    /// Deliveries without a client certificate.
    pub(super) without_mtls: Option<BTreeMap<Logged, u64>>,
    /// Suspensions.
    pub(super) suspensions: Option<BTreeMap<Logged, Vec<Suspended>>>,
}

/// Reads the registrations.
pub(super) async fn registrations(receivers: &Receivers) -> Result<Vec<Registration>> {
    let all = receivers.all().await.context("failed to read the receivers")?;
    // A row of another version would make a receiver look as if it were not registered.
    all.into_iter().collect::<Result<_, _>>().context("failed to read a receiver")
}

/// Reads when the certificate of each host ends that was seen last.
pub(super) async fn certificates(table: &DirectoryTable) -> Result<BTreeMap<String, Timestamp>> {
    let (mut noted, _) = RevocationStore::new(table.clone()).paths().await?;
    noted.sort_by_key(|one| one.first_seen);
    Ok(noted.into_iter().filter_map(|one| Some((one.host, one.path.valid_until()?))).collect())
}

/// Reads how soon registrations were used for the first time in a month; `None` if that is no longer kept.
pub(super) async fn synchronisations(
    table: &DirectoryTable,
    month: Month,
    now: Timestamp,
) -> Result<Option<BTreeMap<InitiatorKey, Synchronisation>>> {
    if now.duration_since(month.start()) > FirstDelivery::RETENTION {
        return Ok(None);
    }
    let mut all: BTreeMap<InitiatorKey, Synchronisation> = BTreeMap::new();
    for (name, read) in table.all(FirstDelivery::PREFIX).await? {
        let used: FirstDelivery = serde_json::from_slice(&read?.bytes)
            .with_context(|| format!("{name} of the table of the Directory cannot be read"))?;
        let Some(key) = key_of(&name).filter(|_| month.contains(used.used_at)) else { continue };
        let one = all.entry(key).or_default();
        one.registrations += 1;
        one.over_ten_minutes += u64::from(used.seconds > ONBOARDING_SLO.as_secs());
        one.worst_seconds = one.worst_seconds.max(Some(used.seconds));
    }
    Ok(Some(all))
}

/// Whose first delivery a row is: its name has the key of the receiver, and when it was registered.
fn key_of(name: &str) -> Option<InitiatorKey> {
    let (receiver, _) = name.strip_prefix(FirstDelivery::PREFIX)?.rsplit_once('#')?;
    // Neither id can contain a space.
    Some(match receiver.split_once(' ') {
        Some((server, client_id)) => InitiatorKey::new(Some(server), client_id),
        None => InitiatorKey::new(None, receiver),
    })
}

/// What is known of the receivers of all these initiators, and of those that are registered.
pub(super) fn together(
    counted: impl IntoIterator<Item = InitiatorKey>,
    registrations: &[Registration],
    certificates: Option<&BTreeMap<String, Timestamp>>,
    synchronisations: Option<&BTreeMap<InitiatorKey, Synchronisation>>,
    logs: &FromLogs,
) -> BTreeMap<InitiatorKey, Receiver> {
    let mut receivers: BTreeMap<_, _> = counted.into_iter().map(|key| (key, Receiver::default())).collect();
    receivers.extend(registrations.iter().map(|one| (key(one), registered(one, certificates))));
    for key in synchronisations.into_iter().flat_map(BTreeMap::keys) {
        receivers.entry(key.clone()).or_default();
    }
    let ambiguous = ambiguous(receivers.keys());
    for (key, receiver) in &mut receivers {
        let logged = logged(key);
        receiver.synchronisation = synchronisations.map(|all| all.get(key).copied().unwrap_or_default());
        if ambiguous.contains(&logged) {
            continue;
        }
        receiver.without_mtls =
            logs.without_mtls.as_ref().map(|all| all.get(&logged).copied().unwrap_or_default());
        receiver.suspensions =
            logs.suspensions.as_ref().map(|all| all.get(&logged).cloned().unwrap_or_default());
    }
    receivers
}

/// What log lines call two receivers.
fn ambiguous<'a>(keys: impl Iterator<Item = &'a InitiatorKey>) -> BTreeSet<Logged> {
    let (mut seen, mut twice) = (BTreeSet::new(), BTreeSet::new());
    for key in keys {
        if !seen.insert(logged(key)) {
            twice.insert(logged(key));
        }
    }
    twice
}

fn key(registration: &Registration) -> InitiatorKey {
    InitiatorKey::new(registration.authorisation_server.as_deref(), registration.client_id.as_str())
}

fn registered(registration: &Registration, certificates: Option<&BTreeMap<String, Timestamp>>) -> Receiver {
    let software = registration.software();
    let webhook = match (&registration.base_uri, registration.suspension) {
        (None, _) => Webhook::Disabled,
        (Some(_), None) => Webhook::Enabled,
        (Some(_), Some(Suspension::OrganisationNotActive | Suspension::SoftwareNotActive)) => {
            Webhook::Suspended
        }
    };
    let missed = |warning: &Warning| {
        matches!(warning, Warning::ProfileWithoutEnrollments | Warning::ProfileWithoutAutomaticPayments)
    };
    let host = registration.base_uri.as_ref().and_then(|uri| uri.parse::<Uri>().ok());
    let host =
        host.as_ref().and_then(Uri::host).map(|host| host.trim_matches(['[', ']']).to_ascii_lowercase());
    Receiver {
        webhook: Some(webhook),
        organisation_id: software.map(|software| software.organisation_id.clone()),
        software_id: software.map(|software| software.software_id.clone()),
        webhook_version: Some(registration.settings.webhook_version.to_string()),
        profile_warnings: registration.all_warnings().filter(missed).map(Warning::code).collect(),
        certificate_ends: host.zip(certificates).and_then(|(host, all)| all.get(&host).copied()),
        ..Receiver::default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_first_delivery_tells_its_receiver_with_its_brand() {
        let key = |name: &str| key_of(name).map(|key| (key.authorisation_server, key.client_id));
        let at = "2026-11-02T12:00:00Z";
        assert_eq!(key(&format!("first-use#itp-1#{at}")), Some((None, "itp-1".to_owned())));
        assert_eq!(key(&format!("first-use#a#b#{at}")), Some((None, "a#b".to_owned())));
        let of_brand = Some((Some("1111-aa".to_owned()), "itp-1".to_owned()));
        assert_eq!(key(&format!("first-use#1111-aa itp-1#{at}")), of_brand);
        assert_eq!(key("other#itp-1"), None);
    }

    #[test]
    fn what_log_lines_call_alike_is_not_known_of_either() {
        let long = |end: &str| InitiatorKey::new(None, &format!("{}{end}", "x".repeat(50)));
        let keys = [long("a"), long("b"), InitiatorKey::new(None, "itp-1")];
        let logs = FromLogs {
            without_mtls: Some([(logged(&keys[0]), 3), (logged(&keys[2]), 1)].into()),
            suspensions: None,
        };
        let all = together(keys.clone(), &[], None, None, &logs);
        let of = |key: &InitiatorKey| all[key].without_mtls;
        assert_eq!((of(&keys[0]), of(&keys[1]), of(&keys[2])), (None, None, Some(1)));
    }
}
