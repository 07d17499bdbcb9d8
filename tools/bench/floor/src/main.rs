#![doc = include_str!("../README.md")]

mod aws;
mod batch;
mod post;
mod runtime;
mod setup;

use anyhow::{Context as _, Result};

use setup::Setup;

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<()> {
    #[expect(clippy::disallowed_methods, reason = "the edge")]
    if let Ok(runtime_api) = std::env::var("AWS_LAMBDA_RUNTIME_API") {
        let setup = Setup::parse(&std::env::var("FLOOR_SETUP").context("FLOOR_SETUP is not set")?)?;
        return runtime::serve(&runtime_api, &setup).await;
    }
    batch::send_all().await
}
