//! Certificates byte by byte, as libraries refuse to make what receivers may present.

use jiff::{SignedDuration, Timestamp};
use rustls_pki_types::CertificateDer;

use super::der::{BIT_STRING, INTEGER, OID, TRUE, extension, name, sequence, time, value};
use super::key::Key;

/// id-ce-subjectAltName (RFC 5280, section 4.2.1.6).
const ALT_NAME: &[u8] = &[0x55, 0x1d, 17];
/// id-ce-basicConstraints (RFC 5280, section 4.2.1.9).
const BASIC_CONSTRAINTS: &[u8] = &[0x55, 0x1d, 19];
/// id-ce-nameConstraints (RFC 5280, section 4.2.1.10).
const NAME_CONSTRAINTS: &[u8] = &[0x55, 0x1d, 30];
/// id-ce-cRLDistributionPoints (RFC 5280, section 4.2.1.13).
const DISTRIBUTION_POINTS: &[u8] = &[0x55, 0x1d, 31];
/// id-ce-extKeyUsage (RFC 5280, section 4.2.1.12).
const USAGES: &[u8] = &[0x55, 0x1d, 37];
/// id-pe-authorityInfoAccess (RFC 5280, section 4.2.2.1).
const INFO_ACCESS: &[u8] = &[0x2b, 0x06, 0x01, 0x05, 0x05, 0x07, 0x01, 0x01];
/// id-ad-ocsp.
const OCSP: &[u8] = &[0x2b, 0x06, 0x01, 0x05, 0x05, 0x07, 0x30, 0x01];
/// id-kp-serverAuth.
const SERVER_AUTH: &[u8] = &[0x2b, 0x06, 0x01, 0x05, 0x05, 0x07, 0x03, 0x01];

/// A name with a key: whoever holds the key speaks under the name, whether it is theirs or not.
#[derive(Clone, Copy, Debug)]
pub struct Party<'a> {
    name: Name<'a>,
    /// The key.
    pub key: &'a Key,
}

