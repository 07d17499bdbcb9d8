//! The Lambda function `dispatch`.

use std::sync::Arc;

use dispatch::{Batch, BatchResponse, Dispatch, Parts, RawEvent, spawn_first_timer, works_until};
use lambda_runtime::layers::TracingLayer;
use lambda_runtime::{Error, LambdaEvent, Runtime, service_fn};
use mimalloc::MiMalloc;
use platform::config::{Settings, environment};
use platform::telemetry::Output;
use tokio::runtime::Builder;

/// A notification is many small allocations, which this makes faster than the system's
/// (`docs/adr/0032-dispatch-hot-path-and-binary-size.md`).
#[global_allocator]
static ALLOCATOR: MiMalloc = MiMalloc;

fn main() -> Result<(), Error> {
    let runtime = Builder::new_current_thread().enable_all().on_thread_park(Output::write_out).build()?;
    let ended = runtime.block_on(start());
    Output::write_out();
    ended
}

async fn start() -> Result<(), Error> {
    let settings = Settings::new(&environment);
    settings.start_logging();
    let dispatch = Dispatch::new(Parts::of(&settings)?);
    dispatch.start().await;
    spawn_first_timer();
    Output::gather();
    let handler = service_fn(|event: LambdaEvent<()>| answer(&dispatch, event.context.deadline));
    Runtime::new(handler).layer(RawEvent).layer(TracingLayer::new()).run().await
}

async fn answer(dispatch: &Arc<Dispatch>, deadline_ms: u64) -> Result<BatchResponse, Error> {
    let until = works_until(deadline_ms, dispatch.clock.now());
    let answer = dispatch.handle_until(Batch::of_invocation()?, until).await;
    // Before the answer, after which the process may be frozen.
    Output::write_out();
    Ok(answer)
}
