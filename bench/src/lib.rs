//! The benchmark: plays Lambda, AWS and the receivers to the release binaries on this machine, with floors beside them.

mod budget;
mod case;
mod dead;
mod floor;
mod intake;
mod link;
mod machine;
mod markdown;
mod receivers;
mod report;
mod run;
mod stand_in;
mod start;
mod statistics;
mod svg;
mod usage;
mod world;

pub use budget::{Verdict, verdicts};
pub use markdown::markdown;
pub use report::Report;
pub use run::{Plan, run};
pub use svg::picture;
