//! `arauto replay`: sends undelivered notifications again, as new notifications of the same changes.

mod command;
mod pace;
mod plan;
mod price;
mod redrive;
mod round;
mod send;
mod sweep;

pub use command::{ReplayArgs, run};
pub use plan::Plan;
pub use price::BatchMetrics;
pub use redrive::{Moved, move_back};
pub use round::Round;
pub use send::{Replayer, Sent};
pub use sweep::{Swept, sweep};
