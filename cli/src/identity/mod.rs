//! `arauto identity put`: our certificate, its key and the authorities we trust, checked and stored.

use std::fs;
use std::io::Write as _;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result};
use aws_config::SdkConfig;
use clap::{Args, Subcommand};
use serde_json::json;
use webhook::aws::{sdk_config, secrets_manager};
use webhook::edge::Clock;
use webhook::peer::{Identity, TrustAnchors};

/// Store our certificate, its key and the authorities we trust
#[derive(Args, Clone, Debug)]
pub struct IdentityArgs {
    #[command(subcommand)]
    command: IdentityCommand,
}

#[derive(Clone, Debug, Subcommand)]
enum IdentityCommand {
    Put(PutArgs),
}

/// Check the files and put them into the stack's secrets
///
/// Refuses a key that is not the certificate's, a certificate that is not valid now, and files that cannot be read. Running
/// functions take the new identity up within five minutes. Credentials and region come from the environment or the AWS
/// profile; the key goes nowhere but into the secret.
#[derive(Args, Clone, Debug)]
#[command(
    after_help = "Example:\n  arauto identity put --identity-secret \"$IDENTITY_SECRET_ARN\" --trust-secret \"$TRUST_SECRET_ARN\" \\\n    \
    --certificate-chain brcac.pem --private-key brcac-key.pem --trust-anchors icp-brasil.pem\n\n\
    The two ARNs are the outputs IdentitySecretArn and TrustSecretArn of the stack."
)]
struct PutArgs {
    /// Secret of the identity: the stack's output IdentitySecretArn
    #[arg(long, value_name = "ARN")]
    identity_secret: String,
    /// Our certificate (BRCAC) followed by its intermediates, PEM
    #[arg(long, value_name = "FILE")]
    certificate_chain: PathBuf,
    /// The certificate's private key, PEM
    #[arg(long, value_name = "FILE")]
    private_key: PathBuf,
    /// Secret of the trust anchors: the stack's output TrustSecretArn
    #[arg(long, value_name = "ARN", requires = "trust_anchors")]
    trust_secret: Option<String>,
    /// Authorities that receivers' certificates must descend from, a PEM bundle
    #[arg(long, value_name = "FILE", requires = "trust_secret")]
    trust_anchors: Option<PathBuf>,
    /// Print one JSON object
    #[arg(long)]
    json: bool,
}

/// Runs the command.
pub async fn run(args: IdentityArgs) -> Result<()> {
    let IdentityCommand::Put(args) = args.command;
    let (chain, key) = (read(&args.certificate_chain)?, read(&args.private_key)?);
    let identity = Identity::from_pem(&chain, &key)?;
    identity.check_validity(Clock::system().now())?;
    let expires = identity.valid_until();
    let trust = args.trust_anchors.as_deref().map(read).transpose()?;
    // Before anything is stored: a command that fails changes nothing.
    trust.as_deref().map(TrustAnchors::from_pem).transpose()?;
    let sdk = sdk_config().await;
    put(&sdk, &args.identity_secret, &chain, &key).await?;
    if let (Some(secret), Some(bundle)) = (&args.trust_secret, &trust) {
        put_trust(&sdk, secret, bundle).await?;
    }
    let mut out = std::io::stdout().lock();
    if args.json {
        writeln!(
            out,
            "{}",
            json!({ "certificate_expires_at": expires, "trust_anchors_stored": trust.is_some() })
        )?;
    } else {
        let trust = if trust.is_some() { " The trust anchors are stored too." } else { "" };
        writeln!(out, "The identity is stored; its certificate expires at {expires}.{trust}")?;
    }
    Ok(())
}

/// Puts an identity into its secret.
pub async fn put(sdk: &SdkConfig, secret: &str, chain: &str, key: &str) -> Result<()> {
    let document = json!({ "certificate_chain": chain, "private_key": key }).to_string();
    put_text(sdk, secret, document).await
}

/// Puts trust anchors into their secret.
pub async fn put_trust(sdk: &SdkConfig, secret: &str, bundle: &str) -> Result<()> {
    TrustAnchors::from_pem(bundle)?;
    put_text(sdk, secret, bundle.to_owned()).await
}

async fn put_text(sdk: &SdkConfig, secret: &str, text: String) -> Result<()> {
    let put = secrets_manager(sdk).put_secret_value().secret_id(secret).secret_string(text);
    put.send().await.map_err(aws_sdk_secretsmanager::Error::from).with_context(|| {
        format!("failed to put the secret {secret}: check its ARN, your region and your credentials")
    })?;
    Ok(())
}

fn read(path: &Path) -> Result<String> {
    fs::read_to_string(path).with_context(|| format!("failed to read {}", path.display()))
}
