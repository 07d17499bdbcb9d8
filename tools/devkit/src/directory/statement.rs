//! `arauto statement`: one signed software statement.

use std::io::{self, Write as _};
use std::path::PathBuf;

use anyhow::{Context as _, Result};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use clap::Args;
use platform::clock::Clock;
use serde_json::{Value, json};

use super::ask::{StatementRequest, ask_for_statement};
use super::command::read;
use super::key::SigningKey;
use super::signer::Signer;
use crate::local::find_directory;
use crate::pki::PkiFiles;

const EXAMPLES: &str = "\
Examples:
  arauto statement --client itp-1 --webhook-uri https://localhost:8443/kong3
      is signed by the Directory of the stack that `arauto up` started
  arauto statement --directory http://127.0.0.1:8400 --client itp-1 --webhook-uri https://localhost:8443/kong3
      is signed by a Directory that `arauto directory` serves
  arauto statement --pki pki --client itp-1 --json
      is signed with the key in the folder pki, for software without webhooks; prints header and claims

A statement can be used for five minutes. `arauto register` gets one and registers with it.
";

/// Sign a software statement of the local Directory
///
/// The organisation and the software are invented from the client's name: the same name is the same participant. Without
/// --pki, a running Directory signs, and lists the organisation among its participants.
#[derive(Args, Clone, Debug)]
#[command(after_help = EXAMPLES)]
pub struct StatementArgs {
    /// Name of the client
    #[arg(long, value_name = "NAME")]
    client: String,

    /// Webhook URI of the software; may be repeated. Without one, the claim is left out
    #[arg(long = "webhook-uri", value_name = "URI")]
    webhook_uris: Vec<String>,

    /// Id of the software, where it is not to be invented from the name
    #[arg(long, value_name = "ID")]
    software_id: Option<String>,

    /// Folder with the Directory's key, made there if it has none
    #[arg(long, value_name = "FOLDER", conflicts_with = "directory")]
    pki: Option<PathBuf>,

    /// Where a Directory runs that is to sign
    #[arg(long, value_name = "URL")]
    directory: Option<String>,

    /// Print the statement with its header and claims as one JSON object
    #[arg(long)]
    json: bool,
}

/// Runs the command.
pub async fn run(args: StatementArgs) -> Result<()> {
    let request = StatementRequest {
        client: args.client,
        webhook_uris: (!args.webhook_uris.is_empty()).then_some(args.webhook_uris),
        software_id: args.software_id,
    };
    let statement = match (&args.pki, &args.directory) {
        (Some(folder), _) => {
            let clock = Clock::system();
            let pki = PkiFiles::open_or_create(folder, clock.now())?;
            let key = SigningKey::from_pem(&read(&pki.directory_key)?)
                .with_context(|| format!("{} cannot be used", pki.directory_key.display()))?;
            Signer::new(key, clock).statement(&request.claims())
        }
        (None, Some(url)) => ask_for_statement(url, &request).await?,
        (None, None) => ask_for_statement(&find_directory().await?, &request).await?,
    };
    let mut out = io::stdout().lock();
    if args.json {
        writeln!(out, "{}", described(&statement)?)?;
    } else {
        writeln!(out, "{statement}")?;
    }
    Ok(())
}

fn described(statement: &str) -> Result<Value> {
    let mut parts = statement.split('.').map(|part| {
        let bytes = URL_SAFE_NO_PAD.decode(part).context("the Directory's answer is no JWS")?;
        serde_json::from_slice::<Value>(&bytes).context("the Directory's answer is no JWS of JSON")
    });
    let mut next = || parts.next().context("the Directory's answer is no JWS")?;
    Ok(json!({ "header": next()?, "claims": next()?, "software_statement": statement }))
}
