//! The verified path of a receiver's certificate, without the other certificates that were presented.

use jiff::Timestamp;
use platform::sha256_hex;
use rustls::pki_types::CertificateDer;
use serde::{Deserialize, Serialize};
use webpki::{EndEntityCert, VerifiedPath};

use super::authority::Authority;
use super::serials::serial_hash;

/// Maximum length of a host name (RFC 1035, section 2.3.4).
const MAX_HOST: usize = 253;

/// A verified path, from a receiver's own certificate to below the trust anchor.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Path {
    certificates: Vec<CertificateDer<'static>>,
    anchor: Authority,
}

/// A certificate of a path with what its revocation check needs.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Link {
    /// The certificate, in DER.
    pub certificate: CertificateDer<'static>,
    /// Its issuer.
    pub issuer: Authority,
    /// The issuer's certificate; `None` for a trust anchor, of which only name and key are known.
    pub issuer_certificate: Option<CertificateDer<'static>>,
    /// Whether it is an authority's certificate rather than the receiver's own.
    pub is_authority: bool,
}

/// The stored form of a path.
#[derive(Deserialize, Serialize)]
struct Document {
    host: String,
    certificates: Vec<Encoded>,
    anchor: Authority,
}

#[derive(Deserialize, Serialize)]
struct Encoded(#[serde(with = "super::base64")] Vec<u8>);

impl Path {
    /// Copies a path that webpki has verified.
    pub fn of(verified: &VerifiedPath<'_>, end_entity: &CertificateDer<'_>) -> Self {
        let intermediates =
            verified.intermediate_certificates().map(|certificate| certificate.der().into_owned());
        let certificates = std::iter::once(end_entity.clone().into_owned()).chain(intermediates).collect();
        Self { certificates, anchor: Authority::from_anchor(verified.anchor()) }
    }

    /// Creates a path of certificates in order, the receiver's first, below an anchor. Verifies nothing.
    pub fn new(certificates: Vec<CertificateDer<'static>>, anchor: Authority) -> Self {
        Self { certificates, anchor }
    }

    /// Returns the receiver's own certificate.
    pub fn leaf(&self) -> &[u8] {
        self.certificates.first().map_or(&[][..], AsRef::as_ref)
    }

    /// Returns the certificates, the receiver's own first.
    pub fn certificates(&self) -> &[CertificateDer<'static>] {
        &self.certificates
    }

    /// Returns the SHA-256 of the receiver's own certificate, in hexadecimal.
    pub fn fingerprint(&self) -> String {
        sha256_hex(self.leaf())
    }

    /// Returns the key of its row: one for each leaf and each way from it to an anchor.
    pub fn row(&self) -> String {
        let mut above: Vec<u8> =
            self.certificates.iter().skip(1).flat_map(|der| der.iter().copied()).collect();
        above.extend_from_slice(self.anchor.id().as_bytes());
        let way = sha256_hex(&above);
        format!("{}#{}", self.fingerprint(), way.get(..16).unwrap_or_default())
    }

    /// Returns when the leaf expires. `None` for one without an end (RFC 5280, section 4.1.2.5: 99991231235959Z,
    /// which exceeds a `Timestamp`).
    pub fn valid_until(&self) -> Option<Timestamp> {
        let (_, leaf) = x509_parser::parse_x509_certificate(self.leaf()).ok()?;
        Some(Timestamp::from_second(leaf.validity().not_after.timestamp()).unwrap_or(Timestamp::MAX))
    }

    /// Returns each certificate with its issuer, from the leaf to below the trust anchor.
    pub fn links(&self) -> Vec<Link> {
        let issuers = self.certificates.iter().skip(1).map(Some).chain([None]);
        let link = |(index, (certificate, issuer)): (
            usize,
            (&CertificateDer<'static>, Option<&CertificateDer<'static>>),
        )| {
            Some(Link {
                certificate: certificate.clone(),
                issuer: match issuer {
                    Some(issuer) => Authority::from_certificate(issuer)?,
                    None => self.anchor.clone(),
                },
                issuer_certificate: issuer.cloned(),
                is_authority: index > 0,
            })
        };
        self.certificates.iter().zip(issuers).enumerate().filter_map(link).collect()
    }

    /// Serialises the path and the host that showed it.
    pub fn to_bytes(&self, host: &str) -> Vec<u8> {
        let certificates = self.certificates.iter().map(|der| Encoded(der.to_vec())).collect();
        let host = host.chars().take(MAX_HOST).collect();
        let document = Document { host, certificates, anchor: self.anchor.clone() };
        serde_json::to_vec(&document).unwrap_or_default()
    }

    /// Parses the output of [`Path::to_bytes`]: the host and the path; `None` for other bytes.
    pub fn from_bytes(bytes: &[u8]) -> Option<(String, Self)> {
        let Document { host, certificates, anchor } = serde_json::from_slice(bytes).ok()?;
        let certificates: Vec<_> =
            certificates.into_iter().map(|Encoded(der)| CertificateDer::from(der)).collect();
        let path = Self { certificates, anchor };
        (!path.certificates.is_empty() && path.links().len() == path.certificates.len())
            .then_some((host, path))
    }
}

impl Link {
    /// Returns the hash of the certificate's serial number, as lists store it; `None` if it cannot be read.
    pub fn serial(&self) -> Option<u64> {
        Some(serial_hash(EndEntityCert::try_from(&self.certificate).ok()?.serial()))
    }
}
