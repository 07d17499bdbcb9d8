//! The command: the fields of a BRCAC, and its key.

use std::io::Write as _;
use std::path::PathBuf;

use account::{AccountArgs, sdk_config};
use anyhow::{Result, bail};
use certificates::{BusinessCategory, ClientSubject};
use clap::Args;
use platform::aws::{KeyArn, Keys, kms};
use serde_json::json;

use super::cnpj::Cnpj;
use super::key::Key;
use super::{fields, request};

const EXAMPLES: &str = "\
Example:
  arauto csr --kms-key-id \"$KEY_ARN\" \\
      --organization-id b7a1c0de-0000-4000-8000-0000000000a1 --organization-name 'Banco Exemplo S.A.' \\
      --cnpj 11.222.333/0001-81 --software-id 50f7a2e0-0000-4000-8000-0000000000b2 \\
      --common-name webhook.bancoex.example --state SP --locality 'SAO PAULO' > brcac.csr
  openssl req -in brcac.csr -verify -noout -text
      shows the request as an authority sees it

Exit codes: 0 the request was written; 1 the key cannot be used; 2 wrong usage, such as a wrong field.";

/// Create the certificate request for a BRCAC, with a key that stays in KMS
///
/// Writes PKCS #10 in PEM to standard output, for an authority of ICP-Brasil that issues for Open Finance Brasil. KMS
/// signs it (kms:GetPublicKey and kms:Sign), so the private key never leaves KMS. With --private-key the key is in
/// that file instead, which is created if it does not exist.
#[derive(Args, Clone, Debug)]
#[command(after_help = EXAMPLES)]
pub struct CsrArgs {
    /// The KMS key of the certificate: RSA, usage `SIGN_VERIFY`
    #[arg(long, value_name = "ARN", required_unless_present = "private_key")]
    kms_key_id: Option<KeyArn>,
    /// File of a private key to use instead of KMS; created, readable by its owner only, if it does not exist
    #[arg(long, value_name = "FILE", conflicts_with = "kms_key_id")]
    private_key: Option<PathBuf>,
    /// The organisation's id in the Directory (organizationIdentifier)
    #[arg(long, value_name = "UUID", value_parser = fields::directory_id)]
    organization_id: String,
    /// The organisation's registered name (O)
    #[arg(long, value_name = "NAME", value_parser = fields::organization_name)]
    organization_name: String,
    /// The organisation's CNPJ (serialNumber)
    #[arg(long, value_name = "CNPJ")]
    cnpj: Cnpj,
    /// The software statement's id in the Directory (UID)
    #[arg(long, value_name = "UUID", value_parser = fields::directory_id)]
    software_id: String,
    /// The host name of the software (CN, and the only alternative name)
    #[arg(long, value_name = "HOST", value_parser = fields::host)]
    common_name: String,
    /// The state of the organisation's seat, two letters (ST)
    #[arg(long, value_name = "UF", value_parser = fields::state)]
    state: String,
    /// The city of its seat (L)
    #[arg(long, value_name = "CITY", value_parser = fields::locality)]
    locality: String,
    /// The organisation's category (businessCategory)
    #[arg(long, value_enum, default_value_t)]
    business_category: BusinessCategory,
    #[command(flatten)]
    account: AccountArgs,
    /// Print one JSON object
    #[arg(long)]
    json: bool,
}

/// Runs the command.
pub async fn run(args: CsrArgs) -> Result<()> {
    let (key, made) = match (&args.kms_key_id, &args.private_key) {
        (Some(arn), _) => (Key::InKms(Keys::new(kms(&sdk_config(&args.account).await?)), arn.clone()), false),
        (None, Some(path)) => Key::open_or_create(path)?,
        (None, None) => bail!("give --kms-key-id or --private-key"),
    };
    let subject = ClientSubject {
        organization_id: args.organization_id,
        organization_name: args.organization_name,
        cnpj: args.cnpj.to_string(),
        software_id: args.software_id,
        common_name: args.common_name,
        state: args.state,
        locality: args.locality,
        business_category: args.business_category,
    };
    let pem = request::make(&subject, &key).await?;
    if let Some(path) = args.private_key.as_ref().filter(|_| made) {
        writeln!(std::io::stderr().lock(), "arauto: made a private key in {}", path.display())?;
    }
    let mut out = std::io::stdout().lock();
    if args.json {
        let kms_key_id = args.kms_key_id.map(|arn| arn.to_string());
        let answer = json!({
            "certificate_request": pem,
            "kms_key_id": kms_key_id,
            "private_key": args.private_key,
            "private_key_made": made,
        });
        writeln!(out, "{answer}")?;
    } else {
        write!(out, "{pem}")?;
    }
    Ok(())
}
