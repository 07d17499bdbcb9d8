//! The `arauto` command.

use std::process::ExitCode;

#[tokio::main(flavor = "current_thread")]
async fn main() -> ExitCode {
    arauto::commands::run_command().await
}
