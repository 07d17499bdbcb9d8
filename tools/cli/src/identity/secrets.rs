//! The secrets of a stack: those of the named or local one, or one by its ARN.

use account::{StackArgs, sdk_config};
use anyhow::Result;
use aws_config::SdkConfig;
use clap::Args;

/// The location of the identities.
#[derive(Args, Clone, Debug)]
pub(super) struct SecretArgs {
    #[command(flatten)]
    stack: StackArgs,
    /// Secret of the identities without a stack
    #[arg(long, value_name = "ARN", conflicts_with = "stack_name", help_heading = "AWS")]
    identity_secret: Option<String>,
}

/// The secrets, and the configuration that reaches them.
pub(super) struct Secrets {
    pub(super) sdk: SdkConfig,
    pub(super) identity: String,
    /// The secret of the trust anchors, if it is known.
    pub(super) trust: Option<String>,
    /// Where they are, for people.
    pub(super) place: String,
}

impl SecretArgs {
    /// Finds the secrets, where `trust` is that of the trust anchors.
    pub(super) async fn find(&self, trust: Option<&String>) -> Result<Secrets> {
        if let Some(identity) = self.identity_secret.clone() {
            let sdk = sdk_config(&self.stack.account).await?;
            return Ok(Secrets { sdk, place: identity.clone(), identity, trust: trust.cloned() });
        }
        let stack = self.stack.find(" (or --identity-secret)").await?;
        Ok(Secrets {
            identity: stack.output("IdentitySecretArn")?.to_owned(),
            trust: Some(stack.output("TrustSecretArn")?.to_owned()),
            place: stack.to_string(),
            sdk: stack.sdk,
        })
    }
}
