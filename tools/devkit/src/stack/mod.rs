//! The local stack: `template.yaml` as it is, deployed with the real functions to MiniStack on loopback.
//!
//! [`Stack::start`] does it all and stops with the value; [`up`] and [`down`] keep one stack per checkout.

mod cloudformation;
mod command;
mod deploy;
mod folder;
mod instance;
mod ministack;
mod options;
mod package;
mod processes;
mod progress;
mod running;
mod state_dir;
mod template;
mod venv;

#[cfg(test)]
mod tests;

pub use instance::{Down, Up, down, up};
pub use options::{Code, Options, Profile};
pub use progress::Progress;
pub use running::Stack;
