//! `arauto identity put`: a certificate, its key and the authorities we trust, checked and stored.

use std::fs;
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};

use account::identity_secret::{document, document_in_kms, merged, put_text, put_trust};
use account::sdk_config;
use anyhow::{Context as _, Result, bail};
use clap::Args;
use jiff::Timestamp;
use mtls::TrustAnchors;
use mtls::pem::{Certificates, certificates_to_pem, private_key, private_key_to_pem};
use platform::aws::{KeyArn, Keys, kms};
use platform::clock::Clock;
use serde_json::json;

use super::certificate::Certificate;
use super::findings::Review;
use super::review;
use super::stored::{open, server_id};

/// Check the files and put them into the stack's secrets
///
/// Refuses a key that is not the certificate's, a certificate that is not valid now or not for TLS clients, files that cannot be
/// read whole, and what a secret cannot hold (64 KB, about eight identities). Warns of what receivers may refuse: a chain that
/// lacks an issuer, a subject that is not a BRCAC's. The chain is stored in order, leaf first, and nothing but certificates of it. Running functions take the new identity up within five minutes.
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
    /// Our certificate (BRCAC) and its intermediates, PEM
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
    let now = Clock::system().now();
    let files = Files::read(&args, now)?;
    files.review.check()?;
    let document = match (&files.key_pem, &args.kms_key_id) {
        (_, Some(key)) => document_in_kms(&files.chain_pem, &key.to_string()),
        (Some(key), None) => document(&files.chain_pem, key),
        (None, None) => bail!("give --private-key or --kms-key-id"),
    };
    let sdk = sdk_config().await;
    // Before anything is stored: a command that fails changes nothing.
    let identity = open(document.clone(), &Keys::new(kms(&sdk))).await?;
    identity.check_validity(now)?;
    let (server, of_present) = (&args.authorisation_server_id, &args.default_authorisation_server_id);
    let identities =
        merged(&sdk, &args.identity_secret, document, server.as_deref(), of_present.as_deref()).await?;
    // The trust first: where the second of two writes fails, the same command again does both.
    let stored_trust = match (&args.trust_secret, &files.trust_pem) {
        (Some(secret), Some(bundle)) => {
            put_trust(&sdk, secret, bundle).await?;
            true
        }
        _ => false,
    };
    let stored = put_text(&sdk, &args.identity_secret, identities).await;
    if stored_trust {
        stored.context("the trust anchors were stored, the identity was not: repeat the command")?;
    } else {
        stored?;
    }
    let mut out = io::stdout().lock();
    if args.json {
        let answer = json!({
            "authorisation_server_id": server,
            "certificate_expires_at": identity.valid_until(),
            "certificate_chain": files.chain,
            "trust_anchors_stored": files.trust_pem.is_some(),
            "trust_anchors": files.trust,
            "warnings": files.review.warnings,
        });
        writeln!(out, "{answer}")?;
    } else {
        let mut err = io::stderr().lock();
        files.review.warnings.iter().try_for_each(|warning| writeln!(err, "arauto: warning: {warning}"))?;
        files.show(&mut out)?;
    }
    Ok(())
}

/// What the files hold, as it is stored, and what was found about it.
#[derive(Default)]
pub(super) struct Files {
    pub(super) chain_pem: String,
    pub(super) chain: Vec<Certificate>,
    pub(super) key_pem: Option<String>,
    pub(super) trust_pem: Option<String>,
    pub(super) trust: Vec<Certificate>,
    pub(super) review: Review,
}

impl Files {
    /// Reads the files of the command and looks them over.
    pub(super) fn read(args: &PutArgs, now: Timestamp) -> Result<Self> {
        let mut files = Self::default();
        let chain = certificates(&args.certificate_chain)?;
        let chain = review::chain(&chain, now, &mut files.review);
        files.chain = review::shown(&chain);
        files.chain_pem = certificates_to_pem(&chain);
        if let Some(path) = &args.private_key {
            let key = private_key(&read(path)?).with_context(|| unusable(path))?;
            files.key_pem = Some(private_key_to_pem(&key));
        }
        if let Some(path) = &args.trust_anchors {
            let bundle = certificates(path)?;
            review::anchors(&bundle, now, &mut files.review);
            TrustAnchors::from_certificates(&bundle).with_context(|| unusable(path))?;
            let bundle = bundle.into_der();
            files.trust = review::shown(&bundle);
            files.trust_pem = Some(certificates_to_pem(&bundle));
        }
        Ok(files)
    }

    /// Says what was stored.
    pub(super) fn show(&self, out: &mut impl io::Write) -> io::Result<()> {
        show_list(out, "The identity is stored, with the certificates", &self.chain)?;
        if self.trust_pem.is_some() {
            show_list(out, "The trust anchors are stored", &self.trust)?;
        }
        Ok(())
    }
}

fn show_list(out: &mut impl io::Write, title: &str, certificates: &[Certificate]) -> io::Result<()> {
    writeln!(out, "{title}:")?;
    certificates.iter().try_for_each(|certificate| {
        writeln!(out, "  until {}  {}", certificate.valid_until, certificate.subject)
    })
}

fn certificates(path: &Path) -> Result<Certificates> {
    Certificates::from_pem(&read(path)?).with_context(|| unusable(path))
}

fn unusable(path: &Path) -> String {
    format!("{} cannot be used", path.display())
}

fn read(path: &Path) -> Result<Vec<u8>> {
    fs::read(path).with_context(|| format!("failed to read {}", path.display()))
}
