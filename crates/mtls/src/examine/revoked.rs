//! What is known of a path's revocation, as facts.

use std::sync::Arc;

use rustls::{CertificateError, Error, OtherError};

use super::certificate::certificate;
use super::facts::{ListFacts, RevocationFacts, RevocationOf, RevocationVerdict, StatusFacts};
use super::text::clean;
use crate::revocation::{
    OcspStatus, Path, Refusal, RevocationUnavailable, View, distribution_urls, ocsp_urls,
};

/// Tells what is known of a path, and the error with which dispatch would refuse it.
pub(super) fn facts(path: &Path, view: Option<View>) -> (RevocationFacts, Option<Error>) {
    let urls = |urls: Vec<String>| urls.iter().map(|url| clean(url)).collect();
    let links = path.links();
    let mut certificates: Vec<_> = links
        .iter()
        .map(|link| RevocationOf {
            subject: certificate(&link.certificate).subject,
            lists: urls(distribution_urls(&link.certificate)),
            responders: urls(ocsp_urls(&link.certificate)),
            ..RevocationOf::default()
        })
        .collect();
    let Some(view) = view else { return (RevocationFacts { verdict: None, certificates }, None) };
    for (one, known) in certificates.iter_mut().zip(&view.links) {
        one.revoked = known.revoked;
        one.list = known.list.as_ref().map(|list| ListFacts {
            fetched_at: list.fetched_at,
            this_update: list.this_update,
            next_update: list.next_update,
        });
    }
    if let (Some(leaf), Some(ocsp)) = (certificates.first_mut(), &view.ocsp) {
        leaf.revoked |= ocsp.status != OcspStatus::Good;
        leaf.status = Some(StatusFacts {
            status: status(ocsp.status).to_owned(),
            fetched_at: ocsp.fetched_at,
            this_update: ocsp.this_update,
            next_update: ocsp.next_update,
        });
    }
    let verdict = RevocationVerdict {
        mechanism: view.accepted.map(|checked| checked.mechanism.as_str().to_owned()),
        age_s: view.accepted.map(|checked| checked.age.as_secs()).unwrap_or_default(),
        code: view.refusal.map(|refusal| refusal.code().to_owned()),
    };
    let error = view.refusal.map(|refusal| match refusal {
        Refusal::Revoked => CertificateError::Revoked.into(),
        Refusal::Unknown => CertificateError::UnknownRevocationStatus.into(),
        Refusal::Unavailable(unavailable) => Error::Other(other(unavailable)),
    });
    (RevocationFacts { verdict: Some(verdict), certificates }, error)
}

fn other(unavailable: RevocationUnavailable) -> OtherError {
    OtherError(Arc::new(unavailable))
}

/// Returns a status as reports write it.
pub fn status(status: OcspStatus) -> &'static str {
    match status {
        OcspStatus::Good => "good",
        OcspStatus::Revoked => "revoked",
        OcspStatus::Held => "held",
    }
}
