//! The stand-in's KMS: keys that sign digests, as the real one does, with the private keys it was given.

use std::collections::HashMap;

use aws_lc_rs::digest::{self, Digest, SHA256, SHA384, SHA512};
use aws_lc_rs::encoding::{AsDer, PublicKeyX509Der};
use aws_lc_rs::rsa::KeyPair;
use aws_lc_rs::signature::{
    KeyPair as _, RSA_PKCS1_SHA256, RSA_PKCS1_SHA384, RSA_PKCS1_SHA512, RSA_PSS_SHA256, RSA_PSS_SHA384,
    RSA_PSS_SHA512, RsaEncoding,
};
use rustls_pki_types::PrivateKeyDer;
use rustls_pki_types::pem::PemObject as _;
use serde_json::{Value, json};

/// The keys of an account, by ARN.
#[derive(Default)]
pub(super) struct Kms(HashMap<String, KeyPair>);

impl Kms {
    /// Takes a private RSA key in PEM.
    pub(super) fn put(&mut self, arn: &str, pem: &str) {
        let der = PrivateKeyDer::from_pem_slice(pem.as_bytes()).expect("a private key");
        let pair = KeyPair::from_pkcs8(der.secret_der()).expect("an RSA key");
        self.0.insert(arn.to_owned(), pair);
    }

    /// Answers a request of KMS; nothing to one of another service.
    pub(super) fn answer(&self, operation: &str, input: &Value) -> Option<(u16, Value)> {
        if !["GetPublicKey", "Sign"].contains(&operation) {
            return None;
        }
        let Some(pair) = self.0.get(input["KeyId"].as_str().unwrap_or_default()) else {
            return Some((400, json!({ "__type": "NotFoundException" })));
        };
        Some(match operation {
            "GetPublicKey" => {
                let der: PublicKeyX509Der<'_> = pair.public_key().as_der().expect("a public key");
                let public = aws_smithy_types::base64::encode(der.as_ref());
                (200, json!({ "PublicKey": public, "KeyUsage": "SIGN_VERIFY", "KeySpec": "RSA_2048" }))
            }
            _ => match signed(pair, input) {
                Some(signature) => (200, json!({ "Signature": aws_smithy_types::base64::encode(signature) })),
                None => (400, json!({ "__type": "ValidationException" })),
            },
        })
    }
}

fn signed(pair: &KeyPair, input: &Value) -> Option<Vec<u8>> {
    let (padding, hash): (&'static dyn RsaEncoding, &'static digest::Algorithm) =
        match input["SigningAlgorithm"].as_str()? {
            "RSASSA_PSS_SHA_256" => (&RSA_PSS_SHA256, &SHA256),
            "RSASSA_PSS_SHA_384" => (&RSA_PSS_SHA384, &SHA384),
            "RSASSA_PSS_SHA_512" => (&RSA_PSS_SHA512, &SHA512),
            "RSASSA_PKCS1_V1_5_SHA_256" => (&RSA_PKCS1_SHA256, &SHA256),
            "RSASSA_PKCS1_V1_5_SHA_384" => (&RSA_PKCS1_SHA384, &SHA384),
            "RSASSA_PKCS1_V1_5_SHA_512" => (&RSA_PKCS1_SHA512, &SHA512),
            _ => return None,
        };
    // Anything else would be hashed once more, and no handshake would hold.
    if input["MessageType"] != "DIGEST" {
        return None;
    }
    let message = aws_smithy_types::base64::decode(input["Message"].as_str()?).ok()?;
    let digest = Digest::import_less_safe(&message, hash).ok()?;
    let mut signature = vec![0; pair.public_modulus_len()];
    pair.sign_digest(padding, &digest, &mut signature).ok()?;
    Some(signature)
}
