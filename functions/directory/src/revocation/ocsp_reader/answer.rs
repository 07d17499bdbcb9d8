//! The OCSP answer: its signer, and the status of the certificate (RFC 6960, section 4.2).

use std::time::Duration;

use jiff::Timestamp;
use mtls::revocation::Authority;
use rustls::crypto::aws_lc_rs::default_provider;
use rustls::pki_types::{CertificateDer, Der, TrustAnchor, UnixTime};
use webpki::{EndEntityCert, KeyUsage};

use super::super::envelope::{Signed, Unsigned, extensions, time};
use super::super::merge::SKEW;
use super::question::{NONCE, Question};
use super::{Answer, ENDLESS, OcspRefusal, Status};
use mtls::der::{
    ENUMERATED, GENERALIZED_TIME, INTEGER, NotDer, OCTET_STRING, OID, Reader, SEQUENCE, constructed,
    primitive, unpadded,
};

/// id-pkix-ocsp-basic, 1.3.6.1.5.5.7.48.1.1.
const BASIC: &[u8] = &[0x2b, 0x06, 0x01, 0x05, 0x05, 0x07, 0x30, 0x01, 0x01];
/// id-kp-OCSPSigning, 1.3.6.1.5.5.7.3.9 (RFC 6960, section 4.2.2.2).
const OCSP_SIGNING: &[u8] = &[0x2b, 0x06, 0x01, 0x05, 0x05, 0x07, 0x03, 0x09];
/// Maximum number of certificates of an answer that are tried; responders send one, or one and its chain.
const MAX_RESPONDERS: usize = 8;
/// Extensions of a status that are accepted although critical: archiveCutoff and `CrlID` describe its origin,
/// extended-revoke means that the responder reports certificates that were never issued as revoked (RFC 6960, section
/// 4.4); cRLReason and invalidityDate repeat the content of a list (section 4.4.5).
const KNOWN: [&[u8]; 5] = [
    &[0x2b, 0x06, 0x01, 0x05, 0x05, 0x07, 0x30, 0x01, 0x09],
    &[0x2b, 0x06, 0x01, 0x05, 0x05, 0x07, 0x30, 0x01, 0x06],
    &[0x2b, 0x06, 0x01, 0x05, 0x05, 0x07, 0x30, 0x01, 0x03],
    &[0x55, 0x1d, 21],
    &[0x55, 0x1d, 24],
];
/// certificateHold (RFC 5280, section 5.3.1).
const CERTIFICATE_HOLD: &[u8] = &[6];

impl Question {
    /// Parses an answer.
    pub(in super::super) fn read(&self, answer: &[u8], now: Timestamp) -> Result<Answer, OcspRefusal> {
        read(self, answer, now)
    }
}

fn read(question: &Question, answer: &[u8], now: Timestamp) -> Result<Answer, OcspRefusal> {
    let mut basic = basic(answer)?;
    let signed = Signed::read(&mut basic)?;
    let responders = basic.optional(constructed(0))?;
    basic.end()?;
    check_signature(&signed, responders, question.issuer(), now)?;
    let mut data = signed.content;
    if let Some(version) = data.optional(constructed(0))?
        && Reader::new(version).read(INTEGER)? != [0]
    {
        return Err(OcspRefusal::Unsupported);
    }
    // The responder's id, by name or key hash; that it is authorised was checked with the signature.
    if ![constructed(1), constructed(2)].contains(&data.element()?.tag) {
        return Err(OcspRefusal::Unsupported);
    }
    // When the answer was produced; only the dates of the status matter.
    data.read(GENERALIZED_TIME)?;
    let statuses = data.sequence()?;
    let extended = data.optional(constructed(1))?;
    data.end()?;
    if let Some(extended) = extended {
        check_extensions(extended, |oid, value| oid != NONCE || question.accepts_nonce(value))?;
    }
    let answer = newest(statuses, question)?;
    // A signed revocation is final whatever its dates.
    if answer.status == Status::Revoked {
        return Ok(answer);
    }
    if answer.this_update > now.saturating_add(SKEW).unwrap_or(Timestamp::MAX) {
        return Err(OcspRefusal::NotYetValid);
    }
    let end = answer.next_update.or_else(|| answer.this_update.checked_add(ENDLESS).ok());
    if end.unwrap_or(Timestamp::MAX) <= now {
        return Err(OcspRefusal::Expired);
    }
    Ok(answer)
}

