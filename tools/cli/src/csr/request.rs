//! PKCS #10 (RFC 2986), signed by a key that may be remote.

use std::sync::{Mutex, PoisonError};

use anyhow::{Context as _, Result, ensure};
use certificates::{ClientSubject, PublicHalf};
use rcgen::{
    CertificateParams, Error, ExtendedKeyUsagePurpose, KeyUsagePurpose, PublicKeyData, SignatureAlgorithm,
    SigningKey,
};

use super::key::Key;

/// Creates a request in PEM for a BRCAC of this subject.
///
/// rcgen signs synchronously and cannot wait for KMS. So the request is created twice: once to get the bytes to sign,
/// and once with the signature.
pub(super) async fn make(subject: &ClientSubject, key: &Key) -> Result<String> {
    let params = params(subject)?;
    let public = PublicHalf::from_der(&key.public().await?)?;
    let first = Stand::new(public.clone(), Vec::new());
    params.serialize_request(&first).context("failed to write the request")?;
    let message = first.message();
    let second = Stand::new(public, key.sign(&message).await?);
    let request = params.serialize_request(&second).context("failed to write the request")?;
    ensure!(second.message() == message, "the request cannot be written the same way twice");
    Ok(request.pem().context("failed to write the request as PEM")?.replace("\r\n", "\n"))
}

/// "Padrão de Certificados", BRCAC: the usages of the certificate, and its only name.
fn params(subject: &ClientSubject) -> Result<CertificateParams> {
    let mut params = CertificateParams::new([subject.common_name.clone()]).context("no host name")?;
    params.distinguished_name = subject.distinguished_name()?;
    params.key_usages = vec![KeyUsagePurpose::DigitalSignature, KeyUsagePurpose::KeyEncipherment];
    params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ClientAuth];
    Ok(params)
}

/// A stand-in for the key: returns a given signature, and records the bytes to sign.
struct Stand {
    public: PublicHalf,
    signature: Vec<u8>,
    message: Mutex<Vec<u8>>,
}

impl Stand {
    fn new(public: PublicHalf, signature: Vec<u8>) -> Self {
        Self { public, signature, message: Mutex::default() }
    }

    fn message(&self) -> Vec<u8> {
        self.message.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

impl PublicKeyData for Stand {
    fn der_bytes(&self) -> &[u8] {
        self.public.der_bytes()
    }

    fn algorithm(&self) -> &'static SignatureAlgorithm {
        self.public.algorithm()
    }
}

impl SigningKey for Stand {
    fn sign(&self, message: &[u8]) -> Result<Vec<u8>, Error> {
        message.clone_into(&mut self.message.lock().unwrap_or_else(PoisonError::into_inner));
        Ok(self.signature.clone())
    }
}

#[cfg(test)]
mod tests {
    use std::io::Write as _;
    use std::process::{Command, Stdio};

    use rcgen::{KeyPair, PKCS_ECDSA_P256_SHA256};

    use super::*;
    use certificates::new_key;

    /// Returns openssl's description of a request; `None` if openssl is not installed.
    fn openssl(pem: &str) -> Option<String> {
        let mut openssl = Command::new("openssl");
        let openssl =
            openssl.args(["req", "-verify", "-noout", "-text", "-nameopt", "RFC2253,utf8,-esc_msb"]);
        let openssl = openssl.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = openssl.spawn().ok()?;
        child.stdin.take().unwrap().write_all(pem.as_bytes()).unwrap();
        let output = child.wait_with_output().unwrap();
        let said = String::from_utf8([output.stdout, output.stderr].concat()).unwrap();
        assert!(output.status.success() && said.contains("verify OK"), "{said}");
        Some(said)
    }

    #[tokio::test]
    async fn openssl_verifies_a_request_and_finds_the_fields_of_a_brcac() {
        let key = Key::Local(Box::new(new_key().unwrap()));
        let subject = ClientSubject { locality: "CURITIBA".to_owned(), ..ClientSubject::default() };
        let pem = make(&subject, &key).await.unwrap();
        assert!(pem.starts_with("-----BEGIN CERTIFICATE REQUEST-----\n"), "{pem}");
        let Some(said) = openssl(&pem) else { return };
        for expected in [
            "CN=webhook.bancoex.example",
            "UID=50f7a2e0-0000-4000-8000-0000000000b2",
            "organizationIdentifier=OFBBR-b7a1c0de-0000-4000-8000-0000000000a1",
            "L=CURITIBA",
            "ST=SP",
            "O=Banco Exemplo S.A.",
            "C=BR",
            "serialNumber=11222333000181",
            "jurisdictionC=BR",
            "businessCategory=Private Organization",
            "Public-Key: (2048 bit)",
            "sha256WithRSAEncryption",
            "Digital Signature, Key Encipherment",
            "TLS Web Client Authentication",
            "DNS:webhook.bancoex.example",
        ] {
            assert!(said.contains(expected), "{expected}: {said}");
        }
    }

    #[tokio::test]
    async fn a_key_that_is_not_of_rsa_is_refused() {
        let key = KeyPair::generate_for(&PKCS_ECDSA_P256_SHA256).unwrap();
        let error = make(&ClientSubject::default(), &Key::Local(Box::new(key))).await.unwrap_err();
        assert!(error.to_string().contains("not RSA"), "{error}");
    }
}
