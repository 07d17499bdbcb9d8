//! The command.

use std::io::{self, Write as _};
use std::net::{Ipv4Addr, SocketAddr};
use std::path::PathBuf;

use account::StackArgs;
use anyhow::{Context as _, Result};
use clap::Args;
use clap::builder::PossibleValuesParser;
use polling::Preset;
use tokio::net::TcpListener;

use super::app::{App, Options};
use super::server::serve;
use crate::shutdown::Shutdown;

/// Show a stack in the browser: how it is, its receivers, notifications, undelivered, cost and capacity
///
/// Serves pages on this machine alone, with your own credentials, and prints the address to open. The address has a secret: whoever
/// knows it reads what you can read. Nothing of the stack changes unless you start it with --allow-actions, which allows replays;
/// who confirmed one is recorded. It stops asking AWS two minutes after the last request for a page. Without options it shows the
/// local stack that `arauto up` runs.
#[derive(Args, Clone, Debug)]
#[command(
    after_help = "Examples:\n  arauto console\n  arauto console --stack-name arauto-production --profile bank --region sa-east-1\n  \
    arauto console --allow-actions --stack-name arauto-production --profile bank\n\n\
    Exit codes: 0 it was ended by Ctrl-C; 1 the stack could not be found, or the port is taken; 2 wrong usage."
)]
pub struct ConsoleArgs {
    /// Port of 127.0.0.1; default: a free one
    #[arg(long, value_name = "PORT", default_value_t = 0)]
    port: u16,
    /// Allow replays
    #[arg(long)]
    allow_actions: bool,
    /// Access log of your resource endpoints, for the page on polling (may be repeated)
    #[arg(long = "access-log", value_name = "FILE", requires = "format")]
    access_logs: Vec<PathBuf>,
    /// The format of the access logs, as of `arauto polling`
    #[arg(long, value_name = "FORMAT", requires = "access_logs", value_parser = PossibleValuesParser::new(Preset::ALL.map(|(_, name)| name)))]
    format: Option<String>,
    #[command(flatten)]
    stack: StackArgs,
}

/// Runs the command until it is told to stop.
pub async fn run(args: ConsoleArgs) -> Result<()> {
    let mut stop = Shutdown::on_signals()?;
    let stack = args.stack.find("").await?;
    let address = SocketAddr::from((Ipv4Addr::LOCALHOST, args.port));
    let listener =
        TcpListener::bind(address).await.with_context(|| format!("port {} is not free", args.port))?;
    let options = Options {
        name: args.stack.name().filter(|_| stack.local.is_none()),
        is_acting: args.allow_actions,
        access_logs: args.access_logs,
        format: args.format,
    };
    let app = App::new(stack, options, listener.local_addr()?.port(), stop.clone())?;
    writeln!(io::stdout().lock(), "{}", app.url())?;
    let mode = if args.allow_actions { "Replays are allowed." } else { "It is read-only." };
    let about = format!("Open this address to look at {}. {mode} Ctrl-C ends it.\n", app.stack());
    io::stderr().lock().write_all(about.as_bytes()).ok();
    serve(listener, app, async move { stop.asked().await }).await
}
