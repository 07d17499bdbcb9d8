//! The `bench` command, run by `make bench`.

use std::process::ExitCode;

#[tokio::main]
async fn main() -> ExitCode {
    bench::run_command().await
}
