//! `arauto identity put`: a certificate, its key and the authorities we trust, checked and stored.

use std::fs;
use std::io::Write as _;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result, bail};
use clap::Args;
use serde_json::json;
use webhook::aws::{KeyArn, Keys, kms};
use webhook::edge::Clock;
use webhook::peer::TrustAnchors;

use super::certificate::Certificate;
use super::{document, document_in_kms, open, put_merged, put_trust, server_id};
use crate::account::sdk_config;

/// Check the files and put them into the stack's secrets
///
/// Refuses a key that is not the certificate's, a certificate that is not valid now, files that cannot be read, and what a
/// secret cannot hold (64 KB, about eight identities). Running functions take the new identity up within five minutes.
/// Credentials and region come from the environment or the AWS profile; the key goes nowhere but into the secret.
///
/// With --kms-key-id the key stays in KMS, and the secret takes the certificate chain alone. KMS is asked whether the key is the
/// certificate's (kms:GetPublicKey), and the parameter IdentityKeyArns of the stack must name the key.
///
/// Without --authorisation-server-id this is the only identity, the default brand's. With it, it is put beside those of the
/// other brands: the secret is read and written again, so do not run two of these at a time.
#[derive(Args, Clone, Debug)]
#[command(
    after_help = "Example:\n  arauto identity put --identity-secret \"$IDENTITY_SECRET_ARN\" --trust-secret \"$TRUST_SECRET_ARN\" \\\n    \
    --certificate-chain brcac.pem --private-key brcac-key.pem --trust-anchors icp-brasil.pem\n\n\
    The two ARNs are the outputs IdentitySecretArn and TrustSecretArn of the stack."
)]
pub(super) struct PutArgs {
    /// Secret of the identities: the stack's output IdentitySecretArn
    #[arg(long, value_name = "ARN")]
    identity_secret: String,
    /// Our certificate (BRCAC) followed by its intermediates, PEM
    #[arg(long, value_name = "FILE")]
    certificate_chain: PathBuf,
    /// The certificate's private key, PEM
    #[arg(long, value_name = "FILE", required_unless_present = "kms_key_id")]
    private_key: Option<PathBuf>,
    /// The KMS key that signs for the certificate, in place of --private-key
    #[arg(long, value_name = "ARN", conflicts_with = "private_key")]
    kms_key_id: Option<KeyArn>,
    /// Whose identity this is: the id of its authorisation server, where there are several brands
    #[arg(long, value_name = "UUID", value_parser = server_id)]
    authorisation_server_id: Option<String>,
    /// Whose the identity is that was stored without an id before; asked for once, when a second brand gets its own
    #[arg(long, value_name = "UUID", value_parser = server_id, requires = "authorisation_server_id")]
    default_authorisation_server_id: Option<String>,
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
pub(super) async fn run(args: PutArgs) -> Result<()> {
    let chain = read(&args.certificate_chain)?;
    let document = match (&args.private_key, &args.kms_key_id) {
        (_, Some(key)) => document_in_kms(&chain, &key.to_string()),
        (Some(file), None) => document(&chain, &read(file)?),
        (None, None) => bail!("give --private-key or --kms-key-id"),
    };
    let sdk = sdk_config().await;
    let identity = open(document.clone(), &Keys::new(kms(&sdk))).await?;
    identity.check_validity(Clock::system().now())?;
    let expires = identity.valid_until();
    let warnings = Certificate::first_of(&chain).map(|first| first.warnings()).unwrap_or_default();
    let trust = args.trust_anchors.as_deref().map(read).transpose()?;
    // Before anything is stored: a command that fails changes nothing.
    trust.as_deref().map(TrustAnchors::from_pem).transpose()?;
    let (server, of_present) = (&args.authorisation_server_id, &args.default_authorisation_server_id);
    put_merged(&sdk, &args.identity_secret, document, server.as_deref(), of_present.as_deref()).await?;
    if let (Some(secret), Some(bundle)) = (&args.trust_secret, &trust) {
        put_trust(&sdk, secret, bundle).await?;
    }
    let mut out = std::io::stdout().lock();
    if args.json {
        let answer = json!({
            "authorisation_server_id": server,
            "certificate_expires_at": expires,
            "trust_anchors_stored": trust.is_some(),
            "warnings": warnings,
        });
        writeln!(out, "{answer}")?;
    } else {
        let mut err = std::io::stderr().lock();
        warnings.iter().try_for_each(|warning| writeln!(err, "arauto: warning: {warning}"))?;
        let trust = if trust.is_some() { " The trust anchors are stored too." } else { "" };
        writeln!(out, "The identity is stored; its certificate expires at {expires}.{trust}")?;
    }
    Ok(())
}

fn read(path: &Path) -> Result<String> {
    fs::read_to_string(path).with_context(|| format!("failed to read {}", path.display()))
}
