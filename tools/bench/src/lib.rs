#![doc = include_str!("../README.md")]

mod budget;
mod case;
mod cold;
mod command;
mod dead;
mod file;
mod floor;
mod intake;
mod link;
mod machine;
#[cfg(test)]
mod made_up;
mod markdown;
mod quota;
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
pub use command::run_command;
pub use file::{json, keep, publish, read};
pub use report::Report;
pub use run::{Plan, run};
pub use text::text;
