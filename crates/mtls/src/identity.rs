//! Our certificate and key, and whom we trust.

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

/// Our certificate chain and the key that signs for it: the client side of mutual TLS (BRCAC).
#[derive(Clone)]
pub struct Identity {
    pub(super) certified: Arc<CertifiedKey>,
    dates: Dates,
    /// The key, where KMS has it.
    in_kms: Option<KeyArn>,
}

/// An identity as the secret keeps it, checked as far as the secret tells.
#[derive(Clone)]
pub enum StoredIdentity {
    /// With its key.
    Whole(Identity),
    /// With a key that KMS keeps.
    InKms(KmsIdentity),
}

/// A certificate chain whose key KMS keeps; whether the two belong together is not known yet.
#[derive(Clone)]
pub struct KmsIdentity {
    chain: Vec<CertificateDer<'static>>,
    dates: Dates,
    key: KeyArn,
}

/// From when to when a certificate is valid.
#[derive(Clone, Copy)]
struct Dates {
    from: Timestamp,
    until: Timestamp,
}

/// One identity as the secret keeps it. No `Debug`: it holds a key.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Document {
    certificate_chain: String,
    private_key: Option<String>,
    kms_key_id: Option<String>,
}

impl StoredIdentity {
    /// Reads an identity as the secret keeps it: an object with `certificate_chain` (PEM, leaf first, intermediates after it)
    /// and either `private_key` (PEM) or `kms_key_id` (the ARN of a KMS key).
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
    /// Reads a chain in PEM and the ARN of its key.
    pub fn new(certificate_chain: &str, key: &str) -> Result<Self, IdentityError> {
        let (chain, dates) = chain(certificate_chain)?;
        Ok(Self { chain, dates, key: key.parse().map_err(|_| IdentityError::KeyArn)? })
    }

    /// Asks KMS for the public half of the key, and refuses one that is not the certificate's.
    pub async fn open(self, keys: &Keys) -> Result<Identity, KmsIdentityError> {
        let Self { chain, dates, key } = self;
        let public = keys.public_key(&key).await?;
        let certified = CertifiedKey::new(chain, Arc::new(KmsKey::new(keys.clone(), key.clone(), public)));
        certified.keys_match().map_err(|_| IdentityError::KmsMismatch)?;
        Ok(Identity { certified: Arc::new(certified), dates, in_kms: Some(key) })
    }
}

impl Identity {
    /// Reads an identity from PEM texts.
    pub fn from_pem(certificate_chain: &str, key: &str) -> Result<Self, IdentityError> {
        let (chain, dates) = chain(certificate_chain)?;
        let key = private_key(key.as_bytes()).map_err(IdentityError::Key)?;
        // The groups play no part in reading a key.
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

    /// Says whether KMS signs its handshakes.
    pub(super) fn signs_in_kms(&self) -> bool {
        self.in_kms.is_some()
    }

    /// Says whether both present the same certificate, and so have the same key, kept in the same place.
    pub fn is_same_as(&self, other: &Self) -> bool {
        self.certified.cert == other.certified.cert && self.in_kms == other.in_kms
    }

    /// Says whether this is what the other becomes, so that KMS need not be asked once more.
    pub fn was(&self, other: &KmsIdentity) -> bool {
        self.certified.cert == other.chain && self.in_kms.as_ref() == Some(&other.key)
    }

    /// Says whether receivers accept the certificate at this instant, as far as its dates go.
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

/// Returns the last instant at which the first certificate of a chain in PEM is valid.
///
/// Fails where it is no chain of certificates.
pub fn chain_valid_until(pem: &str) -> Result<Timestamp, IdentityError> {
    chain(pem).map(|(_, dates)| dates.until)
}

/// Reads a chain in PEM and the dates of its first certificate.
fn chain(pem: &str) -> Result<(Vec<CertificateDer<'static>>, Dates), IdentityError> {
    let chain = Certificates::from_pem(pem.as_bytes()).map_err(IdentityError::ErrorChain)?;
    let leaf = chain.certificates.first();
    let line = leaf.map_or(1, |leaf| leaf.line);
    let dates = leaf.and_then(|leaf| dates(&leaf.der));
    Ok((chain.into_der(), dates.ok_or(IdentityError::ErrorChain(PemError::Unreadable { line }))?))
}

/// Reads from when to when a certificate is valid.
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
    /// Reads authorities from a PEM bundle. All of them must be usable: a bundle that is half read trusts half.
    pub fn from_pem(bundle: &str) -> Result<Self, IdentityError> {
        Self::from_certificates(&Certificates::from_pem(bundle.as_bytes()).map_err(IdentityError::Anchors)?)
    }

    /// Takes the certificates of a bundle for authorities.
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

/// Which groups keys are exchanged in.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub enum KeyExchange {
    /// X25519, P-256 and P-384. The hello has some 250 bytes, which every front end reads at once.
    #[default]
    Classical,
    /// X25519MLKEM768 before them, which what is recorded today withstands a quantum computer by. Its share alone has 1,216 bytes
    /// (draft-ietf-tls-ecdhe-mlkem), so that the hello takes two TCP segments; old front ends read one and close.
    Hybrid,
}

impl KeyExchange {
    /// Reads which groups receivers are offered: `ARAUTO_HYBRID_KEY_EXCHANGE` puts the post-quantum one before the others.
    pub fn of_settings(settings: &Settings<'_>) -> Result<Self, SettingError> {
        let hybrid = settings.parsed_or("ARAUTO_HYBRID_KEY_EXCHANGE", false)?;
        Ok(if hybrid { Self::Hybrid } else { Self::Classical })
    }

