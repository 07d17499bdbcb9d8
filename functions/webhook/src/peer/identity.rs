//! Our certificate and key, and whom we trust.

use std::sync::Arc;

use jiff::Timestamp;
use rustls::RootCertStore;
use rustls::crypto::CryptoProvider;
use rustls::pki_types::pem::{Error as PemError, PemObject};
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::sign::CertifiedKey;
use serde::Deserialize;
use serde_json::Value;
use thiserror::Error;

/// Our certificate chain and the key that signs for it: the client side of mutual TLS (BRCAC).
#[derive(Clone)]
pub struct Identity {
    pub(super) certified: Arc<CertifiedKey>,
    valid_from: Timestamp,
    valid_until: Timestamp,
}

/// One identity as the secret keeps it. No `Debug`: it holds a key.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Document {
    certificate_chain: String,
    private_key: String,
}

impl Identity {
    /// Reads an identity as the secret keeps it: an object with `certificate_chain` (PEM, leaf first, intermediates after it)
    /// and `private_key` (PEM).
    ///
    /// Errors never quote the secret.
    pub(super) fn from_value(value: Value) -> Result<Self, IdentityError> {
        let Document { certificate_chain, private_key } =
            serde_json::from_value(value).map_err(|_| IdentityError::NotIdentity)?;
        Self::from_pem(&certificate_chain, &private_key)
    }

    /// Reads an identity from PEM texts.
    pub fn from_pem(certificate_chain: &str, private_key: &str) -> Result<Self, IdentityError> {
        let chain: Vec<CertificateDer<'static>> =
            CertificateDer::pem_slice_iter(certificate_chain.as_bytes())
                .collect::<Result<_, PemError>>()
                .map_err(|_| IdentityError::Chain)?;
        if chain.is_empty() {
            return Err(IdentityError::Chain);
        }
        let (valid_from, valid_until) = validity(&chain[0]).ok_or(IdentityError::Chain)?;
        let key = PrivateKeyDer::from_pem_slice(private_key.as_bytes()).map_err(|_| IdentityError::Key)?;
        let provider = provider();
        let certified = CertifiedKey::from_der(chain, key, &provider).map_err(|error| match error {
            rustls::Error::InconsistentKeys(_) => IdentityError::Mismatch,
            _ => IdentityError::Key,
        })?;
        Ok(Self { certified: Arc::new(certified), valid_from, valid_until })
    }

    /// Returns the last instant at which receivers accept the certificate.
    pub fn valid_until(&self) -> Timestamp {
        self.valid_until
    }

    /// Says whether both present the same certificate, and so have the same key.
    pub fn is_same_as(&self, other: &Self) -> bool {
        self.certified.cert == other.certified.cert
    }

    /// Says whether receivers accept the certificate at this instant, as far as its dates go.
    pub fn check_validity(&self, now: Timestamp) -> Result<(), IdentityError> {
        if now < self.valid_from {
            Err(IdentityError::NotYetValid(self.valid_from))
        } else if now > self.valid_until {
            Err(IdentityError::Expired(self.valid_until))
        } else {
            Ok(())
        }
    }
}

/// Reads from when to when a certificate is valid.
fn validity(certificate: &CertificateDer<'_>) -> Option<(Timestamp, Timestamp)> {
    let (_, certificate) = x509_parser::parse_x509_certificate(certificate).ok()?;
    let instant = |time: x509_parser::time::ASN1Time| Timestamp::from_second(time.timestamp()).ok();
    let validity = certificate.validity();
    Some((instant(validity.not_before)?, instant(validity.not_after)?))
}

/// The authorities whose certificates we accept from receivers.
#[derive(Clone, Debug)]
pub struct TrustAnchors {
    pub(super) roots: Arc<RootCertStore>,
    /// The same as certificates, of which rustls keeps name and key only.
    pub(super) certificates: Vec<CertificateDer<'static>>,
}

impl TrustAnchors {
    /// Reads authorities from a PEM bundle. All of them must be usable: a bundle that is half read trusts half.
    pub fn from_pem(bundle: &str) -> Result<Self, IdentityError> {
        let (mut roots, mut certificates) = (RootCertStore::empty(), Vec::new());
        for certificate in CertificateDer::pem_slice_iter(bundle.as_bytes()) {
            let certificate = certificate.map_err(|_| IdentityError::Anchors)?;
            certificates.push(certificate.clone());
            roots.add(certificate).map_err(|_| IdentityError::Anchors)?;
        }
        let roots = Arc::new(roots);
        if roots.is_empty() { Err(IdentityError::Anchors) } else { Ok(Self { roots, certificates }) }
    }
}

/// Returns the cipher suites and signatures we speak.
///
/// FAPI-BR 2.2.1, section 6.4: with TLS 1.2 the two ECDHE-RSA GCM suites; with TLS 1.3 its own.
pub(super) fn provider() -> CryptoProvider {
    use rustls::CipherSuite::{TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256, TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384};
    let mut provider = rustls::crypto::aws_lc_rs::default_provider();
    provider.cipher_suites.retain(|suite| {
        suite.tls13().is_some()
            || [TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256, TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384]
                .contains(&suite.suite())
    });
    provider
}

/// An identity or trust store that cannot be used.
#[derive(Clone, Debug, Error, Eq, PartialEq)]
pub enum IdentityError {
    /// The secret is not the JSON document it should be.
    #[error(
        "the secret is neither an identity in JSON nor an object of identities by authorisation server id"
    )]
    NotDocument,
    /// An identity is not the JSON object it should be.
    #[error("the identity is not JSON with certificate_chain and private_key, both PEM text")]
    NotIdentity,
    /// An identity is not kept under an authorisation server's id.
    #[error("the identity is not kept under an authorisation server id, a UUID in lower case")]
    Owner,
    /// There is no readable certificate.
    #[error("the identity's certificate_chain holds no readable PEM certificate")]
    Chain,
    /// There is no readable key.
    #[error("the identity's private_key is no readable PEM private key")]
    Key,
    /// The key is another certificate's.
    #[error("the identity's private_key does not belong to its certificate")]
    Mismatch,
    /// The certificate is not valid yet.
    #[error("the identity's certificate is not valid before {0}")]
    NotYetValid(Timestamp),
    /// The certificate is not valid any more.
    #[error("the identity's certificate expired at {0}")]
    Expired(Timestamp),
    /// There is no readable authority, or one that is not.
    #[error("the trust anchors are no PEM bundle of certificates")]
    Anchors,
}
