#![doc = include_str!("../README.md")]

mod accept;
pub mod directory;
pub mod local;
mod pem;
pub mod pki;
pub mod receiver;
pub mod stack;
