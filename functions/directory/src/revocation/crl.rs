//! Whether a revocation list that was fetched is to be believed. Pure.

use jiff::{SignedDuration, Timestamp};
use rustls::pki_types::CertificateDer;
use thiserror::Error;
use webpki::OwnedCertRevocationList;
use x509_parser::prelude::{CertificateRevocationList, FromDer};

use super::signature::{is_signed_by, parse};

/// How far the authority's clock may be ahead of ours.
pub(super) const SKEW: SignedDuration = SignedDuration::from_mins(5);

/// What a list that is believed says of itself.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(super) struct Believed {
    pub(super) issuer: String,
    pub(super) this_update: Timestamp,
    pub(super) next_update: Timestamp,
}

/// A list that is not believed.
#[derive(Clone, Copy, Debug, Eq, Error, PartialEq)]
pub(super) enum CrlRefusal {
    #[error("it is no revocation list in DER")]
    NotCrl,
    #[error("it is another authority's list")]
    OtherIssuer,
    #[error("the authority's key did not sign it")]
    Signature,
    #[error("it is of a form that TLS does not read")]
    Unsupported,
    #[error("it is not valid yet")]
    NotYetValid,
    #[error("its successor is due")]
    Expired,
    #[error("it is older than the one that is kept")]
    Older,
}

impl CrlRefusal {
    pub(super) fn code(self) -> &'static str {
        match self {
            Self::NotCrl => "crl_not_crl",
            Self::OtherIssuer => "crl_other_issuer",
            Self::Signature => "crl_signature",
            Self::Unsupported => "crl_unsupported",
            Self::NotYetValid => "crl_not_yet_valid",
            Self::Expired => "crl_expired",
            Self::Older => "crl_older",
        }
    }
}

/// Says whether a list is the valid one of this authority; `kept` is when the one that is kept was made.
pub(super) fn believe(
    list: &[u8],
    issuer: &CertificateDer<'_>,
    kept: Option<Timestamp>,
    now: Timestamp,
) -> Result<Believed, CrlRefusal> {
    let (rest, crl) = CertificateRevocationList::from_der(list).map_err(|_| CrlRefusal::NotCrl)?;
    let issuer_certificate = parse(issuer).ok_or(CrlRefusal::OtherIssuer)?;
    if !rest.is_empty() {
        return Err(CrlRefusal::NotCrl);
    }
    if crl.issuer() != issuer_certificate.subject() {
        return Err(CrlRefusal::OtherIssuer);
    }
    if !is_signed_by(issuer, list) {
        return Err(CrlRefusal::Signature);
    }
    // The dispatch function reads it with this library, and one list that it cannot read would cost it all of them.
    OwnedCertRevocationList::from_der(list).map_err(|_| CrlRefusal::Unsupported)?;
    let instant = |seconds| Timestamp::from_second(seconds).map_err(|_| CrlRefusal::NotCrl);
    let this_update = instant(crl.last_update().timestamp())?;
    let next_update = crl.next_update().ok_or(CrlRefusal::Unsupported)?;
    let next_update = instant(next_update.timestamp())?;
    if this_update > now + SKEW {
        return Err(CrlRefusal::NotYetValid);
    }
    if next_update <= now {
        return Err(CrlRefusal::Expired);
    }
    // Somebody on the way may repeat a list from before a revocation.
    if kept.is_some_and(|kept| this_update < kept) {
        return Err(CrlRefusal::Older);
    }
    Ok(Believed { issuer: crl.issuer().to_string(), this_update, next_update })
}
