//! A receiver's certificate chain as it is noted, and where its certificates say that their revocation is published.

use std::collections::BTreeSet;
use std::fmt::Write as _;

use aws_lc_rs::digest::{SHA256, digest};
use jiff::Timestamp;
use rustls::pki_types::CertificateDer;
use x509_parser::certificate::X509Certificate;
use x509_parser::extensions::{DistributionPointName, GeneralName, ParsedExtension};
use x509_parser::oid_registry::OID_PKIX_ACCESS_DESCRIPTOR_OCSP;

/// How many certificates are followed upwards from the leaf; real chains have three.
const DEPTH: usize = 6;
/// How many addresses of one list are tried.
const MIRRORS: usize = 4;

/// A chain: what a receiver presented, the leaf first, and the authorities it may end in.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Chain {
    presented: Vec<CertificateDer<'static>>,
    authorities: Vec<CertificateDer<'static>>,
}

impl Chain {
    /// Makes a chain of what was presented, with those of the authorities trusted that complete it: their keys sign the
    /// topmost list, and receivers do not send them.
    pub fn new(presented: Vec<CertificateDer<'static>>, trusted: &[CertificateDer<'static>]) -> Self {
        let issuers: Vec<_> = presented.iter().filter_map(|der| Some(names(der)?.0)).collect();
        let completes =
            |der: &&CertificateDer<'_>| names(der).is_some_and(|(_, subject)| issuers.contains(&subject));
        let authorities = trusted.iter().filter(completes).cloned().collect();
        let presented = presented.into_iter().filter(|der| !trusted.contains(der)).collect();
        Self { presented, authorities }
    }

    /// Reads a chain as [`Chain::to_bytes`] wrote it; `None` if it is none.
    pub fn from_bytes(bytes: &[u8]) -> Option<Self> {
        let (mut rest, mut presented) = (bytes, Vec::new());
        while !rest.is_empty() {
            let (after, _) = x509_parser::parse_x509_certificate(rest).ok()?;
            let length = rest.len() - after.len();
            presented.push(CertificateDer::from(rest.get(..length)?.to_vec()));
            rest = after;
        }
        (!presented.is_empty()).then_some(Self { presented, authorities: Vec::new() })
    }

    /// Writes the chain: DER says where it ends, so the certificates simply follow each other.
    pub fn to_bytes(&self) -> Vec<u8> {
        self.certificates().flat_map(|certificate| certificate.iter().copied()).collect()
    }

    /// Returns the certificates, the leaf first.
    pub fn certificates(&self) -> impl Iterator<Item = &CertificateDer<'static>> {
        self.presented.iter().chain(&self.authorities)
    }

    /// Returns the chain's name, which is its leaf's.
    pub fn fingerprint(&self) -> String {
        sha256_hex(self.leaf())
    }

    /// Returns what tells the lists that its certificates name from those of another chain with the same leaf.
    pub fn lists(&self) -> String {
        let sources: BTreeSet<_> =
            self.certificates().filter_map(|certificate| crl_source(certificate)).collect();
        let urls: Vec<_> = sources.into_iter().flat_map(|source| source.urls).collect();
        sha256_hex(urls.join("\n").as_bytes())
    }

    fn leaf(&self) -> &[u8] {
        self.presented.first().map_or(&[][..], AsRef::as_ref)
    }

    /// Returns until when the leaf is valid: afterwards nobody accepts the chain any more.
    pub fn valid_until(&self) -> Option<Timestamp> {
        let (_, leaf) = x509_parser::parse_x509_certificate(self.leaf()).ok()?;
        Timestamp::from_second(leaf.validity().not_after.timestamp()).ok()
    }

    /// Returns the certificates below the authority, from the leaf upwards as far as their names lead.
    pub(super) fn path(&self) -> Vec<&CertificateDer<'static>> {
        let named: Vec<_> = self.presented.iter().filter_map(|der| Some((der, names(der)?))).collect();
        let (mut path, mut next) = (Vec::new(), named.first());
        while let Some((der, (issuer, subject))) = next
            && path.len() < DEPTH
            && issuer != subject
        {
            path.push(*der);
            next = named.iter().find(|(_, (_, other))| other == issuer);
        }
        path
    }
}

/// Returns issuer and subject of a certificate, in DER.
fn names(certificate: &[u8]) -> Option<(Vec<u8>, Vec<u8>)> {
    let (_, certificate) = x509_parser::parse_x509_certificate(certificate).ok()?;
    Some((certificate.issuer().as_raw().to_vec(), certificate.subject().as_raw().to_vec()))
}

/// Returns the SHA-256 of bytes, in hexadecimal.
pub fn sha256_hex(bytes: &[u8]) -> String {
    digest(&SHA256, bytes).as_ref().iter().fold(String::new(), |mut text, byte| {
        // Writing to a text does not fail.
        write!(text, "{byte:02x}").unwrap_or_default();
        text
    })
}

/// Where a certificate's revocation list is.
#[derive(Clone, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub struct CrlSource {
    /// The name of its rows: of the list's first address, whichever of them it comes from.
    pub row: String,
    /// Its addresses, which are alternatives.
    pub urls: Vec<String>,
}

/// Says where a certificate's revocation list is; `None` if it names no address that can be asked.
///
/// Authorities of ICP-Brasil name several places of one list, each as a distribution point. One for some reasons only, or
/// of a list that somebody else signs, does not count (RFC 5280, section 4.2.1.13).
pub fn crl_source(certificate: &[u8]) -> Option<CrlSource> {
    let (_, certificate) = x509_parser::parse_x509_certificate(certificate).ok()?;
    let mut urls = Vec::new();
    for extension in certificate.extensions() {
        let ParsedExtension::CRLDistributionPoints(points) = extension.parsed_extension() else { continue };
        for point in points.iter().filter(|point| point.reasons.is_none() && point.crl_issuer.is_none()) {
            let Some(DistributionPointName::FullName(names)) = &point.distribution_point else { continue };
            urls.extend(names.iter().filter_map(http_url));
        }
    }
    urls.truncate(MIRRORS);
    let row = format!("crl#{}", sha256_hex(urls.first()?.as_bytes()));
    Some(CrlSource { row, urls })
}

/// Says where a certificate's status is asked by OCSP; `None` if it names no address that can be asked.
pub fn ocsp_url(certificate: &[u8]) -> Option<String> {
    let (_, certificate) = x509_parser::parse_x509_certificate(certificate).ok()?;
    authority_information(&certificate)
}

fn authority_information(certificate: &X509Certificate<'_>) -> Option<String> {
    certificate.extensions().iter().find_map(|extension| {
        let ParsedExtension::AuthorityInfoAccess(access) = extension.parsed_extension() else { return None };
        let mut responders =
            access.iter().filter(|access| access.access_method == OID_PKIX_ACCESS_DESCRIPTOR_OCSP);
        responders.find_map(|access| http_url(&access.access_location))
    })
}

fn http_url(name: &GeneralName<'_>) -> Option<String> {
    let GeneralName::URI(url) = name else { return None };
    (url.starts_with("http://") || url.starts_with("https://")).then(|| (*url).to_owned())
}
