use std::fmt;

use anyhow::{Context as _, Result, bail};
use aws_lc_rs::encoding::{AsDer as _, PublicKeyX509Der};
use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::rsa::KeySize;
use aws_lc_rs::signature::{KeyPair as _, RSA_PSS_SHA256, RsaKeyPair};
use aws_lc_rs::{digest, error};
use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use rustls_pki_types::PrivateKeyDer;
use serde_json::{Value, json};
use x509_parser::prelude::FromDer as _;
use x509_parser::public_key::PublicKey;
use x509_parser::x509::SubjectPublicKeyInfo;

use crate::pem::private_key;

/// A line of PEM (RFC 7468).
const PEM_LINE: usize = 64;

/// An RSA key for PS256.
pub struct SigningKey {
    pair: RsaKeyPair,
    kid: String,
    jwk: Value,
    public_pem: String,
}

impl SigningKey {
    /// Makes a key of 2048 bits.
    pub fn generate() -> Result<Self> {
        let pair = RsaKeyPair::generate(KeySize::Rsa2048)
            .map_err(|error::Unspecified| anyhow::anyhow!("failed to make an RSA key"))?;
        Self::new(pair)
    }

    /// Reads a private key of RSA in PEM, of 2048 bits or more.
    pub fn from_pem(pem: &str) -> Result<Self> {
        let key = private_key(pem)?;
        let pair = match &key {
            PrivateKeyDer::Pkcs1(key) => RsaKeyPair::from_der(key.secret_pkcs1_der()),
            key => RsaKeyPair::from_pkcs8(key.secret_der()),
        };
        let pair = pair.map_err(|rejected| {
            anyhow::anyhow!("the private key is not RSA of 2048 bits or more: {rejected}")
        })?;
        Self::new(pair)
    }

    fn new(pair: RsaKeyPair) -> Result<Self> {
        let der: PublicKeyX509Der<'_> = pair
            .public_key()
            .as_der()
            .map_err(|error::Unspecified| anyhow::anyhow!("the public key cannot be written"))?;
        let (_, info) =
            SubjectPublicKeyInfo::from_der(der.as_ref()).context("the public key cannot be read back")?;
        let PublicKey::RSA(rsa) = info.parsed().context("the public key cannot be read back")? else {
            bail!("the key is not RSA");
        };
        let (n, e) = (base64url(without_leading_zeros(rsa.modulus)), base64url(rsa.exponent));
        let kid = thumbprint(&n, &e);
        let jwk = json!({ "kty": "RSA", "kid": kid, "use": "sig", "alg": "PS256", "n": n, "e": e });
        let public_pem = public_pem(der.as_ref());
        Ok(Self { pair, kid, jwk, public_pem })
    }

    /// Its name: the thumbprint of RFC 7638, so the same key has the same name in every process.
    pub fn kid(&self) -> &str {
        &self.kid
    }

    /// The public half, PEM.
    pub fn public_pem(&self) -> &str {
        &self.public_pem
    }

    /// The public half, as a JWKS lists it.
    pub(super) fn jwk(&self) -> &Value {
        &self.jwk
    }

    /// Signs with RSASSA-PSS, SHA-256 and a salt as long as the hash: PS256 of RFC 7518.
    pub(super) fn sign(&self, message: &[u8]) -> Vec<u8> {
        let mut signature = vec![0; self.pair.public_modulus_len()];
        self.pair
            .sign(&RSA_PSS_SHA256, &SystemRandom::new(), message, &mut signature)
            .expect("an RSA key of 2048 bits or more signs any message");
        signature
    }
}

/// Without the private half.
impl fmt::Debug for SigningKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SigningKey").field("kid", &self.kid).finish_non_exhaustive()
    }
}

/// Base64 as JOSE writes it.
pub(super) fn base64url(bytes: impl AsRef<[u8]>) -> String {
    URL_SAFE_NO_PAD.encode(bytes)
}

fn thumbprint(n: &str, e: &str) -> String {
    // The members in the order that RFC 7638 prescribes; neither value needs escaping.
    let canonical = format!(r#"{{"e":"{e}","kty":"RSA","n":"{n}"}}"#);
    base64url(digest::digest(&digest::SHA256, canonical.as_bytes()))
}

fn public_pem(der: &[u8]) -> String {
    let mut pem = "-----BEGIN PUBLIC KEY-----\n".to_owned();
    for (index, letter) in STANDARD.encode(der).chars().enumerate() {
        if index > 0 && index % PEM_LINE == 0 {
            pem.push('\n');
        }
        pem.push(letter);
    }
    pem + "\n-----END PUBLIC KEY-----\n"
}

fn without_leading_zeros(bytes: &[u8]) -> &[u8] {
    let zeros = bytes.iter().take_while(|byte| **byte == 0).count();
    bytes.get(zeros..).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The example of RFC 7638, section 3.1.
    #[test]
    fn a_key_is_named_by_its_thumbprint() {
        let n = "0vx7agoebGcQSuuPiLJXZptN9nndrQmbXEps2aiAFbWhM78LhWx4cbbfAAtVT86zwu1RK7aPFFxuhDR1L6tSoc_BJECPebWKRXjBZCi\
                 FV4n3oknjhMstn64tZ_2W-5JsGY4Hc5n9yBXArwl93lqt7_RN5w6Cf0h4QyQ5v-65YGjQR0_FDW2QvzqY368QQMicAtaSqzs8KJZgnYb9\
                 c7d0zgdAZHzu6qMQvRL5hajrn1n91CbOpbISD08qNLyrdkt-bFTWhAI4vMQFh6WeZu0fM4lFd2NcRwr3XPksINHaQ-G_xBniIqbw0Ls1jF\
                 44-csFCur-kEgU8awapJzKnqDKgw";
        assert_eq!(thumbprint(n, "AQAB"), "NzbLsXh8uDCcd-6MNwXF4W_7noWXFZAfHkxZsRGC9Xs");
    }

    #[test]
    fn a_key_that_is_not_rsa_is_refused() {
        let error = SigningKey::from_pem("").unwrap_err();
        assert!(error.to_string().contains("BEGIN PRIVATE KEY"), "{error}");
        let elliptic = rcgen::KeyPair::generate().unwrap().serialize_pem();
        let error = SigningKey::from_pem(&elliptic).unwrap_err();
        assert!(error.to_string().contains("is not RSA"), "{error}");
    }
}
