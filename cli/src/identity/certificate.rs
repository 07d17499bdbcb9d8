//! What a certificate says of itself.

use jiff::Timestamp;
use rustls_pki_types::CertificateDer;
use rustls_pki_types::pem::PemObject as _;

use crate::receiver::{printable, subject_of};

/// The first certificate of a chain, as far as it is shown.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(super) struct Certificate {
    pub(super) subject: String,
    pub(super) valid_from: Timestamp,
    pub(super) valid_until: Timestamp,
}

impl Certificate {
    /// Reads the first certificate of a PEM chain.
    pub(super) fn first_of(chain: &str) -> Option<Self> {
        let der = CertificateDer::from_pem_slice(chain.as_bytes()).ok()?;
        let (_, certificate) = x509_parser::parse_x509_certificate(&der).ok()?;
        let instant = |time: x509_parser::time::ASN1Time| Timestamp::from_second(time.timestamp()).ok();
        Some(Self {
            subject: printable(&subject_of(certificate.subject())),
            valid_from: instant(certificate.validity().not_before)?,
            valid_until: instant(certificate.validity().not_after)?,
        })
    }

    /// Says what is unusual about it for a BRCAC. The sandbox issues certificates of other shapes, so this refuses nothing.
    pub(super) fn warnings(&self) -> Vec<String> {
        if self.subject.contains("organizationIdentifier=") {
            return Vec::new();
        }
        vec![format!(
            "the certificate's subject has no organizationIdentifier, which every BRCAC has: {}",
            self.subject
        )]
    }
}
