//! `arauto clients`: who is registered, and where each client is notified.

mod list;
mod show;
mod view;

use account::ChosenStack;
use anyhow::Result;
use clap::{Args, Subcommand};
use convention::address::AddressPolicy;
use platform::aws::{Receivers, dynamodb};
use platform::clock::Clock;

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

fn receivers(stack: &ChosenStack) -> Result<Receivers> {
    let table = stack.output("ReceiversTableName")?.to_owned();
    // Nothing is sent, so the policy decides nothing.
    Ok(Receivers::new(dynamodb(&stack.sdk), table, AddressPolicy::Public, Clock::system()))
}
