//! The local stack: `template.yaml` as it is, deployed with the real functions to MiniStack on loopback.
//!
//! [`Stack::start`] does it all and stops with the value; [`up`] and [`down`] keep one stack per checkout.

mod checkout;
mod cloudformation;
mod command;
mod deploy;
mod instance;
mod logs;
mod ministack;
mod options;
mod package;
mod process;
mod progress;
mod running;
mod state;
mod state_dir;
mod template;
mod venv;

#[cfg(test)]
mod tests;

pub use checkout::Checkout;
pub use instance::{Down, Up, down, up};
pub use options::{Code, Options, Profile};
pub use progress::Progress;
pub use running::{ACCOUNT, CREDENTIAL, REGION, Stack};
