//! Keys that sign whatever they are given.

use std::process::Command;

use anyhow::{Context as _, Result, ensure};
use rcgen::{KeyPair, PublicKeyData as _, SignatureAlgorithm, SigningKey as _};
use rustls_pki_types::PrivateKeyDer;
use tempfile::TempDir;

/// ecdsa-with-SHA256 (RFC 5758, section 3.2), what is in the `AlgorithmIdentifier`.
const ECDSA_SHA256: &[u8] = &[0x06, 0x08, 0x2a, 0x86, 0x48, 0xce, 0x3d, 0x04, 0x03, 0x02];
/// ecdsa-with-SHA384.
const ECDSA_SHA384: &[u8] = &[0x06, 0x08, 0x2a, 0x86, 0x48, 0xce, 0x3d, 0x04, 0x03, 0x03];
/// ecdsa-with-SHA512.
const ECDSA_SHA512: &[u8] = &[0x06, 0x08, 0x2a, 0x86, 0x48, 0xce, 0x3d, 0x04, 0x03, 0x04];
/// sha1WithRSAEncryption (RFC 3279, section 2.2.1).
const RSA_SHA1: &[u8] = &[0x06, 0x09, 0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x01, 0x05, 0x05, 0x00];
/// sha256WithRSAEncryption (RFC 4055, section 5).
const RSA_SHA256: &[u8] = &[0x06, 0x09, 0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x01, 0x0b, 0x05, 0x00];

/// A key and how it signs.
#[derive(Debug)]
pub struct Key {
    spki: Vec<u8>,
    algorithm: &'static [u8],
    signer: Signer,
}

#[derive(Debug)]
enum Signer {
    Here(KeyPair),
    /// openssl, with a digest: for keys and digests that no library here signs with any more.
    Openssl(TempDir, &'static str),
}

/// A digest that openssl signs with by RSA.
#[derive(Clone, Copy, Debug)]
pub enum Digest {
    /// SHA-1.
    Sha1,
    /// SHA-256.
    Sha256,
}

impl Default for Key {
    fn default() -> Self {
        Self::of(&rcgen::PKCS_ECDSA_P256_SHA256)
    }
}

impl Key {
    /// Makes a key.
    ///
    /// # Panics
    /// Where the machine makes none.
    pub fn of(algorithm: &'static SignatureAlgorithm) -> Self {
        let key = KeyPair::generate_for(algorithm).expect("a key is made");
        let identifier = if algorithm == &rcgen::PKCS_ECDSA_P256_SHA256 {
            ECDSA_SHA256
        } else if algorithm == &rcgen::PKCS_ECDSA_P384_SHA384 {
            ECDSA_SHA384
        } else if algorithm == &rcgen::PKCS_ECDSA_P521_SHA512 {
            ECDSA_SHA512
        } else {
            RSA_SHA256
        };
        Self { spki: key.subject_public_key_info(), algorithm: identifier, signer: Signer::Here(key) }
    }

    /// Has openssl make an RSA key, and sign with it.
    pub fn rsa(bits: usize, digest: Digest) -> Result<Self> {
        let folder = tempfile::tempdir()?;
        let bits = format!("rsa_keygen_bits:{bits}");
        openssl(&folder, &["genpkey", "-algorithm", "RSA", "-pkeyopt", &bits, "-out", "key.pem"])?;
        openssl(&folder, &["pkey", "-in", "key.pem", "-pubout", "-outform", "DER", "-out", "spki.der"])?;
        let spki = std::fs::read(folder.path().join("spki.der"))?;
        let (algorithm, digest) = match digest {
            Digest::Sha1 => (RSA_SHA1, "-sha1"),
            Digest::Sha256 => (RSA_SHA256, "-sha256"),
        };
        Ok(Self { spki, algorithm, signer: Signer::Openssl(folder, digest) })
    }

    /// The `SubjectPublicKeyInfo`, in DER.
    pub fn spki(&self) -> &[u8] {
        &self.spki
    }

    /// What is in the `AlgorithmIdentifier` of its signatures.
    pub fn algorithm(&self) -> &'static [u8] {
        self.algorithm
    }

    /// The private key, for a receiver's TLS.
    ///
    /// # Panics
    /// Where it is openssl's.
    pub fn private(&self) -> PrivateKeyDer<'static> {
        match &self.signer {
            Signer::Here(key) => PrivateKeyDer::try_from(key.serialize_der()).expect("a private key"),
            Signer::Openssl(..) => panic!("openssl keeps its keys"),
        }
    }

    /// Signs a message.
    ///
    /// # Panics
    /// Where openssl does not.
    pub fn sign(&self, message: &[u8]) -> Vec<u8> {
        match &self.signer {
            Signer::Here(key) => key.sign(message).expect("a key signs"),
            Signer::Openssl(folder, digest) => sign(folder, digest, message).expect("openssl signs"),
        }
    }
}

fn sign(folder: &TempDir, digest: &str, message: &[u8]) -> Result<Vec<u8>> {
    std::fs::write(folder.path().join("message"), message)?;
    openssl(folder, &["dgst", digest, "-sign", "key.pem", "-out", "signature", "message"])?;
    Ok(std::fs::read(folder.path().join("signature"))?)
}

fn openssl(folder: &TempDir, arguments: &[&str]) -> Result<()> {
    let output = Command::new("openssl").current_dir(folder.path()).args(arguments).output();
    let output = output.context("openssl does not start")?;
    ensure!(output.status.success(), "openssl: {}", String::from_utf8_lossy(&output.stderr));
    Ok(())
}
