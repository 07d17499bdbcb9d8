//! `arauto identity`: our certificates and keys, one for each brand, and the authorities we trust.

mod certificate;
mod chain;
mod list;
mod put;
mod review;
#[cfg(test)]
mod tests;

use anyhow::Result;
use clap::{Args, Subcommand};
use serde_json::Value;
use uuid::Uuid;
use webhook::aws::Keys;
use webhook::mtls::{Identity, KmsIdentityError, StoredIdentity};

/// Store our certificates, their keys and the authorities we trust, or list what is stored
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

/// Reads an identity of the secret as dispatch does, and asks KMS for the public half of a key that it keeps.
async fn open(identity: Value, keys: &Keys) -> Result<Identity, KmsIdentityError> {
    match StoredIdentity::from_value(identity)? {
        StoredIdentity::Whole(identity) => Ok(identity),
        StoredIdentity::InKms(identity) => identity.open(keys).await,
    }
}

/// Reads the id of an authorisation server, as the secret writes it.
fn server_id(text: &str) -> Result<String, String> {
    let id = Uuid::try_parse(text).map_err(|_| "expected the UUID of an authorisation server".to_owned())?;
    Ok(id.hyphenated().to_string())
}
