//! The public key of a key pair whose private key is elsewhere, for example in KMS.

use anyhow::{Context as _, Result, ensure};
use rcgen::{PKCS_RSA_SHA256, PublicKeyData, SignatureAlgorithm};
use x509_parser::prelude::FromDer as _;
use x509_parser::x509::SubjectPublicKeyInfo;

/// `rsaEncryption`, of RFC 8017.
const RSA: &str = "1.2.840.113549.1.1.1";

/// The public key of an RSA key pair whose private key is elsewhere.
#[derive(Clone, Debug)]
pub struct PublicHalf(Vec<u8>);

impl PublicHalf {
    /// Reads a `SubjectPublicKeyInfo` in DER.
    pub fn from_der(der: &[u8]) -> Result<Self> {
        let (_, parsed) =
            SubjectPublicKeyInfo::from_der(der).context("the public half of the key cannot be read")?;
        let algorithm = parsed.algorithm.algorithm.to_id_string();
        ensure!(algorithm == RSA, "the key is not RSA, which a BRCAC requires");
        Ok(Self(parsed.subject_public_key.data.to_vec()))
    }
}

impl PublicKeyData for PublicHalf {
    fn der_bytes(&self) -> &[u8] {
        &self.0
    }

    fn algorithm(&self) -> &'static SignatureAlgorithm {
        &PKCS_RSA_SHA256
    }
}
