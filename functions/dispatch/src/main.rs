//! The Lambda function `dispatch`.

use dispatch::{Batch, Dispatch, Parts, works_until};
use lambda_runtime::{Error, LambdaEvent, run, service_fn};
use mimalloc::MiMalloc;
use platform::config::{Settings, environment};

/// A notification makes many small allocations, for which this is faster than the system's allocator
/// (`docs/adr/0032-dispatch-hot-path-and-binary-size.md`).
#[global_allocator]
static ALLOCATOR: MiMalloc = MiMalloc;

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Error> {
    let settings = Settings::new(&environment);
    settings.start_logging();
    let dispatch = &Dispatch::new(Parts::of(&settings)?);
    dispatch.start().await;
    run(service_fn(async |event: LambdaEvent<Batch>| {
        let until = works_until(event.context.deadline, dispatch.clock.now());
        Ok::<_, Error>(dispatch.handle_until(event.payload, until).await)
    }))
    .await
}
