#![doc = include_str!("../README.md")]

pub mod address;
pub mod codes;
pub mod delivery;
pub mod directory;
mod fields;
pub mod json;
pub mod notification;
pub mod source;

pub use fields::{FieldError, refuse_unknown_fields, sentence};
