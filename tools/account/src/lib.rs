#![doc = include_str!("../README.md")]

pub mod aws_http;
mod checkout;
pub mod identity_secret;
pub mod local_stack;
mod logs;
mod merge;
pub mod process;
mod sdk;
pub mod stack;
mod state;

pub use checkout::Checkout;
pub use sdk::{sdk_config, sdk_config_of};
pub use stack::{DeployedStack, Resource};
pub use state::StackState;
