//! `arauto identity put`: checks and stores a certificate, its key and the trust anchors.

use std::fs;
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};

use account::identity_secret::{document, document_in_kms, merged, put_text, put_trust};
use anyhow::{Context as _, Result, bail};
use clap::Args;
use jiff::Timestamp;
use mtls::TrustAnchors;
use mtls::pem::{Certificates, certificates_to_pem, private_key, private_key_to_pem};
use platform::aws::{KeyArn, Keys, kms};
use platform::clock::Clock;
use serde_json::json;
use terminal::WrongUsage;

use super::certificate::Certificate;
use super::findings::Review;
use super::review;
use super::secrets::SecretArgs;
use super::stored::{open, server_id};

/// Check the files and store them in the stack's secrets
///
/// Refuses a key that does not belong to the certificate, a certificate that is not valid now or not for TLS clients,
/// files that cannot be read completely, and what exceeds the size of a secret (64 KB, about eight identities). Warns
/// of what receivers may refuse: a chain without an issuer, a subject unlike a BRCAC's. The chain is stored in order,
/// leaf first, without anything else. Running functions load the new identity within five minutes. The key is sent only
/// to the secret. Without --stack-name the secrets are those of the local stack that `arauto up` runs.
///
/// With --kms-key-id the key stays in KMS, and the secret holds only the certificate chain. KMS is asked for the
/// public key (kms:GetPublicKey), which must be the certificate's, and the parameter IdentityKeyArns of the stack
/// must name the key.
///
/// Without --authorisation-server-id this is the only identity, the default brand's. With it, the identity is stored
/// next to those of the other brands: the secret is read and rewritten, so do not run two of these commands at once.
#[derive(Args, Clone, Debug)]
#[command(
    after_help = "Example:\n  arauto identity put --stack-name arauto-production --profile bank \\\n    \
    --certificate-chain brcac.pem --private-key brcac-key.pem --trust-anchors icp-brasil.pem"
)]
pub(super) struct PutArgs {
    #[command(flatten)]
    secrets: SecretArgs,
    /// Our certificate (BRCAC) and its intermediates, PEM
    #[arg(long, value_name = "FILE")]
    certificate_chain: PathBuf,
    /// The certificate's private key, PEM
    #[arg(long, value_name = "FILE", required_unless_present = "kms_key_id")]
    private_key: Option<PathBuf>,
    /// The certificate's key in KMS, instead of --private-key
    #[arg(long, value_name = "ARN", conflicts_with = "private_key")]
    kms_key_id: Option<KeyArn>,
    /// Authorisation server id of the identity, if there are several brands
    #[arg(long, value_name = "UUID", value_parser = server_id)]
    authorisation_server_id: Option<String>,
    /// Authorisation server id of the identity that was stored without one; needed once, when a second brand gets its
    /// own
    #[arg(long, value_name = "UUID", value_parser = server_id, requires = "authorisation_server_id")]
    default_authorisation_server_id: Option<String>,
    /// Secret of the trust anchors without a stack, beside --identity-secret
    #[arg(long, value_name = "ARN", requires_all = ["trust_anchors", "identity_secret"], help_heading = "AWS")]
    trust_secret: Option<String>,
    /// PEM bundle of the authorities trusted to issue receivers' certificates
    #[arg(long, value_name = "FILE")]
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
    let secrets = args.secrets.find(args.trust_secret.as_ref()).await?;
    let sdk = &secrets.sdk;
    // Read before anything is stored, so that a failing command changes nothing.
    let identity = open(document.clone(), &Keys::new(kms(sdk))).await?;
    identity.check_validity(now)?;
    let (server, of_present) = (&args.authorisation_server_id, &args.default_authorisation_server_id);
    let identities =
        merged(sdk, &secrets.identity, document, server.as_deref(), of_present.as_deref()).await?;
    // The trust anchors first: if the second write fails, repeating the command makes both.
    let stored_trust = match (&secrets.trust, &files.trust_pem) {
        (Some(secret), Some(bundle)) => {
            put_trust(sdk, secret, bundle).await?;
            true
        }
        (None, Some(_)) => {
            return Err(WrongUsage(
                "--trust-anchors needs --trust-secret beside --identity-secret".to_owned(),
            )
            .into());
        }
        (_, None) => false,
    };
    let stored = put_text(sdk, &secrets.identity, identities).await;
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
        files.show(&mut out, &secrets.place)?;
    }
    Ok(())
}

/// The files' content as stored, with the findings.
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
    /// Reads and checks the files of the command.
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

    /// Prints what was stored.
    pub(super) fn show(&self, out: &mut impl io::Write, place: &str) -> io::Result<()> {
        show_list(out, &format!("The identity is stored in {place}, with the certificates"), &self.chain)?;
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