    /// Lets a provider offer these groups and no others.
    pub fn limit(self, provider: &mut CryptoProvider) {
        let classical = [kx_group::X25519, kx_group::SECP256R1, kx_group::SECP384R1];
        let hybrid = (self == Self::Hybrid).then_some(kx_group::X25519MLKEM768);
        provider.kx_groups = hybrid.into_iter().chain(classical).collect();
    }
}

/// Returns the cipher suites, groups and signatures we speak.
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
    /// The secret is not the JSON document it should be.
    #[error(
        "the secret is neither an identity in JSON nor an object of identities by authorisation server id"
    )]
    NotDocument,
    /// An identity is not the JSON object it should be.
    #[error(
        "the identity is not JSON with certificate_chain and either private_key, PEM text both, or kms_key_id"
    )]
    NotIdentity,
    /// An identity is not kept under an authorisation server's id.
    #[error("the identity is not kept under an authorisation server id, a UUID in lower case")]
    Owner,
    /// It is not certificates, all of which can be read.
    #[error("the identity's certificate_chain is not PEM certificates that can be read whole")]
    ErrorChain(#[source] PemError),
    /// There is no readable key.
    #[error("the identity's private_key is no readable PEM private key")]
    Key(#[source] PemError),
    /// The key is of a kind or size that TLS does not take.
    #[error("the identity's private_key is none that TLS can use: a BRCAC has a key of RSA with 2048 bits")]
    KeyUnusable,
    /// The key is another certificate's.
    #[error("the identity's private_key does not belong to its certificate")]
    Mismatch,
    /// The key's name is none.
    #[error("the identity's kms_key_id is not the ARN of a KMS key (an alias will not do)")]
    KeyArn,
    /// The key of KMS is another certificate's.
    #[error("the KMS key of the identity does not belong to its certificate")]
    KmsMismatch,
    /// The certificate is not valid yet.
    #[error("the identity's certificate is not valid before {0}")]
    NotYetValid(Timestamp),
    /// The certificate is not valid any more.
    #[error("the identity's certificate expired at {0}")]
    Expired(Timestamp),
    /// There is no readable authority, or one that is not.
    #[error("the trust anchors are no PEM bundle of authorities that can be read whole")]
    Anchors(#[source] PemError),
}

/// An identity whose key KMS keeps, and that cannot be used.
#[derive(Debug, Error)]
pub enum KmsIdentityError {
    /// KMS does not give the key's public half.
    #[error(transparent)]
    Key(#[from] KeyError),
    /// What the secret holds cannot be used with it.
    #[error(transparent)]
    Identity(#[from] IdentityError),
}
