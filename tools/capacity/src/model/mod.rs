//! A discrete event model of the deployed system: pure, in simulated time, deterministic for a seed.

mod batch;
mod cold;
mod counts;
mod environments;
mod gathering;
mod gauge;
mod histogram;
mod observed;
mod pollers;
mod queue;
mod receivers;
mod rng;
mod run;

pub use cold::cold;
pub use counts::Counts;
pub use histogram::Histogram;
pub use observed::{Limit, Observed, Waited};
pub use run::Run;
