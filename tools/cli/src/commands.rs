//! All commands and their exit codes.

use std::io::{self, Write as _};
use std::process::ExitCode;

use capacity::CapacityArgs;
use clap::{Parser, Subcommand};
use devkit::directory::{DirectoryArgs, StatementArgs};
use devkit::local::{DemoArgs, DownArgs, EnvArgs, RegisterArgs, UpArgs};
use devkit::receiver::ReceiverArgs;
use devkit::{directory, local, receiver};

use crate::bill::BillArgs;
use crate::call::CallArgs;
use crate::csr::CsrArgs;
use crate::doctor::DoctorArgs;
use crate::explain::ExplainArgs;
use crate::identity::IdentityArgs;
use crate::outcomes::OutcomesArgs;
use crate::replay::ReplayArgs;
use crate::show::ShowArgs;
use crate::undelivered::UndeliveredArgs;
use crate::verify::VerifyArgs;
use crate::{bill, call, csr, doctor, explain, identity, outcomes, replay, show, undelivered, verify};

/// Arauto notifies payment initiators of Open Finance Brasil of changes, over mutual TLS
#[derive(Parser)]
#[command(name = "arauto", version)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    Demo(DemoArgs),
    Up(UpArgs),
    Down(DownArgs),
    Env(EnvArgs),
    Explain(ExplainArgs),
    Outcomes(OutcomesArgs),
    Call(CallArgs),
    Register(RegisterArgs),
    Receiver(ReceiverArgs),
    Directory(DirectoryArgs),
    Statement(StatementArgs),
    Identity(IdentityArgs),
    Csr(CsrArgs),
    Show(ShowArgs),
    Undelivered(UndeliveredArgs),
    Replay(ReplayArgs),
    Verify(VerifyArgs),
    Doctor(DoctorArgs),
    Capacity(CapacityArgs),
    Bill(BillArgs),
}

/// Runs the command named by the arguments of this process.
pub async fn run_command() -> ExitCode {
    let mut failure = ExitCode::FAILURE;
    let result = match Cli::parse().command {
        Command::Demo(args) => local::run_demo(args).await,
        Command::Up(args) => local::run_up(args).await.map(|()| true),
        Command::Down(args) => local::run_down(args).await.map(|()| true),
        Command::Env(args) => local::run_env(args).await.map(|()| true),
        Command::Explain(args) => explain::run(&args),
        Command::Outcomes(args) => outcomes::run(&args).map(|()| true),
        Command::Call(args) => call::run(args).await,
        Command::Register(args) => local::run_register(args).await.map(|()| true),
        Command::Receiver(args) => receiver::run(args).await.map(|()| true),
        Command::Directory(args) => directory::run(args).await.map(|()| true),
        Command::Statement(args) => directory::run_statement(args).await.map(|()| true),
        Command::Identity(args) => identity::run(args).await.map(|()| true),
        Command::Csr(args) => csr::run(args).await.map(|()| true),
        Command::Show(args) => show::run(args).await.map(|()| true),
        Command::Undelivered(args) => undelivered::run(args).await.map(|()| true),
        Command::Replay(args) => replay::run(args).await,
        Command::Bill(args) => bill::run(args).await.map(|()| true),
        Command::Verify(args) => {
            // What could not be checked is neither proven nor refuted.
            failure = ExitCode::from(2);
            verify::run(args).await
        }
        Command::Doctor(args) => {
            // What could not be read is neither right nor wrong.
            failure = ExitCode::from(2);
            Box::pin(doctor::run(args)).await
        }
        Command::Capacity(args) => {
            // An invalid question is not a load that cannot be carried.
            failure = ExitCode::from(2);
            capacity::run(&args)
        }
    };
    match result {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        // A closed pipe, as by `head`, is not an error.
        Err(error) if error.downcast_ref().is_some_and(is_broken_pipe) => ExitCode::SUCCESS,
        Err(error) => {
            writeln!(io::stderr().lock(), "arauto: {error:#}").ok();
            failure
        }
    }
}

fn is_broken_pipe(error: &io::Error) -> bool {
    error.kind() == io::ErrorKind::BrokenPipe
}
