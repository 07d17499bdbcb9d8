//! The check in the handshake: rustls' own verifier with revocation lists, and what follows where they do not decide.

use std::sync::{Arc, Mutex, OnceLock, PoisonError, RwLock};

use rustls::client::WebPkiServerVerifier;
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::crypto::CryptoProvider;
use rustls::pki_types::{CertificateDer, CertificateRevocationListDer, ServerName, UnixTime};
use rustls::server::VerifierBuilderError;
use rustls::{CertificateError, DigitallySignedStruct, Error, RootCertStore, SignatureScheme};

use super::chain::Chain;
use super::decide::{Checked, Verdict};
use super::snapshot::{Revocation, Snapshot};

/// Verifies receivers' certificates, for all connections of all clients that trust the same authorities.
#[derive(Debug)]
pub(crate) struct Verifier {
    roots: Arc<RootCertStore>,
    anchors: Vec<CertificateDer<'static>>,
    provider: Arc<CryptoProvider>,
    /// Chain, name and dates alone.
    plain: Arc<WebPkiServerVerifier>,
    revocation: Arc<Revocation>,
    lists: RwLock<Lists>,
    renewing: Mutex<()>,
}

/// Verifiers with the lists of one snapshot; none where there are no lists.
#[derive(Clone, Debug, Default)]
struct Lists {
    snapshot: Arc<Snapshot>,
    /// Every certificate below the anchor must be in the scope of a list that has not expired.
    strict: Option<Arc<WebPkiServerVerifier>>,
    /// What an expired list called revoked is revoked all the same.
    lenient: Option<Arc<WebPkiServerVerifier>>,
}

impl Verifier {
    /// Trusts these authorities, given as certificates and as what rustls makes of them, and knows what is known now.
    pub(super) fn new(
        (roots, anchors): (Arc<RootCertStore>, Vec<CertificateDer<'static>>),
        provider: Arc<CryptoProvider>,
        revocation: Arc<Revocation>,
    ) -> Result<Self, Error> {
        let plain =
            WebPkiServerVerifier::builder_with_provider(Arc::clone(&roots), Arc::clone(&provider)).build();
        let plain = plain.map_err(|error| Error::General(error.to_string()))?;
        let (lists, renewing) = (RwLock::default(), Mutex::default());
        let this = Self { roots, anchors, provider, plain, revocation, lists, renewing };
        this.renew();
        Ok(this)
    }

    /// Says whether it trusts just these authorities.
    pub(super) fn trusts(&self, anchors: &[CertificateDer<'static>]) -> bool {
        self.anchors == anchors
    }

    /// Takes up what is known now if the lists are those it has, which costs nothing; `false` if they have to be read.
    pub(super) fn keeps_its_lists(&self) -> bool {
        let Ok(_guard) = self.renewing.try_lock() else { return false };
        let (before, snapshot) = (self.lists(), self.revocation.snapshot());
        let same = before.snapshot.generation == snapshot.generation;
        if same {
            *self.lists.write().unwrap_or_else(PoisonError::into_inner) = Lists { snapshot, ..before };
        }
        same
    }

    /// Takes up what is known now. Lists that changed are read, which takes a while if they are long.
    pub(super) fn renew(&self) {
        // One after another, so that what was known earlier never replaces what is known later.
        let _guard = self.renewing.lock().unwrap_or_else(PoisonError::into_inner);
        let (before, snapshot) = (self.lists(), self.revocation.snapshot());
        let lists = if before.snapshot.generation == snapshot.generation {
            Lists { snapshot, ..before }
        } else {
            self.read_lists(&snapshot).unwrap_or_else(|error| {
                // The directory function stores none that rustls does not read, so this takes a table that others wrote to.
                tracing::error!(code = "crl_unreadable", %error, "The revocation lists cannot be used.");
                Lists { snapshot, ..Lists::default() }
            })
        };
        *self.lists.write().unwrap_or_else(PoisonError::into_inner) = lists;
    }

    /// Says by what revocation was checked, for a connection that was made.
    pub(crate) fn report(&self, host: &str, checked: Checked) {
        self.revocation.report(host, checked);
    }

    fn lists(&self) -> Lists {
        self.lists.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    fn read_lists(&self, snapshot: &Arc<Snapshot>) -> Result<Lists, VerifierBuilderError> {
        let (snapshot, crls) = (Arc::clone(snapshot), snapshot.lists());
        if crls.is_empty() {
            return Ok(Lists { snapshot, ..Lists::default() });
        }
        let builder = |crls: Vec<CertificateRevocationListDer<'static>>| {
            let (roots, provider) = (Arc::clone(&self.roots), Arc::clone(&self.provider));
            WebPkiServerVerifier::builder_with_provider(roots, provider).with_crls(crls)
        };
        let lenient = builder(crls.clone()).allow_unknown_revocation_status().build()?;
        let strict = builder(crls).enforce_revocation_expiration().build()?;
        Ok(Lists { snapshot, strict: Some(strict), lenient: Some(lenient) })
    }

    fn verify(
        &self,
        end_entity: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        name: &ServerName<'_>,
        now: UnixTime,
    ) -> Result<Checked, Error> {
        let holds = |verifier: &WebPkiServerVerifier| {
            verifier.verify_server_cert(end_entity, intermediates, name, &[], now).map(drop)
        };
        let Lists { snapshot, strict, lenient } = self.lists();
        let determined = match strict.map(|strict| holds(&strict)) {
            Some(Ok(())) => true,
            Some(Err(error)) if is_revoked(&error) => return Err(error),
            // Whatever a list lacks is no fault of the receiver: what it presented must hold by itself.
            Some(Err(_)) | None => {
                holds(&self.plain)?;
                if let Some(Err(error)) = lenient.map(|lenient| holds(&lenient))
                    && is_revoked(&error)
                {
                    return Err(error);
                }
                false
            }
        };
        let presented = std::iter::once(end_entity).chain(intermediates);
        let presented = presented.map(|certificate| certificate.clone().into_owned()).collect();
        let chain = Chain::new(presented, &self.anchors);
        match self.revocation.judge(&snapshot, &chain, determined) {
            Verdict::Accepted(checked) => Ok(checked),
            Verdict::Revoked => Err(CertificateError::Revoked.into()),
            Verdict::Unknown => Err(CertificateError::UnknownRevocationStatus.into()),
        }
    }
}

fn is_revoked(error: &Error) -> bool {
    matches!(error, Error::InvalidCertificate(CertificateError::Revoked))
}

/// The check of one handshake, which remembers by what the chain was accepted.
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

    /// Returns by what the chain was accepted, once it was.
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
        // A stapled response is not relied on: the guideline allows it beside other mechanisms only.
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
        self.verifier.plain.verify_tls12_signature(message, certificate, signed)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        self.verifier.plain.verify_tls13_signature(message, certificate, signed)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.verifier.plain.supported_verify_schemes()
    }
}
