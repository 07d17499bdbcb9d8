#![doc = include_str!("../README.md")]

mod api;
mod args;
pub mod aws_http;
mod checkout;
mod chosen_stack;
mod credentials;
pub mod identity_secret;
pub mod local_stack;
mod logs;
mod merge;
pub mod outputs;
pub mod process;
mod sdk;
pub mod stack;
mod state;
mod token;

pub use api::ApiRequest;
pub use args::{AccountArgs, StackArgs};
pub use checkout::Checkout;
pub use chosen_stack::ChosenStack;
pub use credentials::remedy_of_expired;
pub use sdk::{sdk_config, with_timeouts};
pub use stack::{DeployedStack, Resource};
pub use state::StackState;
pub use token::Token;
