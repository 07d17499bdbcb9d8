//! Our certificate and key, and the authorities that we trust.

use std::sync::Arc;

use jiff::Timestamp;
use platform::aws::{KeyArn, KeyError, Keys};
use platform::config::{SettingError, Settings};
use rustls::RootCertStore;
use rustls::crypto::CryptoProvider;
use rustls::crypto::aws_lc_rs::kx_group;
use rustls::pki_types::CertificateDer;
use rustls::sign::CertifiedKey;
use serde::Deserialize;
use serde_json::Value;
use thiserror::Error;

use super::kms_key::KmsKey;
use crate::pem::{Certificates, PemError, private_key};

/// Our certificate chain and its key: the client side of mutual TLS (BRCAC).
#[derive(Clone)]
pub struct Identity {
    pub(super) certified: Arc<CertifiedKey>,
    dates: Dates,
    /// The key, if it is in KMS.
    in_kms: Option<KeyArn>,
}

/// An identity from the secret, checked as far as possible without KMS.
#[derive(Clone)]
pub enum StoredIdentity {
    /// With its key.
    Whole(Identity),
    /// With a key in KMS.
    InKms(KmsIdentity),
}

/// A certificate chain whose key is in KMS; that the two belong together is not checked yet.
#[derive(Clone)]
pub struct KmsIdentity {
    chain: Vec<CertificateDer<'static>>,
    dates: Dates,
    key: KeyArn,
}

/// The validity period of a certificate.
#[derive(Clone, Copy)]
struct Dates {
    from: Timestamp,
    until: Timestamp,
}

/// An identity as stored in the secret. No `Debug`: it holds a key.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Document {
    certificate_chain: String,
    private_key: Option<String>,
    kms_key_id: Option<String>,
}

impl StoredIdentity {
    /// Parses an identity as stored in the secret: an object with `certificate_chain` (PEM, leaf first, then
    /// intermediates) and either `private_key` (PEM) or `kms_key_id` (the ARN of a KMS key).
    ///
    /// Errors never quote the secret.
    pub fn from_value(value: Value) -> Result<Self, IdentityError> {
        let document: Document = serde_json::from_value(value).map_err(|_| IdentityError::NotIdentity)?;
        let chain = &document.certificate_chain;
        match (document.private_key, document.kms_key_id) {
            (Some(key), None) => Identity::from_pem(chain, &key).map(Self::Whole),
            (None, Some(key)) => KmsIdentity::new(chain, &key).map(Self::InKms),
            (Some(_), Some(_)) | (None, None) => Err(IdentityError::NotIdentity),
        }
    }
}

impl KmsIdentity {
    /// Parses a chain in PEM and the ARN of its key.
    pub fn new(certificate_chain: &str, key: &str) -> Result<Self, IdentityError> {
        let (chain, dates) = chain(certificate_chain)?;
        Ok(Self { chain, dates, key: key.parse().map_err(|_| IdentityError::KeyArn)? })
    }

    /// Gets the public key from KMS, and refuses one that differs from the certificate's.
    pub async fn open(self, keys: &Keys) -> Result<Identity, KmsIdentityError> {
        let Self { chain, dates, key } = self;
        let public = keys.public_key(&key).await?;
        let certified = CertifiedKey::new(chain, Arc::new(KmsKey::new(keys.clone(), key.clone(), public)));
        certified.keys_match().map_err(|_| IdentityError::KmsMismatch)?;
        Ok(Identity { certified: Arc::new(certified), dates, in_kms: Some(key) })
    }
}

impl Identity {
    /// Parses an identity from PEM texts.
    pub fn from_pem(certificate_chain: &str, key: &str) -> Result<Self, IdentityError> {
        let (chain, dates) = chain(certificate_chain)?;
        let key = private_key(key.as_bytes()).map_err(IdentityError::Key)?;
        // The groups do not matter for reading a key.
        let provider = provider(KeyExchange::default());
        let certified = CertifiedKey::from_der(chain, key, &provider).map_err(|error| match error {
            rustls::Error::InconsistentKeys(_) => IdentityError::Mismatch,
            _ => IdentityError::KeyUnusable,
        })?;
        Ok(Self { certified: Arc::new(certified), dates, in_kms: None })
    }

