//! What one handshake shows: the certificates presented, the verified path, and whom the receiver asks for.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use rustls::client::ResolvesClientCert;
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::crypto::{CryptoProvider, verify_tls12_signature, verify_tls13_signature};
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::sign::CertifiedKey;
use rustls::{DigitallySignedStruct, Error, RootCertStore, SignatureScheme};

use super::certificate::{certificate, name_of_der};
use super::facts::{Chain, Visit};
use crate::revocation::{Path, Revocation, verified_path};

/// Maximum number of presented certificates that are shown.
const MAX_SHOWN: usize = 10;
/// Maximum number of authorities that are shown.
const MAX_AUTHORITIES: usize = 20;

/// Sees one handshake, and decides in it as dispatch does.
#[derive(Debug)]
pub(super) struct Look {
    pub(super) anchors: Arc<RootCertStore>,
    pub(super) provider: Arc<CryptoProvider>,
    /// What the stack knows of revoked certificates, where it can be read.
    pub(super) revocation: Option<Arc<Revocation>>,
    /// Our certificate, if it is to be presented.
    pub(super) identity: Option<Arc<CertifiedKey>>,
    seen: Mutex<Seen>,
}

#[derive(Debug, Default)]
struct Seen {
    requested: bool,
    authorities: Vec<String>,
    authorities_total: usize,
    chain: Option<Chain>,
    path: Option<Path>,
}

impl Look {
    pub(super) fn new(
        anchors: Arc<RootCertStore>,
        provider: Arc<CryptoProvider>,
        revocation: Option<Arc<Revocation>>,
        identity: Option<Arc<CertifiedKey>>,
    ) -> Self {
        Self { anchors, provider, revocation, identity, seen: Mutex::default() }
    }

    /// Says whether our certificate was asked for.
    pub(super) fn requested(&self) -> bool {
        self.seen().requested
    }

    /// Writes what was seen, and returns the verified path.
    pub(super) fn tell(&self, visit: &mut Visit) -> Option<Path> {
        let mut seen = self.seen();
        visit.certificate_requested = seen.requested;
        visit.authorities = std::mem::take(&mut seen.authorities);
        visit.authorities_total = seen.authorities_total;
        visit.chain = seen.chain.take();
        seen.path.take()
    }

    fn seen(&self) -> MutexGuard<'_, Seen> {
        self.seen.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Finds the path that dispatch would use; `false` in the second place if its revocation data refuses it.
    fn path(
        &self,
        presented: (&CertificateDer<'_>, &[CertificateDer<'_>]),
        name: &ServerName<'_>,
        now: UnixTime,
    ) -> Result<Path, Error> {
        let algorithms = self.provider.signature_verification_algorithms.all;
        let find = |accepts: &dyn Fn(&Path) -> bool| {
            verified_path(presented, name, &self.anchors.roots, algorithms, now, accepts)
        };
        match &self.revocation {
            Some(revocation) => {
                find(&|path| revocation.view(path).refusal.is_none()).or_else(|_| find(&|_| true))
            }
            None => find(&|_| true),
        }
    }
}

impl ServerCertVerifier for Look {
    fn verify_server_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        server_name: &ServerName<'_>,
        stapled: &[u8],
        now: UnixTime,
    ) -> Result<ServerCertVerified, Error> {
        let all = || std::iter::once(end_entity).chain(intermediates);
        let mut chain = Chain {
            presented: all().take(MAX_SHOWN).map(|der| certificate(der)).collect(),
            presented_total: all().count(),
            presented_bytes: all().map(|der| der.len()).sum(),
            stapled: !stapled.is_empty(),
            ..Chain::default()
        };
        let found = self.path((end_entity, intermediates), server_name, now);
        let refusal = found.as_ref().ok().and_then(|path| {
            chain.verified = path.certificates().iter().map(|der| certificate(der)).collect();
            chain.anchor = path.links().last().map(|link| name_of_der(&link.issuer.subject_der()));
            let view = self.revocation.as_ref().map(|revocation| revocation.view(path));
            let (facts, refusal) = super::revoked::facts(path, view);
            chain.revocation = Some(facts);
            refusal
        });
        let mut seen = self.seen();
        seen.chain = Some(chain);
        seen.path = found.as_ref().ok().cloned();
        match refusal {
            Some(refusal) => Err(refusal),
            None => found.map(|_| ServerCertVerified::assertion()),
        }
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        verify_tls12_signature(message, certificate, signed, &self.provider.signature_verification_algorithms)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        verify_tls13_signature(message, certificate, signed, &self.provider.signature_verification_algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.provider.signature_verification_algorithms.supported_schemes()
    }
}

impl ResolvesClientCert for Look {
    fn resolve(&self, hints: &[&[u8]], _: &[SignatureScheme]) -> Option<Arc<CertifiedKey>> {
        let mut seen = self.seen();
        seen.requested = true;
        seen.authorities_total = hints.len();
        seen.authorities = hints.iter().take(MAX_AUTHORITIES).map(|hint| name_of_der(hint)).collect();
        self.identity.clone()
    }

    fn has_certs(&self) -> bool {
        // Otherwise rustls would not call `resolve`.
        true
    }
}