/// Parses an `OCSPResponse` up to its `BasicOCSPResponse`.
fn basic(answer: &[u8]) -> Result<Reader<'_>, OcspRefusal> {
    let mut outer = Reader::new(answer);
    let mut fields = outer.sequence()?;
    outer.end()?;
    let status = fields.read(ENUMERATED)?;
    let response = fields.optional(constructed(0))?;
    fields.end()?;
    if status != [0] {
        return Err(if status.is_empty() { OcspRefusal::NotOcsp } else { OcspRefusal::Refused });
    }
    let mut wrapped = Reader::new(response.ok_or(OcspRefusal::NotOcsp)?);
    let mut typed = wrapped.sequence()?;
    wrapped.end()?;
    let kind = typed.read(OID)?;
    let mut content = Reader::new(typed.read(OCTET_STRING)?);
    typed.end()?;
    if kind != BASIC {
        return Err(OcspRefusal::Unsupported);
    }
    let basic = content.sequence()?;
    content.end()?;
    Ok(basic)
}

/// Checks that the signer is the authority, or a responder with a certificate from it for this purpose.
fn check_signature(
    signed: &Signed<'_>,
    responders: Option<&[u8]>,
    issuer: &Authority,
    now: Timestamp,
) -> Result<(), OcspRefusal> {
    match signed.verify(&issuer.spki_der()) {
        Ok(()) => return Ok(()),
        Err(Unsigned::Algorithm) => return Err(OcspRefusal::Unsupported),
        Err(Unsigned::Signature) => {}
    }
    let mut wrapped = Reader::new(responders.ok_or(OcspRefusal::Signature)?);
    let mut responders = wrapped.sequence()?;
    wrapped.end()?;
    for _ in 0..MAX_RESPONDERS {
        if responders.is_empty() {
            break;
        }
        let responder = responders.element()?.whole;
        if spki(responder).is_ok_and(|spki| signed.verify(spki).is_ok()) && may_answer(responder, issuer, now)
        {
            return Ok(());
        }
    }
    Err(OcspRefusal::Signature)
}

/// Reads the `SubjectPublicKeyInfo` of a certificate, with its outer header (RFC 5280, section 4.1).
fn spki(certificate: &[u8]) -> Result<&[u8], NotDer> {
    let mut fields = Reader::new(certificate).sequence()?.sequence()?;
    fields.optional(constructed(0))?;
    fields.integer()?;
    // Signature algorithm, issuer, validity and subject.
    for _ in 0..4 {
        fields.read(SEQUENCE)?;
    }
    let spki = fields.element()?;
    if spki.tag == SEQUENCE { Ok(spki.whole) } else { Err(NotDer) }
}

/// Says whether an authority has delegated OCSP signing to this certificate: it issued the certificate itself for
/// that purpose, and the certificate is valid now (RFC 6960, section 4.2.2.2).
fn may_answer(responder: &[u8], issuer: &Authority, now: Timestamp) -> bool {
    let responder = CertificateDer::from(responder);
    let Ok(responder) = EndEntityCert::try_from(&responder) else { return false };
    let anchors = [TrustAnchor {
        subject: Der::from_slice(&issuer.subject),
        subject_public_key_info: Der::from_slice(&issuer.spki),
        name_constraints: None,
    }];
    let now = UnixTime::since_unix_epoch(Duration::from_secs(now.as_second().try_into().unwrap_or_default()));
    let algorithms = default_provider().signature_verification_algorithms.all;
    let usage = KeyUsage::required(OCSP_SIGNING);
    responder.verify_for_usage(algorithms, &anchors, &[], now, usage, None, None).is_ok()
}

