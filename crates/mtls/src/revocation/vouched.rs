//! Filters a receiver's certificates to those that a trusted authority vouches for by a verified signature.
//!
//! webpki follows names and parses a certificate at each step before it checks a signature: five certificates of one
//! name with hundreds of small extensions take it 80 ms. An attacker without a certified authority cannot pass this
//! filter.

use rustls::pki_types::{
    CertificateDer, SignatureVerificationAlgorithm, SubjectPublicKeyInfoDer, TrustAnchor,
};
use webpki::{EndEntityCert, RawPublicKeyEntity, spki_for_anchor};

use crate::der::{BIT_STRING, Reader, SEQUENCE};

/// A certificate whose signature is not checked yet.
struct Candidate<'a> {
    der: &'a CertificateDer<'a>,
    certificate: EndEntityCert<'a>,
    signed: Signed<'a>,
    /// Number of accepted keys already tried.
    tried: usize,
}

/// The parts of a certificate (RFC 5280, section 4.1.1).
struct Signed<'a> {
    content: &'a [u8],
    algorithm: &'a [u8],
    signature: &'a [u8],
}

/// Accepts, from the anchors downwards, certificates signed by an accepted key under its name; each once, in the
/// order of the keys.
pub(super) fn vouched<'a>(
    presented: &'a [CertificateDer<'a>],
    anchors: &[TrustAnchor<'_>],
    algorithms: &[&dyn SignatureVerificationAlgorithm],
) -> Vec<CertificateDer<'a>> {
    let mut left: Vec<Candidate<'_>> = Vec::new();
    let mut ders = Vec::new();
    for der in presented {
        match (EndEntityCert::try_from(der), Signed::of(der)) {
            _ if left.iter().any(|known| known.der == der) => {}
            (Ok(certificate), Some(signed)) => left.push(Candidate { der, certificate, signed, tried: 0 }),
            // An unreadable certificate is passed on with nothing below it, because it may be the reason that there
            // is no path.
            _ => ders.push(der.clone()),
        }
    }
    let mut kept = Vec::<(Vec<u8>, SubjectPublicKeyInfoDer<'static>)>::new();
    for anchor in anchors {
        if left.iter().any(|candidate| candidate.certificate.issuer() == anchor.subject.as_ref()) {
            kept.push((anchor.subject.to_vec(), spki_for_anchor(anchor).into_owned()));
        }
    }
    while let Some(place) = left.iter_mut().position(|candidate| candidate.is_signed_by(&kept, algorithms)) {
        let Candidate { der, certificate, .. } = left.remove(place);
        let signer = (certificate.subject().to_vec(), certificate.subject_public_key_info().into_owned());
        // A cross-signed authority has one key.
        if !kept.contains(&signer) {
            kept.push(signer);
        }
        ders.push(der.clone());
    }
    ders
}

impl Candidate<'_> {
    fn is_signed_by(
        &mut self,
        kept: &[(Vec<u8>, SubjectPublicKeyInfoDer<'static>)],
        algorithms: &[&dyn SignatureVerificationAlgorithm],
    ) -> bool {
        let new = kept.get(self.tried..).unwrap_or_default();
        self.tried = kept.len();
        new.iter().any(|(name, key)| name == self.certificate.issuer() && self.signed.is_by(key, algorithms))
    }
}

impl<'a> Signed<'a> {
    fn of(der: &'a [u8]) -> Option<Self> {
        let mut outer = Reader::new(der);
        let mut inner = outer.sequence().ok()?;
        outer.end().ok()?;
        let content = inner.element().ok()?.whole;
        let algorithm = inner.read(SEQUENCE).ok()?;
        let bits = inner.read(BIT_STRING).ok()?;
        inner.end().ok()?;
        // The last byte has no unused bits.
        let (0, signature) = bits.split_first().map(|(unused, bits)| (*unused, bits))? else { return None };
        Some(Self { content, algorithm, signature })
    }

    fn is_by(
        &self,
        key: &SubjectPublicKeyInfoDer<'_>,
        algorithms: &[&dyn SignatureVerificationAlgorithm],
    ) -> bool {
        let Ok(key) = RawPublicKeyEntity::try_from(key) else { return false };
        let mut named =
            algorithms.iter().filter(|algorithm| algorithm.signature_alg_id().as_ref() == self.algorithm);
        named.any(|algorithm| key.verify_signature(*algorithm, self.content, self.signature).is_ok())
    }
}
