//! The OCSP request, and how an answer is matched with it (RFC 6960, section 4.1).

use aws_lc_rs::digest::{Algorithm, SHA1_FOR_LEGACY_USE_ONLY, SHA256, SHA384, SHA512, digest};
use mtls::revocation::Authority;

use super::super::envelope::bits;
use super::OcspRefusal;
use mtls::der::{
    BIT_STRING, INTEGER, NotDer, OCTET_STRING, OID, Reader, SEQUENCE, constructed, unpadded, value,
};

/// id-pkix-ocsp-nonce, 1.3.6.1.5.5.7.48.1.2 (RFC 9654, section 2.1).
pub(super) const NONCE: &[u8] = &[0x2b, 0x06, 0x01, 0x05, 0x05, 0x07, 0x30, 0x01, 0x02];
/// id-sha1, 1.3.14.3.2.26. It identifies certificates here and signs nothing; responders need not support another
/// (RFC 5019, section 2.1.1).
const SHA1: &[u8] = &[0x2b, 0x0e, 0x03, 0x02, 0x1a];
/// The hashes by which an answer may identify the certificate: SHA-1, and id-sha256, id-sha384 and id-sha512,
/// 2.16.840.1.101.3.4.2.1 to 3, for responders that sign in advance and choose themselves.
const HASHES: [(&[u8], &Algorithm); 4] = [
    (SHA1, &SHA1_FOR_LEGACY_USE_ONLY),
    (&[0x60, 0x86, 0x48, 0x01, 0x65, 0x03, 0x04, 0x02, 0x01], &SHA256),
    (&[0x60, 0x86, 0x48, 0x01, 0x65, 0x03, 0x04, 0x02, 0x02], &SHA384),
    (&[0x60, 0x86, 0x48, 0x01, 0x65, 0x03, 0x04, 0x02, 0x03], &SHA512),
];

/// A request for a status.
#[derive(Clone, Debug)]
pub(in super::super) struct Question {
    /// As encoded in the certificate, for responders that compare bytes.
    serial: Vec<u8>,
    issuer: Authority,
    /// The issuer's key as its hash is computed: without its algorithm.
    key: Vec<u8>,
    nonce: Option<[u8; 16]>,
}

impl Question {
    /// Creates the request for a certificate of an authority; `None` if either cannot be read.
    pub(in super::super) fn new(
        certificate: &[u8],
        issuer: &Authority,
        nonce: Option<[u8; 16]>,
    ) -> Option<Self> {
        let serial = serial(certificate).ok()?.to_vec();
        let key = key(&issuer.spki).ok()?.to_vec();
        Some(Self { serial, issuer: issuer.clone(), key, nonce })
    }

    /// Returns the request in DER.
    pub(in super::super) fn request_der(&self) -> Vec<u8> {
        let sha1 = |bytes: &[u8]| value(OCTET_STRING, &[digest(&SHA1_FOR_LEGACY_USE_ONLY, bytes).as_ref()]);
        let algorithm = value(SEQUENCE, &[&value(OID, &[SHA1]), &[0x05, 0x00]]);
        let (name, key) = (sha1(&self.issuer.subject_der()), sha1(&self.key));
        let id = value(SEQUENCE, &[&algorithm, &name, &key, &value(INTEGER, &[&self.serial])]);
        let requests = value(SEQUENCE, &[&value(SEQUENCE, &[&id])]);
        let extensions = self.nonce.map_or_else(Vec::new, |nonce| {
            let nonce = value(OCTET_STRING, &[&value(OCTET_STRING, &[&nonce])]);
            let extension = value(SEQUENCE, &[&value(OID, &[NONCE]), &nonce]);
            value(constructed(2), &[&value(SEQUENCE, &[&extension])])
        });
        value(SEQUENCE, &[&value(SEQUENCE, &[&requests, &extensions])])
    }

    pub(super) fn issuer(&self) -> &Authority {
        &self.issuer
    }

    /// Says whether an answer's nonce matches the request's, if both have one. Responders that sign in advance have
    /// none; then only the dates prove that the answer is current.
    pub(super) fn accepts_nonce(&self, extension: &[u8]) -> bool {
        // Responders older than RFC 8954 omit the octet string around it.
        let echoed = Reader::new(extension).read(OCTET_STRING).unwrap_or(extension);
        self.nonce.is_none_or(|nonce| echoed == nonce || extension == nonce)
    }

    /// Says whether a `CertID` identifies the certificate of this request.
    pub(super) fn is_about(&self, id: &mut Reader<'_>) -> Result<bool, OcspRefusal> {
        // The parameters of the hash may be absent or NULL.
        let algorithm = id.sequence()?.read(OID)?;
        let (name, key) = (id.read(OCTET_STRING)?, id.read(OCTET_STRING)?);
        if unpadded(id.integer()?) != unpadded(&self.serial) {
            return Ok(false);
        }
        let (_, hash) = HASHES.iter().find(|(oid, _)| *oid == algorithm).ok_or(OcspRefusal::Unsupported)?;
        Ok(digest(hash, &self.issuer.subject_der()).as_ref() == name
            && digest(hash, &self.key).as_ref() == key)
    }
}

/// Reads the serial of a certificate (RFC 5280, section 4.1).
fn serial(certificate: &[u8]) -> Result<&[u8], NotDer> {
    let mut fields = Reader::new(certificate).sequence()?.sequence()?;
    fields.optional(constructed(0))?;
    fields.integer()
}

/// Reads the key from the content of a `SubjectPublicKeyInfo`.
fn key(spki: &[u8]) -> Result<&[u8], NotDer> {
    let mut fields = Reader::new(spki);
    fields.sequence()?;
    bits(fields.read(BIT_STRING)?)
}
