//! `arauto replay`: sends undelivered notifications again, as new notifications of the same changes.

mod command;
mod pace;
mod plan;
mod price;
mod round;
mod send;
mod redrive;
mod sweep;

pub use command::{ReplayArgs, run};
pub use plan::Plan;
pub use price::BatchMetrics;
pub use round::Round;
pub use send::{Replayer, Sent};
pub use redrive::{Moved, move_back};
pub use sweep::{Swept, sweep};
