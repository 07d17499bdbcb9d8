//! A certificate authority, identified by its name and public key.

use aws_lc_rs::digest::{Context, SHA256};
use rustls::pki_types::{CertificateDer, TrustAnchor};
use serde::{Deserialize, Serialize};
use webpki::EndEntityCert;
use x509_parser::certificate::X509Certificate;

use crate::der::{Reader, SEQUENCE, value};

/// A certificate authority: its name with its public key. The same name with another key is another authority.
///
/// Both fields are stored without the header of their outer SEQUENCE, as webpki returns the names of a certificate
/// (`Cert::subject`, `Cert::issuer`) and both fields of a trust anchor. (`Cert::subject_public_key_info` is the
/// exception: it includes the header; [`Authority::from_der`] takes that form.)
#[derive(Clone, Debug, Deserialize, Eq, Hash, Ord, PartialEq, PartialOrd, Serialize)]
pub struct Authority {
    /// The subject, a Name (RFC 5280, section 4.1.2.4), in DER without its outer header.
    #[serde(with = "super::base64")]
    pub subject: Vec<u8>,
    /// The `SubjectPublicKeyInfo` (RFC 5280, section 4.1.2.7), in DER without its outer header.
    #[serde(with = "super::base64")]
    pub spki: Vec<u8>,
}

impl Authority {
    /// Creates the authority of a trust anchor.
    pub fn from_anchor(anchor: &TrustAnchor<'_>) -> Self {
        Self { subject: anchor.subject.to_vec(), spki: anchor.subject_public_key_info.to_vec() }
    }

    /// Creates an authority from a Name and a `SubjectPublicKeyInfo` in DER with outer headers; `None` if they are
    /// not sequences.
    pub fn from_der(subject: &[u8], spki: &[u8]) -> Option<Self> {
        Some(Self { subject: content(subject)?.to_vec(), spki: content(spki)?.to_vec() })
    }

    /// Reads the subject of an authority's certificate; `None` if it cannot be read.
    ///
    /// Uses the parser that verifies paths: a stricter one would lose an authority of a verified path, and with it
    /// revocations below that authority.
    pub fn from_certificate(certificate: &[u8]) -> Option<Self> {
        let der = CertificateDer::from(certificate);
        let certificate = EndEntityCert::try_from(&der).ok()?;
        let spki = certificate.subject_public_key_info();
        Some(Self { subject: certificate.subject().to_vec(), spki: content(&spki)?.to_vec() })
    }

    /// Returns the id of the authority's rows: a hash of name and key, in hexadecimal.
    pub fn id(&self) -> String {
        let mut context = Context::new(&SHA256);
        // The length prefix keeps different pairs from giving the same bytes.
        context.update(&self.subject.len().to_be_bytes());
        context.update(&self.subject);
        context.update(&self.spki);
        hex::encode(context.finish())
    }

    /// Returns the Name in DER, with its outer header.
    pub fn subject_der(&self) -> Vec<u8> {
        value(SEQUENCE, &[&self.subject])
    }

    /// Returns the `SubjectPublicKeyInfo` in DER, with its outer header.
    pub fn spki_der(&self) -> Vec<u8> {
        value(SEQUENCE, &[&self.spki])
    }
}

/// Says whether an authority's certificate allows its key to sign revocation lists; `None` if it states no key usage
/// or cannot be read (RFC 5280, section 6.3.3, step f).
pub fn may_sign_lists(certificate: &[u8]) -> Option<bool> {
    let certificate = parse(certificate)?;
    let usage = certificate.key_usage().ok()??;
    Some(usage.value.crl_sign())
}

fn parse(certificate: &[u8]) -> Option<X509Certificate<'_>> {
    x509_parser::parse_x509_certificate(certificate).ok().map(|(_, certificate)| certificate)
}

/// Returns the content of a sequence without trailing bytes.
fn content(der: &[u8]) -> Option<&[u8]> {
    let mut reader = Reader::new(der);
    let content = reader.read(SEQUENCE).ok()?;
    reader.is_empty().then_some(content)
}

#[cfg(test)]
mod tests {
    use rcgen::{CertificateParams, IsCa, KeyPair, PublicKeyData as _};

    use super::*;

    #[test]
    fn headers_are_taken_away_and_put_back() {
        for length in [0, 1, 0x7f, 0x80, 0xff, 0x100, 0xffff, 0x1_0000] {
            let whole = value(SEQUENCE, &[&vec![7; length]]);
            let authority = Authority::from_der(&whole, &whole).unwrap();
            assert_eq!(authority.subject.len(), length);
            assert_eq!((authority.subject_der(), authority.spki_der()), (whole.clone(), whole));
        }
    }

    #[test]
    fn bytes_that_are_no_sequence_are_none() {
        for der in [
            &[][..],
            &[0x30],
            &[0x31, 0],
            &[0x30, 1],
            &[0x30, 0, 0],
            &[0x30, 0x81, 1, 0],
            &[0x30, 0x80, 0, 0],
        ] {
            assert_eq!(Authority::from_der(der, &[0x30, 0]), None, "{der:02x?}");
        }
    }
    #[test]
    fn a_certificate_and_an_anchor_of_one_authority_are_the_same() {
        let key = KeyPair::generate().unwrap();
        let mut params = CertificateParams::new(Vec::new()).unwrap();
        params.is_ca = IsCa::Ca(rcgen::BasicConstraints::Unconstrained);
        params.distinguished_name.push(rcgen::DnType::CommonName, "An authority with a name ".repeat(9));
        let certificate = params.self_signed(&key).unwrap();

        let anchor = webpki::anchor_from_trusted_cert(certificate.der()).unwrap();
        let authority = Authority::from_anchor(&anchor);
        assert_eq!(Authority::from_certificate(certificate.der()), Some(authority.clone()));
        let spki = KeyPair::generate().unwrap().subject_public_key_info();
        let renewed = Authority::from_der(&authority.subject_der(), &spki).unwrap();
        assert_ne!(renewed.id(), authority.id(), "another key under the same name is another authority");
    }
}
