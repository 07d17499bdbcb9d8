//! The webhook modules of the conformance suite, replayed on the local stack.
//!
//! Each module does what the suite's module of that name does, as its wiki and its published steps tell: the initiator
//! registers, the bank's resources change state, and the receiver judges what comes. Sources: the suite's wiki ("DCR", "Automatic
//! Payments v2.2.0", "Enrollments v2.2.0" and "v2.3.0-rc.1", generated from certification `8fb87ca` on 2026-09-14) and the published
//! steps of `dcr_api_dcm-pagto-remove-webhook_test-module-v4`. `docs/homologacao.md` lists the plans.

mod automatic;
mod enrollments;
mod module;
mod payments;
mod suite;

use anyhow::Result;

pub use self::module::Module;
pub use self::suite::{Play, Suite, Timeouts, Told};

/// All modules.
pub fn modules() -> impl Iterator<Item = Module> {
    payments::MODULES.iter().chain(automatic::MODULES).chain(enrollments::MODULES).copied()
}

/// Plays a module of this plan and name.
pub async fn play(suite: &Suite<'_>, plan: &str, name: &str) -> Result<Told> {
    let found = modules().find(|module| module.plan == plan && module.name == name);
    let module = found.ok_or_else(|| anyhow::anyhow!("the suite's module {plan}/{name} is not replayed"))?;
    (module.play)(suite).await
}

/// Plays the sender's clock ahead of the receiver's, which the suite has no module for but every module would notice.
pub async fn clock_ahead(suite: &Suite<'_>, seconds: i64) -> Result<Told> {
    payments::clock_ahead(suite, seconds).await
}
