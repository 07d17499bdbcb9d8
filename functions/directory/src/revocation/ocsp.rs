//! Asking for the status of one certificate by OCSP (RFC 6960), and whether the answer is to be believed. Pure.

use aws_lc_rs::digest::{SHA1_FOR_LEGACY_USE_ONLY, digest};
use jiff::{SignedDuration, Timestamp};
use rustls::pki_types::{CertificateDer, UnixTime};
use thiserror::Error;
use webhook::revocation::{OcspEntry, OcspStatus};
use x509_cert::der::asn1::{Null, ObjectIdentifier, OctetString};
use x509_cert::der::{self, Decode as _, Encode as _};
use x509_cert::ext::AsExtension as _;
use x509_cert::name::Name;
use x509_cert::serial_number::SerialNumber;
use x509_cert::spki::AlgorithmIdentifierOwned;
use x509_ocsp::ext::Nonce;
use x509_ocsp::{
    BasicOcspResponse, CertId, CertStatus, OcspGeneralizedTime, OcspRequest, OcspResponse,
    OcspResponseStatus, Request, TbsRequest, Version,
};

use super::crl::SKEW;
use super::signature::{Link, is_signed_with, may_sign_ocsp, parse};

/// id-sha1. It names certificates here and signs nothing; responders need not know another (RFC 5019, section 2.1.1).
const SHA1: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.3.14.3.2.26");
/// id-pkix-ocsp-basic.
const BASIC: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.3.6.1.5.5.7.48.1.1");
/// How old a status may be that comes without an end.
const ENDLESS: SignedDuration = SignedDuration::from_hours(1);

/// A status that is asked for.
#[derive(Clone, Debug)]
pub(super) struct Question {
    id: CertId,
    nonce: Nonce,
    issuer: CertificateDer<'static>,
}

/// An answer that is not believed.
#[derive(Clone, Copy, Debug, Eq, Error, PartialEq)]
pub(super) enum OcspRefusal {
    #[error("the answer is no OCSP answer")]
    NotOcsp,
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
    #[error("the status is older than the one that is kept")]
    Older,
}

impl OcspRefusal {
    pub(super) fn code(self) -> &'static str {
        match self {
            Self::NotOcsp => "ocsp_not_ocsp",
            Self::Refused => "ocsp_refused",
            Self::Signature => "ocsp_signature",
            Self::Nonce => "ocsp_nonce",
            Self::OtherCertificate => "ocsp_other_certificate",
            Self::UnknownCertificate => "ocsp_unknown_certificate",
            Self::NotYetValid => "ocsp_not_yet_valid",
            Self::Expired => "ocsp_expired",
            Self::Older => "ocsp_older",
        }
    }
}

impl Question {
    /// Asks for the status of a certificate; `None` if the certificates cannot be read.
    pub(super) fn new(link: &Link, nonce: &[u8]) -> Option<Self> {
        let (certificate, issuer) = (parse(&link.certificate)?, parse(&link.issuer)?);
        let sha1 = |bytes: &[u8]| OctetString::new(digest(&SHA1_FOR_LEGACY_USE_ONLY, bytes).as_ref()).ok();
        let id = CertId {
            hash_algorithm: AlgorithmIdentifierOwned { oid: SHA1, parameters: Some(Null.into()) },
            issuer_name_hash: sha1(issuer.subject().as_raw())?,
            issuer_key_hash: sha1(&issuer.public_key().subject_public_key.data)?,
            serial_number: SerialNumber::new(certificate.raw_serial()).ok()?,
        };
        Some(Self { id, nonce: Nonce::new(nonce).ok()?, issuer: link.issuer.clone() })
    }

    /// Returns the request in DER.
    pub(super) fn to_der(&self) -> Result<Vec<u8>, der::Error> {
        let request = Request { req_cert: self.id.clone(), single_request_extensions: None };
        let tbs_request = TbsRequest {
            version: Version::V1,
            requestor_name: None,
            request_list: vec![request],
            request_extensions: Some(vec![self.nonce.to_extension(&Name::default(), &[])?]),
        };
        OcspRequest { tbs_request, optional_signature: None }.to_der()
    }

