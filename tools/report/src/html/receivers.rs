//! The receivers and certificates of the page.

use jiff::SignedDuration;

use crate::figures::Figures;
use crate::phrases::{brand, mutual_tls, suspensions, version};
use crate::receiver::{Certificate, Receiver, Webhook};
use crate::report::{Initiator, Report};
use crate::words::Words;

/// A certificate that ends within this time is marked: ordering one from ICP-Brasil takes a while.
const ENDS_SOON: SignedDuration = SignedDuration::from_hours(30 * 24);
/// The same in days.
const ENDS_SOON_DAYS: i64 = 30;

/// A receiver: each cell, and whether something is to be done about it.
pub(super) struct ReceiverRow {
    pub(super) name: String,
    pub(super) ids: Vec<String>,
    pub(super) cells: [(String, bool); 5],
}

/// A certificate of ours.
pub(super) struct CertificateRow {
    pub(super) owner: String,
    pub(super) days: String,
    pub(super) ends: String,
    pub(super) measured: String,
    pub(super) is_bad: bool,
}

pub(super) fn receivers(report: &Report, words: &Words) -> Vec<ReceiverRow> {
    report.initiators.iter().map(|one| row(report, one, words)).collect()
}

fn row(report: &Report, one: &Initiator, words: &Words) -> ReceiverRow {
    let brand = brand(&one.key, words);
    let named = |name: &str, id: &Option<String>| id.as_ref().map(|id| format!("{name} {id}"));
    let receiver = one.receiver.as_ref();
    let ids = [
        Some(brand).filter(|brand| !brand.is_empty()),
        receiver.and_then(|one| named(words.organisation, &one.organisation_id)),
        receiver.and_then(|one| named(words.software, &one.software_id)),
    ];
    let cells = receiver.map_or_else(
        || [(); 5].map(|()| (words.not_known.to_owned(), false)),
        |receiver| cells(report, (receiver, &one.figures), words),
    );
    ReceiverRow { name: one.key.client_id.clone(), ids: ids.into_iter().flatten().collect(), cells }
}

fn cells(report: &Report, (receiver, figures): (&Receiver, &Figures), words: &Words) -> [(String, bool); 5] {
    let is_registered = receiver.webhook.is_some();
    let is_soon = receiver.certificate_ends.is_some_and(|at| at.duration_since(report.made_at) < ENDS_SOON);
    [
        (words.webhook(receiver.webhook).to_owned(), receiver.webhook == Some(Webhook::Suspended)),
        (version(receiver, words), !receiver.profile_warnings.is_empty()),
        mutual_tls(receiver, figures, words),
        (
            match receiver.certificate_ends {
                Some(at) => words.day(at),
                None if is_registered => words.not_known.to_owned(),
                None => "–".to_owned(),
            },
            is_soon,
        ),
        suspensions(receiver, words),
    ]
}

pub(super) fn certificates(report: &Report, words: &Words) -> Vec<CertificateRow> {
    let all = report.own_certificates.as_deref().unwrap_or_default();
    let row = |one: &Certificate| {
        let ends = one.measured_at.checked_add(SignedDuration::from_hours(24 * one.days_left));
        CertificateRow {
            owner: one.owner.clone(),
            days: one.days_left.to_string(),
            // Whole days were measured, so that the day is that one or the next.
            ends: ends.map_or_else(|_| "–".to_owned(), |ends| format!("≈ {}", words.day(ends))),
            measured: words.instant(one.measured_at),
            is_bad: one.days_left <= ENDS_SOON_DAYS,
        }
    };
    all.iter().map(row).collect()
}
