//! A brand's identity whose key the local stack's KMS keeps.

use account::identity_secret;
use anyhow::{Context as _, Result};
use aws_sdk_kms::types::{KeySpec, KeyUsageType};
use devkit::pki::{ClientSubject, TestPki};
use devkit::stack::Stack;
use platform::aws::{KeyArn, Keys, kms};

/// Makes a key of RSA that signs.
pub async fn make_key(stack: &Stack) -> Result<KeyArn> {
    let client = kms(&stack.sdk_config());
    let asked = client.create_key().key_spec(KeySpec::Rsa2048).key_usage(KeyUsageType::SignVerify);
    let made = asked.send().await.context("KMS makes no key")?;
    let made = made.key_metadata.context("KMS says nothing of the key")?;
    Ok(made.arn.context("the key has no ARN")?.parse()?)
}

/// Has a new key certified under this name, and stores the identity as that of an authorisation server.
pub async fn put_identity(stack: &Stack, pki: &TestPki, name: &str, server: &str) -> Result<()> {
    let (sdk, key) = (stack.sdk_config(), make_key(stack).await?);
    let public = Keys::new(kms(&sdk)).public_key(&key).await?;
    let subject = ClientSubject { common_name: name.to_owned(), ..ClientSubject::default() };
    let chain = pki.sender_authority.client_of_key(&subject, &public)?;
    identity_secret::put_in_kms(&sdk, stack.output("IdentitySecretArn")?, (&chain, &key), server).await
}
