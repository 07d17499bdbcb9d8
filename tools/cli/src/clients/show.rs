//! `arauto clients show`: one registration.

use std::io::{self, Write as _};

use account::StackArgs;
use anyhow::{Context as _, Result};
use clap::Args;
use convention::notification::{ClientId, ReceiverKey};

use super::table::receivers;
use super::view::{table, to_json};
use crate::stack_ref::authorisation_server;

/// Show a client's registration: where it is notified, since when, its settings, and the call that made it
///
/// Without options it reads the local stack that `arauto up` runs.
#[derive(Args, Clone, Debug)]
#[command(
    after_help = "Example:\n  arauto clients show itp-1 --stack-name arauto-production --profile bank\n\n\
    Exit codes: 0 it is registered; 1 the table could not be read; 2 wrong usage; 3 it is not registered."
)]
pub(super) struct ShowArgs {
    /// The client
    client_id: ClientId,
    /// The authorisation server that issued the client id, where it is not that of the default brand
    #[arg(long, value_name = "UUID", value_parser = authorisation_server)]
    authorisation_server: Option<String>,
    #[command(flatten)]
    stack: StackArgs,
    /// Print one JSON object
    #[arg(long)]
    json: bool,
}

/// Runs the command; `false` if the client is not registered.
pub(super) async fn run(args: ShowArgs) -> Result<bool> {
    let stack = args.stack.find("").await?;
    let key = ReceiverKey::new(args.authorisation_server.as_deref(), &args.client_id);
    let found = receivers(&stack)?.registration(&key).await;
    let Some(registration) = found.with_context(|| format!("failed to read the receivers of {stack}"))?
    else {
        writeln!(io::stderr().lock(), "arauto: no client {key} is registered with {stack}").ok();
        return Ok(false);
    };
    let mut out = io::stdout().lock();
    if args.json {
        writeln!(out, "{}", to_json(&registration))?;
    } else {
        write!(out, "{}", table(&registration))?;
    }
    Ok(true)
}
