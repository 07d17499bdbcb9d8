//! `arauto register`: what an authorization server does after a DCR or DCM call, on the local stack.

use std::io::{self, Write as _};

use account::Checkout;
use account::local_stack::LocalStack;
use anyhow::{Result, bail};
use clap::Args;
use convention::directory::Operation;

use super::bank::{Bank, registration};
use super::up::find_directory;
use crate::directory::{StatementRequest, ask_for_statement};

const EXAMPLES: &str = "\
Examples:
  arauto register itp-1 --webhook-uri https://localhost:8443/kong3
      a first registration (DCR), as the authorization server reports it
  arauto register itp-1 --dcm
      removes the webhook_uris, so that the client is no longer notified
";

/// Register a client's receiver on the local stack, with a signed software statement
///
/// Has the local Directory sign a statement for the client and puts both to /v1/clients/{clientId} of the stack that
/// `arauto up` keeps. For anything else, `arauto statement` signs and `arauto call` puts.
#[derive(Args, Clone, Debug)]
#[command(after_help = EXAMPLES)]
pub struct RegisterArgs {
    /// The client
    client_id: String,

    /// Webhook URI for the registration and the statement; may be repeated
    #[arg(long = "webhook-uri", value_name = "URI")]
    webhook_uris: Vec<String>,

    /// The client changes its registration (DCM); without, it registers for the first time (DCR)
    #[arg(long)]
    dcm: bool,

    /// Software of the statement, where it is not to be invented from the client's name
    #[arg(long, value_name = "ID")]
    software_id: Option<String>,

    /// The brand whose client it is, as `AuthorisationServers` names it; without, the default brand
    #[arg(long)]
    brand: Option<String>,

    /// Print the registration as one line of JSON
    #[arg(long)]
    json: bool,
}

/// Runs the command.
pub async fn run_register(args: RegisterArgs) -> Result<()> {
    let Some(stack) = LocalStack::find(&Checkout::find()?.scratch()).await? else {
        bail!("no local stack is up: start one with `make up`");
    };
    let uris = (!args.webhook_uris.is_empty()).then_some(args.webhook_uris);
    let request = StatementRequest {
        client: args.client_id.clone(),
        webhook_uris: uris.clone(),
        software_id: args.software_id,
    };
    let statement = ask_for_statement(&find_directory().await?, &request).await?;
    let operation = if args.dcm { Operation::Dcm } else { Operation::Dcr };
    let body = registration(operation, uris.as_deref(), &statement);
    let registered = Bank(&stack).put_client(&args.client_id, args.brand.as_deref(), &body).await?;
    let text = if args.json { registered.to_string() } else { format!("{registered:#}") };
    Ok(writeln!(io::stdout().lock(), "{text}")?)
}
