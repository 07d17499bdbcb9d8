//! The local stack with a bank before it and a receiver behind it: what `arauto demo`, `arauto up` and the tests share.

mod bank;
mod demo;
mod env;
mod register;
mod trigger;
mod up;

pub use bank::{
    AUTHORISATION_SERVER_ID, Bank, change, changes_of_all_kinds, expiring, options, registration,
};
pub use demo::{DemoArgs, run as run_demo};
pub use env::{EnvArgs, run_env};
pub use register::{RegisterArgs, run_register};
pub use trigger::{TriggerArgs, run_trigger};
pub(crate) use up::find_directory;
pub use up::{DownArgs, UpArgs, run_down, run_up};