#[derive(Clone, Copy, Debug)]
enum Name<'a> {
    Common(&'a str),
    Der(&'a [u8]),
}

impl<'a> Party<'a> {
    /// Takes a common name.
    pub fn new(name: &'a str, key: &'a Key) -> Self {
        Self { name: Name::Common(name), key }
    }

    /// Takes what should be a Name in DER.
    pub fn of_der(name: &'a [u8], key: &'a Key) -> Self {
        Self { name: Name::Der(name), key }
    }

    /// The name in DER.
    pub(super) fn name(self) -> Vec<u8> {
        match self.name {
            Name::Common(text) => name(text),
            Name::Der(der) => der.to_vec(),
        }
    }
}

/// A certificate before it is signed.
#[derive(Clone, Debug)]
pub struct Draft {
    serial: Vec<u8>,
    from: Timestamp,
    until: Vec<u8>,
    extensions: Vec<(Vec<u8>, Vec<u8>)>,
}

impl Draft {
    fn new(now: Timestamp) -> Self {
        let days = |days: i64| SignedDuration::from_hours(24 * days);
        Self { serial: vec![7], from: now - days(30), until: time(now + days(300)), extensions: Vec::new() }
    }

    /// A receiver's certificate for these host names.
    pub fn receiver(hosts: &[&str], now: Timestamp) -> Self {
        let hosts: Vec<_> = hosts.iter().map(|host| value(0x82, &[host.as_bytes()])).collect();
        Self::new(now).with(ALT_NAME, false, &sequence(&[&hosts.concat()])).with(
            USAGES,
            false,
            &sequence(&[&value(OID, &[SERVER_AUTH])]),
        )
    }

    /// An authority's certificate.
    pub fn authority(now: Timestamp) -> Self {
        Self::new(now).with(BASIC_CONSTRAINTS, true, &sequence(&[TRUE]))
    }

    /// Puts an extension in, in the place of one with the same identifier.
    #[must_use]
    pub fn with(mut self, oid: &[u8], critical: bool, content: &[u8]) -> Self {
        self.extensions.retain(|(known, _)| known != oid);
        self.twice(oid, critical, content)
    }

    /// Puts an extension in beside one with the same identifier.
    #[must_use]
    pub fn twice(mut self, oid: &[u8], critical: bool, content: &[u8]) -> Self {
        self.extensions.push((oid.to_vec(), extension(oid, critical, content)));
        self
    }

    /// Takes this serial number: the content of the `INTEGER`.
    #[must_use]
    pub fn serial(mut self, serial: &[u8]) -> Self {
        self.serial = serial.to_vec();
        self
    }

    /// Is valid from then until then.
    #[must_use]
    pub fn valid(mut self, from: Timestamp, until: Timestamp) -> Self {
        (self.from, self.until) = (from, time(until));
        self
    }

    /// Is valid for ever, as RFC 5280 has it (section 4.1.2.5).
    #[must_use]
    pub fn without_end(mut self) -> Self {
        self.until = value(0x18, &[b"99991231235959Z"]);
        self
    }

    /// Says that it is no authority, although it may sign.
    #[must_use]
    pub fn no_authority(self) -> Self {
        self.with(BASIC_CONSTRAINTS, true, &sequence(&[]))
    }

    /// Says that it is an authority, with so many others below it at most.
    #[must_use]
    pub fn path_length(self, most: u8) -> Self {
        self.with(BASIC_CONSTRAINTS, true, &sequence(&[TRUE, &value(INTEGER, &[&[most]])]))
    }

    /// Allows names below these domains alone.
    #[must_use]
    pub fn permits(self, domains: &[&str]) -> Self {
        let domains: Vec<_> =
            domains.iter().map(|domain| sequence(&[&value(0x82, &[domain.as_bytes()])])).collect();
        self.with(NAME_CONSTRAINTS, true, &sequence(&[&value(0xa0, &[&domains.concat()])]))
    }

    /// Names addresses of its list, each as a point of its own.
    #[must_use]
    pub fn lists(self, urls: &[&str]) -> Self {
        let points: Vec<_> = urls.iter().map(|url| point(url, &[])).collect();
        self.points(&points)
    }

    /// Has these distribution points.
    #[must_use]
    pub fn points(self, points: &[Vec<u8>]) -> Self {
        self.with(DISTRIBUTION_POINTS, false, &sequence(&[&points.concat()]))
    }

    /// Names responders.
    #[must_use]
    pub fn responders(self, urls: &[&str]) -> Self {
        let of = |url: &&str| sequence(&[&value(OID, &[OCSP]), &value(0x86, &[url.as_bytes()])]);
        self.with(INFO_ACCESS, false, &sequence(&[&urls.iter().map(of).collect::<Vec<_>>().concat()]))
    }

    /// Signs it for `subject` by `issuer`.
    pub fn sign(&self, subject: Party<'_>, issuer: Party<'_>) -> CertificateDer<'static> {
        let algorithm = sequence(&[issuer.key.algorithm()]);
        let extensions: Vec<_> = self.extensions.iter().flat_map(|(_, der)| der.iter().copied()).collect();
        let content = sequence(&[
            &value(0xa0, &[&value(INTEGER, &[&[2]])]),
            &value(INTEGER, &[&self.serial]),
            &algorithm,
            &issuer.name(),
            &sequence(&[&time(self.from), &self.until]),
            &subject.name(),
            subject.key.spki(),
            &value(0xa3, &[&sequence(&[&extensions])]),
        ]);
        signed(&content, issuer.key)
    }
}

/// Writes a distribution point of one address, with more of its fields behind that (RFC 5280, section 4.2.1.13).
pub fn point(url: &str, more: &[u8]) -> Vec<u8> {
    let full_name = value(0xa0, &[&value(0x86, &[url.as_bytes()])]);
    sequence(&[&value(0xa0, &[&full_name]), more])
}

/// Signs the content of a certificate or a list.
pub(super) fn signed(content: &[u8], key: &Key) -> CertificateDer<'static> {
    let signature = value(BIT_STRING, &[&[0], &key.sign(content)]);
    CertificateDer::from(sequence(&[content, &sequence(&[key.algorithm()]), &signature]))
}
