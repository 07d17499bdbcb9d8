//! What is said, where it goes, and when to try again.
//!
//! [`notification`], [`delivery`] and [`directory`] hold the rules of the convention and decide without any I/O; time and
//! chance are arguments. [`aws`], [`mtls`] and [`revocation`] translate between those decisions and the network.

pub mod address;
pub mod answer;
pub mod aws;
pub mod clock;
pub mod codes;
pub mod config;
pub mod delivery;
pub mod directory;
mod fields;
mod http1;
pub mod json;
pub mod mtls;
pub mod notification;
pub mod pem;
pub mod revocation;
pub mod rng;
pub mod telemetry;

pub use fields::{FieldError, refuse_unknown_fields, sentence};