    /// Says what an answer to the question is worth; `kept` is when the status that is kept was known.
    pub(super) fn believe(
        &self,
        answer: &[u8],
        kept: Option<Timestamp>,
        now: Timestamp,
    ) -> Result<OcspEntry, OcspRefusal> {
        let answer = OcspResponse::from_der(answer).map_err(|_| OcspRefusal::NotOcsp)?;
        if answer.response_status != OcspResponseStatus::Successful {
            return Err(OcspRefusal::Refused);
        }
        let bytes = answer.response_bytes.filter(|bytes| bytes.response_type == BASIC);
        let bytes = bytes.ok_or(OcspRefusal::NotOcsp)?;
        let basic =
            BasicOcspResponse::from_der(bytes.response.as_bytes()).map_err(|_| OcspRefusal::NotOcsp)?;
        if !self.is_signed(&basic, now).map_err(|_| OcspRefusal::NotOcsp)? {
            return Err(OcspRefusal::Signature);
        }
        // Responders that sign ahead know no nonce; then the dates alone speak for the answer.
        if basic.nonce().is_some_and(|nonce| nonce != self.nonce) {
            return Err(OcspRefusal::Nonce);
        }
        let responses = basic.tbs_response_data.responses.iter();
        let single = responses
            .filter(|single| self.is_about(&single.cert_id))
            .max_by_key(|single| single.this_update.0.to_unix_duration());
        let single = single.ok_or(OcspRefusal::OtherCertificate)?;
        let status = match single.cert_status {
            CertStatus::Good(_) => OcspStatus::Good,
            CertStatus::Revoked(_) => OcspStatus::Revoked,
            CertStatus::Unknown(_) => return Err(OcspRefusal::UnknownCertificate),
        };
        let this_update = instant(&single.this_update)?;
        let next_update = single.next_update.as_ref().map(instant).transpose()?;
        if this_update > now + SKEW {
            return Err(OcspRefusal::NotYetValid);
        }
        if next_update.unwrap_or_else(|| this_update.saturating_add(ENDLESS).unwrap_or(this_update)) <= now {
            return Err(OcspRefusal::Expired);
        }
        if kept.is_some_and(|kept| this_update < kept) {
            return Err(OcspRefusal::Older);
        }
        Ok(OcspEntry { status, this_update, next_update, fetched_at: now })
    }

    /// Whether the parameters of the hash are absent or NULL is a matter of taste.
    fn is_about(&self, id: &CertId) -> bool {
        id.hash_algorithm.oid == self.id.hash_algorithm.oid
            && id.issuer_name_hash == self.id.issuer_name_hash
            && id.issuer_key_hash == self.id.issuer_key_hash
            && id.serial_number == self.id.serial_number
    }

    /// Says whether the authority signed, or somebody to whom it issued a certificate for that.
    fn is_signed(&self, basic: &BasicOcspResponse, now: Timestamp) -> Result<bool, der::Error> {
        let message = basic.tbs_response_data.to_der()?;
        let algorithm = basic.signature_algorithm.to_der()?;
        let signature = basic.signature.raw_bytes();
        if is_signed_with(&self.issuer, &algorithm, &message, signature) {
            return Ok(true);
        }
        let now = UnixTime::since_unix_epoch(std::time::Duration::from_secs(
            u64::try_from(now.as_second()).unwrap_or_default(),
        ));
        for responder in basic.certs.iter().flatten() {
            let responder = CertificateDer::from(responder.to_der()?);
            if may_sign_ocsp(&responder, &self.issuer, now)
                && is_signed_with(&responder, &algorithm, &message, signature)
            {
                return Ok(true);
            }
        }
        Ok(false)
    }
}

fn instant(time: &OcspGeneralizedTime) -> Result<Timestamp, OcspRefusal> {
    let seconds = i64::try_from(time.0.to_unix_duration().as_secs()).map_err(|_| OcspRefusal::NotOcsp)?;
    Timestamp::from_second(seconds).map_err(|_| OcspRefusal::NotOcsp)
}
