//! The deployed system as a model of events: pure, in simulated time, the same for the same seed.

mod batch;
mod counts;
mod environments;
mod gauge;
mod histogram;
mod observed;
mod pollers;
mod queue;
mod receivers;
mod rng;
mod run;

pub use counts::Counts;
pub use histogram::Histogram;
pub use observed::{Limit, Observed, Waited};
pub use run::Run;
