//! Asks for the status of one certificate by OCSP (RFC 6960) and reads the answer. Pure.
//!
//! What is signed is checked as it was received: nothing is written again to be compared.

mod answer;
mod question;
#[cfg(test)]
mod tests;

use jiff::{SignedDuration, Timestamp};
use thiserror::Error;

pub(super) use self::question::Question;
use mtls::der::NotDer;

/// How old a status may be that comes without an end.
const ENDLESS: SignedDuration = SignedDuration::from_hours(1);

/// What a responder that counts says of the certificate.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) struct Answer {
    pub(super) status: Status,
    /// When the status was known to be right.
    pub(super) this_update: Timestamp,
    /// Until when it may be relied on, where the responder says so.
    pub(super) next_update: Option<Timestamp>,
}

/// The statuses that decide; the order is that in which the worse one wins.
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub(super) enum Status {
    /// Not revoked.
    Good,
    /// Revoked while it is said so (certificateHold): a newer answer may lift it.
    Held,
    /// Revoked for good.
    Revoked,
}

/// An answer that does not count.
#[derive(Clone, Copy, Debug, Eq, Error, PartialEq)]
pub(super) enum OcspRefusal {
    #[error("the answer is not an OCSP answer in DER")]
    NotOcsp,
    #[error("the answer has a form, an algorithm or a critical extension that is not supported here")]
    Unsupported,
    #[error("the responder refuses to answer")]
    Refused,
    #[error("neither the authority nor whom it named signed the answer")]
    Signature,
    #[error("the answer is to another question")]
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
