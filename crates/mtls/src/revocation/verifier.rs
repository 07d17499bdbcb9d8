//! The check in the handshake: find a verified path first, then check the revocation of its certificates only.
//!
//! Certificates outside the chosen path are neither stored nor looked up: a receiver may present forged certificates
//! under any name. The verdict is stored when a path is judged, because webpki returns the error that ranks highest
//! among all paths that it tried.

use std::cell::RefCell;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, OnceLock};

use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::crypto::{CryptoProvider, verify_tls12_signature, verify_tls13_signature};
use rustls::pki_types::{
    AlgorithmIdentifier, CertificateDer, InvalidSignature, ServerName, SignatureVerificationAlgorithm,
    TrustAnchor, UnixTime,
};
use rustls::{CertificateError, DigitallySignedStruct, Error, OtherError, RootCertStore, SignatureScheme};
use thiserror::Error;
use webpki::{EndEntityCert, KeyUsage, VerifiedPath};

use super::decide::{Checked, Verdict};
use super::known::{Judgement, Revocation};
use super::path::Path;
use super::vouched::vouched;

/// Maximum number of certificates that a receiver may present. Real chains have three or four, those with a
/// cross-signed authority five.
pub const MAX_PRESENTED: usize = 6;
/// Maximum total size of these in bytes.
pub const MAX_PRESENTED_BYTES: usize = 16 * 1024;
/// Maximum number of signatures checked to find a path; a chain of four takes three.
pub const MAX_SIGNATURES: usize = 24;

/// The receiver presented more than is verified, which would delay other receivers.
#[derive(Clone, Copy, Debug, Eq, Error, PartialEq)]
#[error(
    "the receiver presented more than {MAX_PRESENTED} certificates, more than {MAX_PRESENTED_BYTES} bytes of them, or \
     more ways through them than are followed"
)]
pub(crate) struct ChainTooLarge;

/// Verifies receivers' certificates, for all connections of one client.
#[derive(Debug)]
pub(crate) struct Verifier {
    anchors: Arc<RootCertStore>,
    provider: Arc<CryptoProvider>,
    revocation: Arc<Revocation>,
}

impl Verifier {
    /// Creates a verifier that trusts these authorities and decides by this revocation data.
    pub(crate) fn new(
        anchors: Arc<RootCertStore>,
        provider: Arc<CryptoProvider>,
        revocation: Arc<Revocation>,
    ) -> Self {
        Self { anchors, provider, revocation }
    }

    /// Reports how revocation was checked for a new connection.
    pub(crate) fn report(&self, host: &str, checked: Checked) {
        self.revocation.report(host, checked);
    }

    fn verify(
        &self,
        end_entity: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        name: &ServerName<'_>,
        now: UnixTime,
    ) -> Result<Checked, Error> {
        let snapshot = self.revocation.snapshot();
        let best = RefCell::<Option<(Judgement, Path)>>::default();
        let judge = |verified: &VerifiedPath<'_>| {
            let path = Path::of(verified, end_entity);
            let judged = self.revocation.judge(&snapshot, &path);
            let mut best = best.borrow_mut();
            if best.as_ref().is_none_or(|(before, _)| rank(judged) > rank(*before)) {
                *best = Some((judged, path));
            }
            match judged {
                Judgement::Decided(Verdict::Accepted(_)) => Ok(()),
                // webpki continues with the next path.
                _ => Err(webpki::Error::UnknownRevocationStatus),
            }
        };
        let algorithms = self.provider.signature_verification_algorithms.all;
        let found = find_path((end_entity, intermediates), &self.anchors.roots, algorithms, now, &judge);
        let Some((judged, path)) = best.into_inner() else {
            return Err(found.err().unwrap_or(UNKNOWN_ISSUER));
        };
        check_name(end_entity, name)?;
        let host = name.to_str();
        self.revocation.saw(&snapshot, &host, path);
        match judged {
            Judgement::Decided(Verdict::Accepted(checked)) => Ok(checked),
            Judgement::Decided(Verdict::Revoked) => Err(CertificateError::Revoked.into()),
            Judgement::Decided(Verdict::Unknown) => Err(CertificateError::UnknownRevocationStatus.into()),
            Judgement::Unavailable(unavailable) => Err(Error::Other(OtherError(Arc::new(unavailable)))),
        }
    }
}

const UNKNOWN_ISSUER: Error = Error::InvalidCertificate(CertificateError::UnknownIssuer);

/// The best of several paths decides: a revoked authority only excludes the paths through it.
fn rank(judged: Judgement) -> u8 {
    match judged {
        Judgement::Decided(Verdict::Accepted(_)) => 3,
        Judgement::Unavailable(_) => 2,
        Judgement::Decided(Verdict::Unknown) => 1,
        Judgement::Decided(Verdict::Revoked) => 0,
    }
}

