//! The figures as comma-separated values: a row for each initiator, after that of all (RFC 4180).

use terminal::csv_line;

use crate::basis::Basis;
use crate::figures::{CLASSES, COUNTS};
use crate::report::{Initiator, Report};

/// Writes the rows. What is not known is an empty cell.
pub fn csv(report: &Report) -> String {
    let mut names: Vec<String> =
        ["month", "row", "authorisation_server", "client_id"].map(str::to_owned).to_vec();
    names.extend(COUNTS.iter().map(|(name, _)| (*name).to_owned()));
    names.push("attempts_rolled_back".to_owned());
    names.extend(CLASSES.iter().map(|class| format!("failed_{}", class.as_str())));
    names.push("failed_unknown".to_owned());
    names.extend(
        [
            "registrations_first_used",
            "registrations_over_ten_minutes",
            "worst_synchronisation_s",
            "state",
            "webhook_version",
            "profile_warnings",
            "suspensions",
            "deliveries_without_mtls",
            "certificate_ends",
            "source",
            "check",
            "head",
            "provisional",
            "known_from",
            "read_until",
            "lean",
            "unattributed_records",
            "unreadable_rows",
        ]
        .map(str::to_owned),
    );
    let mut text = csv_line(&names);
    text.push_str(&csv_line(&row(report, None)));
    for initiator in &report.initiators {
        text.push_str(&csv_line(&row(report, Some(initiator))));
    }
    text
}

fn row(report: &Report, initiator: Option<&Initiator>) -> Vec<String> {
    let figures = initiator.map_or(&report.all, |one| &one.figures);
    let key = initiator.map(|one| &one.key);
    let receiver = initiator.and_then(|one| one.receiver.as_ref());
    let synchronisation = match initiator {
        None => report.synchronisation,
        Some(_) => receiver.and_then(|one| one.synchronisation),
    };
    let mut cells = vec![
        report.month.to_string(),
        if initiator.is_some() { "initiator" } else { "all" }.to_owned(),
        key.and_then(|key| key.authorisation_server.clone()).unwrap_or_default(),
        key.map(|key| key.client_id.clone()).unwrap_or_default(),
    ];
    cells.extend(COUNTS.iter().map(|(_, count)| count(figures).to_string()));
    cells.push(known(figures.all_rolled_back()));
    cells.extend(CLASSES.iter().map(|class| figures.failed_by(Some(*class)).to_string()));
    cells.push(figures.failed_by(None).to_string());
    cells.push(known(synchronisation.map(|one| one.registrations)));
    cells.push(known(synchronisation.map(|one| one.over_ten_minutes)));
    cells.push(known(synchronisation.and_then(|one| one.worst_seconds)));
    cells.push(match receiver {
        Some(receiver) => {
            receiver.webhook.map_or("not_registered", crate::receiver::Webhook::as_str).to_owned()
        }
        None => String::new(),
    });
    cells.push(known(receiver.and_then(|one| one.webhook_version.clone())));
    cells.push(receiver.map(|one| one.profile_warnings.join(" ")).unwrap_or_default());
    cells.push(known(
        receiver
            .and_then(|one| one.suspensions.as_ref())
            .map(|all| all.iter().filter(|one| one.code.is_some()).count()),
    ));
    cells.push(known(receiver.and_then(|one| one.without_mtls)));
    cells.push(known(receiver.and_then(|one| one.certificate_ends)));
    cells.extend(basis(report));
    cells
}

/// What the figures rest on, and what of it is partial.
fn basis(report: &Report) -> [String; 9] {
    let Basis { source, check, chain, known_from, read_until, lean, .. } = &report.basis;
    [
        source.as_str().to_owned(),
        check.as_str().to_owned(),
        known(chain.as_ref().map(|chain| chain.head.clone())),
        report.provisional.to_string(),
        known(*known_from),
        read_until.to_string(),
        known(*lean),
        report.basis.unattributed_records.to_string(),
        report.basis.unreadable_rows.to_string(),
    ]
}

fn known(value: Option<impl ToString>) -> String {
    value.map(|value| value.to_string()).unwrap_or_default()
}
