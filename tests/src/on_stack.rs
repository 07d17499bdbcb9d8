//! Trials that share one local stack, which is started only if one of them is to run.

use std::future::Future;
use std::io::Write as _;
use std::pin::Pin;
use std::sync::{Arc, OnceLock};

use anyhow::Result;
use devkit::stack::Progress;
use libtest_mimic::{Arguments, Trial};

use crate::world::World;

/// The stack, once it is up.
pub type Shared = Arc<OnceLock<World>>;

/// What a trial does on the stack.
pub type Test<'a> = Pin<Box<dyn Future<Output = Result<()>> + 'a>>;

/// Makes a trial. Its name begins with `on_stack::`, by which `make test` runs these beside the others.
pub fn trial(
    name: &str,
    world: &Shared,
    test: impl for<'a> Fn(&'a World) -> Test<'a> + Send + 'static,
) -> Trial {
    let (world, named) = (Arc::downgrade(world), name.to_owned());
    Trial::test(format!("on_stack::{name}"), move || {
        let world = world.upgrade().ok_or("the stack is gone")?;
        let world = world.get().ok_or("the stack is not up")?;
        Ok(world.run(test(world)).inspect_err(|error| world.keep_failure(&named, error))?)
    })
}

/// What came of trials.
#[derive(Clone, Copy, Debug)]
pub struct Ran {
    /// Whether any was asked for.
    pub some: bool,
    /// Whether all that ran passed, and the stack came and went as it should.
    pub passed: bool,
}

/// Runs trials. After a failure the end of what the functions wrote is shown, and last what failed.
pub fn run(mut arguments: Arguments, world: Shared, trials: Vec<Trial>) -> Ran {
    // They wait, they do not compute.
    arguments.test_threads.get_or_insert(64);
    let some = !arguments.list && trials.iter().any(|trial| is_asked_for(&arguments, trial.name()));
    if some {
        match World::start(Progress::stderr()) {
            Ok(started) => world.set(started).map_err(drop).expect("set once"),
            Err(error) => {
                writeln!(std::io::stderr(), "the local stack did not start: {error:#}").ok();
                return Ran { some, passed: false };
            }
        }
    }
    let conclusion = libtest_mimic::run(&arguments, trials);
    if conclusion.has_failed()
        && let Some(world) = world.get()
    {
        world.show_logs();
        world.show_failures();
    }
    let stopped = Arc::into_inner(world).and_then(OnceLock::into_inner).map_or(Ok(()), World::stop);
    if let Err(error) = &stopped {
        writeln!(std::io::stderr(), "the local stack did not stop: {error:#}").ok();
    }
    Ran { some, passed: !conclusion.has_failed() && stopped.is_ok() }
}

/// Says whether a test of this name is to run; a stack is worth starting only if one is.
fn is_asked_for(arguments: &Arguments, name: &str) -> bool {
    let fits = |filter: &String| if arguments.exact { name == filter } else { name.contains(filter) };
    arguments.filter.as_ref().is_none_or(fits) && !arguments.skip.iter().any(fits)
}
