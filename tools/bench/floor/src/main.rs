#![doc = include_str!("../README.md")]

mod aws;
mod batch;
mod post;
mod setup;

use anyhow::{Context as _, Result};

use post::Receivers;
use setup::Setup;

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<()> {
    #[expect(clippy::disallowed_methods, reason = "the edge")]
    if let Ok(runtime_api) = std::env::var("AWS_LAMBDA_RUNTIME_API") {
        let setup = Setup::parse(&std::env::var("FLOOR_SETUP").context("FLOOR_SETUP is not set")?)?;
        let _receivers = Receivers::new(&setup)?;
        return aws::first_next(&runtime_api).await;
    }
    batch::send_all().await
}
