//! KMS: private keys that sign there and never leave it.

use std::fmt;
use std::str::FromStr;

use aws_sdk_kms::Client;
use aws_sdk_kms::error::BoxError;
use aws_sdk_kms::primitives::Blob;
use aws_sdk_kms::types::{KeyUsageType, MessageType, SigningAlgorithmSpec};
use thiserror::Error;

use super::cause::cause;

/// Asks KMS for public keys and signatures.
#[derive(Clone, Debug)]
pub struct Keys {
    client: Client,
}

/// The ARN of a KMS key. Aliases are refused, because moving an alias would change the key under a certificate.
#[derive(Clone, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub struct KeyArn(String);

impl Keys {
    /// Uses this client.
    pub fn new(client: Client) -> Self {
        Self { client }
    }

    /// Returns the public key of a signing key, as a `SubjectPublicKeyInfo` in DER.
    pub async fn public_key(&self, key: &KeyArn) -> Result<Vec<u8>, KeyError> {
        let answer = self.client.get_public_key().key_id(&key.0).send().await;
        let answer =
            answer.map_err(|error| KeyError::service("read the public half of", key, cause(error)))?;
        if answer.key_usage != Some(KeyUsageType::SignVerify) {
            return Err(KeyError::Usage { key: key.clone() });
        }
        answer.public_key.map(Blob::into_inner).ok_or_else(|| KeyError::Usage { key: key.clone() })
    }

    /// Signs this digest.
    pub async fn sign(
        &self,
        key: &KeyArn,
        algorithm: SigningAlgorithmSpec,
        digest: Vec<u8>,
    ) -> Result<Vec<u8>, KeyError> {
        let asked = self.client.sign().key_id(&key.0).signing_algorithm(algorithm);
        let answer = asked.message_type(MessageType::Digest).message(Blob::new(digest)).send().await;
        let answer = answer.map_err(|error| KeyError::service("sign with", key, cause(error)))?;
        answer.signature.map(Blob::into_inner).ok_or_else(|| KeyError::Usage { key: key.clone() })
    }
}

impl FromStr for KeyArn {
    type Err = NotAKeyArn;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let parts: Vec<&str> = text.split(':').collect();
        let is_key = |resource: &str| resource.strip_prefix("key/").is_some_and(|id| !id.is_empty());
        match parts.as_slice() {
            ["arn", _, "kms", region, account, resource]
                if !region.is_empty() && !account.is_empty() && is_key(resource) =>
            {
                Ok(Self(text.to_owned()))
            }
            _ => Err(NotAKeyArn),
        }
    }
}

impl fmt::Display for KeyArn {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// A text that is not an ARN of a key.
#[derive(Clone, Copy, Debug, Error, Eq, PartialEq)]
#[error("expected the ARN of a KMS key, arn:aws:kms:<region>:<account>:key/<id>, and not an alias")]
pub struct NotAKeyArn;

/// Why a KMS key cannot be used.
#[derive(Debug, Error)]
pub enum KeyError {
    /// The service refused, or did not answer.
    #[error("failed to {doing} the KMS key {key}")]
    Service {
        /// The failed action.
        doing: &'static str,
        /// The key.
        key: KeyArn,
        /// The service's error.
        source: BoxError,
    },
    /// The key is not a signing key.
    #[error("the KMS key {key} is not an asymmetric key of usage SIGN_VERIFY")]
    Usage {
        /// The key.
        key: KeyArn,
    },
}

impl KeyError {
    fn service(doing: &'static str, key: &KeyArn, source: BoxError) -> Self {
        Self::Service { doing, key: key.clone(), source }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_arn_of_a_key_is_taken() {
        for arn in [
            "arn:aws:kms:sa-east-1:123456789012:key/1234abcd-12ab-34cd-56ef-1234567890ab",
            "arn:aws-us-gov:kms:us-gov-west-1:123456789012:key/mrk-1234abcd12ab34cd56ef1234567890ab",
        ] {
            assert_eq!(arn.parse::<KeyArn>().map(|key| key.to_string()), Ok(arn.to_owned()));
        }
        for other in [
            "",
            "1234abcd-12ab-34cd-56ef-1234567890ab",
            "alias/webhook",
            "arn:aws:kms:sa-east-1:123456789012:alias/webhook",
            "arn:aws:kms:sa-east-1:123456789012:key/",
            "arn:aws:kms:sa-east-1::key/1234abcd",
            "arn:aws:s3:sa-east-1:123456789012:key/1234abcd",
        ] {
            assert_eq!(other.parse::<KeyArn>(), Err(NotAKeyArn), "{other}");
        }
    }
}
