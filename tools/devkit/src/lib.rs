#![doc = include_str!("../README.md")]

mod accept;
pub mod directory;
pub mod local;
mod pem;
pub mod pki;
mod plain_http;
pub mod receiver;
pub mod stack;