    /// Returns the last instant at which receivers accept the certificate.
    pub fn valid_until(&self) -> Timestamp {
        self.dates.until
    }

    /// Says whether KMS signs this identity's handshakes.
    pub(super) fn signs_in_kms(&self) -> bool {
        self.in_kms.is_some()
    }

    /// Says whether both present the same certificate and have their key in the same place.
    pub fn is_same_as(&self, other: &Self) -> bool {
        self.certified.cert == other.certified.cert && self.in_kms == other.in_kms
    }

    /// Says whether this identity was opened from the other, so that KMS need not be asked again.
    pub fn was(&self, other: &KmsIdentity) -> bool {
        self.certified.cert == other.chain && self.in_kms.as_ref() == Some(&other.key)
    }

    /// Checks the certificate's validity period at this instant.
    pub fn check_validity(&self, now: Timestamp) -> Result<(), IdentityError> {
        let Dates { from, until } = self.dates;
        if now < from {
            Err(IdentityError::NotYetValid(from))
        } else if now > until {
            Err(IdentityError::Expired(until))
        } else {
            Ok(())
        }
    }
}

/// Returns the last instant at which the first certificate of a PEM chain is valid.
///
/// Fails if the text is no chain of certificates.
pub fn chain_valid_until(pem: &str) -> Result<Timestamp, IdentityError> {
    chain(pem).map(|(_, dates)| dates.until)
}

/// Parses a chain in PEM and the validity period of its first certificate.
fn chain(pem: &str) -> Result<(Vec<CertificateDer<'static>>, Dates), IdentityError> {
    let chain = Certificates::from_pem(pem.as_bytes()).map_err(IdentityError::ErrorChain)?;
    let leaf = chain.certificates.first();
    let line = leaf.map_or(1, |leaf| leaf.line);
    let dates = leaf.and_then(|leaf| dates(&leaf.der));
    Ok((chain.into_der(), dates.ok_or(IdentityError::ErrorChain(PemError::Unreadable { line }))?))
}

/// Reads the validity period of a certificate.
fn dates(certificate: &CertificateDer<'_>) -> Option<Dates> {
    let (_, certificate) = x509_parser::parse_x509_certificate(certificate).ok()?;
    let instant = |time: x509_parser::time::ASN1Time| Timestamp::from_second(time.timestamp()).ok();
    let validity = certificate.validity();
    Some(Dates { from: instant(validity.not_before)?, until: instant(validity.not_after)? })
}

/// The authorities whose certificates we accept from receivers.
#[derive(Clone, Debug)]
pub struct TrustAnchors {
    pub(super) roots: Arc<RootCertStore>,
}

impl TrustAnchors {
    /// Parses authorities from a PEM bundle. All must be usable, so that no authority is silently missing.
    pub fn from_pem(bundle: &str) -> Result<Self, IdentityError> {
        Self::from_certificates(&Certificates::from_pem(bundle.as_bytes()).map_err(IdentityError::Anchors)?)
    }

    /// Uses the certificates of a bundle as authorities.
    pub fn from_certificates(bundle: &Certificates) -> Result<Self, IdentityError> {
        if let Some(other) = bundle.others.first() {
            let problem = PemError::NotCertificate { line: other.line, what: other.what };
            return Err(IdentityError::Anchors(problem));
        }
        let mut roots = RootCertStore::empty();
        for certificate in &bundle.certificates {
            let line = certificate.line;
            if certificate.distrusted {
                return Err(IdentityError::Anchors(PemError::Distrusted { line }));
            }
            let added = roots.add(certificate.der.clone());
            added.map_err(|_| IdentityError::Anchors(PemError::Unreadable { line }))?;
        }
        Ok(Self { roots: Arc::new(roots) })
    }
}

