//! `arauto identity`: our certificates and keys, one for each brand, and the trust anchors.

mod certificate;
mod chain;
mod findings;
mod list;
mod put;
mod review;
mod secrets;
mod stored;
#[cfg(test)]
mod tests;

use anyhow::Result;
use clap::{Args, Subcommand};

pub(crate) use certificate::Certificate;
pub(crate) use chain::warnings as chain_warnings;
pub(crate) use stored::open;

/// Store our certificates, their keys and the trust anchors, or list what is stored
#[derive(Args, Clone, Debug)]
pub struct IdentityArgs {
    #[command(subcommand)]
    command: IdentityCommand,
}

#[derive(Clone, Debug, Subcommand)]
enum IdentityCommand {
    Put(put::PutArgs),
    List(list::ListArgs),
}

/// Runs the command.
pub async fn run(args: IdentityArgs) -> Result<()> {
    match args.command {
        IdentityCommand::Put(args) => put::run(args).await,
        IdentityCommand::List(args) => list::run(args).await,
    }
}
