//! The `arauto` command.

use std::io::Write as _;
use std::process::ExitCode;

use arauto::explain::ExplainArgs;
use arauto::receiver::ReceiverArgs;
use clap::{Parser, Subcommand};

/// Arauto tells payment initiators of Open Finance Brasil what changed, over mutual TLS
#[derive(Parser)]
#[command(name = "arauto", version)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    Explain(ExplainArgs),
    Receiver(ReceiverArgs),
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> ExitCode {
    let result = match Cli::parse().command {
        Command::Explain(args) => arauto::explain::run(&args),
        Command::Receiver(args) => arauto::receiver::run(args).await.map(|()| true),
    };
    match result {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(error) => {
            writeln!(std::io::stderr().lock(), "arauto: {error:#}").ok();
            ExitCode::FAILURE
        }
    }
}