/// The groups offered for key exchange.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub enum KeyExchange {
    /// X25519, P-256 and P-384. The `ClientHello` has about 250 bytes, which every front end reads at once.
    #[default]
    Classical,
    /// X25519MLKEM768 before them, which protects recorded traffic against a later quantum computer. Its share has
    /// 1,216 bytes (draft-ietf-tls-ecdhe-mlkem), so the `ClientHello` takes two TCP segments; some old front ends read
    /// only one and close.
    Hybrid,
}

impl KeyExchange {
    /// Reads the groups from the settings: `ARAUTO_HYBRID_KEY_EXCHANGE` puts the post-quantum group first.
    pub fn of_settings(settings: &Settings<'_>) -> Result<Self, SettingError> {
        let hybrid = settings.parsed_or("ARAUTO_HYBRID_KEY_EXCHANGE", false)?;
        Ok(if hybrid { Self::Hybrid } else { Self::Classical })
    }

    /// Restricts a provider to these groups.
    pub fn limit(self, provider: &mut CryptoProvider) {
        let classical = [kx_group::X25519, kx_group::SECP256R1, kx_group::SECP384R1];
        let hybrid = (self == Self::Hybrid).then_some(kx_group::X25519MLKEM768);
        provider.kx_groups = hybrid.into_iter().chain(classical).collect();
    }
}

/// Returns the supported cipher suites, groups and signature schemes.
///
/// FAPI-BR 2.2.1, section 6.4: with TLS 1.2 the two ECDHE-RSA GCM suites; with TLS 1.3 its own. It names no groups.
pub(super) fn provider(key_exchange: KeyExchange) -> CryptoProvider {
    use rustls::CipherSuite::{TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256, TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384};
    let mut provider = rustls::crypto::aws_lc_rs::default_provider();
    provider.cipher_suites.retain(|suite| {
        suite.tls13().is_some()
            || [TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256, TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384]
                .contains(&suite.suite())
    });
    key_exchange.limit(&mut provider);
    provider
}

/// An identity or trust store that cannot be used.
#[derive(Clone, Debug, Error, Eq, PartialEq)]
pub enum IdentityError {
    /// The secret is not the expected JSON document.
    #[error(
        "the secret is neither an identity in JSON nor an object of identities by authorisation server id"
    )]
    NotDocument,
    /// An identity is not the expected JSON object.
    #[error(
        "the identity is not JSON with certificate_chain and either private_key, PEM text both, or kms_key_id"
    )]
    NotIdentity,
    /// An identity's key in the document is not an authorisation server's id.
    #[error("the identity is not kept under an authorisation server id, a UUID in lower case")]
    Owner,
    /// The chain is not PEM certificates that are all readable.
    #[error("the identity's certificate_chain is not PEM in which every certificate can be read")]
    ErrorChain(#[source] PemError),
    /// There is no readable private key.
    #[error("the identity's private_key is not a readable PEM private key")]
    Key(#[source] PemError),
    /// TLS cannot use a key of this kind or size.
    #[error("the identity's private_key cannot be used for TLS: a BRCAC has an RSA key of 2048 bits")]
    KeyUnusable,
    /// The key belongs to another certificate.
    #[error("the identity's private_key does not belong to its certificate")]
    Mismatch,
    /// The key id is not an ARN of a KMS key.
    #[error("the identity's kms_key_id is not the ARN of a KMS key (an alias is not accepted)")]
    KeyArn,
    /// The KMS key belongs to another certificate.
    #[error("the KMS key of the identity does not belong to its certificate")]
    KmsMismatch,
    /// The certificate is not valid yet.
    #[error("the identity's certificate is not valid before {0}")]
    NotYetValid(Timestamp),
    /// The certificate has expired.
    #[error("the identity's certificate expired at {0}")]
    Expired(Timestamp),
    /// There is no authority, or one of them cannot be read.
    #[error("the trust anchors are not a PEM bundle in which every authority can be read")]
    Anchors(#[source] PemError),
}

/// Why an identity with a key in KMS cannot be used.
#[derive(Debug, Error)]
pub enum KmsIdentityError {
    /// KMS did not return the public key.
    #[error(transparent)]
    Key(#[from] KeyError),
    /// The identity in the secret cannot be used with it.
    #[error(transparent)]
    Identity(#[from] IdentityError),
}