/// The answer about one certificate; without a status if the responder does not know it.
#[derive(Clone, Copy)]
struct Single {
    status: Option<Status>,
    this_update: Timestamp,
    next_update: Option<Timestamp>,
}

/// Returns the newest status of the certificate; of two with the same time, the worse one.
fn newest(mut statuses: Reader<'_>, question: &Question) -> Result<Answer, OcspRefusal> {
    let (mut newest, mut otherwise) = (None::<Single>, OcspRefusal::OtherCertificate);
    while !statuses.is_empty() {
        let mut fields = statuses.sequence()?;
        match question.is_about(&mut fields.sequence()?) {
            Ok(true) => {}
            Ok(false) => continue,
            // An unreadable one may be about the certificate while another is readable.
            Err(OcspRefusal::Unsupported) => {
                otherwise = OcspRefusal::Unsupported;
                continue;
            }
            Err(refusal) => return Err(refusal),
        }
        let single = single(fields)?;
        // A revocation is final: no later status lifts it.
        let rank =
            |single: &Single| (single.status == Some(Status::Revoked), single.this_update, single.status);
        if newest.is_none_or(|before| rank(&single) > rank(&before)) {
            newest = Some(single);
        }
    }
    let Single { status, this_update, next_update } = newest.ok_or(otherwise)?;
    let status = status.ok_or(OcspRefusal::UnknownCertificate)?;
    Ok(Answer { status, this_update, next_update })
}

/// Parses the fields after the `CertID` of a `SingleResponse`.
fn single(mut fields: Reader<'_>) -> Result<Single, OcspRefusal> {
    const GOOD: u8 = primitive(0);
    const REVOKED: u8 = constructed(1);
    const UNKNOWN: u8 = primitive(2);
    let stated = fields.element()?;
    let status = match stated.tag {
        GOOD => Some(Status::Good),
        REVOKED => Some(revoked(stated.content)?),
        UNKNOWN => None,
        _ => return Err(OcspRefusal::Unsupported),
    };
    let this_update = generalized(&mut fields)?;
    let next_update = fields.optional(constructed(0))?.map(|wrapped| {
        let mut wrapped = Reader::new(wrapped);
        let next_update = generalized(&mut wrapped)?;
        wrapped.end()?;
        Ok::<_, OcspRefusal>(next_update)
    });
    let next_update = next_update.transpose()?;
    if let Some(extended) = fields.optional(constructed(1))? {
        check_extensions(extended, |_, _| true)?;
    }
    fields.end()?;
    Ok(Single { status, this_update, next_update })
}

/// Parses a `RevokedInfo`. The certificate is revoked whatever the reason is and however it is encoded.
fn revoked(content: &[u8]) -> Result<Status, OcspRefusal> {
    let mut fields = Reader::new(content);
    fields.read(GENERALIZED_TIME)?;
    let reason = fields.optional(constructed(0))?;
    let code = reason.and_then(|reason| Reader::new(reason).read(ENUMERATED).ok());
    Ok(if code.map(unpadded) == Some(CERTIFICATE_HOLD) { Status::Held } else { Status::Revoked })
}

fn generalized(fields: &mut Reader<'_>) -> Result<Timestamp, OcspRefusal> {
    if fields.peek() == Some(GENERALIZED_TIME) { Ok(time(fields)?) } else { Err(OcspRefusal::NotOcsp) }
}

/// Refuses unknown critical extensions, and a nonce that `accepts` rejects.
fn check_extensions(wrapped: &[u8], accepts: impl Fn(&[u8], &[u8]) -> bool) -> Result<(), OcspRefusal> {
    let mut wrapped = Reader::new(wrapped);
    let sequence = wrapped.sequence()?;
    wrapped.end()?;
    for extension in extensions(sequence) {
        let extension = extension?;
        if extension.critical && extension.oid != NONCE && !KNOWN.contains(&extension.oid) {
            return Err(OcspRefusal::Unsupported);
        }
        if !accepts(extension.oid, extension.value) {
            return Err(OcspRefusal::Nonce);
        }
    }
    Ok(())
}
