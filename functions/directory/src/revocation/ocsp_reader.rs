//! Requests the status of one certificate by OCSP (RFC 6960) and parses the answer. Pure.
//!
//! Signatures are checked over the received bytes, without re-encoding.

mod answer;
mod question;
#[cfg(test)]
mod tests;

use jiff::{SignedDuration, Timestamp};
use thiserror::Error;

pub(super) use self::question::Question;
use mtls::der::NotDer;

/// Maximum age of a status without an end.
const ENDLESS: SignedDuration = SignedDuration::from_hours(1);

/// The status of the certificate from an accepted responder.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) struct Answer {
    pub(super) status: Status,
    /// When the status was known to be correct: `thisUpdate`.
    pub(super) this_update: Timestamp,
    /// When it expires, if the responder says so: `nextUpdate`.
    pub(super) next_update: Option<Timestamp>,
}

/// The statuses that decide, ordered so that the worse one wins.
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub(super) enum Status {
    /// Not revoked.
    Good,
    /// On hold (certificateHold): a newer answer may lift it.
    Held,
    /// Permanently revoked.
    Revoked,
}

/// Why an answer is refused.
#[derive(Clone, Copy, Debug, Eq, Error, PartialEq)]
pub(super) enum OcspRefusal {
    #[error("the answer is not an OCSP answer in DER")]
    NotOcsp,
    #[error("the answer has a form, an algorithm or a critical extension that is not supported here")]
    Unsupported,
    #[error("the responder refuses to answer")]
    Refused,
    #[error("the answer is signed neither by the authority nor by a responder that it delegated to")]
    Signature,
    #[error("the answer is to another request")]
    Nonce,
    #[error("the answer is about another certificate")]
    OtherCertificate,
    #[error("the responder does not know the certificate")]
    UnknownCertificate,
    #[error("the status is not valid yet")]
    NotYetValid,
    #[error("the status is out of date")]
    Expired,
}

impl OcspRefusal {
    /// Returns the stable code of the refusal.
    pub(super) fn code(self) -> &'static str {
        match self {
            Self::NotOcsp => "ocsp_not_ocsp",
            Self::Unsupported => "ocsp_unsupported",
            Self::Refused => "ocsp_refused",
            Self::Signature => "ocsp_signature",
            Self::Nonce => "ocsp_nonce",
            Self::OtherCertificate => "ocsp_other_certificate",
            Self::UnknownCertificate => "ocsp_unknown_certificate",
            Self::NotYetValid => "ocsp_not_yet_valid",
            Self::Expired => "ocsp_expired",
        }
    }
}

impl From<NotDer> for OcspRefusal {
    fn from(_: NotDer) -> Self {
        Self::NotOcsp
    }
}
