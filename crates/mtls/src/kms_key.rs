//! A private key in KMS, as a signing key of rustls.

use std::sync::Arc;
use std::sync::mpsc;
use std::time::Duration;

use aws_lc_rs::digest::{self, SHA256, SHA384, SHA512};
use aws_sdk_kms::types::SigningAlgorithmSpec;
use platform::aws::{KeyArn, KeyError, Keys};
use rustls::pki_types::SubjectPublicKeyInfoDer;
use rustls::sign::{Signer, SigningKey};
use rustls::{OtherError, SignatureAlgorithm, SignatureScheme};
use thiserror::Error;
use tokio::runtime::Handle;
use tokio::time::timeout;

/// Timeout of a signature. KMS answers in tens of milliseconds. The timeout leaves room for a lost try and is shorter
/// than the shortest timeout of an attempt, so that a fault of KMS is not taken for a timeout of the receiver.
pub const SIGN_TIMEOUT: Duration = Duration::from_secs(2);
/// A signature that takes longer than this means that the runtime has stopped.
const STOPPED: Duration = Duration::from_secs(30);

/// RSA schemes with SHA-256 and above, in order of preference, each with its KMS name and hash.
///
/// BRCACs hold RSA keys ("Padrão de Certificados"); TLS 1.3 signs with PSS only (RFC 8446, section 4.2.3).
const SCHEMES: [(SignatureScheme, SigningAlgorithmSpec, &digest::Algorithm); 6] = [
    (SignatureScheme::RSA_PSS_SHA512, SigningAlgorithmSpec::RsassaPssSha512, &SHA512),
    (SignatureScheme::RSA_PSS_SHA384, SigningAlgorithmSpec::RsassaPssSha384, &SHA384),
    (SignatureScheme::RSA_PSS_SHA256, SigningAlgorithmSpec::RsassaPssSha256, &SHA256),
    (SignatureScheme::RSA_PKCS1_SHA512, SigningAlgorithmSpec::RsassaPkcs1V15Sha512, &SHA512),
    (SignatureScheme::RSA_PKCS1_SHA384, SigningAlgorithmSpec::RsassaPkcs1V15Sha384, &SHA384),
    (SignatureScheme::RSA_PKCS1_SHA256, SigningAlgorithmSpec::RsassaPkcs1V15Sha256, &SHA256),
];

/// The private key of a certificate, in KMS. Copies are the same key.
#[derive(Clone, Debug)]
pub(super) struct KmsKey(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    keys: Keys,
    arn: KeyArn,
    public: SubjectPublicKeyInfoDer<'static>,
}

impl KmsKey {
    pub(super) fn new(keys: Keys, arn: KeyArn, public: Vec<u8>) -> Self {
        Self(Arc::new(Inner { keys, arn, public: public.into() }))
    }
}

impl SigningKey for KmsKey {
    fn choose_scheme(&self, offered: &[SignatureScheme]) -> Option<Box<dyn Signer>> {
        let (scheme, algorithm, hash) = SCHEMES.into_iter().find(|(scheme, ..)| offered.contains(scheme))?;
        Some(Box::new(KmsSigner { key: self.clone(), scheme, algorithm, hash }))
    }

    fn public_key(&self) -> Option<SubjectPublicKeyInfoDer<'_>> {
        Some(SubjectPublicKeyInfoDer::from(self.0.public.as_ref()))
    }

    fn algorithm(&self) -> SignatureAlgorithm {
        SignatureAlgorithm::RSA
    }
}

#[derive(Debug)]
struct KmsSigner {
    key: KmsKey,
    scheme: SignatureScheme,
    algorithm: SigningAlgorithmSpec,
    hash: &'static digest::Algorithm,
}

impl Signer for KmsSigner {
    /// Asks KMS and blocks this thread until it answers. The runtime makes the call, so this must not be its only
    /// thread: see [`super::connect`].
    fn sign(&self, message: &[u8]) -> Result<Vec<u8>, rustls::Error> {
        let failed = |error| rustls::Error::Other(OtherError(Arc::new(SigningUnavailable(Arc::new(error)))));
        let digest = digest::digest(self.hash, message).as_ref().to_vec();
        let (key, algorithm) = (Arc::clone(&self.key.0), self.algorithm.clone());
        let (tell, told) = mpsc::sync_channel(1);
        let runtime = Handle::try_current().map_err(|_| failed(SigningError::Stopped))?;
        runtime.spawn(async move {
            let signed = timeout(SIGN_TIMEOUT, key.keys.sign(&key.arn, algorithm, digest)).await;
            // The receiving end is gone if the handshake was abandoned.
            tell.send(signed.map_err(|_| SigningError::Slow).and_then(|signed| Ok(signed?)))
                .unwrap_or_default();
        });
        told.recv_timeout(STOPPED).unwrap_or(Err(SigningError::Stopped)).map_err(failed)
    }

    fn scheme(&self) -> SignatureScheme {
        self.scheme
    }
}

/// KMS did not sign a handshake, so nothing was sent. A fault of ours that consumes no attempt.
#[derive(Clone, Debug, Error)]
#[error("the handshake could not be signed")]
pub struct SigningUnavailable(#[source] Arc<SigningError>);

/// Why KMS did not sign.
#[derive(Debug, Error)]
pub enum SigningError {
    /// KMS refused, or could not be reached.
    #[error(transparent)]
    Key(#[from] KeyError),
    /// KMS took too long.
    #[error("KMS did not sign within {SIGN_TIMEOUT:?}")]
    Slow,
    /// The runtime that calls KMS has stopped.
    #[error("KMS could not be asked, as the runtime has stopped")]
    Stopped,
}
