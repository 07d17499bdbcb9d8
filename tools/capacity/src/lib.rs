#![doc = include_str!("../README.md")]

mod answer;
mod assumptions;
mod change;
mod command;
mod estimate;
mod format;
mod growth;
mod json;
mod load;
mod model;
mod numbers;
mod page;
mod question;
mod quotas;
mod raised;
#[cfg(test)]
mod tests;
mod text;

pub use answer::{Answer, Plan};
pub use assumptions::{ASSUMPTIONS, Assumption, SIMPLIFICATIONS, Source};
pub use change::Change;
pub use command::{CapacityArgs, run, said};
pub use growth::Growth;
pub use load::{Begin, ChangeSource, Dead, Granted, Load, Mapping, Receiver, Settings, Share};
pub use model::{Counts, Histogram, Limit, Observed, Run, Waited, cold};
pub use page::markdown;
pub use question::Question;
pub use quotas::Quota;
