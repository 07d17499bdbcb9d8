//! Every webhook module of the conformance suite, replayed on the local stack.
//!
//! `ARAUTO_CONFORMANCE=real` waits as long as the suite does: ten minutes after each change of a registration.

use std::io::Write as _;
use std::process::ExitCode;
use std::sync::{Arc, OnceLock};

use arauto::stack::Progress;
use libtest_mimic::{Arguments, Trial};
use tests::conformance::{Module, Suite, Waits, modules};
use tests::world::World;

fn main() -> ExitCode {
    let mut arguments = Arguments::from_args();
    // The modules wait, they do not compute.
    arguments.test_threads.get_or_insert(64);
    let world: Arc<OnceLock<World>> = Arc::default();
    let trials: Vec<_> = modules().map(|module| trial(module, &world)).collect();
    if !arguments.list {
        match World::start(Progress::stderr()) {
            Ok(started) => world.set(started).map_err(drop).expect("set once"),
            Err(error) => {
                writeln!(std::io::stderr(), "the local stack did not start: {error:#}").ok();
                return ExitCode::FAILURE;
            }
        }
    }
    let conclusion = libtest_mimic::run(&arguments, trials);
    let stopped = Arc::into_inner(world).and_then(OnceLock::into_inner).map_or(Ok(()), World::stop);
    if let Err(error) = &stopped {
        writeln!(std::io::stderr(), "the local stack did not stop: {error:#}").ok();
    }
    if conclusion.has_failed() || stopped.is_err() { ExitCode::FAILURE } else { ExitCode::SUCCESS }
}

fn trial(module: Module, world: &Arc<OnceLock<World>>) -> Trial {
    let world = Arc::downgrade(world);
    Trial::test(module.name, move || {
        let world = world.upgrade().ok_or("the stack is gone")?;
        let world = world.get().ok_or("the stack is not up")?;
        let suite = Suite { world, waits: Waits::from_environment() };
        // What a module is to show, beside what it makes sure of itself, is judged by the vectors CONF.
        Ok(world.run(async { (module.play)(&suite).await.map(drop) })?)
    })
    .with_kind(module.plan)
}