/// Finds a path from the presented certificates to an anchor that `accepts` allows, within bounds of size and work.
///
/// webpki sees only certificates that a trusted authority [vouches for](vouched()). `tests/examples/chains.rs`
/// measures the cost of the worst of them.
fn find_path(
    (end_entity, intermediates): (&CertificateDer<'_>, &[CertificateDer<'_>]),
    anchors: &[TrustAnchor<'_>],
    algorithms: &[&dyn SignatureVerificationAlgorithm],
    now: UnixTime,
    accepts: &dyn Fn(&VerifiedPath<'_>) -> Result<(), webpki::Error>,
) -> Result<(), Error> {
    let bytes = intermediates.iter().fold(end_entity.len(), |sum, certificate| sum + certificate.len());
    if intermediates.len() >= MAX_PRESENTED || bytes > MAX_PRESENTED_BYTES {
        return Err(Error::Other(OtherError(Arc::new(ChainTooLarge))));
    }
    let left = AtomicUsize::new(MAX_SIGNATURES);
    let counted: Vec<_> =
        algorithms.iter().map(|algorithm| Counted { algorithm: *algorithm, left: &left }).collect();
    let counted: Vec<_> =
        counted.iter().map(|counted| counted as &dyn SignatureVerificationAlgorithm).collect();
    let certificate = EndEntityCert::try_from(end_entity).map_err(refusal)?;
    let usage = KeyUsage::server_auth();
    let kept = vouched(intermediates, anchors, &counted);
    let found = certificate.verify_for_usage(&counted, anchors, &kept, now, usage, None, Some(accepts));
    match found {
        Ok(_) => Ok(()),
        Err(_) if left.load(Ordering::Relaxed) == 0 => Err(Error::Other(OtherError(Arc::new(ChainTooLarge)))),
        Err(error) => Err(refusal(error)),
    }
}

/// Finds the first verified path of a receiver with this name that `accepts` allows, without checking revocation.
///
/// # Errors
///
/// The error that a handshake would end with. The number of checked signatures is bounded in any case.
pub fn verified_path(
    presented: (&CertificateDer<'_>, &[CertificateDer<'_>]),
    name: &ServerName<'_>,
    anchors: &[TrustAnchor<'_>],
    algorithms: &[&dyn SignatureVerificationAlgorithm],
    now: UnixTime,
    accepts: &dyn Fn(&Path) -> bool,
) -> Result<Path, Error> {
    let first = RefCell::<Option<Path>>::default();
    let take = |verified: &VerifiedPath<'_>| {
        let path = Path::of(verified, presented.0);
        if !accepts(&path) {
            // webpki continues with the next path.
            return Err(webpki::Error::UnknownRevocationStatus);
        }
        first.borrow_mut().get_or_insert(path);
        Ok(())
    };
    find_path(presented, anchors, algorithms, now, &take)?;
    check_name(presented.0, name)?;
    first.into_inner().ok_or(UNKNOWN_ISSUER)
}

fn check_name(end_entity: &CertificateDer<'_>, name: &ServerName<'_>) -> Result<(), Error> {
    let certificate = EndEntityCert::try_from(end_entity).map_err(refusal)?;
    certificate.verify_is_valid_for_subject_name(name).map_err(refusal)
}

/// A signature algorithm that counts its uses, which bounds the time for a chain.
#[derive(Debug)]
struct Counted<'a> {
    algorithm: &'a dyn SignatureVerificationAlgorithm,
    left: &'a AtomicUsize,
}

impl SignatureVerificationAlgorithm for Counted<'_> {
    fn verify_signature(
        &self,
        public_key: &[u8],
        message: &[u8],
        signature: &[u8],
    ) -> Result<(), InvalidSignature> {
        let one_less = |left: usize| left.checked_sub(1);
        self.left
            .fetch_update(Ordering::Relaxed, Ordering::Relaxed, one_less)
            .map_err(|_| InvalidSignature)?;
        self.algorithm.verify_signature(public_key, message, signature)
    }

    fn public_key_alg_id(&self) -> AlgorithmIdentifier {
        self.algorithm.public_key_alg_id()
    }

    fn signature_alg_id(&self) -> AlgorithmIdentifier {
        self.algorithm.signature_alg_id()
    }
}

/// Returns rustls' error for a missing path, as its own verifier does.
fn refusal(error: webpki::Error) -> Error {
    use webpki::Error as W;
    match error {
        W::UnknownIssuer => UNKNOWN_ISSUER,
        W::CertExpired { time, not_after } => CertificateError::ExpiredContext { time, not_after }.into(),
        W::CertNotValidYet { time, not_before } => {
            CertificateError::NotValidYetContext { time, not_before }.into()
        }
        W::InvalidCertValidity => CertificateError::Expired.into(),
        W::CertNotValidForName(_) => CertificateError::NotValidForName.into(),
        W::RequiredEkuNotFoundContext(_) => CertificateError::InvalidPurpose.into(),
        W::InvalidSignatureForPublicKey => CertificateError::BadSignature.into(),
        other => CertificateError::Other(OtherError(Arc::new(other))).into(),
    }
}

/// The check of one handshake, which stores how the path was accepted.
#[derive(Debug)]
pub(crate) struct Verification {
    verifier: Arc<Verifier>,
    checked: OnceLock<Checked>,
}

impl Verification {
    /// Verifies one handshake.
    pub(crate) fn new(verifier: Arc<Verifier>) -> Self {
        Self { verifier, checked: OnceLock::new() }
    }

    /// Returns how the path was accepted, once it was.
    pub(crate) fn checked(&self) -> Option<Checked> {
        self.checked.get().copied()
    }
}

impl ServerCertVerifier for Verification {
    fn verify_server_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        server_name: &ServerName<'_>,
        // A stapled response is ignored: the guideline allows it only in addition to other mechanisms.
        _: &[u8],
        now: UnixTime,
    ) -> Result<ServerCertVerified, Error> {
        let checked = self.verifier.verify(end_entity, intermediates, server_name, now)?;
        self.checked.get_or_init(|| checked);
        Ok(ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        let algorithms = &self.verifier.provider.signature_verification_algorithms;
        verify_tls12_signature(message, certificate, signed, algorithms)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        let algorithms = &self.verifier.provider.signature_verification_algorithms;
        verify_tls13_signature(message, certificate, signed, algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.verifier.provider.signature_verification_algorithms.supported_schemes()
    }
}
