//! Every webhook module of the conformance suite, replayed on the local stack.
//!
//! `make conformance WAITS=real` waits as long as the suite does: ten minutes after each change of a registration.

use std::process::ExitCode;

use libtest_mimic::{Arguments, Trial};
use tests::conformance::{Module, Suite, Timeouts, modules};
use tests::on_stack::{self, Shared};

fn main() -> ExitCode {
    let world = Shared::default();
    let trials = modules().map(|module| trial(module, &world)).collect();
    if on_stack::run(Arguments::from_args(), world, trials).passed {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    }
}

/// What a module is to show, beside what it makes sure of itself, is judged by the vectors CONF.
fn trial(module: Module, world: &Shared) -> Trial {
    let play = module.play;
    let trial = on_stack::trial(module.name, world, move |world| {
        Box::pin(async move {
            let suite = Suite { world, timeouts: Timeouts::from_environment()? };
            play(&suite).await.map(drop)
        })
    });
    trial.with_kind(module.plan)
}
