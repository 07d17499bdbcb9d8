//! Whose key signed what: with the algorithms that a handshake accepts, so nothing signed with SHA-1 counts.

use rustls::crypto::aws_lc_rs::default_provider;
use rustls::pki_types::{CertificateDer, TrustAnchor, UnixTime};
use webpki::{EndEntityCert, KeyUsage, anchor_from_trusted_cert};
use x509_cert::der::asn1::BitStringRef;
use x509_cert::der::{Decode as _, Reader as _, SliceReader};
use x509_parser::certificate::X509Certificate;

/// How many certificates are followed upwards from the leaf.
const DEPTH: usize = 6;
/// id-kp-OCSPSigning, 1.3.6.1.5.5.7.3.9 (RFC 6960, section 4.2.2.2).
const OCSP_SIGNING: &[u8] = &[0x2b, 0x06, 0x01, 0x05, 0x05, 0x07, 0x03, 0x09];

/// A certificate and the one whose key signed it.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(super) struct Link {
    pub(super) certificate: CertificateDer<'static>,
    pub(super) issuer: CertificateDer<'static>,
}

/// Returns the links of a chain from its leaf upwards, whatever order the rest is in and whatever else is there.
///
/// Only signatures lead on: a receiver may send certificates of its own making under anybody's name.
pub(super) fn links<'a>(certificates: impl Iterator<Item = &'a CertificateDer<'static>>) -> Vec<Link> {
    let certificates: Vec<_> = certificates.collect();
    let (mut links, mut next) = (Vec::new(), certificates.first().copied());
    while let Some(certificate) = next
        && links.len() < DEPTH
    {
        let issuer =
            certificates.iter().copied().find(|issuer| *issuer != certificate && issued(issuer, certificate));
        if let Some(issuer) = issuer {
            links.push(Link { certificate: certificate.clone(), issuer: issuer.clone() });
        }
        next = issuer;
    }
    links
}

fn issued(issuer: &CertificateDer<'_>, certificate: &CertificateDer<'_>) -> bool {
    let (Some(parent), Some(child)) = (parse(issuer), parse(certificate)) else { return false };
    child.subject() != child.issuer()
        && parent.subject() == child.issuer()
        && is_signed_by(issuer, certificate)
}

pub(super) fn parse<'a>(certificate: &'a CertificateDer<'_>) -> Option<X509Certificate<'a>> {
    x509_parser::parse_x509_certificate(certificate).ok().map(|(_, certificate)| certificate)
}

/// Says whether the key of a certificate signed another, or a list: both are what is signed, with what, and the signature
/// (RFC 5280, sections 4.1 and 5.1).
pub(super) fn is_signed_by(signer: &CertificateDer<'_>, object: &[u8]) -> bool {
    let read = |object| {
        SliceReader::new(object)?.sequence(|reader| {
            let (message, algorithm) = (reader.tlv_bytes()?, reader.tlv_bytes()?);
            Ok((message, algorithm, BitStringRef::decode(reader)?.raw_bytes()))
        })
    };
    read(object)
        .is_ok_and(|(message, algorithm, signature)| is_signed_with(signer, algorithm, message, signature))
}

/// Says whether the key of a certificate signed a message, with an algorithm whose identifier is given in DER.
pub(super) fn is_signed_with(
    signer: &CertificateDer<'_>,
    algorithm: &[u8],
    message: &[u8],
    signature: &[u8],
) -> bool {
    let Ok(signer) = EndEntityCert::try_from(signer) else { return false };
    // The library names algorithms by what is within the sequence; its header is two bytes for all of them.
    let named = algorithm.get(2..).unwrap_or_default();
    default_provider()
        .signature_verification_algorithms
        .all
        .iter()
        .filter(|known| known.signature_alg_id().as_ref() == named)
        .any(|known| signer.verify_signature(*known, message, signature).is_ok())
}

/// Says whether an authority let this certificate sign OCSP answers for it.
pub(super) fn may_sign_ocsp(
    responder: &CertificateDer<'_>,
    issuer: &CertificateDer<'_>,
    now: UnixTime,
) -> bool {
    let (Ok(responder), Ok(anchor)) = (EndEntityCert::try_from(responder), anchor_from_trusted_cert(issuer))
    else {
        return false;
    };
    let anchors: [TrustAnchor<'_>; 1] = [anchor];
    let algorithms = default_provider().signature_verification_algorithms.all;
    let usage = KeyUsage::required(OCSP_SIGNING);
    responder.verify_for_usage(algorithms, &anchors, &[], now, usage, None, None).is_ok()
}
