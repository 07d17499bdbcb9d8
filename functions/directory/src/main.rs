//! The Lambda function `directory`.

use directory::{Directory, Parts};
use lambda_http::{Error, run, service_fn};
use platform::config::{Settings, environment};
use platform::telemetry::ErrorChain;

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Error> {
    let settings = Settings::new(&environment);
    settings.start_logging();
    let directory = Directory::new(Parts::of(&settings)?);
    run(service_fn(|request| async {
        directory.handle(request).await.map_err(|error| {
            tracing::error!(error = %ErrorChain(&error), "The receivers could not be reviewed.");
            Error::from(error)
        })
    }))
    .await
}
