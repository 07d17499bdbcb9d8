//! The key of a request.

use std::fs;
use std::path::Path;

use anyhow::{Context as _, Result, anyhow};
use aws_lc_rs::digest::{SHA256, digest};
use aws_sdk_kms::types::SigningAlgorithmSpec;
use certificates::{new_key, write_new};
use mtls::pem::private_key;
use platform::aws::{KeyArn, Keys};
use rcgen::{KeyPair, PKCS_RSA_SHA256, PublicKeyData as _, SigningKey as _};

/// Where the key is stored.
pub(super) enum Key {
    /// In KMS.
    InKms(Keys, KeyArn),
    /// In a file.
    Local(Box<KeyPair>),
}

impl Key {
    /// Reads a key from a file, or creates the file, readable by its owner only; returns whether it was created.
    pub(super) fn open_or_create(path: &Path) -> Result<(Self, bool)> {
        if !path.try_exists().with_context(|| format!("failed to look for {}", path.display()))? {
            let key = new_key()?;
            write_new(path, &key.serialize_pem(), 0o600)?;
            return Ok((Self::Local(Box::new(key)), true));
        }
        let file = fs::read(path).with_context(|| format!("failed to read {}", path.display()))?;
        let left =
            || format!("{} holds no private key that can be used; it was left unchanged", path.display());
        let key = private_key(&file).with_context(left)?;
        let key = KeyPair::from_der_and_sign_algo(&key, &PKCS_RSA_SHA256)
            .map_err(|_| anyhow!("it is not RSA, which a BRCAC requires"))
            .with_context(left)?;
        Ok((Self::Local(Box::new(key)), false))
    }

    /// Returns the public key as a `SubjectPublicKeyInfo` in DER.
    pub(super) async fn public(&self) -> Result<Vec<u8>> {
        match self {
            Self::InKms(keys, arn) => Ok(keys.public_key(arn).await?),
            Self::Local(key) => Ok(key.subject_public_key_info()),
        }
    }

    /// Signs with RSA, PKCS #1 v1.5 and SHA-256.
    pub(super) async fn sign(&self, message: &[u8]) -> Result<Vec<u8>> {
        match self {
            Self::InKms(keys, arn) => {
                let digest = digest(&SHA256, message).as_ref().to_vec();
                Ok(keys.sign(arn, SigningAlgorithmSpec::RsassaPkcs1V15Sha256, digest).await?)
            }
            Self::Local(key) => key.sign(message).context("failed to sign the request"),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt as _;

    use super::*;

    #[tokio::test]
    async fn a_key_is_made_once_for_its_owner_only_and_used_again() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("key.pem");
        let (made, new) = Key::open_or_create(&path).unwrap();
        let (found, newer) = Key::open_or_create(&path).unwrap();
        assert_eq!((new, newer), (true, false));
        assert_eq!(made.public().await.unwrap(), found.public().await.unwrap());
        assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
    }

    #[test]
    fn a_file_that_holds_no_key_is_refused_and_left_as_it_is() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("key.pem");
        fs::write(&path, "secret words").unwrap();
        let error = Key::open_or_create(&path).map(drop).unwrap_err().to_string();
        assert!(error.contains("holds no private key") && !error.contains("secret words"), "{error}");
        assert_eq!(fs::read_to_string(&path).unwrap(), "secret words");
    }
}
