//! `arauto clients`: who is registered, and where each client is notified.

mod list;
mod show;
mod table;
mod view;

pub(crate) use self::table::receivers;
pub(crate) use self::view::fields;
use anyhow::Result;
use clap::{Args, Subcommand};

/// Show the registered clients, or one of them
#[derive(Args, Clone, Debug)]
pub struct ClientsArgs {
    #[command(subcommand)]
    command: ClientsCommand,
}

#[derive(Clone, Debug, Subcommand)]
enum ClientsCommand {
    List(list::ListArgs),
    Show(show::ShowArgs),
}

/// Runs the command; `false` if a client is not registered.
pub async fn run(args: ClientsArgs) -> Result<bool> {
    match args.command {
        ClientsCommand::List(args) => list::run(args).await,
        ClientsCommand::Show(args) => show::run(args).await,
    }
}
