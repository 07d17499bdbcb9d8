//! PKCS #10 (RFC 2986), signed by a key that need not be here.

use std::sync::{Mutex, PoisonError};

use anyhow::{Context as _, Result, ensure};
use rcgen::{
    CertificateParams, Error, ExtendedKeyUsagePurpose, KeyUsagePurpose, PKCS_RSA_SHA256, PublicKeyData,
    SignatureAlgorithm, SigningKey,
};
use x509_parser::prelude::FromDer as _;
use x509_parser::x509::SubjectPublicKeyInfo;

use super::key::Key;
use crate::pki::ClientSubject;

/// Makes a request for a BRCAC of this subject: PEM.
///
/// rcgen signs in one call that cannot wait for KMS. So the request is made twice: once to see what is to be signed, and once
/// with the signature.
pub(super) async fn make(subject: &ClientSubject, key: &Key) -> Result<String> {
    let params = params(subject)?;
    let public = key.public().await?;
    let first = Stand::new(&public, Vec::new())?;
    params.serialize_request(&first).context("failed to write the request")?;
    let message = first.message();
    let second = Stand::new(&public, key.sign(&message).await?)?;
    let request = params.serialize_request(&second).context("failed to write the request")?;
    ensure!(second.message() == message, "the request cannot be written the same way twice");
    Ok(request.pem().context("failed to write the request as PEM")?.replace("\r\n", "\n"))
}

/// "Padrão de Certificados", BRCAC: the usages that the certificate is to have, and its only name.
fn params(subject: &ClientSubject) -> Result<CertificateParams> {
    let mut params = CertificateParams::new([subject.common_name.clone()]).context("no host name")?;
    params.distinguished_name = subject.distinguished_name()?;
    params.key_usages = vec![KeyUsagePurpose::DigitalSignature, KeyUsagePurpose::KeyEncipherment];
    params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ClientAuth];
    Ok(params)
}

/// Stands in for the key: hands out a signature that is there already, and notes what was to be signed.
struct Stand {
    public: Vec<u8>,
    signature: Vec<u8>,
    message: Mutex<Vec<u8>>,
}

impl Stand {
    fn new(public: &[u8], signature: Vec<u8>) -> Result<Self> {
        let (_, parsed) =
            SubjectPublicKeyInfo::from_der(public).context("the key's public half cannot be read")?;
        let is_rsa = parsed.algorithm.algorithm.to_id_string() == "1.2.840.113549.1.1.1";
        ensure!(is_rsa, "the key is not one of RSA, which a BRCAC has");
        Ok(Self { public: parsed.subject_public_key.data.to_vec(), signature, message: Mutex::default() })
    }

    fn message(&self) -> Vec<u8> {
        self.message.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

impl PublicKeyData for Stand {
    fn der_bytes(&self) -> &[u8] {
        &self.public
    }

    fn algorithm(&self) -> &'static SignatureAlgorithm {
        &PKCS_RSA_SHA256
    }
}

impl SigningKey for Stand {
    fn sign(&self, message: &[u8]) -> Result<Vec<u8>, Error> {
        message.clone_into(&mut self.message.lock().unwrap_or_else(PoisonError::into_inner));
        Ok(self.signature.clone())
    }
}
