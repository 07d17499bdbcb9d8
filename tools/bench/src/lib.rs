//! The benchmark: plays Lambda, AWS and the receivers to the release binaries on this machine, with floors beside them.

mod budget;
mod case;
mod dead;
mod file;
mod floor;
mod intake;
mod link;
mod machine;
#[cfg(test)]
mod made_up;
mod markdown;
mod receivers;
mod report;
mod run;
mod stand_in;
mod start;
mod statistics;
mod svg;
mod text;
mod usage;
mod world;

pub use budget::exit_status;
pub use file::{json, keep, publish, read};
pub use report::Report;
pub use run::{Plan, run};
pub use text::text;
