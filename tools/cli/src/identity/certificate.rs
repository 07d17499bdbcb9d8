//! The displayed fields of a certificate.

use aws_lc_rs::signature::{self, UnparsedPublicKey, VerificationAlgorithm};
use certificates::{printable, subject_of};
use jiff::Timestamp;
use mtls::pem::Certificates;
use serde::Serialize;
use x509_parser::certificate::X509Certificate;

/// The displayed fields of a certificate.
#[derive(Clone, Debug, Eq, PartialEq, Serialize)]
pub(crate) struct Certificate {
    pub(crate) subject: String,
    pub(super) valid_from: Timestamp,
    pub(crate) valid_until: Timestamp,
}

impl Certificate {
    /// Reads the first certificate of a PEM chain.
    pub(crate) fn first_of(chain: &str) -> Option<Self> {
        Self::of(Certificates::from_pem(chain.as_bytes()).ok()?.into_der().first()?)
    }

    /// Reads a certificate in DER.
    pub(crate) fn of(der: &[u8]) -> Option<Self> {
        let (_, certificate) = x509_parser::parse_x509_certificate(der).ok()?;
        let instant = |time: x509_parser::time::ASN1Time| Timestamp::from_second(time.timestamp()).ok();
        Some(Self {
            subject: printable(&subject_of(certificate.subject())),
            valid_from: instant(certificate.validity().not_before)?,
            valid_until: instant(certificate.validity().not_after)?,
        })
    }
}

/// Says whether a certificate may have issued another: by name, and by signature if its algorithm is known here.
pub(super) fn issued(issuer: &X509Certificate<'_>, certificate: &X509Certificate<'_>) -> bool {
    certificate.issuer().as_raw() == issuer.subject().as_raw()
        && verifies(issuer, certificate).unwrap_or(true)
}

/// Says whether a certificate is self-issued, as roots are.
pub(super) fn is_self_issued(certificate: &X509Certificate<'_>) -> bool {
    certificate.issuer().as_raw() == certificate.subject().as_raw()
}

/// Verifies the signature of a certificate (RFC 8017 and RFC 5758 name the algorithms); `None` for other algorithms.
fn verifies(issuer: &X509Certificate<'_>, certificate: &X509Certificate<'_>) -> Option<bool> {
    let algorithm: &'static dyn VerificationAlgorithm =
        match certificate.signature_algorithm.algorithm.to_id_string().as_str() {
            SHA256_WITH_RSA => &signature::RSA_PKCS1_2048_8192_SHA256,
            "1.2.840.113549.1.1.12" => &signature::RSA_PKCS1_2048_8192_SHA384,
            "1.2.840.113549.1.1.13" => &signature::RSA_PKCS1_2048_8192_SHA512,
            "1.2.840.10045.4.3.2" => &signature::ECDSA_P256_SHA256_ASN1,
            _ => return None,
        };
    let key = UnparsedPublicKey::new(algorithm, issuer.public_key().raw);
    Some(key.verify(certificate.tbs_certificate.as_ref(), &certificate.signature_value.data).is_ok())
}

/// `sha256WithRSAEncryption`, of RFC 8017.
pub(super) const SHA256_WITH_RSA: &str = "1.2.840.113549.1.1.11";
