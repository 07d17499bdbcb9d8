#![doc = include_str!("../README.md")]

pub mod answer;
pub mod aws;
pub mod clock;
pub mod config;
mod digest;
pub mod page;
pub mod rng;
pub mod telemetry;

pub use digest::sha256_hex;
