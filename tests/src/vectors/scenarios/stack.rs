//! The local stack for the vectors that need one: started with the first of them, stopped after the last.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use anyhow::Result;
use devkit::stack::Progress;

use crate::conformance::{Suite, Timeouts, Told};
use crate::world::World;

/// What became of starting it; an error is told to each vector.
static STACK: Mutex<Option<Result<Arc<World>, String>>> = Mutex::new(None);

fn stack() -> MutexGuard<'static, Option<Result<Arc<World>, String>>> {
    STACK.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Plays something on the local stack.
pub(super) fn on_stack(play: impl AsyncFnOnce(&Suite<'_>) -> Result<Told>) -> Result<Told, String> {
    let world = stack()
        .get_or_insert_with(|| match World::start(Progress::stderr()) {
            Ok(world) => Ok(Arc::new(world)),
            Err(error) => Err(format!("the local stack did not start: {error:#}")),
        })
        .clone()?;
    let timeouts = Timeouts::from_environment().map_err(|error| error.to_string())?;
    let suite = Suite { world: &world, timeouts };
    let mut told = Told::Null;
    world.run(async {
        told = play(&suite).await?;
        Ok(())
    })?;
    Ok(told)
}

/// Stops the stack if there is one.
pub fn stop() -> Result<()> {
    match stack().take().and_then(Result::ok).and_then(Arc::into_inner) {
        Some(world) => world.stop(),
        None => Ok(()),
    }
}
