//! All commands and their exit codes.

use std::process::ExitCode;

use capacity::CapacityArgs;
use clap::{CommandFactory as _, FromArgMatches as _, Parser, Subcommand};
use devkit::directory::{DirectoryArgs, StatementArgs};
use devkit::local::{DemoArgs, DownArgs, EnvArgs, RegisterArgs, TriggerArgs, UpArgs};
use devkit::receiver::ReceiverArgs;
use devkit::{directory, local, receiver};
use platform::config::environment;

use crate::attempts::AttemptsArgs;
use crate::bill::BillArgs;
use crate::call::CallArgs;
use crate::clients::ClientsArgs;
use crate::console::ConsoleArgs;
use crate::csr::CsrArgs;
use crate::doctor::DoctorArgs;
use crate::exit::Exit;
use crate::explain::ExplainArgs;
use crate::help::Language;
use crate::identity::IdentityArgs;
use crate::manual::{CompletionsArgs, ManArgs};
use crate::notifications::NotificationsArgs;
use crate::outcomes::OutcomesArgs;
use crate::polling::PollingArgs;
use crate::replay::ReplayArgs;
use crate::report::ReportArgs;
use crate::show::ShowArgs;
use crate::undelivered::UndeliveredArgs;
use crate::verify::VerifyArgs;
use crate::{
    attempts, bill, call, clients, console, csr, doctor, explain, help, identity, manual, notifications,
    outcomes, polling, replay, report, show, undelivered, verify,
};

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
    Trigger(TriggerArgs),
    Register(RegisterArgs),
    Receiver(ReceiverArgs),
    Directory(DirectoryArgs),
    Statement(StatementArgs),
    Identity(IdentityArgs),
    Csr(CsrArgs),
    Show(ShowArgs),
    Notifications(NotificationsArgs),
    Attempts(AttemptsArgs),
    Clients(ClientsArgs),
    Undelivered(UndeliveredArgs),
    Replay(ReplayArgs),
    Verify(VerifyArgs),
    Report(ReportArgs),
    Doctor(DoctorArgs),
    Console(ConsoleArgs),
    Capacity(CapacityArgs),
    Bill(BillArgs),
    Polling(PollingArgs),
    Completions(CompletionsArgs),
    Man(ManArgs),
}

/// Returns all commands, with their help in this language.
pub fn command(language: Language) -> clap::Command {
    help::complete(Cli::command(), language)
}

/// Runs the command named by the arguments of this process.
pub async fn run_command() -> ExitCode {
    let matches = command(Language::of_locale(&environment)).get_matches();
    let command = Cli::from_arg_matches(&matches).unwrap_or_else(|error| error.exit()).command;
    Box::pin(run(command)).await.into()
}

async fn run(command: Command) -> Exit {
    let result = match command {
        Command::Demo(args) => local::run_demo(args).await,
        Command::Up(args) => local::run_up(args).await.map(|()| true),
        Command::Down(args) => local::run_down(args).await.map(|()| true),
        Command::Env(args) => local::run_env(args).await.map(|()| true),
        Command::Explain(args) => explain::run(&args),
        Command::Outcomes(args) => outcomes::run(&args),
        Command::Call(args) => call::run(args).await,
        Command::Trigger(args) => local::run_trigger(args).await,
        Command::Register(args) => local::run_register(args).await.map(|()| true),
        Command::Receiver(args) => receiver::run(args).await.map(|()| true),
        Command::Directory(args) => directory::run(args).await.map(|()| true),
        Command::Statement(args) => directory::run_statement(args).await.map(|()| true),
        Command::Identity(args) => identity::run(args).await.map(|()| true),
        Command::Csr(args) => csr::run(args).await.map(|()| true),
        Command::Show(args) => show::run(args).await,
        Command::Notifications(args) => notifications::run(args).await,
        Command::Attempts(args) => attempts::run(args).await.map(|()| true),
        Command::Clients(args) => clients::run(args).await,
        Command::Undelivered(args) => undelivered::run(args).await.map(|()| true),
        Command::Replay(args) => replay::run(args).await,
        Command::Bill(args) => bill::run(args).await.map(|()| true),
        Command::Polling(args) => Box::pin(polling::run(args)).await,
        Command::Verify(args) => verify::run(args).await,
        Command::Report(args) => Box::pin(report::run(args)).await,
        Command::Doctor(args) => Box::pin(doctor::run(args)).await,
        Command::Console(args) => Box::pin(console::run(args)).await.map(|()| true),
        Command::Capacity(args) => capacity::run(&args),
        Command::Completions(args) => manual::completions(&args, self::command(Language::En)).map(|()| true),
        Command::Man(args) => manual::man(&args, self::command(Language::En)).map(|()| true),
    };
    Exit::of(result)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What asks no AWS, or the local stack alone.
    const WITHOUT_ACCOUNT: &[&str] = &[
        "bill",
        "capacity",
        "completions",
        "demo",
        "directory",
        "down",
        "env",
        "explain",
        "man",
        "outcomes",
        "receiver",
        "register",
        "statement",
        "up",
    ];

    fn leaves<'a>(command: &'a clap::Command, path: &str, found: &mut Vec<(String, &'a clap::Command)>) {
        for one in command.get_subcommands() {
            let path = format!("{path} {}", one.get_name());
            if one.has_subcommands() {
                leaves(one, &path, found);
            } else {
                found.push((path.trim_start().to_owned(), one));
            }
        }
    }

    #[test]
    fn each_command_that_asks_aws_takes_a_profile_a_region_and_a_stack() {
        let (command, mut found) = (command(Language::En), Vec::new());
        leaves(&command, "", &mut found);
        let has = |one: &clap::Command, id: &str| one.get_arguments().any(|argument| argument.get_id() == id);
        for (path, one) in found {
            let asks = !WITHOUT_ACCOUNT.contains(&path.as_str());
            // A bill has a region, that of its prices; the key of a request is of no stack yet.
            assert_eq!(has(one, "profile"), asks, "{path}");
            assert!(has(one, "region") || !asks, "{path}");
            assert_eq!(has(one, "stack_name"), asks && path != "csr", "{path}");
        }
    }

    #[test]
    fn the_arguments_of_all_commands_agree() {
        for language in [Language::En, Language::PtBr] {
            command(language).debug_assert();
        }
    }
}
